"""The one door to all that must last (PROTOCOL 6): `load` once, then `commit` batch by batch.

Belongs here: what is kept and in which order it is written. Does not: who may say what.

Today it is the text logs, written and synced, and three small files in `.toom/`: `rooms` (who is in
which room), `marks` (the last number acknowledged in each log) and `lock`.
"""

import errno
import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from logging import ERROR, WARNING
from pathlib import Path
from typing import Final, Protocol

from toom_protocol.lines import ActiveUser, Post, format_active_user, format_post
from toom_server.entries import BROADCASTS, Entry, History, PostEntry, RoomEntry
from toom_server.events import tell
from toom_server.log_file import LOG_MODE, LogFile
from toom_server.rooms_file import RoomsFile

MAX_MARKS: Final = 1 << 20  # bytes; a larger file of marks is written anew, a line for each log
USERLOG_RESERVE: Final = 4096  # bytes kept free for a longer list; about 60 more users
ROOM_LOG: Final = re.compile(r"SR_([1-9][0-9]{0,17})_messagelog\.txt")


class StoreError(Exception):
    """The batch could not be kept and nothing of it was; the text is for the user."""


class DirectoryInUse(OSError):
    """Another server works in this directory."""


class Store(Protocol):
    """Keeps what must last."""

    def load(self) -> History:
        """Give what was kept, and open for commits."""

    def commit(self, entries: Sequence[Entry]) -> None:
        """Keep a batch or nothing of it; when this returns, its replies may leave.

        Raises:
            StoreError: nothing of the batch is kept.
        """

    def publish(self, active: Sequence[ActiveUser]) -> None:
        """Show who is logged in; this need not last, since nobody is after a restart.

        Raises:
            StoreError: the earlier list is still shown.
        """

    def read(self, log: int, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines of a log that are later than a time."""


class FileStore:
    """The text logs of SPEC and a few files in `.toom/` beside them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._hidden = directory / ".toom"
        self._rooms = RoomsFile(self._hidden / "rooms")
        self._logs: dict[int, LogFile] = {}
        self._marks_size = 0
        self._lock = -1

    def load(self) -> History:
        """Read and repair the directory (SPEC S13, PROTOCOL 6.3).

        Raises:
            DirectoryInUse: another server holds it.
            OSError: it cannot be read or written.
        """
        self._hidden.mkdir(mode=0o700, exist_ok=True)
        self._take_lock()
        marks = self._read_marks()
        warnings = self._rooms.load()
        rooms = dict(self._rooms.rooms)
        names = [ROOM_LOG.fullmatch(path.name) for path in self._directory.iterdir()]
        room_ids = {int(name[1]) for name in names if name}
        for log in sorted({BROADCASTS} | set(rooms) | room_ids):
            warnings += self._load_log(log, marks, is_room=log in rooms)
        self._write_marks()
        self._replace_userlog(b"")
        return History(
            rooms=rooms,
            last={log: file.last for log, file in self._logs.items()},
            next_room_id=max(set(rooms) | room_ids, default=0) + 1,
            warnings=tuple(warnings),
        )

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write and sync a batch: rooms, then messages, then marks (PROTOCOL 6.1, 6.2)."""
        undo = _Undo()
        try:
            self._remake_hidden()
            self._commit_rooms([e for e in entries if isinstance(e, RoomEntry)], undo)
            self._commit_posts([e for e in entries if isinstance(e, PostEntry)], undo)
        except OSError as exc:
            undo.run()
            raise StoreError(f"The server's disk refuses: {exc.strerror}.") from exc

    def publish(self, active: Sequence[ActiveUser]) -> None:
        """Replace userlog.txt (SPEC S3)."""
        lines = "".join(format_active_user(user) + "\n" for user in active)
        try:
            self._remake_hidden()
            self._replace_userlog(lines.encode())
        except OSError as exc:
            raise StoreError(f"The server's disk refuses: {exc.strerror}.") from exc

    def read(self, log: int, since: datetime) -> Iterator[bytes]:
        """Yield blocks of whole lines, from the file itself."""
        if log in self._logs:
            yield from self._logs[log].later_than(since)

    def close(self) -> None:
        """Nobody is active any more; let the next server in."""
        try:
            self._replace_userlog(b"")
        except OSError as exc:  # the next start empties it
            tell(ERROR, "not-stored", file="userlog.txt", why=exc.strerror)
        os.close(self._lock)

    # --- commit -------------------------------------------------------------------------------

    def _commit_rooms(self, entries: list[RoomEntry], undo: "_Undo") -> None:
        if not entries:
            return
        undo.add(partial(self._rooms.cut_back, self._rooms.size, entries))
        self._rooms.append(entries)
        for entry in entries:
            log = LogFile(self._path(entry.room_id))
            os.close(os.open(log.path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, LOG_MODE))
            undo.add(partial(self._drop_log, entry.room_id, log))
            self._logs[entry.room_id] = log
        _sync_directory(self._directory)

    def _commit_posts(self, entries: list[PostEntry], undo: "_Undo") -> None:
        posts: defaultdict[int, list[Post]] = defaultdict(list)
        for entry in entries:
            posts[entry.log].append(entry.post)
        for key, said in posts.items():
            log = self._logs[key]
            size, last = log.size, log.last
            is_new = not log.path.exists()
            log.append(said, "".join(format_post(post) + "\n" for post in said).encode())
            undo.add(partial(log.forget_after, size, last))
            if is_new:
                _sync_directory(self._directory)
        if posts:
            self._append_marks(list(posts), undo)

    def _drop_log(self, room_id: int, log: LogFile) -> None:
        log.path.unlink(missing_ok=True)
        self._logs.pop(room_id, None)

    def _replace_userlog(self, content: bytes) -> None:
        """Replace the file at once, so that nobody sees a half of it (SPEC S3)."""
        fresh = self._hidden / "userlog.new"
        with fresh.open("r+b" if fresh.exists() else "wb") as file:
            file.write(content)
            file.truncate()
        fresh.chmod(LOG_MODE)
        fresh.replace(self._directory / "userlog.txt")
        self._reserve(fresh, len(content))

    def _reserve(self, fresh: Path, size: int) -> None:
        """Take room for the next list now: whoever leaves while the disk is full must go from it.

        Never more than asked for is written into it, so it is only ever cut.
        """
        with suppress(OSError), fresh.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size + USERLOG_RESERVE)

    # --- marks: the last number acknowledged in each log --------------------------------------

    def _append_marks(self, logs: list[int], undo: "_Undo") -> None:
        lines = "".join(f"{log} {self._logs[log].last.number}\n" for log in logs).encode()
        path = self._hidden / "marks"
        undo.add(partial(os.truncate, path, self._marks_size))
        with path.open("ab") as file:
            file.write(lines)
        self._marks_size += len(lines)
        if self._marks_size > MAX_MARKS:
            self._write_marks()

    def _write_marks(self) -> None:
        lines = "".join(f"{key} {log.last.number}\n" for key, log in self._logs.items()).encode()
        fresh = self._hidden / "marks.new"
        fresh.write_bytes(lines)
        fresh.replace(self._hidden / "marks")
        self._marks_size = len(lines)

    def _read_marks(self) -> dict[int, int] | None:
        path = self._hidden / "marks"
        if not path.exists():
            return None
        found = re.findall(rb"(?m)^([0-9]{1,18}) ([0-9]{1,18})\n", path.read_bytes())
        return {int(log): int(number) for log, number in found}

    # --- load ---------------------------------------------------------------------------------

    def _take_lock(self) -> None:
        lock = os.open(self._hidden / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DirectoryInUse(
                errno.EBUSY, f"another server works in {self._directory}"
            ) from None
        self._lock = lock

    def _remake_hidden(self) -> None:
        """Make `.toom/` anew when it was deleted, with all that is known (PROTOCOL 6.3)."""
        if (self._hidden / "lock").exists():
            return
        tell(WARNING, "hidden-folder-gone")
        self._hidden.mkdir(mode=0o700, exist_ok=True)
        lost = self._lock
        self._take_lock()
        os.close(lost)
        self._rooms.rewrite()
        self._write_marks()

    def _load_log(self, key: int, marks: dict[int, int] | None, *, is_room: bool) -> list[str]:
        log = LogFile(self._path(key))
        mark = None if marks is None else marks.get(key, 0)
        is_there = log.path.exists()
        warnings = log.load(mark)
        self._logs[key] = log
        if mark is not None and log.last.number < mark:
            warnings.append(
                f"{log.path.name}: #{mark} had been acknowledged, but the log ends at "
                f"#{log.last.number}: it was deleted or shortened; going on from there."
            )
        elif is_room and not is_there:
            warnings.append(f"{log.path.name}: the log of room {key} is gone; beginning a new one.")
        if (is_room or key == BROADCASTS) and not is_there:
            log.path.touch(LOG_MODE)
        return warnings

    def _path(self, log: int) -> Path:
        name = "messagelog.txt" if log == BROADCASTS else f"SR_{log}_messagelog.txt"
        return self._directory / name


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


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
