"""Batches on their way to the disk, one at a time (PROTOCOL 6.2).

Belongs here: the steps of a batch, and what a refusal leaves. Does not: what is in it, who hears.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from logging import ERROR

from toom_server.disk import Disk, ThreadedDisk
from toom_server.entries import RoomEntry
from toom_server.events import tell
from toom_server.observer import Observer
from toom_server.store import Store, StoreError
from toom_server.tails import Additions

Done = Callable[[str | None], None]  # hears why nothing of a batch is kept; None: all of it is


class GroupCommit:
    """Keeps batch after batch: while one is synced the next one gathers elsewhere."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._disk: Disk = ThreadedDisk()
        self._observer: Observer | None = None
        self.is_healthy = True  # whether the last batch was kept

    def use_disk(self, disk: Disk) -> None:
        """Wait for the disk in another way from now on; nothing is under way yet."""
        self._disk.close()
        self._disk = disk

    def observe(self, observer: Observer) -> None:
        """Tell somebody about batches from now on."""
        self._observer = observer

    def keep(self, additions: Additions, done: Done) -> None:
        """Keep a batch whole or not at all; `done` hears in a later turn of the event loop."""
        loop = asyncio.get_running_loop()
        if not additions:
            loop.call_soon(done, None)
            return
        began = time.monotonic()
        finish = partial(self._finish, additions, began, done)
        try:
            self._store.begin(additions)
        except StoreError as exc:
            loop.call_soon(self._ended, additions, began, done, str(exc))
        else:
            if (handle := self._store.unsynced) is not None:
                self._disk.sync(handle, finish)
            else:
                loop.call_soon(finish, None)

    def _finish(
        self, additions: Additions, began: float, done: Done, unsynced: OSError | None
    ) -> None:
        fault = None
        if unsynced is not None:
            self._store.abandon()
            fault = f"The server's disk refuses: {unsynced.strerror}."
        else:
            try:
                self._store.finish()
            except StoreError as exc:
                fault = str(exc)
        self._ended(additions, began, done, fault)

    def _ended(self, additions: Additions, began: float, done: Done, fault: str | None) -> None:
        self.is_healthy = fault is None
        if fault is not None:
            tell(ERROR, "not-stored", why=fault)
        if self._observer is not None:
            count = sum(len(tail.lines) for tail in additions.tails.values())
            count += sum(isinstance(entry, RoomEntry) for entry in additions.entries)
            self._observer.batch(count, time.monotonic() - began, kept=fault is None)
        done(fault)

    def close(self) -> None:
        """Let go of the disk; no batch is under way."""
        self._disk.close()
