"""Both ends of the peer aioquic: QUIC in Python, one stream with the file and its digest.

Same words, and the same story, as ends.py has for TCP. Belongs here: aioquic. Does not: streams of
sockets.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aioquic.asyncio import connect, serve
from aioquic.quic.configuration import QuicConfiguration

from .ends import DIGEST, PIECE, READY, SIZE, new_hash

PROTOCOL = ["toom-bench"]


async def receive(where: tuple[str, int], path: str, name: str, *keys: str) -> None:
    """Listen, say so, take one file, answer with its digest."""
    configuration = QuicConfiguration(is_client=False, alpn_protocols=PROTOCOL)
    configuration.load_cert_chain(*keys)
    for_ever = asyncio.Event()
    tasks = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = SIZE.unpack(await reader.readexactly(SIZE.size))[0]
        digest = new_hash(name)
        with Path(path).open("wb") as file:
            while left:
                piece = await reader.read(min(PIECE, left))
                digest.update(piece)
                file.write(piece)
                left -= len(piece)
        own = digest.digest()
        if await reader.readexactly(DIGEST) != own:
            raise ValueError("the file has changed on its way")
        writer.write(own)
        writer.write_eof()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(take(reader, writer)))

    await serve(*where, configuration=configuration, stream_handler=begin)
    print(READY, flush=True)  # noqa: T201 - for the runner, which ends us when it has been told
    await for_ever.wait()


async def send(where: tuple[str, int], path: str, name: str) -> None:
    """Connect, send one file, say how long it took."""
    configuration = QuicConfiguration(alpn_protocols=PROTOCOL, verify_mode=ssl.CERT_NONE)
    began = time.monotonic()
    async with connect(*where, configuration=configuration) as client:
        reader, writer = await client.create_stream()
        digest = new_hash(name)
        with Path(path).open("rb") as file:
            writer.write(SIZE.pack(Path(path).stat().st_size))
            while piece := file.read(PIECE):
                digest.update(piece)
                writer.write(piece)
        writer.write(digest.digest())
        if await reader.readexactly(DIGEST) != digest.digest():
            raise ValueError("the other end has stored something else")
        told = {"began": began, "ended": time.monotonic()}
        print(json.dumps(told), flush=True)  # noqa: T201 - for the runner


def main(words: Sequence[str]) -> None:
    """One end."""
    role, _, address, port, path, name, *keys = words
    where = (address, int(port))
    if role == "receive":
        asyncio.run(receive(where, path, name, *keys))
    else:
        asyncio.run(send(where, path, name))


if __name__ == "__main__":
    main(sys.argv[1:])
