"""Users who exchange files over real sockets, without a server: a table plays it.

Belongs here: clients with a directory each, their tickets, and a stranger with keys of its own.
"""

from __future__ import annotations

import os
import queue
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.doubles.relay import Relay
from toom_client.files import HIDDEN
from toom_client.rules import Rules
from toom_client.tracing import Traces
from toom_client.transfers import OpenedFile, Report, Ticket, Transfers, bind_udp, open_for_sending
from toom_protocol.transfer.frames import Abort, Ack, Offer
from toom_protocol.transfer.hello import PresenterHandshake
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import BASE_DATAGRAM, PacketType
from toom_protocol.transfer.sealing import ControlSeal

LOCALHOST = "127.0.0.1"
MEGABYTE = 1_000_000
SOMEBODY = KeyPair.from_bytes(b"s" * 32)


@dataclass
class Client:
    """One user's transfers, with a directory and everything they reported."""

    name: str
    directory: Path
    transfers: Transfers
    port: int
    reports: queue.SimpleQueue[Report]
    keys: KeyPair

    @property
    def address(self) -> tuple[str, int]:
        return (LOCALHOST, self.port)

    def writes(self, filename: str, content: bytes) -> None:
        (self.directory / filename).write_bytes(content)

    def opens(self, filename: str) -> OpenedFile:
        file = open_for_sending(self.directory, filename)
        assert isinstance(file, OpenedFile), file
        return file

    def hears(self, within: float = 20.0) -> Report:
        return self.reports.get(timeout=within)

    def stored(self) -> dict[str, bytes]:
        """All that lies in the directory but what is hidden."""
        return {path.name: path.read_bytes() for path in self.directory.iterdir() if path.is_file()}

    def incoming(self) -> list[Path]:
        return [path for path in self.unfinished() if path.suffix == ".part"]

    def unfinished(self) -> list[Path]:
        folder = self.directory / HIDDEN
        return list(folder.iterdir()) if folder.is_dir() else []


class Table:
    """Seats clients and plays the server: gives out tickets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clients: list[Client] = []
        self.tickets = 0

    def seat(
        self, name: str, *, rules: Rules | None = None, traces: Traces | None = None
    ) -> Client:
        directory = self.root / name
        directory.mkdir(exist_ok=True)
        reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        sock = bind_udp(0)
        port = sock.getsockname()[1]
        transfers = Transfers(sock, directory, report=reports.put, rules=rules, traces=traces)
        keys = KeyPair.from_bytes(os.urandom(32))
        transfers.use_keys(keys)
        client = Client(name, directory, transfers, port, reports, keys)
        transfers.start()
        self.clients.append(client)
        return client

    def tickets_for(
        self, presenter: Client, audience: Client, relay: Relay | None = None
    ) -> tuple[Ticket, Ticket]:
        """The presenter's and the audience's ticket for one transfer."""
        self.tickets += 1
        sees = relay.left_sees if relay else audience.address
        seen = relay.right_sees if relay else presenter.address
        key = random.Random(self.tickets).randbytes(32)
        return (
            Ticket(self.tickets, key, audience.name, *sees, audience.keys.public),
            Ticket(self.tickets, key, presenter.name, *seen, presenter.keys.public),
        )

    def send(
        self, presenter: Client, filename: str, audience: Client, relay: Relay | None = None
    ) -> None:
        ours, theirs = self.tickets_for(presenter, audience, relay)
        audience.transfers.expect(theirs)
        presenter.transfers.present(ours, presenter.opens(filename))


def content_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


class Stranger:
    """Speaks the protocol with keys of its choice, from a socket of its own."""

    def __init__(self, ticket_key: bytes = bytes(32), number: int = 5) -> None:
        self.static = KeyPair.from_bytes(os.urandom(32))
        self.ticket_key, self.number = ticket_key, number
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCALHOST, 0))
        self.socket.settimeout(0.3)
        self.port: int = self.socket.getsockname()[1]

    def ticket(self) -> Ticket:
        """With which this stranger is announced as Yoda."""
        public = self.static.public
        return Ticket(self.number, self.ticket_key, "Yoda", LOCALHOST, self.port, public)

    def offers(self, client: Client, offer: Offer, number: int = 0) -> None:
        self.handshake = PresenterHandshake(
            self.number,
            self.ticket_key,
            offer,
            static=self.static,
            ephemeral=KeyPair.from_bytes(os.urandom(32)),
            audience=client.keys.public,
        )
        self.socket.sendto(self.handshake.hello(number, BASE_DATAGRAM), client.address)

    def is_welcome(self) -> None:
        """Take the answer: from now on there are keys."""
        keys = self.handshake.welcomed(self.socket.recv(2048))
        self.seal = ControlSeal(
            keys.send, connection=self.number, speaker=PacketType.PRESENTER_CONTROL
        )

    def says(self, client: Client, *frames: Abort | Ack, number: int) -> None:
        self.socket.sendto(self.seal.seal(number, frames), client.address)

    def is_answered(self) -> bool:
        try:
            self.socket.recv(2048)
        except TimeoutError:
            return False
        return True
