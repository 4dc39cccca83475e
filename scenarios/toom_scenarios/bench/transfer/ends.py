"""Both ends of the peers that are programs of ours: TCP, TLS 1.3 over TCP, and a flood over TCP.

    python -m … receive KIND ADDRESS PORT FILE HASH [CERTIFICATE KEY]
    python -m … send KIND ADDRESS PORT FILE HASH CONGESTION

A sender says the size, the file and its digest; a receiver stores it and answers with the digest of
what it has stored. So both ends hash, and the sender knows that all has arrived. A receiver says
`ready` when it listens, a sender at its end `{"began": …, "ended": …}` in seconds of the monotonic
clock. A flood sends, and never comes to an end.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

PIECE: Final = 1 << 18  # bytes read, hashed and sent at once: they fit into a core's cache
SIZE: Final = struct.Struct("!Q")
DIGEST: Final = 32  # bytes of SHA-256 and of BLAKE3
PATIENCE: Final = 10.0  # seconds in which a sender must come
READY: Final = "ready"


def new_hash(name: str) -> Any:
    """A hash object: of `blake3`, or one that hashlib knows."""
    if name == "blake3":
        from blake3 import blake3

        return blake3()
    return hashlib.new(name)


def send(sock: socket.socket, path: str, name: str) -> None:
    """The size, the file, its digest; then the answer.

    Raises:
        ValueError: the other end has stored something else.
    """
    file = os.open(path, os.O_RDONLY)
    size = os.fstat(file).st_size
    sock.sendall(SIZE.pack(size))
    digest, piece, at = new_hash(name), memoryview(bytearray(PIECE)), 0
    while at < size:
        got = os.preadv(file, [piece], at)
        digest.update(piece[:got])
        if isinstance(sock, ssl.SSLSocket):
            sock.sendall(piece[:got])
        else:
            _sendfile(sock, file, at, got)
        at += got
    own = digest.digest()
    sock.sendall(own)
    if _exactly(sock, DIGEST) != own:
        raise ValueError("the other end has stored something else")


def _sendfile(sock: socket.socket, file: int, at: int, size: int) -> None:
    end = at + size
    while at < end:
        at += os.sendfile(sock.fileno(), file, at, end - at)


def receive(sock: socket.socket, path: str, name: str) -> None:
    """Store what comes, and answer with the digest of it.

    Raises:
        ValueError: it is not what the other end has sent.
    """
    size = SIZE.unpack(_exactly(sock, SIZE.size))[0]
    digest, piece, at = new_hash(name), memoryview(bytearray(PIECE)), 0
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    while at < size:
        got = sock.recv_into(piece[: min(PIECE, size - at)])
        if not got:
            raise ConnectionError("the sender hung up")
        digest.update(piece[:got])
        at += os.pwrite(file, piece[:got], at)
    own = digest.digest()
    if _exactly(sock, DIGEST) != own:
        raise ValueError("the file has changed on its way")
    sock.sendall(own)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the other end hung up")
        data += piece
    return data


def flood(sock: socket.socket) -> None:
    """Send for as long as somebody takes it."""
    piece = bytes(PIECE)
    while True:
        sock.sendall(piece)


def drain(sock: socket.socket) -> None:
    """Take what comes."""
    piece = bytearray(PIECE)
    while sock.recv_into(piece):
        pass


def _context(kind: str, server: bool) -> ssl.SSLContext | None:
    if kind != "tls":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if not server:  # a certificate that was made for this run: it is the speed that is examined
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def act_receiver(kind: str, where: tuple[str, int], path: str, name: str, *keys: str) -> None:
    """Listen, say so, take one file."""
    context = _context(kind, server=True)
    if context is not None:
        context.load_cert_chain(*keys)
    with socket.create_server(where) as listener:
        listener.settimeout(PATIENCE)
        print(READY, flush=True)  # noqa: T201 - for the runner
        sock, _ = listener.accept()
    sock.settimeout(None)
    if kind == "flood":
        drain(sock)
    else:
        receive(context.wrap_socket(sock, server_side=True) if context else sock, path, name)


def act_sender(kind: str, where: tuple[str, int], path: str, name: str, congestion: str) -> None:
    """Connect, send one file, say how long it took."""
    context = _context(kind, server=False)
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    began = time.monotonic()
    sock.connect(where)
    if kind == "flood":
        flood(sock)
    send(context.wrap_socket(sock) if context else sock, path, name)
    print(json.dumps({"began": began, "ended": time.monotonic()}))  # noqa: T201 - for the runner


def main(words: Sequence[str]) -> None:
    """One end."""
    role, kind, address, port, *rest = words
    where = (address, int(port))
    if role == "receive":
        act_receiver(kind, where, *rest)
    else:
        act_sender(kind, where, *rest)


if __name__ == "__main__":
    main(sys.argv[1:])
