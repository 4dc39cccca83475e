"""PROTOCOL 5.7: leaves and root of a file."""

import random

from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from toom_protocol.transfer.packets import BATCH, LARGEST_CHUNK, chunks_in
from toom_protocol.transfer.tree import Blocks, LeafMaker, Tree, block_buffer, leaf_of

CHUNK = 10  # bytes; so a block has 450


def content_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def root_of(content: bytes, chunk_size: int = CHUNK) -> bytes:
    tree = Tree(len(content), chunk_size)
    LeafMaker(tree, len(content), chunk_size).update(memoryview(content))
    return tree.root()


def test_the_root_is_that_of_the_document() -> None:
    content = content_of(1000)
    blocks = [content[at : at + 450] for at in (0, 450, 900)]
    leaves = [blake3(block.ljust(65_536, b"\0")).digest() for block in blocks]
    hasher = blake3(derive_key_context="toom 2026-11 transfer 3 root of a file")
    hasher.update((1000).to_bytes(8, "big") + (450).to_bytes(4, "big") + b"".join(leaves))
    assert root_of(content) == hasher.digest()


@settings(deadline=None)
@given(st.integers(0, 2000), st.lists(st.integers(1, 700), max_size=8), st.randoms())
def test_both_ends_come_to_the_same_root(
    size: int, cuts: list[int], shuffled: random.Random
) -> None:
    """One reads in order, in pieces of any size; the other hashes block by block, in any order."""
    content = content_of(size)
    ours, theirs = Tree(size, CHUNK), Tree(size, CHUNK)
    maker, at = LeafMaker(ours, size, CHUNK), 0
    for cut in (*cuts, size):
        maker.update(memoryview(content[at : at + cut]))
        at += cut
    blocks = list(range(chunks_in(size, CHUNK * BATCH)))
    shuffled.shuffle(blocks)
    for block in blocks:
        assert not theirs.is_whole
        theirs.put(block, leaf_of(content[block * 450 : (block + 1) * 450]))
    assert ours.is_whole
    assert theirs.is_whole
    assert ours.root() == theirs.root()


@settings(deadline=None)
@given(st.integers(0, 2000), st.lists(st.integers(1, 450), max_size=8))
def test_a_block_in_its_buffer_has_the_leaf_that_it_has_elsewhere(
    size: int, cuts: list[int]
) -> None:
    """Each way of coming to a leaf: whole in a buffer, in pieces, alone."""
    content, buffer = content_of(size), block_buffer()
    tree, at = Tree(size, CHUNK), 0
    maker = LeafMaker(tree, size, CHUNK)
    for cut in (*cuts, *[450] * 5):
        piece = content[at : at + cut]
        buffer[: len(piece)] = piece
        maker.update(buffer[: len(piece)], buffer)
        at += len(piece)
        buffer[:450] = bytes(450)
    assert tree.is_whole
    blocks = [content[at : at + 450] for at in range(0, size, 450)]
    assert tree.leaves == b"".join(leaf_of(block) for block in blocks)


def test_a_buffer_has_room_for_the_largest_block() -> None:
    assert len(block_buffer()) >= BATCH * LARGEST_CHUNK


@given(st.integers(1, 2000), st.data())
def test_any_other_file_has_another_root(size: int, data: st.DataObject) -> None:
    content = content_of(size)
    changed = bytearray(content)
    changed[data.draw(st.integers(0, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert root_of(bytes(changed)) != root_of(content)
    assert root_of(content + b"\0") != root_of(content)
    assert root_of(content, chunk_size=CHUNK + 1) != root_of(content)


@given(st.integers(1, 500), st.randoms(), st.integers(1, 60))
def test_each_block_becomes_whole_once_and_not_too_soon(
    total: int, shuffled: random.Random, longest: int
) -> None:
    pieces, at = [], 0
    while at < total:
        count = min(shuffled.randint(1, longest), total - at)
        pieces.append((at, count))
        at += count
    shuffled.shuffle(pieces)
    blocks, here, whole = Blocks(total), set[int](), set[int]()
    for chunk, count in pieces:
        here |= set(range(chunk, chunk + count))
        for block in blocks.add(chunk, count):
            assert block not in whole
            whole.add(block)
        assert whole == {
            block
            for block in range(chunks_in(total, BATCH))
            if here.issuperset(range(block * BATCH, min((block + 1) * BATCH, total)))
        }
