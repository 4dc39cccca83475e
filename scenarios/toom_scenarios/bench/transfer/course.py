"""Two hosts, a server, a file, and who carries it from one to the other.

Ours are the real programs: a server, and a client at a terminal of either host, in which a person
types. Belongs here: hosts, files, ours. Does not: other programs (peers.py), which path (cases.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

from ...accounts import CREDENTIALS, credentials
from ...deadline import Deadline
from ...errors import Broken
from ...host import Host
from ...hosts.local import LocalDriver, LocalNetwork, find_mode
from ...hosts.local_machine import LocalMachine
from ...implementation import TOOM
from ...links.path import End
from ...programs import Client
from ...pump import Pump
from ...terminal import Terminal
from ...timeline import Timeline, Transcript
from ...transfers import digest, fill

T = TypeVar("T", bound=Terminal)

SERVER_PORT: Final = 4000
UDP_PORT: Final = 8000  # of the first pair's presenter; those after it have the next ones
PASSWORD: Final = "size#Matters=Not1"
PAIRS: Final = 4  # of a presenter and an audience, at most
SLOWNESS: Final = 6.0  # times the usual patience: both cores may be busy with a transfer
LISTENS: Final = 30.0  # seconds until the server must listen
# A program without the right to buffers beyond the system's default, as anybody's is.
ORDINARY: Final = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
SOURCE: Final = "film.bin"
ROOM: Final = 6  # files of the largest size that a host's disk has room for
SPARE: Final = 64 << 20  # bytes beside them
SERVER: Final = "server"
THERE: Final = "there"
BACK: Final = "back"


@dataclass(frozen=True, slots=True)
class Took:
    """When a file was begun and when it had arrived, in seconds of the monotonic clock."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A presenter and its audience, logged in."""

    presenter: Client
    audience: Client

    def sends(self) -> float:
        """Type UPD. Returns when."""
        began = monotonic()
        self.presenter.types(f"UPD {self.audience.user} {SOURCE}")
        return began

    def uploaded(self, within: float) -> float | None:
        """Wait until the presenter is told that it has arrived. Returns when; None: not in time.

        Raises:
            Broken: it was told that it has not.
        """
        deadline = Deadline(within)
        failed = rf"Transfer of {re.escape(SOURCE)} .+|Error.*"
        try:
            line = self.presenter.sees(
                rf"{re.escape(SOURCE)} has been uploaded|{failed}", within=within
            )[0]
        except AssertionError as error:
            if deadline.passed():
                return None
            raise Broken(f"ours: {error}") from error
        ended = monotonic()
        if re.fullmatch(failed, line):
            raise Broken(f"ours: {line}")
        return ended


class Course:
    """The hosts, and the file that waits in one of them.

    Attributes:
        network: of the hosts.
        scratch: a folder for certificates and the like.
        size: bytes of the file.
    """

    def __init__(self, network: LocalNetwork, scratch: Path, disk: int | None, pump: Pump) -> None:
        self.network = network
        self.scratch = scratch
        self.size = 0
        self._digest: str | None = None
        self._pump = pump
        self._timeline = Timeline(scratch / "timeline.txt")
        self._opened = 0
        self._machines: dict[str, LocalMachine] = {}
        for name in (SERVER, THERE, BACK):
            machine = network.machine(name, disk if name != SERVER else None)
            assert isinstance(machine, LocalMachine)
            self._machines[name] = machine
        self._hosts = {
            name: Host(machine, slowness=SLOWNESS) for name, machine in self._machines.items()
        }

    def machine(self, name: str) -> LocalMachine:
        """One of the hosts, to start programs in."""
        return self._machines[name]

    def end(self, name: str) -> End:
        """One of the hosts, as a path knows it."""
        return End(name, self._machines[name].address)

    # --- files

    def put_file(self, size: int) -> None:
        """Have a file of so many random bytes at the near end."""
        if size != self.size:
            fill(self._hosts[THERE], SOURCE, size)
            self.size = size
            self._digest = digest(self._hosts[THERE], SOURCE)

    def check_and_remove(self, host: str, name: str) -> None:
        """What has arrived is the file; then make room for the next.

        Raises:
            Broken: it is another.
        """
        found = digest(self._hosts[host], name)
        if found != self._digest:
            raise Broken(f"{host}/{name} is not what was sent: SHA-256 {found}")
        self.remove(host, name)

    def make(self, host: str, folder: str) -> None:
        """Have an empty folder."""
        self._hosts[host].run(["sh", "-ec", 'rm -rf -- "$1"; mkdir "$1"', "sh", folder])

    def has_udp_port(self, host: str, port: int) -> bool:
        """Whether a program there listens on it."""
        return any(each.port == port for each in self._hosts[host].sockets("udp"))

    def warm(self, host: str) -> None:
        """Have the system own as much memory as a file takes that is about to come.

        A virtual machine may have given back to its host what was freed some seconds ago (free page
        reporting): the next who writes there waits for it, and is twice as slow as the one after.
        """
        words = ("sh", "-ec", 'head -c "$1" /dev/zero > warm; rm warm', "sh", str(self.size))
        self._hosts[host].run(words)

    def remove(self, host: str, name: str) -> None:
        """Make room, where something is."""
        self._hosts[host].run(["rm", "-rf", "--", name])

    # --- ours

    def serve(self) -> Terminal:
        """Start the server."""
        users = [_user(role, number) for role in (THERE, BACK) for number in range(PAIRS)]
        self._hosts[SERVER].put(CREDENTIALS, credentials(dict.fromkeys(users, PASSWORD)))
        argv = TOOM.server.argv(port=SERVER_PORT, attempts=3)
        terminal = self._open(Terminal, SERVER, self._machines[SERVER], argv)
        deadline = Deadline(LISTENS)
        while not self._hosts[SERVER].comes_to_listen(SERVER_PORT):
            if deadline.passed() or not terminal.is_running():
                said = terminal.lines(since=Terminal.start)[-3:]
                raise Broken(f"toom-server does not listen: {said}")
        return terminal

    @contextmanager
    def pair(
        self, number: int = 0, *, one_host: bool = False, ordinary: bool = False
    ) -> Iterator[Pair]:
        """A presenter and an audience that are logged in.

        Args:
            number: of the pair, below PAIRS.
            one_host: the audience is at the presenter's host too, in another folder.
            ordinary: neither may do more than anybody with sockets.
        """
        first = ORDINARY if ordinary else ()
        presenter = self._client(THERE, number, THERE, number, first=first)
        try:
            audience = self._client(
                *(BACK, number, THERE if one_host else BACK, PAIRS + number),
                folder=_folder(number, one_host),
                first=first,
            )
            try:
                yield Pair(presenter, audience)
            finally:
                audience.close()
        finally:
            presenter.close()

    def stored(self, number: int = 0, *, one_host: bool = False) -> tuple[str, str]:
        """Where a pair's audience stores the file: host and name."""
        folder = _folder(number, one_host)
        name = f"{_user(THERE, number)}_{SOURCE}"
        return (THERE if one_host else BACK), f"{folder}/{name}" if folder else name

    def forget(self) -> None:
        """Nothing of a transfer is left at either end but the file that was sent."""
        for host in (THERE, BACK):
            self._hosts[host].run(["sh", "-c", 'rm -rf .toom audience* ./*_"$1"', "sh", SOURCE])

    def _client(
        self,
        role: str,
        number: int,
        at: str,
        port: int,
        *,
        folder: str = "",
        first: Sequence[str] = (),
    ) -> Client:
        udp_port = UDP_PORT + port
        program = TOOM.client.within(folder)
        server = self._machines[SERVER].address
        argv = program.argv(server=server, port=SERVER_PORT, udp_port=udp_port)
        user = _user(role, number)
        client = self._open(
            *(Client, user, self._machines[at], [*first, *argv]),
            host=self._hosts[at],
            udp_port=udp_port,
            folder=folder,
        )
        client.logs_in(user, PASSWORD)
        return client

    def _open(
        self, kind: type[T], name: str, machine: LocalMachine, argv: Sequence[str], **more: Any
    ) -> T:
        self._opened += 1
        path = self.scratch / "terminals" / f"{name}.{self._opened}.txt"
        return kind(
            name,
            machine.open(argv, {}),
            slowness=SLOWNESS,
            pump=self._pump,
            timeline=self._timeline,
            transcript=Transcript(path, name, self._timeline),
            **more,
        )

    def close(self) -> None:
        """Nothing is told any more."""
        self._timeline.close()


def _user(role: str, number: int) -> str:
    return f"{role}{number}"


def _folder(number: int, one_host: bool) -> str:
    """The working directory of an audience; those that share a host have their own."""
    return f"audience{number}" if one_host or number else ""


@contextmanager
def course(scratch: Path, largest: int | None) -> Iterator[Course]:
    """Hosts with a server that runs. Everything is gone afterwards, however the runner ends.

    Args:
        scratch: an empty folder.
        largest: bytes of the largest file, to have the hosts' disks in memory; None: they are in
            `scratch`.

    Raises:
        Broken: this machine has no network namespaces for us.
    """
    mode, why = find_mode()
    if mode is None:
        raise Broken(f"the paths need network namespaces: {why}")
    with ExitStack() as stack:
        network = LocalDriver(mode).network("transfer", scratch, 0)
        stack.callback(network.close)
        assert isinstance(network, LocalNetwork)
        pump = Pump()
        stack.callback(pump.close)
        disk = None if largest is None else ROOM * largest + SPARE
        made = Course(network, scratch, disk, pump)
        stack.callback(made.close)
        stack.callback(made.serve().close)
        yield made
