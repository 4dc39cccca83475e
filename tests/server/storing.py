"""What the tests of the store keep, and the ways in which they end it."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from toom_protocol.lines import Post, format_post
from toom_protocol.messages import BroadcastSent
from toom_server.entries import BROADCASTS, Entry, History, OriginEntry, RoomEntry
from toom_server.file_store import FileStore
from toom_server.store import Durability, Store
from toom_server.tails import Additions, Tail

AT = datetime(2022, 6, 1, 16, 0, 0)
Said = tuple[int, Post]  # a log, and what was said in it


def said(number: int, text: str = "hi", log: int = BROADCASTS, at: datetime = AT) -> Said:
    return log, Post(number, at, "Yoda", text)


def room(room_id: int) -> RoomEntry:
    return RoomEntry(room_id, ("Yoda", "Han"))


def batch(entries: Sequence[Said | Entry]) -> Additions:
    """All of it as one batch, in order."""
    additions = Additions()
    for entry in entries:
        if not isinstance(entry, tuple):
            additions.entries.append(entry)
            continue
        log, post = entry
        tail = additions.tails.setdefault(log, Tail(post.number))
        if tail.at != post.at:
            tail.turn_to(post.at)
        tail.lines.append(format_post(post))
    return additions


def begin(store: Store, entries: Sequence[Said | Entry]) -> None:
    store.begin(batch(entries))


def commit(store: FileStore, entries: Sequence[Said | Entry]) -> None:
    store.commit(batch(entries))


def restart(directory: Path, store: FileStore, durability: Durability = Durability.DISK) -> History:
    store.close()
    again = FileStore(directory, durability=durability)
    history = again.load()
    again.close()
    store.load()
    return history


def kill(directory: Path, store: FileStore, durability: Durability = Durability.DISK) -> History:
    """Let go of the directory as a process that is killed does, and start again."""
    store.drop()
    store.__init__(directory, durability=durability)  # type: ignore[misc]  # the store's process is another one
    return store.load()


def lose_power(directory: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch) -> History:
    """As `kill`, and the machine has been started again."""
    monkeypatch.setattr("toom_server.journal.boot", lambda: os.urandom(16))
    return kill(directory, store)


def failing(fault: int, real: Callable[..., object], at: int) -> Callable[..., object]:
    """A function of the system that fails once, at its `at`th call."""
    calls = []

    def call(*args: object) -> object:
        calls.append(args)
        if len(calls) == at:
            raise OSError(fault, os.strerror(fault))
        return real(*args)

    return call


def read_numbers(store: FileStore) -> list[int]:
    content = b"".join(store.read(BROADCASTS, datetime.min))
    return [int(line.split(b";")[0]) for line in content.splitlines()]


def log_text(directory: Path) -> str:
    return (directory / "messagelog.txt").read_text()


def origin(request_id: int, number: int) -> OriginEntry:
    return OriginEntry(b"r" * 16, request_id, BroadcastSent(number, "1 Jun 2022 16:00:00"))
