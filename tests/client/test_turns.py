"""SPEC S12: which of the transfers has its turn, and which is left alone."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from toom_client.audiences import Audiences
from toom_client.berths import Berths
from toom_client.control import Send
from toom_client.datagrams import Datagrams
from toom_client.progress import Count
from toom_client.reports import Report
from toom_client.roster import Transfer
from toom_client.tickets import Address
from toom_client.turns import Turns
from toom_protocol.transfer.packets import OVERHEAD, PacketType, encode_header


class Told:
    """As much of a transfer as is asked for; it notes what it is asked."""

    hears = (PacketType.DATA,)
    trace = None
    settled = True
    dropped = 0

    def __init__(self, connection: int, due: float) -> None:
        self.connection = connection
        self.due = due
        self.turns = 0
        self.looks = 0
        self.got = 0
        self.ended = False

    def receive(self, *_arguments: object, **_more: object) -> None:
        self.got += 1

    def deadline(self) -> float:
        return self.due

    def poll(self, send: Send, *, now: float) -> bool:
        self.turns += 1
        self.due = now + 10
        return False

    def events(self) -> Iterator[Report]:
        self.looks += 1
        return iter(())

    def over(self, *, now: float) -> bool:
        return self.ended

    def drop(self, *, keep: bool = False) -> None:
        pass

    def count(self) -> Count | None:
        return None


class Stand:
    """Some transfers of one client, at a time that stands still."""

    def __init__(self, sock: socket.socket, *due: float) -> None:
        self.now = 100.0
        self.turns = Turns(
            Datagrams(sock),
            Audiences(0, Berths()),
            clock=lambda: self.now,
            report=lambda _report: None,
            log=lambda _line: None,
        )
        self.all = [Told(number, at) for number, at in enumerate(due, start=1)]
        for each in self.all:
            assert self.turns.admit(cast(Transfer, each))
        self.turns.serve()
        self.forget()

    def forget(self) -> None:
        for each in self.all:
            each.turns = each.looks = 0

    def hears(self, connection: int) -> None:
        datagram = encode_header(PacketType.DATA, connection, 0) + bytes(OVERHEAD)
        source: Address = ("127.0.0.1", 9)
        self.turns.routes.deliver(
            memoryview(datagram), len(datagram), len(datagram), source, now=self.now, marked=False
        )

    @property
    def served(self) -> list[int]:
        self.turns.serve()
        served = [each.connection for each in self.all if each.turns]
        looked_at = [each.connection for each in self.all if each.looks]
        assert set(served) <= set(looked_at)
        self.forget()
        return looked_at


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        yield made


def test_those_that_wait_are_left_alone(sock: socket.socket) -> None:
    stand = Stand(sock, 200.0, 200.0, math.inf)
    assert stand.served == []
    stand.hears(2)
    assert stand.served == [2]
    assert stand.served == []


def test_whose_time_has_come_has_its_turn(sock: socket.socket) -> None:
    stand = Stand(sock, 105.0, 106.0, math.inf)
    assert stand.turns.deadlines()[0] == 105.0
    stand.now = 105.5
    assert stand.served == [1]
    assert stand.turns.deadlines()[0] == 106.0
    stand.now = 107.0
    assert stand.served == [2]
    assert stand.turns.deadlines()[0] == 115.5


def test_what_was_done_to_one_counts_once_it_is_looked_at_again(sock: socket.socket) -> None:
    """As a job that has prepared a file, or a user's order."""
    stand = Stand(sock, 200.0, 200.0)
    stand.all[1].due = 0.0
    stand.turns.look_again()
    assert stand.turns.deadlines()[0] == 0.0
    assert stand.served == [2]


def test_who_is_over_is_forgotten_once_it_is_heard_of(sock: socket.socket) -> None:
    stand = Stand(sock, 200.0, 200.0)
    stand.all[0].ended = True
    stand.hears(1)
    assert stand.served == [1]
    stand.hears(1)
    assert stand.served == []
    assert (stand.all[0].got, stand.turns.routes.strays) == (1, 1)
    stand.turns.close()
    assert stand.turns.deadlines() == [200.0, pytest.approx(100.25)]
