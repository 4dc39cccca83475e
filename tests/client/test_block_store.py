"""PROTOCOL 5.7: what becomes of runs of chunks that are opened."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.client.table import content_of
from toom_client.block_store import BlockStore
from toom_client.incoming import IncomingFile
from toom_protocol.transfer.audience import Audience
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.packets import BATCH, chunks_in
from toom_protocol.transfer.sealing import OpenedRun
from toom_protocol.transfer.tree import leaf_of

CHUNK = 10  # bytes
BLOCK = BATCH * CHUNK
SIZE = 5 * BLOCK + 123


@pytest.mark.parametrize("seed", range(20))
def test_each_block_has_its_leaf_however_its_chunks_come(tmp_path: Path, seed: int) -> None:
    """Whole batches that are blocks and that are not, pieces, in any order, in one buffer."""
    content, chance = content_of(SIZE), random.Random(seed)
    engine = Audience(now=0.0)
    engine.greet(0, Offer(SIZE, "a.mp4"), now=0.0)
    engine.accept(CHUNK, now=0.0)
    file = IncomingFile(tmp_path, "Yoda_a.mp4", SIZE, CHUNK)
    file.prepare()
    blocks = BlockStore(engine, 1)
    blocks.begin(file, bytes(32), size=SIZE, chunk_size=CHUNK)
    assert blocks.data is not None
    buffer, total, number = blocks.data.content, chunks_in(SIZE, CHUNK), 0
    runs, at = [], 0
    while at < total:
        count = min(chance.choice((1, 7, BATCH, BATCH)), total - at)
        runs.append((at, count))
        at += count
    if seed % 2:
        chance.shuffle(runs)
    for chunk, count in runs:
        part = content[chunk * CHUNK : (chunk + count) * CHUNK]
        buffer[: len(part)] = part
        run = OpenedRun(number, chunk, count, 0, len(part))
        blocks.take(run, buffer, ("127.0.0.1", 9), None, now=0.0)
        number += count
    assert blocks.tree.is_whole
    expected = b"".join(leaf_of(content[at : at + BLOCK]) for at in range(0, SIZE, BLOCK))
    assert blocks.tree.leaves == expected
    assert file.read(0, SIZE) == content
    file.discard()
