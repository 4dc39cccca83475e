"""Stand between clients and a server, and spoil what passes when told to: ADDRESS PORT.

Says `port N`, where it listens. A line `MODE NUMBER` at its terminal says what becomes of the next
that the client of that number (from 0, in order of arrival) sends; it answers `will MODE`.

    half     the first half passes; nothing that this client sends comes any more
    garble   as many other bytes come
    drop     the first half passes, then both connections are reset
    twice    it comes twice
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: as by a crash
MOST = 65536  # bytes taken at once


class Middleman:
    """Pairs of connections, and what is planned for them."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._door = socket.create_server(("", 0))
        self._clients: list[socket.socket] = []
        self._other: dict[socket.socket, socket.socket] = {}
        self._plans: dict[socket.socket, str] = {}
        self._muted: set[socket.socket] = set()
        _say(f"port {self._door.getsockname()[1]}")

    def turn(self) -> None:
        """Wait until something comes, and pass it on."""
        heard = [each for each in self._other if each not in self._muted]
        for ready in select.select([sys.stdin, self._door, *heard], [], [])[0]:
            if ready is self._door:
                self._join()
            elif not isinstance(ready, socket.socket):
                self._plan(sys.stdin.readline())
            elif ready in self._other:  # else dropped in this very turn
                self._pass_on(ready)

    def _plan(self, line: str) -> None:
        if not line:
            sys.exit()
        mode, number = line.split()
        self._plans[self._clients[int(number)]] = mode
        _say(f"will {mode}")

    def _join(self) -> None:
        client, _ = self._door.accept()
        server = socket.create_connection(self._server)
        self._other[client], self._other[server] = server, client
        self._clients.append(client)

    def _pass_on(self, line: socket.socket) -> None:
        try:
            data = line.recv(MOST)
            if data:
                self._spoil(line, data)
            else:
                self._drop(line)
        except OSError:
            self._drop(line)

    def _spoil(self, line: socket.socket, data: bytes) -> None:
        mode = self._plans.pop(line, "")
        if mode in ("half", "drop"):
            data = data[: len(data) // 2]
        if mode == "half":
            self._muted.add(line)
        if mode == "garble":
            data = os.urandom(len(data))
        self._other[line].sendall(data * 2 if mode == "twice" else data)
        if mode == "drop":
            self._drop(line)

    def _drop(self, line: socket.socket) -> None:
        for each in (line, self._other[line]):
            del self._other[each]
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            each.close()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(address: str, port: str) -> None:
    """Go on until ended."""
    middleman = Middleman((address, int(port)))
    while True:
        middleman.turn()


if __name__ == "__main__":
    main(*sys.argv[1:])
