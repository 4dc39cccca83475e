"""PROTOCOL 5.14 over real sockets: what comes out wrong at the audience is found and mended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.table import MEGABYTE, Client, Table, content_of
from toom_client.block_store import BlockStore
from toom_client.tracing import TraceFile, Traces
from toom_client.transfers import Received, ReceiveFailed, SendFailed, Uploaded
from toom_protocol.transfer.packets import BATCH, LARGEST_CHUNK
from toom_protocol.transfer.repairs import MOST_SPOILT
from toom_protocol.transfer.sealing import OpenedRun

BLOCK = BATCH * LARGEST_CHUNK  # bytes

Spoil = Callable[[Callable[[OpenedRun], bool]], None]


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """Flip a bit of each run that the test picks, before the audience writes and hashes it."""
    take = BlockStore.take

    def spoil(picks: Callable[[OpenedRun], bool]) -> None:
        def spoiling(
            self: BlockStore,
            run: OpenedRun,
            opened: memoryview,
            source: tuple[str, int],
            trace: TraceFile | None,
            *,
            now: float,
            marked: bool = False,
        ) -> None:
            if picks(run):
                changed = bytearray(opened)
                changed[run.start] ^= 1
                opened = memoryview(changed)
            take(self, run, opened, source, trace, now=now, marked=marked)

        monkeypatch.setattr(BlockStore, "take", spoiling)

    return spoil


def times(count: int, block: int) -> Callable[[OpenedRun], bool]:
    """Pick the first chunk of a block, so many times."""
    left = [count]

    def picks(run: OpenedRun) -> bool:
        if run.chunk != block * BATCH or not left[0]:
            return False
        left[0] -= 1
        return True

    return picks


@pytest.mark.parametrize("count", range(1, MOST_SPOILT))
@pytest.mark.parametrize("block", [0, 7, 15])
def test_a_damaged_block_is_mended(
    table: Table, yoda: Client, han: Client, spoil: Spoil, block: int, count: int
) -> None:
    content = content_of(MEGABYTE)  # 16 blocks, the last one of 38,800 bytes
    spoil(times(count, block))
    yoda.writes("a.mp4", content)
    table.send(yoda, "a.mp4", han)
    assert han.hears() == Received("a.mp4", "Yoda")
    assert yoda.hears() == Uploaded("a.mp4", "Han")
    assert han.stored() == {"Yoda_a.mp4": content}
    assert han.unfinished() == []


def test_a_block_that_never_comes_out_right_ends_the_transfer(
    table: Table, yoda: Client, han: Client, spoil: Spoil
) -> None:
    spoil(times(MOST_SPOILT, 3))
    yoda.writes("a.mp4", content_of(MEGABYTE))
    table.send(yoda, "a.mp4", han)
    heard = [han.hears(), yoda.hears()]
    assert isinstance(heard[0], ReceiveFailed)
    assert isinstance(heard[1], SendFailed)
    assert "checksum" in heard[0].reason
    assert han.stored() == {}
    assert han.unfinished() == []


def test_a_block_that_has_changed_on_the_presenters_disk_is_not_sent_again(
    table: Table, yoda: Client, han: Client, spoil: Spoil
) -> None:
    """PROTOCOL 5.7: a file that changes is refused, also where its time of change does not say."""
    path = yoda.directory / "a.mp4"
    yoda.writes("a.mp4", content_of(3 * BLOCK))

    def picks(run: OpenedRun) -> bool:
        if run.chunk:
            return False
        was = path.stat()
        with path.open("r+b") as file:
            file.write(b"changed")
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        return True

    spoil(picks)
    table.send(yoda, "a.mp4", han)
    heard = [han.hears(), yoda.hears()]
    assert isinstance(heard[0], ReceiveFailed)
    assert isinstance(heard[1], SendFailed)
    assert "changed" in heard[1].reason
    assert han.stored() == {}


def test_a_trace_tells_of_it(table: Table, yoda: Client, tmp_path: Path, spoil: Spoil) -> None:
    han = table.seat("Han", traces=Traces(tmp_path / "traces"))
    spoil(times(1, 2))
    yoda.writes("a.mp4", content_of(5 * BLOCK))
    table.send(yoda, "a.mp4", han)
    assert han.hears() == Received("a.mp4", "Yoda")
    assert yoda.hears() == Uploaded("a.mp4", "Han")
    han.transfers.close()
    [trace] = (tmp_path / "traces").iterdir()
    records = [json.loads(record) for record in trace.read_text().split("\x1e")[2:]]
    damaged = [each["data"] for each in records if each["name"] == "toom:damaged"]
    assert damaged == [{"block": 2}]
    said = [frame for each in records for frame in each["data"].get("frames", ())]
    assert {"frame_type": "repair", "blocks": [2]} in said
    assert any(frame["frame_type"] == "leaves" for frame in said)
