"""PROTOCOL 5.12 over real sockets: an end is seen from another address in the middle of it."""

from __future__ import annotations

import random
import socket
from dataclasses import replace
from functools import partial

import pytest

from tests.client.table import (
    LOCALHOST,
    MEGABYTE,
    Client,
    Stranger,
    Table,
    content_of,
)
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from toom_client.transfers import Received, Uploaded
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.packets import BASE_DATAGRAM, PacketType, decode_header


def arrives(yoda: Client, han: Client, content: bytes) -> None:
    assert han.hears() == Received("a.mp4", "Yoda")
    assert yoda.hears() == Uploaded("a.mp4", "Han")
    assert han.stored() == {"Yoda_a.mp4": content}


@pytest.mark.parametrize("who", [("left",), ("right",), ("left", "right", "left")])
def test_an_end_that_is_seen_from_another_address_is_followed(
    table: Table, yoda: Client, han: Client, who: tuple[str, ...]
) -> None:
    content = content_of(10 * MEGABYTE)
    yoda.writes("a.mp4", content)
    with Relay(yoda.address, han.address, seed=3, loss=0.01) as relay:
        table.send(yoda, "a.mp4", han, relay)
        for end in who:
            wait_until(partial(lambda upto: relay.carried > upto, relay.carried + 2 * MEGABYTE))
            relay.rebind(end)
        assert relay.carried < 9 * MEGABYTE, "in the middle of it"
        arrives(yoda, han, content)


def test_a_presenter_behind_an_address_translator_is_heard(
    table: Table, yoda: Client, han: Client
) -> None:
    """The server has announced another port than the one it comes from."""
    yoda.writes("a.mp4", b"abc")
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(replace(theirs, udp_port=9))
    yoda.transfers.present(ours, yoda.opens("a.mp4"))
    arrives(yoda, han, b"abc")


def test_each_hello_is_answered_where_it_comes_from(han: Client) -> None:
    """Also one that comes from elsewhere when the announced address has spoken."""
    stranger, copier = Stranger(), Stranger()
    han.transfers.expect(stranger.ticket())
    stranger.offers(han, Offer(3, "a.mp4"))
    assert decode_header(stranger.socket.recv(2048))[0] is PacketType.WELCOME
    copier.socket.sendto(stranger.handshake.hello(0, BASE_DATAGRAM), han.address)
    assert decode_header(copier.socket.recv(2048))[0] is PacketType.WELCOME
    stranger.socket.close()
    copier.socket.close()


class Thief:
    """Sends copies of what passes from a socket of its own, at once and again later."""

    def __init__(self, targets: list[Client], seed: int) -> None:
        self._targets = targets
        self._rng = random.Random(seed)
        self._kept: list[bytes] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOCALHOST, 0))
        self.socket.setblocking(False)
        self.sent = 0

    def copies(self, datagram: bytes) -> list[bytes]:
        """What passes goes on, but the copy is faster."""
        self._kept.append(datagram)
        for copy in (datagram, self._rng.choice(self._kept[-1000:])):
            for target in self._targets:
                self.sent += 1
                self.socket.sendto(copy, target.address)
        return [datagram]

    def got(self) -> int:
        count = 0
        while True:
            try:
                self.socket.recv(2048)
            except BlockingIOError:
                return count
            count += 1


def test_who_copies_and_replays_what_passes_gets_nothing(
    table: Table, yoda: Client, han: Client
) -> None:
    thief = Thief([yoda, han], seed=1)
    content = content_of(3 * MEGABYTE)
    yoda.writes("a.mp4", content)
    with Relay(yoda.address, han.address, seed=3, spoil=thief.copies) as relay:
        table.send(yoda, "a.mp4", han, relay)
        arrives(yoda, han, content)
    assert 0 < thief.got() < thief.sent / 50, "questions, and answers to hellos"
    thief.socket.close()
