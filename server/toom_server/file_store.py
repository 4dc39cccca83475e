"""What must last, as files: text logs, the journal, and what lies beside them (PROTOCOL 6).

Belongs here: the order in which a batch is written, and a start. Does not: who may say what, any of
these files by itself.

A batch goes into the journal and is synced there; then it is written into the text logs, which need
no sync of their own, since a start completes them from the journal.
"""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from logging import ERROR, WARNING
from pathlib import Path

from toom_protocol.codec import encode as encode_frame
from toom_server.checkpointing import Checkpointing
from toom_server.directory_lock import DirectoryLock
from toom_server.entries import History, OriginEntry, RoomEntry
from toom_server.events import tell
from toom_server.journal import Journal
from toom_server.log_shelf import FEW_LOGS, LogShelf
from toom_server.records import BadRecord, Origin, encode
from toom_server.rooms_file import RoomsFile
from toom_server.runs_file import RunsFile
from toom_server.segments import AnotherVersion, Upkeep
from toom_server.store import Durability, Place, StoreError
from toom_server.survey import HIDDEN, survey
from toom_server.tails import Additions, Tail
from toom_server.undo import Undo
from toom_server.userlog_file import UserLogFile


@dataclass(slots=True)
class _Batch:
    """What is between `begin` and `finish`."""

    rooms: dict[int, tuple[str, ...]]
    tails: dict[int, Tail]  # by log
    lines: dict[int, bytes]  # of the tails
    origins: list[Origin]
    undo: Undo = field(default_factory=Undo)


class FileStore:
    """The text logs of SPEC, and what lies in `.toom/` beside them."""

    def __init__(
        self,
        directory: Path,
        *,
        durability: Durability = Durability.DISK,
        upkeep: Upkeep = lambda work: work(),
        open_logs: int = FEW_LOGS,
    ) -> None:
        """Keep everything in a directory.

        Args:
            upkeep: does slow work, best in a thread of its own.
            open_logs: how many logs may have a descriptor between two batches.
        """
        self._directory = directory
        self._hidden = directory / HIDDEN
        self._rooms = RoomsFile(self._hidden / "rooms")
        self._userlog = UserLogFile(directory / "userlog.txt", self._hidden / "userlog.new")
        self._logs = LogShelf(directory, open_logs)
        self._lock = DirectoryLock(self._hidden / "lock")
        self._journal = Journal(self._hidden, upkeep)
        self._durability = durability
        self._runs = RunsFile(self._hidden, durability)
        self._checkpoints = Checkpointing(
            directory, self._hidden, self._logs, self._rooms, self._runs, upkeep
        )
        self._batch: _Batch | None = None
        self._is_whole = True  # the hidden folder lacks nothing, as far as is known
        self._guests: list[Callable[[], None]] = []

    def shelter(self, put_back: Callable[[], None]) -> None:
        """Have what others keep in the hidden folder put back when it is not there any more.

        Args:
            put_back: does it where that is so; raises OSError when the disk refuses, and is
                called again then.
        """
        self._guests.append(put_back)

    def load(self) -> History:
        """Read and repair the directory (SPEC S13, PROTOCOL 6.3).

        Raises:
            DirectoryInUse: another server holds it.
            OSError: it cannot be read or written.
        """
        self._hidden.mkdir(mode=0o700, exist_ok=True)
        self._lock.take()
        self._rooms.look()
        try:
            found = survey(self._directory, self._journal, self._rooms.rooms)
        except (BadRecord, AnotherVersion) as exc:
            raise OSError(errno.EINVAL, f".toom/journal cannot be read: {exc}") from exc
        warnings = self._rooms.mend()
        replay = found.replay
        lost = {key: who for key, who in replay.rooms.items() if key not in self._rooms.rooms}
        if lost:
            self._rooms.append(lost)
        warnings += self._logs.load(found)
        if self._journal.written > replay.sequence:
            warnings.append(
                f".toom/journal-…: record {self._journal.written} had been written, but it ends at "
                f"{replay.sequence}: it was deleted, shortened or damaged."
            )
        runs = self._runs.load(replay, self._journal.written)
        self._checkpoints.write(replay.sequence)
        self._journal.begin(replay.sequence)
        self._userlog.replace(b"")
        return History(
            rooms=dict(self._rooms.rooms),
            last=self._logs.last(),
            next_room_id=max(found.logs) + 1,
            warnings=tuple(warnings),
            runs=runs,
        )

    def begin(self, additions: Additions) -> None:
        """Take room for a batch in the text logs, then write it into the journal (PROTOCOL 6.2)."""
        entries, tails = additions.entries, additions.tails
        rooms = {each.room_id: each.members for each in entries if isinstance(each, RoomEntry)}
        origins = [_origin(each) for each in entries if isinstance(each, OriginEntry)]
        lines = {log: tail.content for log, tail in tails.items()}
        batch = _Batch(rooms, tails, lines, origins)
        try:
            self._remake_hidden()
            if (covered := self._checkpoints.take_covered()) is not None:
                self._journal.forget(covered)
            self._take_room(batch)
            if self._durability is not Durability.NONE:
                numbered = {log: (tails[log].first, text) for log, text in lines.items()}
                self._journal.write(encode(rooms, numbered, origins))
        except OSError as exc:
            self._batch = batch
            self.abandon()
            raise _refusal(exc) from exc
        self._batch = batch

    @property
    def unsynced(self) -> int | None:
        """The journal, where a reply promises that it outlasts a loss of power."""
        return self._journal.handle if self._durability is Durability.DISK else None

    def sync(self) -> None:
        """Wait here until the journal is on the disk."""
        if (handle := self.unsynced) is not None:
            os.fdatasync(handle)

    def finish(self) -> None:
        """Write the text logs: rooms, then messages."""
        assert self._batch is not None
        batch = self._batch
        try:
            self._write_rooms(batch)
            self._logs.append(batch.tails, batch.lines, batch.undo)
        except OSError as exc:
            self.abandon()
            raise _refusal(exc) from exc
        self._batch = None
        self._runs.note(batch.origins)
        if self._durability is not Durability.NONE:
            self._journal.keep()
        if self._journal.has_full_segments or self._logs.was_edited:
            self._checkpoints.begin(self._journal.sequence)

    def abandon(self) -> None:
        """Take the batch back everywhere."""
        assert self._batch is not None
        self._batch.undo.run()
        self._batch = None
        try:
            self._journal.discard()
        except OSError as exc:
            tell(ERROR, "not-taken-back", file=".toom/journal", why=exc.strerror)

    def commit(self, additions: Additions) -> None:
        """Keep a batch at once: all steps, one after the other.

        Raises:
            StoreError: nothing of the batch is kept.
        """
        self.begin(additions)
        try:
            self.sync()
        except OSError as exc:
            self.abandon()
            raise _refusal(exc) from exc
        self.finish()

    def publish(self, userlog: bytes) -> None:
        """Replace userlog.txt (SPEC S3)."""
        if self._lock.is_anothers:
            raise StoreError("Another server works in this directory.")
        try:
            self._hidden.mkdir(mode=0o700, exist_ok=True)  # the next batch makes the rest of it
            self._userlog.replace(userlog)
        except OSError as exc:
            raise StoreError(f"The server's disk refuses: {exc.strerror}.") from exc

    def keep_hold(self) -> None:
        """Put back what was deleted of `.toom/`; each batch takes the lock again too."""
        if self._batch is not None:
            return
        was_whole = self._is_whole
        try:
            self._remake_hidden()
            for put_back in self._guests:
                put_back()
        except OSError as exc:  # the next batch is refused, with the reason
            self._is_whole = False
            if was_whole:
                tell(ERROR, "not-stored", file=exc.filename or ".toom/lock", why=exc.strerror)

    def read(self, log: int, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines, from the file itself."""
        return self._logs.read(log, since)

    def last_number(self, log: int) -> int | None:
        """Give the number of the last message of a log."""
        return self._logs.last_number(log)

    def read_after(self, log: int, number: int, place: Place | None) -> tuple[bytes, Place]:
        """Give some whole lines from a place on, from the file itself."""
        return self._logs.read_after(log, number, place)

    def close(self) -> None:
        """Nobody is active any more; everything is on the disk; let the next server in."""
        try:
            self._checkpoints.write(self._journal.sequence)
            self._journal.remove()
        except OSError as exc:  # the next start completes the logs from the journal
            tell(ERROR, "not-stored", file=".toom/checkpoint", why=exc.strerror)
            self._journal.close()
        self._logs.release()
        try:
            self._userlog.replace(b"")
        except OSError as exc:  # the next start empties it
            tell(ERROR, "not-stored", file="userlog.txt", why=exc.strerror)
        self._lock.close()

    def drop(self) -> None:
        """Let go of every file as it is, as the server's death does."""
        self._logs.close()
        self._journal.close()
        self._lock.close()

    # --- a batch ------------------------------------------------------------------------------

    def _take_room(self, batch: _Batch) -> None:
        """Before the journal has it: nothing that follows may fail for want of room."""
        if batch.rooms:
            self._rooms.prepare(batch.rooms)
        self._logs.make(batch.rooms, batch.undo)
        self._logs.prepare(batch.lines)

    def _write_rooms(self, batch: _Batch) -> None:
        if batch.rooms:
            batch.undo.add(partial(self._rooms.cut_back, self._rooms.size, list(batch.rooms)))
            self._rooms.append(batch.rooms)

    def _remake_hidden(self) -> None:
        """Make `.toom/` anew when it was deleted, with all that is known (PROTOCOL 6.3)."""
        has_lock = self._lock.is_held
        if has_lock and self._is_whole:
            return
        if not has_lock:
            self._is_whole = False  # until all is made: what fails is tried again
            self._hidden.mkdir(mode=0o700, exist_ok=True)
            self._lock.take()
            tell(WARNING, "hidden-folder-gone")
        self._rooms.rewrite()
        self._checkpoints.write(self._journal.sequence)
        self._journal.begin(self._journal.sequence)
        for put_back in self._guests:
            put_back()
        self._is_whole = True


def _origin(entry: OriginEntry) -> Origin:
    return Origin(entry.run, encode_frame(entry.request_id, entry.reply) if entry.reply else b"")


def _refusal(fault: OSError) -> StoreError:
    return StoreError(f"The server's disk refuses: {fault.strerror}.")
