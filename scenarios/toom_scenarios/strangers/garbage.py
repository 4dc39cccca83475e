"""Send a server what no protocol can expect: ADDRESS PORT SEED.

Says `done` after at most 30 s, and then holds its connections until it is ended.
"""

from __future__ import annotations

import random
import socket
import struct
import sys
import time
from collections.abc import Iterator

PATIENCE = 2.0  # seconds for one step
LIMIT = 20.0  # seconds for all of them, a last step aside
SILENT = 100  # connections that say nothing
DROPPED = 2000  # connections that are opened and closed at once
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is not sent is thrown away, as by a crash
ODD = (
    *(b"\0" * 4096, b"\xff" * 4096, b"\0\0", b"{", b'{"a":', b"[" * 65536),
    *(b"\xff\xff\xff\xff\x01", b"\x7f\xff\xff\xff{", b"\0\0\0\x10\x01", b"999999999999 "),
    *(b"GET / HTTP/1.1\r\n\r\n", b"TOOM\x01\0\0", b"BCM hello\n", b"OUT\n"),
)


def pieces(chance: random.Random) -> Iterator[tuple[bytes, int]]:
    """What is sent over a connection of its own, and how often."""
    for size in (1, 7, 100, 4096, 65536):
        yield chance.randbytes(size), 1
    yield b"A" * 65536, 128  # a line without an end
    yield b"\n" * 65536, 8  # ends without a line
    for data in ODD:
        yield data, 1
    for _ in range(SILENT):
        yield b"", 1


def main(address: str, port: str, seed: str) -> None:
    """Do all of it."""
    server, end = (address, int(port)), time.monotonic() + LIMIT
    held = []  # a connection that nobody refers to would be closed
    for data, times in pieces(random.Random(int(seed))):
        try:
            held.append(socket.create_connection(server, timeout=PATIENCE))
            for _ in range(times):
                held[-1].sendall(data)
        except OSError:  # the server may hang up
            continue
    for number in range(DROPPED):
        if time.monotonic() > end:
            break
        try:
            with socket.create_connection(server, timeout=PATIENCE) as line:
                if number % 2:
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            continue
    sys.stdout.write("done\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
