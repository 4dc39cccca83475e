"""A small seeded UDP relay over real loopback sockets, with delay and loss.

Each of the two ends gets a socket of the relay's that stands for the other end: what `left` sends
to `left_sees` arrives at `right` from `right_sees`, later or not at all. An end can be made to be
seen from another address, as behind an address translator that has forgotten it.
"""

from __future__ import annotations

import heapq
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

Address = tuple[str, int]


class Relay:
    """Carries datagrams between two addresses until it is closed."""

    def __init__(
        self,
        left: Address,
        right: Address,
        *,
        seed: int,
        loss: float = 0.0,
        delay: float = 0.005,
        spoil: Callable[[bytes], list[bytes]] | None = None,
        marks: float = 0.0,
    ) -> None:
        """Start.

        Args:
            delay: seconds one way.
            spoil: makes of a datagram what is carried instead of it (damaged, twice, forged …).
            marks: share of the datagrams that leave with a congestion mark (ECN).
        """
        self._ends = (left, right)
        self._sockets = [_socket(), _socket()]  # what left sees, what right sees
        self._moves: deque[int] = deque()  # of what is seen by left (0) or right (1)
        self._rng = random.Random(seed)
        self._loss, self._delay, self._marks = loss, delay, marks
        self._spoil = spoil
        self._stop_reader, self._stop = socket.socketpair()
        self.cut = False
        self.carried = 0
        """Bytes from left to right."""
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    @property
    def left_sees(self) -> Address:
        return _address(self._sockets[0])

    @property
    def right_sees(self) -> Address:
        return _address(self._sockets[1])

    def rebind(self, who: str) -> None:
        """From now on `left` or `right` is seen from another address; the old one is dead."""
        self._moves.append(1 if who == "left" else 0)
        self._stop.send(b"\1")

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.send(b"\0")
        self._thread.join(5)
        for sock in (*self._sockets, self._stop, self._stop_reader):
            sock.close()

    def _run(self) -> None:
        waiting: list[tuple[float, int, int, bytes, Address]] = []
        order = 0
        while True:
            patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            ready, _, _ = select.select([*self._sockets, self._stop_reader], [], [], patience)
            if self._stop_reader in ready and self._stop_reader.recv(1) == b"\0":
                return
            for side, sock in enumerate(self._sockets):
                for datagram in self._taken(sock) if sock in ready else ():
                    order += 1
                    self.carried += len(datagram) if side == 0 else 0
                    due = time.monotonic() + self._delay
                    # received on one socket: leaves from the other one to the other end
                    entry = (due, order, 1 - side, datagram, self._ends[1 - side])
                    heapq.heappush(waiting, entry)
            while self._moves:
                side = self._moves.popleft()
                old, self._sockets[side] = self._sockets[side], _socket()
                old.close()
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, out, datagram, end = heapq.heappop(waiting)
                if self._marks:
                    bits = 0b11 if self._rng.random() < self._marks else 0
                    self._sockets[out].setsockopt(socket.IPPROTO_IP, socket.IP_TOS, bits)
                try:
                    self._sockets[out].sendto(datagram, end)
                except OSError:
                    continue  # nobody is there any more: lost, as on a real network

    def _taken(self, sock: socket.socket) -> list[bytes]:
        taken = []
        for _ in range(64):
            try:
                datagram = sock.recv(2048)
            except OSError:
                break
            if self.cut or self._rng.random() < self._loss:
                continue
            taken += [datagram] if self._spoil is None else self._spoil(datagram)
        return taken


def _address(sock: socket.socket) -> Address:
    host, port = sock.getsockname()
    return host, port


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock
