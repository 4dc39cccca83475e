"""Many datagrams with one system call, over real sockets; and without the kernel's help."""

from __future__ import annotations

import errno
import os
import random
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from toom_client.datagrams import (
    CONGESTED,
    ECN_CAPABLE,
    IP_RECVTOS,
    SOL_UDP,
    UDP_GRO,
    UDP_SEGMENT,
    Datagrams,
)
from toom_client.tickets import bind_udp

SEGMENT = 1452
CONTENT = random.Random(1).randbytes(44 * SEGMENT + 100)


class Picky(socket.socket):
    """A socket whose kernel, or whose route, cannot do everything."""

    refused: int = 0  # an errno, for sends that are to be cut
    lacks: tuple[int, ...] = ()  # options
    full = 0  # sends that find no room
    longest = 1 << 16  # bytes of a datagram that the device takes

    def setsockopt(self, *arguments: Any) -> None:
        if arguments[0] == SOL_UDP and arguments[1] in self.lacks:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))
        super().setsockopt(*arguments)

    def sendmsg(self, *arguments: Any) -> int:
        if self.refused:
            raise OSError(self.refused, os.strerror(self.refused))
        self._fill()
        return super().sendmsg(*arguments)

    def sendto(self, *arguments: Any) -> int:
        self._fill()
        if len(arguments[0]) > self.longest:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        return super().sendto(*arguments)

    def _fill(self) -> None:
        if self.full:
            self.full -= 1
            raise BlockingIOError


def picky() -> Picky:
    sock = Picky(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.fixture
def there() -> Iterator[Datagrams]:
    there = Datagrams(bind_udp(0))
    yield there
    there.close()


def address_of(datagrams: Datagrams) -> tuple[str, int]:
    return ("127.0.0.1", datagrams.socket.getsockname()[1])


def taken(there: Datagrams, datagrams: int) -> list[bytes]:
    """The next datagrams, one by one."""
    found: list[bytes] = []
    while len(found) < datagrams:
        assert select.select([there.socket], [], [], 5)[0], f"{len(found)} of {datagrams} came"
        while (arrival := there.receive()) is not None:
            size, segment, *_ = arrival
            found += [
                bytes(there.buffer[at : min(at + segment, size)]) for at in range(0, size, segment)
            ]
    return found


def parts(content: bytes = CONTENT) -> list[bytes]:
    return [content[at : at + SEGMENT] for at in range(0, len(content), SEGMENT)]


def test_what_is_sent_at_once_comes_as_datagrams(there: Datagrams) -> None:
    here = Datagrams(bind_udp(0))
    here.send(CONTENT, SEGMENT, address_of(there))
    assert taken(there, 45) == parts()
    here.send(b"abc", 3, address_of(there))
    assert taken(there, 1) == [b"abc"]
    assert here.path.startswith("segmentation=o")
    here.close()


@pytest.mark.parametrize("lacks", [(UDP_SEGMENT,), (UDP_GRO,), (UDP_SEGMENT, UDP_GRO)])
def test_a_kernel_without_offloads_is_good_enough(lacks: tuple[int, ...]) -> None:
    ends = []
    for _ in range(2):
        sock = picky()
        sock.lacks = lacks
        ends.append(Datagrams(sock))
    here, there = ends
    here.send(CONTENT, SEGMENT, address_of(there))
    assert taken(there, 45) == parts()
    assert here.cuts is (UDP_SEGMENT not in lacks)
    assert here.joins is (UDP_GRO not in lacks)
    for end in ends:
        end.close()


@pytest.mark.parametrize("fault", [errno.EIO, errno.EINVAL])
def test_a_route_that_cannot_cut_is_noticed_at_the_first_send(there: Datagrams, fault: int) -> None:
    sock = picky()
    sock.refused = fault
    here = Datagrams(sock)
    here.send(CONTENT, SEGMENT, address_of(there))
    assert taken(there, 45) == parts()
    assert here.path.startswith("segmentation=off")
    assert here.unsent == 0
    here.close()


@pytest.mark.parametrize("lacks", [(), (UDP_SEGMENT,)])
def test_what_finds_no_room_waits_and_keeps_its_order(
    there: Datagrams, lacks: tuple[int, ...]
) -> None:
    sock = picky()
    sock.lacks = lacks
    here = Datagrams(sock)
    sock.full = 2
    content = bytearray(CONTENT)
    here.send(memoryview(content), SEGMENT, address_of(there))
    content[:] = bytes(len(content))  # the buffer serves the next batch already
    here.send(b"last", 4, address_of(there))
    assert here.waits
    here.flush()
    assert here.waits
    here.flush()
    assert not here.waits
    assert taken(there, 46) == [*parts(), b"last"]
    here.close()


def test_what_the_system_refuses_is_lost_and_counted(there: Datagrams) -> None:
    here = Datagrams(bind_udp(0))
    assert not here.send(bytes(70_000), 70_000, address_of(there))
    assert here.unsent == 1
    assert "too long" in here.why_unsent
    assert here.send(b"abc", 3, address_of(there))
    assert taken(there, 1) == [b"abc"]
    here.close()


@pytest.mark.parametrize("fault", [errno.EINVAL, errno.EMSGSIZE])
def test_a_device_that_takes_no_long_datagrams_still_cuts_short_ones(
    there: Datagrams, fault: int
) -> None:
    """Kernels differ in what they say of a batch whose datagrams are too long."""
    sock = picky()
    here = Datagrams(sock)
    sock.refused, sock.longest = fault, SEGMENT - 1
    assert not here.send(CONTENT, SEGMENT, address_of(there))
    assert here.unsent == 1
    sock.refused = 0
    assert here.send(CONTENT[:7400], 740, address_of(there))
    assert b"".join(taken(there, 10)) == CONTENT[:7400]
    assert here.cuts
    here.close()


@pytest.mark.parametrize(
    ("content", "may_mark", "bits"),
    [(b"hello", False, 0), (b"hello", True, ECN_CAPABLE), (CONTENT, True, ECN_CAPABLE)],
)
def test_data_leaves_as_ecn_capable(content: bytes, may_mark: bool, bits: int) -> None:
    """PROTOCOL 5.16, alone or cut by the kernel; all else leaves as ever."""
    with picky() as other, picky() as sender:
        other.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
        other.settimeout(5)
        here = Datagrams(sender)
        here.send(content, SEGMENT, other.getsockname(), may_mark)
        _, [(level, kind, data)], _, _ = other.recvmsg(1 << 16, 100)
    assert (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS)
    assert data[0] & 0b11 == bits


def test_a_mark_is_heard_and_parts_what_the_kernel_joins(there: Datagrams) -> None:
    """A router is played by the sender: it sets the bits itself."""
    came: list[tuple[int, bool]] = []
    with picky() as sender:
        for bits in (0, ECN_CAPABLE, CONGESTED):
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, bits)
            Datagrams(sender).send(CONTENT, SEGMENT, address_of(there))
        while sum(size for size, _ in came) < 3 * len(CONTENT):
            assert select.select([there.socket], [], [], 5)[0]
            while (arrival := there.receive()) is not None:
                came.append((arrival[0], arrival[3]))
    assert sum(size for size, marked in came if marked) == len(CONTENT)


def test_a_kernel_that_knows_no_marks_on_sending(there: Datagrams) -> None:
    sender = picky()
    here = Datagrams(sender)
    sender.refused = errno.EINVAL
    assert here.send(b"hello", SEGMENT, address_of(there), True)
    assert taken(there, 1) == [b"hello"]
    assert not here.takes_marks
    here.close()
