"""The hash of a file as a tree of two levels: a leaf for each block, and a root (PROTOCOL 5.7).

Belongs here: leaves, the root, which blocks are whole. Does not: the file, what a wrong one means.
A block is a batch of chunks, so that one that comes as one batch is hashed from the buffer in hand;
for its leaf it is filled up with zeros, since BLAKE3 is quickest over a power of two of its own
chunks: 64 KiB take two thirds of the time that the 64,080 bytes of a block take. Files that differ
in zeros at their end alone have other roots, since the size is in there.

Source: BLAKE3 paper 2.1, 5.3 (the function); the root's context keeps it apart from any other use.
"""

from __future__ import annotations

import struct
from typing import Final

from blake3 import blake3

from toom_protocol.transfer.frames import LEAF_SIZE
from toom_protocol.transfer.packets import BATCH, chunks_in

_CONTEXT: Final = "toom 2026-11 transfer 3 root of a file"
_BLOCKS_CONTEXT: Final = "toom 2026-11 transfer 3 first blocks of a file"
SPAN: Final = 1 << 16  # bytes that a leaf is made over; at least those of a block
_ZEROS: Final = bytes(SPAN)
_SIZES: Final = struct.Struct("!QI")  # of the file and of a block, in bytes


class Tree:
    """The leaves of one file, filled in any order."""

    def __init__(self, size: int, chunk_size: int) -> None:
        """Begin with none.

        Args:
            size: of the file in bytes.
        """
        self._size = size
        self._block = BATCH * chunk_size
        self._leaves = bytearray(LEAF_SIZE * chunks_in(size, self._block))
        self._missing = len(self._leaves) // LEAF_SIZE
        self._here = bytearray(self._missing)

    @property
    def is_whole(self) -> bool:
        """Whether every leaf is here."""
        return not self._missing

    def put(self, block: int, leaf: bytes) -> None:
        """Take a block's leaf; it is another one when the block was damaged and came again."""
        self._leaves[block * LEAF_SIZE : (block + 1) * LEAF_SIZE] = leaf
        self._missing -= not self._here[block]
        self._here[block] = 1

    def leaf(self, block: int) -> bytes:
        """A block's leaf; zeros where it is missing."""
        return bytes(self._leaves[block * LEAF_SIZE : (block + 1) * LEAF_SIZE])

    @property
    def leaves(self) -> bytes:
        """All leaves; zeros in place of those that are missing."""
        return bytes(self._leaves)

    def root(self) -> bytes:
        """The root over all leaves and the sizes; 32 bytes."""
        hasher = blake3(derive_key_context=_CONTEXT)
        hasher.update(_SIZES.pack(self._size, self._block))
        hasher.update(self._leaves)
        return hasher.digest()


class LeafMaker:
    """Hashes a file that is read in order into leaves."""

    def __init__(self, tree: Tree, size: int, chunk_size: int) -> None:
        self._tree = tree
        self._size = size
        self._block_size = BATCH * chunk_size
        self._read = 0  # bytes
        self._hasher = blake3()

    def update(self, content: memoryview, buffer: memoryview | None = None) -> bytes:
        """Take the next bytes of the file; give the leaves that they complete.

        Args:
            buffer: of `block_buffer`, if the content stands at its beginning.
        """
        if buffer is not None and len(content) == self._block_size and not self._in_block:
            self._read += len(content)
            return self._put(leaf_in(buffer))
        leaves = b""
        while content:
            part, room = content, self._block_size - self._in_block
            if len(content) > room:
                part = content[:room]
            content = content[len(part) :]
            self._hasher.update(part)
            self._read += len(part)
            if not self._in_block or self._read == self._size:
                self._hasher.update(_ZEROS[: SPAN - (self._in_block or self._block_size)])
                leaves += self._put(self._hasher.digest())
                self._hasher = blake3()
        return leaves

    @property
    def _in_block(self) -> int:
        return self._read % self._block_size

    def _put(self, leaf: bytes) -> bytes:
        self._tree.put((self._read - 1) // self._block_size, leaf)
        return leaf


class Blocks:
    """Which blocks of a file have all of their chunks."""

    def __init__(self, total: int) -> None:
        """Begin with none of `total` chunks."""
        self._total = total
        self._counts: dict[int, int] = {}  # chunks that are here of blocks that are not whole

    def add(self, chunk: int, count: int) -> list[int]:
        """Note chunks that are new; give the blocks that have become whole by them."""
        whole = []
        end = chunk + count
        while chunk < end:
            block = chunk // BATCH
            upto = min((block + 1) * BATCH, end)
            here = self._counts.pop(block, 0) + upto - chunk
            if here == min(BATCH, self._total - block * BATCH):
                whole.append(block)
            else:
                self._counts[block] = here
            chunk = upto
        return whole


def digest_of(leaves: bytes) -> bytes:
    """What names the first blocks of a file, by their leaves (PROTOCOL 5.7)."""
    hasher = blake3(derive_key_context=_BLOCKS_CONTEXT)
    hasher.update(leaves)
    return hasher.digest()


def leaf_of(block: bytes | memoryview) -> bytes:
    """The leaf of one whole block."""
    hasher = blake3(block)
    hasher.update(_ZEROS[: SPAN - len(block)])
    return hasher.digest()


def block_buffer() -> memoryview:
    """Room for a block of any size; what lies behind it must stay as it is: zeros."""
    return memoryview(bytearray(SPAN))


def leaf_in(buffer: memoryview) -> bytes:
    """The leaf of the block that fills the beginning of such a buffer."""
    return blake3(buffer).digest()
