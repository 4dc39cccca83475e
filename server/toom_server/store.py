"""The one door to all that must last (PROTOCOL 6): `load` once, then batch by batch.

Belongs here: what is kept and in which order it is written. Does not: who may say what.

A batch goes into the journal and is synced there; then it is written into the text logs, which need
no sync of their own, since a start completes them from the journal.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from logging import ERROR, WARNING
from pathlib import Path
from typing import Final, Protocol

from toom_protocol.codec import encode as encode_frame
from toom_protocol.messages import Reply
from toom_server import checkpoint
from toom_server.boot import boot
from toom_server.checkpoint import Checkpoint, Extent, sync_directory
from toom_server.entries import BROADCASTS, Entry, History, OriginEntry, PostEntry, RoomEntry
from toom_server.events import tell
from toom_server.journal import Journal
from toom_server.log_file import LOG_MODE, LogFile
from toom_server.mending import foresee
from toom_server.records import BadRecord, Origin, encode
from toom_server.recovery import Replay
from toom_server.rooms_file import RoomsFile
from toom_server.runs import ANY_BOOT, Runs
from toom_server.segments import AnotherVersion
from toom_server.survey import HIDDEN, Survey, log_path, survey
from toom_server.tails import Tail, tails_of
from toom_server.userlog_file import UserLogFile

FEW_LOGS: Final = 32  # descriptors of logs, where nobody says how many
CHECKPOINT_AGAIN: Final = 5.0  # seconds after the disk has refused one


class Durability(StrEnum):
    """What a reply promises."""

    DISK = "disk"  # it outlasts a loss of power
    SYSTEM = "system"  # it outlasts the server's death, and not the system's
    NONE = "none"  # as `system`, but a batch may be there in part; there is no journal


class StoreError(Exception):
    """The batch could not be kept and nothing of it was; the text is for the user."""


class DirectoryInUse(OSError):
    """Another server works in this directory."""


class Store(Protocol):
    """Keeps what must last."""

    def load(self) -> History:
        """Give what was kept, and open for commits."""

    def begin(self, entries: Sequence[Entry]) -> None:
        """Take a batch, which is kept whole or not at all; `finish` or `abandon` follows.

        Raises:
            StoreError: nothing of the batch is kept; neither follows.
        """

    @property
    def unsynced(self) -> int | None:
        """The descriptor that must be synced between `begin` and `finish`; None: none need be."""

    def finish(self) -> None:
        """Write the text logs; when this returns, the replies of the batch may leave.

        Raises:
            StoreError: nothing of the batch is kept.
        """

    def abandon(self) -> None:
        """Take the batch back."""

    def publish(self, userlog: bytes) -> None:
        """Show who is logged in; may be called in a thread.

        This need not last, since nobody is logged in after a restart.

        Raises:
            StoreError: the earlier list is still shown.
        """

    def keep_hold(self) -> None:
        """See to it that no other server can work here; called now and then."""

    def read(self, log: int, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines of a log that are later than a time."""

    def last_number(self, log: int) -> int | None:
        """Give the number of the last message that stands in a log; None: there is no such log."""

    def read_after(self, log: int, number: int, place: "Place | None") -> tuple[bytes, "Place"]:
        """Give some whole lines of a log, and where the next ones begin.

        Args:
            number: the last message that is known; where it ends is looked up without a place.
            place: where the last call has ended.

        Returns:
            No lines, when there are none; some may be no messages, or known ones.

        Raises:
            OSError: the log cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a log, as long as nobody else writes to it."""

    edition: int
    offset: int


@dataclass(slots=True)
class _Batch:
    """What is between `begin` and `finish`."""

    rooms: dict[int, tuple[str, ...]]
    tails: dict[int, Tail]  # by log
    lines: dict[int, bytes]  # of the tails
    undo: "_Undo"
    origins: list[Origin]


class FileStore:
    """The text logs of SPEC, and what lies in `.toom/` beside them."""

    def __init__(
        self,
        directory: Path,
        *,
        durability: Durability = Durability.DISK,
        upkeep: Callable[[Callable[[], None]], object] = lambda work: work(),
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
        self._logs: dict[int, LogFile] = {}
        self._dirty: set[int] = set()  # logs with lines that are only in the journal for sure
        self._open_logs = open_logs
        self._open: dict[int, LogFile] = {}  # logs that have one, the latest last
        self._lock_path = str(self._hidden / "lock")  # looked at with each batch
        self._journal = Journal(self._hidden, upkeep)
        self._durability = durability
        self._runs = Runs()
        self._upkeep = upkeep
        self._checkpointing = False
        self._checkpoint_again = 0.0  # when one may be tried after a failure; monotonic seconds
        self._forget: int | None = None  # up to this record a checkpoint has everything
        self._was_edited = False  # a checkpoint tells a size that is no longer so
        self._batch: _Batch | None = None
        self._lock = -1
        self._lock_identity = (0, 0)  # device and inode
        self._is_whole = True  # the hidden folder lacks nothing, as far as is known
        self._guests: list[Callable[[], None]] = []

    def shelter(self, put_back: Callable[[], None]) -> None:
        """Have what others keep in the hidden folder put back when the folder is made anew.

        Args:
            put_back: does it; raises OSError when the disk refuses, and is called again then.
        """
        self._guests.append(put_back)

    def load(self) -> History:
        """Read and repair the directory (SPEC S13, PROTOCOL 6.3).

        Raises:
            DirectoryInUse: another server holds it.
            OSError: it cannot be read or written.
        """
        self._hidden.mkdir(mode=0o700, exist_ok=True)
        self._take_lock()
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
        for log in found.logs:
            warnings += self._load_log(log, found)
        self._dirty |= set(replay.lines)
        if self._journal.written > replay.sequence:
            warnings.append(
                f".toom/journal-…: record {self._journal.written} had been written, but it ends at "
                f"{replay.sequence}: it was deleted, shortened or damaged."
            )
        runs = self._load_runs(replay)
        self._write_checkpoint(self._snapshot(replay.sequence))
        self._journal.begin(replay.sequence)
        self._userlog.replace(b"")
        return History(
            rooms=dict(self._rooms.rooms),
            last={log: file.last for log, file in self._logs.items()},
            next_room_id=max(found.logs) + 1,
            warnings=tuple(warnings),
            runs=runs,
        )

    def begin(self, entries: Sequence[Entry]) -> None:
        """Take room for a batch in the text logs, then write it into the journal (PROTOCOL 6.2)."""
        rare = [each for each in entries if not isinstance(each, PostEntry)]
        rooms = {each.room_id: each.members for each in rare if isinstance(each, RoomEntry)}
        origins = [_origin(each) for each in rare if isinstance(each, OriginEntry)]
        tails = tails_of(entries)
        lines = {log: tail.content for log, tail in tails.items()}
        batch = _Batch(rooms, tails, lines, _Undo(), origins)
        try:
            self._remake_hidden()
            if self._forget is not None:
                self._journal.forget(self._forget)
                self._forget = None
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
            self._write_posts(batch)
        except OSError as exc:
            self.abandon()
            raise _refusal(exc) from exc
        self._batch = None
        for origin in batch.origins:
            self._runs.note(origin.run, origin.frame)
        if self._durability is not Durability.NONE:
            self._journal.keep()
        if self._journal.has_full_segments or self._was_edited:
            self._begin_checkpoint()

    def abandon(self) -> None:
        """Take the batch back everywhere."""
        assert self._batch is not None
        self._batch.undo.run()
        self._batch = None
        try:
            self._journal.discard()
        except OSError as exc:
            tell(ERROR, "not-taken-back", file=".toom/journal", why=exc.strerror)

    def commit(self, entries: Sequence[Entry]) -> None:
        """Keep a batch at once: all steps, one after the other.

        Raises:
            StoreError: nothing of the batch is kept.
        """
        self.begin(entries)
        try:
            self.sync()
        except OSError as exc:
            self.abandon()
            raise _refusal(exc) from exc
        self.finish()

    def publish(self, userlog: bytes) -> None:
        """Replace userlog.txt (SPEC S3)."""
        if not self._has_lock() and os.path.exists(self._lock_path):
            raise StoreError("Another server works in this directory.")
        try:
            self._hidden.mkdir(mode=0o700, exist_ok=True)  # the next batch makes the rest of it
            self._userlog.replace(userlog)
        except OSError as exc:
            raise StoreError(f"The server's disk refuses: {exc.strerror}.") from exc

    def keep_hold(self) -> None:
        """Take the lock again that was deleted with `.toom/`; each batch does so too."""
        if self._batch is not None:
            return
        was_whole = self._is_whole
        try:
            self._remake_hidden()
        except OSError as exc:  # the next batch is refused, with the reason
            if was_whole:
                tell(ERROR, "not-stored", file=".toom/lock", why=exc.strerror)

    def read(self, log: int, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines, from the file itself."""
        if log in self._logs:
            yield from self._logs[log].later_than(since)

    def last_number(self, log: int) -> int | None:
        """Give the number of the last message of a log."""
        return self._logs[log].last.number if log in self._logs else None

    def read_after(self, log: int, number: int, place: Place | None) -> tuple[bytes, Place]:
        """Give some whole lines from a place on, from the file itself."""
        if log not in self._logs:
            return b"", Place(0, 0)
        file = self._logs[log]
        is_so = place is not None and place.edition == file.edition and place.offset <= file.size
        offset = place.offset if place is not None and is_so else file.place_after(number)
        lines, end = file.block_from(offset)
        while not lines and end < file.size:
            lines, end = file.block_from(end)
        return lines, Place(file.edition, end)

    def close(self) -> None:
        """Nobody is active any more; everything is on the disk; let the next server in."""
        try:
            self._write_checkpoint(self._snapshot(self._journal.sequence))
            self._journal.remove()
        except OSError as exc:  # the next start completes the logs from the journal
            tell(ERROR, "not-stored", file=".toom/checkpoint", why=exc.strerror)
            self._journal.close()
        for log in self._logs.values():
            log.release()
        try:
            self._userlog.replace(b"")
        except OSError as exc:  # the next start empties it
            tell(ERROR, "not-stored", file="userlog.txt", why=exc.strerror)
        os.close(self._lock)
        self._lock = -1

    # --- a batch ------------------------------------------------------------------------------

    def _take_room(self, batch: _Batch) -> None:
        """Before the journal has it: nothing that follows may fail for want of room."""
        if batch.rooms:
            self._rooms.prepare(batch.rooms)
        for room_id in batch.rooms:
            log = LogFile(self._path(room_id))
            os.close(os.open(log.path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, LOG_MODE))
            batch.undo.add(partial(self._drop_log, room_id, log))
            self._logs[room_id] = log
        for key, lines in batch.lines.items():
            log = self._logs[key]
            self._was_edited |= log.prepare(len(lines))
            self._open.pop(key, None)
            self._open[key] = log

    def _write_rooms(self, batch: _Batch) -> None:
        if batch.rooms:
            batch.undo.add(partial(self._rooms.cut_back, self._rooms.size, list(batch.rooms)))
            self._rooms.append(batch.rooms)

    def _write_posts(self, batch: _Batch) -> None:
        for key, lines in batch.lines.items():
            log = self._logs[key]
            batch.undo.add(partial(log.forget_after, log.size, log.last))
            log.append(batch.tails[key], lines)
            self._dirty.add(key)
        while len(self._open) > self._open_logs:
            self._open.pop(next(iter(self._open))).close()

    def _drop_log(self, room_id: int, log: LogFile) -> None:
        log.close()
        log.path.unlink(missing_ok=True)
        self._logs.pop(room_id, None)
        self._open.pop(room_id, None)

    # --- checkpoints --------------------------------------------------------------------------

    def _snapshot(self, sequence: int) -> "_Snapshot":
        snapshot = _Snapshot(
            Checkpoint(
                sequence,
                {key: Extent(log.size, log.last.number) for key, log in self._logs.items()},
            ),
            [self._logs[key] for key in self._dirty if key in self._logs],
            {key: index for key, log in self._logs.items() if (index := log.indexed())},
            self._runs.encode(ANY_BOOT if self._durability is Durability.DISK else boot()),
        )
        self._dirty.clear()
        self._was_edited = False
        return snapshot

    def _begin_checkpoint(self) -> None:
        """Write a checkpoint beside the conference, unless one is being written."""
        if self._checkpointing or time.monotonic() < self._checkpoint_again:
            return
        self._checkpointing = True
        snapshot = self._snapshot(self._journal.sequence)

        def work() -> None:
            try:
                self._write_checkpoint(snapshot)
                self._forget = snapshot.checkpoint.sequence
            except OSError as exc:  # the journal keeps everything until the next one
                self._dirty |= {key for key, log in self._logs.items() if log in snapshot.dirty}
                self._checkpoint_again = time.monotonic() + CHECKPOINT_AGAIN
                tell(ERROR, "not-stored", file=".toom/checkpoint", why=exc.strerror)
            finally:
                self._checkpointing = False

        self._upkeep(work)

    def _write_checkpoint(self, snapshot: "_Snapshot") -> None:
        for log in snapshot.dirty:
            log.sync()
        self._rooms.sync()
        sync_directory(self._directory)
        self._write_runs(snapshot.runs)
        checkpoint.write(self._hidden, snapshot.checkpoint)
        for key, index in snapshot.indexes.items():  # only to be quick: it needs no sync
            fresh = self._hidden / "index.new"
            fresh.write_bytes(index)
            fresh.replace(self._hidden / f"index-{key}")

    def _write_runs(self, content: bytes) -> None:
        """Before the checkpoint, since the journal's records before it may go then."""
        path = self._hidden / "runs"
        if self._durability is Durability.NONE or not self._runs:  # without a journal: no promise
            path.unlink(missing_ok=True)
            return
        fresh = self._hidden / "runs.new"
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        fresh.replace(path)
        sync_directory(self._hidden)  # a checkpoint must not be there before it

    # --- load ---------------------------------------------------------------------------------

    def _load_runs(self, replay: Replay) -> dict[bytes, list[tuple[int, Reply]]]:
        """Give what became of commands (PROTOCOL 3.6), where all of it is known for sure."""
        path = self._hidden / "runs"
        has_end = replay.sequence >= self._journal.written
        is_whole = has_end and (replay.same_boot or self._durability is Durability.DISK)
        known = Runs() if is_whole else None
        if has_end and path.exists():
            known = Runs.decode(path.read_bytes(), boot())
        self._runs = known or Runs()
        if known is not None:
            for origin in replay.origins:
                self._runs.note(origin.run, origin.frame)
        return dict(self._runs.replies())

    def _take_lock(self) -> None:
        lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DirectoryInUse(
                errno.EBUSY, f"another server works in {self._directory}"
            ) from None
        if self._lock >= 0:
            os.close(self._lock)
        there = os.fstat(lock)
        self._lock, self._lock_identity = lock, (there.st_dev, there.st_ino)

    def _has_lock(self) -> bool:
        """Whether the lock that we hold is the one that another server would try to take."""
        try:
            there = os.stat(self._lock_path)  # three times quicker than a Path
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == self._lock_identity

    def _remake_hidden(self) -> None:
        """Make `.toom/` anew when it was deleted, with all that is known (PROTOCOL 6.3)."""
        has_lock = self._has_lock()
        if has_lock and self._is_whole:
            return
        if not has_lock:
            self._is_whole = False  # until all is made: what fails is tried again
            self._hidden.mkdir(mode=0o700, exist_ok=True)
            self._take_lock()
            tell(WARNING, "hidden-folder-gone")
        self._rooms.rewrite()
        self._write_checkpoint(self._snapshot(self._journal.sequence))
        self._journal.begin(self._journal.sequence)
        for put_back in self._guests:
            put_back()
        self._is_whole = True

    def _load_log(self, key: int, found: Survey) -> list[str]:
        """Read one log and complete it."""
        log = LogFile(self._path(key))
        is_there = log.path.exists() or key in found.replay.rooms
        index = self._hidden / f"index-{key}"
        mending = foresee(log, key, found.known(key), found.replay, index)
        warnings = mending.carry_out()
        self._logs[key] = log
        is_room = key in found.rooms
        if is_room and not is_there and not mending.shortened:
            warnings.append(f"{log.path.name}: the log of room {key} is gone; beginning a new one.")
        if (is_room or key == BROADCASTS) and not log.path.exists():
            log.path.touch(LOG_MODE)
        return warnings

    def _path(self, log: int) -> Path:
        return log_path(self._directory, log)


class _Undo:
    """What takes back the steps of a batch that were done, last first."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        self._steps.append(step)

    def run(self) -> None:
        for step in reversed(self._steps):
            try:
                step()
            except OSError as exc:  # the disk is worse than full; the next step may still help
                tell(ERROR, "not-taken-back", why=exc)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A moment between two batches, as a checkpoint will tell it."""

    checkpoint: Checkpoint
    dirty: Sequence[LogFile] = field(default=())
    indexes: Mapping[int, bytes] = field(default_factory=dict)
    runs: bytes = b""


def _origin(entry: OriginEntry) -> Origin:
    return Origin(entry.run, encode_frame(entry.request_id, entry.reply) if entry.reply else b"")


def _refusal(fault: OSError) -> StoreError:
    return StoreError(f"The server's disk refuses: {fault.strerror}.")
