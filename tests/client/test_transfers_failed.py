"""SPEC S12: transfers that fail, and what both ends are told of it."""

from __future__ import annotations

import errno
import os
import queue
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.client.table import LOCALHOST, MEGABYTE, SOMEBODY, Client, Table, content_of
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from toom_client.place import SYNC_EVERY
from toom_client.transfers import (
    OpenedFile,
    ReceiveFailed,
    Report,
    SendFailed,
    Ticket,
    Transfers,
    bind_udp,
    open_for_sending,
)


def test_who_leaves_tells_the_other(table: Table, yoda: Client, han: Client) -> None:
    """S11: «Files still on their way are given up, and both sides are told as in S12.»"""
    yoda.writes("a.mp4", content_of(20 * MEGABYTE))
    han.writes("b.mp4", content_of(20 * MEGABYTE))
    with Relay(yoda.address, han.address, seed=1, delay=0.05) as one:
        table.send(yoda, "a.mp4", han, one)
        with Relay(han.address, yoda.address, seed=1, delay=0.05) as other:
            table.send(han, "b.mp4", yoda, other)
            wait_until(lambda: han.unfinished() and yoda.unfinished())
            started = time.monotonic()
            yoda.transfers.close()
            assert time.monotonic() - started < 1.5
            given_up = "it was given up"
            assert {han.hears(), han.hears()} == {
                ReceiveFailed("a.mp4", "Yoda", given_up),
                SendFailed("b.mp4", "Yoda", given_up),
            }
            assert {yoda.hears(), yoda.hears()} == {
                SendFailed("a.mp4", "Han", given_up),
                ReceiveFailed("b.mp4", "Han", given_up),
            }
    assert han.stored().keys() == {"b.mp4"}
    assert yoda.stored().keys() == {"a.mp4"}
    assert han.unfinished() == yoda.unfinished() == []


@pytest.mark.slow
def test_a_peer_that_falls_silent_is_gone(table: Table, yoda: Client, han: Client) -> None:
    """«A peer silent for 15 s is gone.»"""
    yoda.writes("a.mp4", content_of(20 * MEGABYTE))
    with Relay(yoda.address, han.address, seed=1, delay=0.02) as relay:
        table.send(yoda, "a.mp4", han, relay)
        wait_until(lambda: any(first_bytes(path).strip(b"\0") for path in han.incoming()))
        relay.cut = True
        started = time.monotonic()
        gone = "the other side is gone"
        assert yoda.hears(within=17) == SendFailed("a.mp4", "Han", gone)
        assert han.hears(within=2) == ReceiveFailed("a.mp4", "Yoda", gone)
        assert 14.5 < time.monotonic() - started < 16.5
    assert han.stored() == {}
    kept = {path.suffix for path in han.unfinished()}  # by then a block may have come, or not
    assert kept in (set(), {".part", ".leaves"})


def test_a_file_that_changes_while_it_is_sent_fails_at_both_ends(
    table: Table, yoda: Client, han: Client
) -> None:
    yoda.writes("a.mp4", content_of(MEGABYTE))
    ours, theirs = table.tickets_for(yoda, han)
    file = yoda.opens("a.mp4")
    with (yoda.directory / "a.mp4").open("r+b") as changed:
        changed.truncate(1000)
    han.transfers.expect(theirs)
    yoda.transfers.present(ours, file)
    reason = "the file changed while it was sent"
    assert yoda.hears() == SendFailed("a.mp4", "Han", reason)
    assert han.hears() == ReceiveFailed("a.mp4", "Yoda", reason)
    assert han.stored() == {}


def test_a_file_that_is_rewritten_while_it_is_sent_fails(
    table: Table, yoda: Client, han: Client
) -> None:
    yoda.writes("a.mp4", content_of(MEGABYTE))
    file = replace(yoda.opens("a.mp4"), modified=0)  # as if written to since it was opened
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(theirs)
    yoda.transfers.present(ours, file)
    assert yoda.hears() == SendFailed("a.mp4", "Han", "the file changed while it was sent")
    assert isinstance(han.hears(), ReceiveFailed)
    assert han.stored() == {}


def test_a_full_disk_is_told_at_both_ends_before_the_first_byte(
    table: Table, yoda: Client, han: Client
) -> None:
    (yoda.directory / "huge.mp4").touch()
    os.truncate(yoda.directory / "huge.mp4", 1 << 42)  # a hole of 4 TB: more than any disk here
    table.send(yoda, "huge.mp4", han)
    assert yoda.hears() == SendFailed("huge.mp4", "Han", "no space left")
    assert han.hears() == ReceiveFailed("huge.mp4", "Yoda", "no space left")
    assert han.stored() == {}
    assert han.unfinished() == []


@pytest.mark.parametrize(
    ("call", "size", "number", "reason"),
    [
        ("pwrite", 100_000, errno.ENOSPC, "no space left"),
        ("pwrite", 100_000, errno.EIO, "the file cannot be written"),
        ("fdatasync", 2 * SYNC_EVERY, errno.EIO, "the file cannot be written"),
        ("fsync", 100_000, errno.EIO, "the file cannot be written"),
        ("fsync", 100_000, errno.EDQUOT, "no space left"),
    ],
)
def test_a_disk_that_fails_on_the_way_is_told_at_both_ends(
    table: Table,
    yoda: Client,
    han: Client,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    size: int,
    number: int,
    reason: str,
) -> None:
    def fail(*_arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    yoda.writes("a.mp4", content_of(size))
    monkeypatch.setattr(os, call, fail)
    table.send(yoda, "a.mp4", han)
    assert yoda.hears() == SendFailed("a.mp4", "Han", reason)
    assert han.hears() == ReceiveFailed("a.mp4", "Yoda", reason)
    assert han.stored() == {}
    wait_until(lambda: not han.unfinished())


def test_a_bug_in_the_thread_ends_the_transfers_but_not_in_silence(tmp_path: Path) -> None:
    """The one broad catch: what runs is reported as failed, and the reason is logged."""
    reports: list[Report] = []
    logged: list[str] = []
    crashed = queue.SimpleQueue[None]()

    def report(end: Report) -> None:
        if not reports:
            reports.append(end)
            raise RuntimeError("a bug in the terminal")
        reports.append(end)
        crashed.put(None)

    (tmp_path / "a.mp4").write_bytes(b"abc")
    transfers = Transfers(bind_udp(0), tmp_path, report=report, log=logged.append)
    transfers.use_keys(SOMEBODY)
    transfers.start()
    for number, address in enumerate((LOCALHOST, "no.such")):
        file = open_for_sending(tmp_path, "a.mp4")
        assert isinstance(file, OpenedFile)
        transfers.present(Ticket(number, bytes(32), "Han", address, 9, SOMEBODY.public), file)
    crashed.get(timeout=5)
    transfers.close()
    assert reports[1:] == [SendFailed("a.mp4", "Han", "for an unknown reason")]
    assert any("a bug in the terminal" in line for line in logged)


def first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)
