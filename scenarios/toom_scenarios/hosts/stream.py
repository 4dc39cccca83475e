"""Streams to and from a container, taken over from the engine's HTTP connection.

By hand: the SDK's socket loses what its buffer has read ahead.

Source: Docker Engine API 1.41, "attach to a container" (hijacking, stream format), "exec start".
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from ..errors import Broken

READ_SIZE: Final = 1 << 18  # bytes
HEAD_LIMIT: Final = 65536  # bytes of an HTTP head; the engine's have 200
ANSWER_LIMIT: Final = 30.0  # seconds for a busy engine to answer
PIECE_HEAD: Final = 8  # bytes before each piece of output without a TTY: stream, 0 0 0, length
STDERR: Final = 2


def hijack(engine: str, path: str, body: bytes = b"") -> tuple[socket.socket, bytes]:
    """Ask the engine for a stream.

    Args:
        engine: as in DOCKER_HOST.
        path: that answers with a stream, such as `/exec/ID/start`.
        body: JSON.

    Returns:
        The stream, and what came with the answer's head.

    Raises:
        Broken: the engine refused.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: engine\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    stream = _connect(engine)
    try:
        stream.settimeout(ANSWER_LIMIT)
        stream.sendall(head.encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = stream.recv(READ_SIZE)
            if not more or len(answer) > HEAD_LIMIT:
                raise Broken(f"the engine broke off the start of a stream: {answer[:200]!r}")
            answer += more
    except (OSError, Broken) as error:
        stream.close()
        raise Broken(f"the engine at {engine}: {error}") from error
    told, _, first = answer.partition(b"\r\n\r\n")
    if told.split()[1:2] not in ([b"101"], [b"200"]):
        stream.close()
        raise Broken(f"the engine refused a stream: {answer[-300:].decode(errors='replace')}")
    stream.setblocking(False)
    return stream, first


def _connect(engine: str) -> socket.socket:
    where = urlsplit(engine)
    try:
        if where.scheme in ("unix", "http+unix"):
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(ANSWER_LIMIT)
            stream.connect(where.path or f"/{where.netloc}")
            return stream
        return socket.create_connection(
            (where.hostname or "localhost", where.port or 2375), ANSWER_LIMIT
        )
    except OSError as error:
        raise Broken(f"the engine at {engine}: {error}") from error


class Pieces:
    """Cuts a container's output into pieces of stdout and of stderr."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that are whole now, each with its stream's number."""
        self._rest += data
        while len(self._rest) >= PIECE_HEAD:
            end = PIECE_HEAD + int.from_bytes(self._rest[4:PIECE_HEAD], "big")
            if len(self._rest) < end:
                return
            number, piece = self._rest[0], bytes(self._rest[PIECE_HEAD:end])
            del self._rest[:end]
            yield number, piece
