"""What became of the last commands of each run of a client, over restarts: `.toom/runs`. Pure.

A run is one that has asked for a session that can be resumed (PROTOCOL 3.6). The journal has what
came after the last checkpoint; this is what came before. Belongs here: the table and its bytes.
Does not: whose runs they are, when the file is written (runs_file.py).
"""

import struct
import zlib
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final, cast

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder
from toom_server.replies import REMEMBERED

MAGIC: Final = b"TOOMRUN1"
HEAD: Final = struct.Struct("<8sI16s")  # magic; CRC-32 of the rest; boot in which alone it is true
CHECKED_FROM: Final = 12  # bytes of the head that the CRC does not cover
ROW: Final = struct.Struct("<16sI")  # run; bytes of its frames
MOST: Final = 1000  # runs; the one that has said nothing for longest is forgotten
ANY_BOOT: Final = bytes(16)


class Runs:
    """Replies by run, as frames of the codec."""

    def __init__(self) -> None:
        self._frames: OrderedDict[bytes, deque[bytes]] = OrderedDict()

    def __len__(self) -> int:
        """Count the runs."""
        return len(self._frames)

    def note(self, run: bytes, frame: bytes) -> None:
        """Note how a command was answered; an empty frame: the run has begun."""
        frames = self._frames.setdefault(run, deque(maxlen=REMEMBERED))
        self._frames.move_to_end(run)
        if frame:
            frames.append(frame)
        if len(self._frames) > MOST:
            self._frames.popitem(last=False)

    def replies(self) -> Iterator[tuple[bytes, list[tuple[int, m.Reply]]]]:
        """Yield each run, and its replies by request id."""
        for run, frames in self._frames.items():
            decoder = Decoder()
            found = decoder.receive(PREFACE + b"".join(frames))
            yield run, [(request_id, cast(m.Reply, reply)) for request_id, reply in found]

    def encode(self, boot: bytes) -> bytes:
        """Give the bytes of the file, which are true in this boot of the machine alone."""
        rows = []
        for run, frames in self._frames.items():
            said = b"".join(frames)
            rows += [ROW.pack(run, len(said)), said]
        rest = boot + b"".join(rows)
        return MAGIC + struct.pack("<I", zlib.crc32(rest)) + rest

    @classmethod
    def decode(cls, data: bytes, boot: bytes) -> "Runs | None":
        """Read such bytes; None: they are none, or were true in another boot."""
        runs = cls()
        if len(data) < HEAD.size:
            return None
        magic, crc, its_boot = HEAD.unpack_from(data)
        if magic != MAGIC or zlib.crc32(data[CHECKED_FROM:]) != crc:
            return None
        if its_boot not in (ANY_BOOT, boot):
            return None
        offset = HEAD.size
        while offset + ROW.size <= len(data):
            run, length = ROW.unpack_from(data, offset)
            offset += ROW.size
            frames = runs._frames.setdefault(run, deque(maxlen=REMEMBERED))
            frames.extend(_split(data[offset : offset + length]))
            offset += length
        return runs


def _split(frames: bytes) -> Iterator[bytes]:
    """Take frames apart by their lengths (PROTOCOL 2.2)."""
    while frames:
        end = 4 + int.from_bytes(frames[:4], "big")
        yield frames[:end]
        frames = frames[end:]
