"""What is known of an unfinished file, so that another try can go on behind it (PROTOCOL 5.7).

Belongs here: the record beside the unfinished file, and what of both is still so. Does not: the
file itself (incoming), asking the presenter (the engines).

A record is a line of JSON that says of which file, then the leaves of its first blocks. Neither it
nor the data is ever synced: each leaf is compared with the data before it is believed.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from toom_protocol.transfer.frames import LEAF_SIZE
from toom_protocol.transfer.packets import BATCH
from toom_protocol.transfer.tree import leaf_of

FLUSH_EVERY: Final = 16  # leaves; so many MB are received again after the client was killed
MOST: Final = 1 << 28  # bytes of a record that are read: more than any file's leaves
MODE: Final = 0o600


class Record:
    """The leaves of the first blocks of one unfinished file; `load`, then `note` leaf by leaf."""

    def __init__(self, path: Path, filename: str, size: int, chunk_size: int) -> None:
        """Name what it is about; nothing is read.

        Args:
            filename: under which the file is to stand one day.
            size: of the file in bytes.
        """
        self._path = path
        about = {"filename": filename, "size": size, "chunk_size": chunk_size}
        self._head = json.dumps(about, sort_keys=True).encode() + b"\n"
        self._size = size
        self._block = BATCH * chunk_size
        self._descriptor = -1
        self._pending = bytearray()
        self._refused = False  # the disk takes no more of it: another try will know less

    def load(self, data: int) -> bytes:
        """Give the leaves that the data has still, and open the record for more.

        Args:
            data: descriptor of the unfinished file.

        Raises:
            OSError: the disk refuses.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, MODE)
        content = os.pread(self._descriptor, MOST, 0)
        leaves = b""
        if content.startswith(self._head):
            leaves = self._still_so(data, content[len(self._head) :])
        self.restart(leaves)
        return leaves

    def restart(self, leaves: bytes = b"") -> None:
        """Write it anew, with these leaves, as far as the disk takes it."""
        self._refused = False
        self._pending.clear()
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._write(self._head + leaves)

    def note(self, leaf: bytes) -> None:
        """Add the leaf of the next block; it is written with the ones after it."""
        self._pending += leaf
        if len(self._pending) >= FLUSH_EVERY * LEAF_SIZE:
            self._flush()

    def close(self) -> None:
        """Write what is pending, as far as the disk takes it, and let go."""
        if self._descriptor < 0:
            return
        self._flush()
        os.close(self._descriptor)
        self._descriptor = -1

    def remove(self) -> None:
        """Close it and delete it."""
        self._pending.clear()
        self.close()
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        self._write(self._pending)
        self._pending.clear()

    def _write(self, content: bytes | bytearray) -> None:
        """Write on; the record only saves time, so a full disk ends it and not the transfer."""
        if self._refused:
            return
        try:
            self._refused = os.write(self._descriptor, content) != len(content)
        except OSError:
            self._refused = True

    def _still_so(self, data: int, leaves: bytes) -> bytes:
        """Give the leaves up to the first block that the data does not have."""
        there = os.fstat(data).st_size
        for index in range(len(leaves) // LEAF_SIZE):
            start = index * self._block
            length = min(self._block, self._size - start)
            leaf = leaves[index * LEAF_SIZE : (index + 1) * LEAF_SIZE]
            if length <= 0 or start + length > there:
                return leaves[: index * LEAF_SIZE]
            if leaf_of(os.pread(data, length, start)) != leaf:
                return leaves[: index * LEAF_SIZE]
        return leaves[: len(leaves) // LEAF_SIZE * LEAF_SIZE]
