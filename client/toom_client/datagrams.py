"""The UDP socket of one client, with segmentation and receive offload where the kernel has them.

Belongs here: sending and taking many datagrams with one system call, and what is done where that
cannot be. Does not: what they say, whose they are (routes).

The kernel cuts what is sent at once into datagrams (UDP_SEGMENT) and joins what comes in a row
(UDP_GRO): both are asked for, and both may be missing, in the kernel or on the way (udp(7)). It
joins no datagrams whose congestion marks differ (ip(7), IP_RECVTOS), so a read has one for all.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import deque
from contextlib import suppress
from functools import lru_cache
from typing import Final

SOL_UDP: Final = 17  # Linux, <linux/udp.h>; the socket module names none of them in Python 3.11
UDP_SEGMENT: Final = 103
UDP_GRO: Final = 104
IP_RECVTOS: Final = 13
ECN_BITS: Final = 0b11  # of the type of service; RFC 3168 5
ECN_CAPABLE: Final = 0b10  # ECT(0): routers may mark it
CONGESTED: Final = 0b11  # CE: one has
IP_MTU_DISCOVER: Final = 10  # <linux/in.h>
IP_PMTUDISC_PROBE: Final = 3  # never fragment, and take no router's word: hellos probe the path
LARGEST: Final = 1 << 16  # bytes that one read may give
MAX_WAITING: Final = 64  # sends that may wait for the kernel before transfers must pause
_SEGMENT: Final = struct.Struct("=H")
_JOINED: Final = struct.Struct("=i")
_ANCILLARY: Final = socket.CMSG_SPACE(_JOINED.size) + socket.CMSG_SPACE(1)
_MAY_BE_MARKED: Final = (socket.IPPROTO_IP, socket.IP_TOS, _JOINED.pack(ECN_CAPABLE))
_NO_OFFLOAD: Final = frozenset({errno.EIO, errno.EINVAL, errno.ENOPROTOOPT, errno.EOPNOTSUPP})

Address = tuple[str, int]


class Datagrams:
    """Sends and takes datagrams; what the kernel does not take at once waits here."""

    def __init__(self, sock: socket.socket) -> None:
        """Take over a bound socket."""
        sock.setblocking(False)
        self.socket: Final = sock
        self.buffer: Final = memoryview(bytearray(LARGEST))
        """Where `receive` puts what has come."""
        self.unsent = 0  # datagrams that the system refused, as good as lost
        self.why_unsent = ""
        self._too_long = False
        self._waiting: deque[tuple[bytes, int, Address, bool]] = deque()
        self.cuts = self._try(UDP_SEGMENT, 0)
        """Whether the kernel cuts what is sent at once."""
        self.joins = self._try(UDP_GRO, 1)
        """Whether the kernel joins what comes in a row."""
        self.hears_marks = self._try(IP_RECVTOS, 1, socket.IPPROTO_IP)
        """Whether the kernel tells which datagrams routers have marked."""
        self.takes_marks = True
        """Whether the kernel lets datagrams leave that routers may mark."""
        self._try_probing()

    @property
    def path(self) -> str:
        """Which offloads are in use, for the log."""
        said = {True: "on", False: "off"}
        marks = said[self.hears_marks and self.takes_marks]
        return f"segmentation={said[self.cuts]} receive={said[self.joins]} ecn={marks}"

    @property
    def waits(self) -> bool:
        """Whether something waits for the kernel."""
        return bool(self._waiting)

    def receive(self) -> tuple[int, int, Address, bool] | None:
        """Take what came next: bytes in `buffer`, bytes of each datagram in it, where from, marked.

        Returns:
            None when there is nothing more.

        Raises:
            OSError: the system tells of an earlier datagram; there may be more to take.
        """
        try:
            size, ancillary, _, source = self.socket.recvmsg_into([self.buffer], _ANCILLARY)
        except BlockingIOError:
            return None
        segment, is_marked = size, False
        for level, kind, data in ancillary:
            if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS) and data:
                is_marked = data[0] & ECN_BITS == CONGESTED
            if (level, kind) == (SOL_UDP, UDP_GRO) and len(data) >= _JOINED.size:
                segment = _JOINED.unpack(data[: _JOINED.size])[0]
        return size, max(segment, 1), source, is_marked

    def send(
        self, content: bytes | memoryview, segment: int, address: Address, may_mark: bool = False
    ) -> bool:
        """Send datagrams of `segment` bytes that stand one behind the other; the last may be short.

        They are copied where they must wait.

        Args:
            may_mark: routers may mark them instead of dropping them (ECN).

        Returns:
            False where the system says at once that they are too long for the path.
        """
        if self._waiting:
            self._waiting.append((bytes(content), segment, address, may_mark))
            return True
        self._too_long = False
        rest = self._send_now(content, segment, address, may_mark)
        if rest < len(content):
            self._waiting.append((bytes(content[rest:]), segment, address, may_mark))
        return not self._too_long

    def flush(self) -> None:
        """Send what has waited, as far as the kernel takes it."""
        while self._waiting:
            content, segment, address, may_mark = self._waiting[0]
            rest = self._send_now(content, segment, address, may_mark)
            if rest < len(content):
                self._waiting[0] = (content[rest:], segment, address, may_mark)
                return
            self._waiting.popleft()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def _send_now(
        self, content: bytes | memoryview, segment: int, address: Address, may_mark: bool
    ) -> int:
        """Send; give how many bytes need no further care."""
        done, cut = 0, self.cuts
        while done < len(content):
            part = content if self.cuts else content[done : done + segment]
            ancillary = _ancillary(
                segment if len(part) > segment else 0, may_mark and self.takes_marks
            )
            try:
                if ancillary:
                    self.socket.sendmsg([part], ancillary, 0, address)
                else:
                    self.socket.sendto(part, address)
            except BlockingIOError:
                return done
            except OSError as fault:
                if may_mark and self.takes_marks and fault.errno in _NO_OFFLOAD:
                    self.takes_marks = False  # the kernel does not know it, or it is not that
                    continue
                if len(part) > segment and fault.errno in _NO_OFFLOAD:
                    self.cuts = False  # the route or its device cannot: one by one from now on
                    continue
                # No route, a firewall, too long for the path, an old ICMP message: as good as lost.
                self.unsent += 1
                self.why_unsent = str(fault)
                if fault.errno == errno.EMSGSIZE:  # and so are all that are as long
                    self._too_long, self.cuts = True, cut
                    return len(content)
            done += len(part)
        return done

    def _try(self, option: int, value: int, level: int = SOL_UDP) -> bool:
        try:
            self.socket.setsockopt(level, option, value)
        except OSError:
            return False
        return True

    def _try_probing(self) -> None:
        with suppress(OSError):  # else the kernel fragments what is too long: slower, it arrives
            self.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)


@lru_cache(maxsize=256)
def _ancillary(segment: int, may_mark: bool) -> tuple[tuple[int, int, bytes], ...]:
    """What the kernel is told beside datagrams of so many bytes; 0: there is but one."""
    cut = ((SOL_UDP, UDP_SEGMENT, _SEGMENT.pack(segment)),) if segment else ()
    return (_MAY_BE_MARKED, *cut) if may_mark else cut
