"""All text logs of a directory: which there are, which are open, which are not surely on the disk.

Belongs here: what goes for logs together (PROTOCOL 6.2). Does not: one log (log_file.py), the
journal, checkpoints.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from toom_server.checkpoint import Extent
from toom_server.entries import BROADCASTS, LastPost
from toom_server.log_file import LOG_MODE, LogFile
from toom_server.mending import foresee
from toom_server.store import Place
from toom_server.survey import HIDDEN, Survey, log_path
from toom_server.tails import Tail
from toom_server.undo import Undo

FEW_LOGS: Final = 32  # descriptors of logs, where nobody says how many


class LogShelf:
    """The logs by their room, BROADCASTS among them."""

    def __init__(self, directory: Path, open_logs: int = FEW_LOGS) -> None:
        """Keep logs in a directory, so many of them open between two batches."""
        self._directory = directory
        self._open_logs = open_logs
        self._logs: dict[int, LogFile] = {}
        self._open: dict[int, LogFile] = {}  # logs that have a descriptor, the latest last
        self._dirty: set[int] = set()  # logs with lines that are only in the journal for sure
        self.was_edited = False  # by somebody else: a checkpoint tells a size that is no longer so

    def load(self, found: Survey) -> list[str]:
        """Read every log and complete it; give the warnings.

        Raises:
            OSError: one cannot be read or written.
        """
        warnings = [line for log in found.logs for line in self._load(log, found)]
        self._dirty |= set(found.replay.lines)
        return warnings

    def _load(self, key: int, found: Survey) -> list[str]:
        """Read one log and complete it."""
        log = LogFile(self._path(key))
        is_there = log.path.exists() or key in found.replay.rooms
        index = self._directory / HIDDEN / f"index-{key}"
        mending = foresee(log, key, found.known(key), found.replay, index)
        warnings = mending.carry_out()
        self._logs[key] = log
        is_room = key in found.rooms
        if is_room and not is_there and not mending.shortened:
            warnings.append(f"{log.path.name}: the log of room {key} is gone; beginning a new one.")
        if (is_room or key == BROADCASTS) and not log.path.exists():
            log.path.touch(LOG_MODE)
        return warnings

    def __getitem__(self, log: int) -> LogFile:
        """Give one of them."""
        return self._logs[log]

    def last(self) -> dict[int, LastPost]:
        """Tell where each goes on."""
        return {key: log.last for key, log in self._logs.items()}

    # --- a batch ------------------------------------------------------------------------------

    def make(self, room_ids: Iterable[int], undo: Undo) -> None:
        """Begin the logs of new rooms, which must not be there.

        Raises:
            OSError: as far as it came `undo` takes it back.
        """
        for room_id in room_ids:
            log = LogFile(self._path(room_id))
            os.close(os.open(log.path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, LOG_MODE))
            undo.add(partial(self._drop_log, room_id, log))
            self._logs[room_id] = log

    def prepare(self, lines: Mapping[int, bytes]) -> None:
        """See to it that these lines can be appended.

        Raises:
            OSError: there is no room for them, or a log cannot be written.
        """
        for key, content in lines.items():
            log = self._logs[key]
            self.was_edited |= log.prepare(len(content))
            self._open.pop(key, None)
            self._open[key] = log

    def append(self, tails: Mapping[int, Tail], lines: Mapping[int, bytes], undo: Undo) -> None:
        """Write what was prepared; without a sync.

        Args:
            tails: by log.
            lines: of the tails, made once for the journal too.
            undo: takes it back.
        """
        for key, content in lines.items():
            log = self._logs[key]
            undo.add(partial(log.forget_after, log.size, log.last))
            log.append(tails[key], content)
            self._dirty.add(key)
        while len(self._open) > self._open_logs:
            self._open.pop(next(iter(self._open))).close()

    def _drop_log(self, room_id: int, log: LogFile) -> None:
        log.close()
        log.path.unlink(missing_ok=True)
        self._logs.pop(room_id, None)
        self._open.pop(room_id, None)

    # --- what a checkpoint tells ----------------------------------------------------------------

    def extents(self) -> dict[int, Extent]:
        """Tell how much of each there is."""
        return {key: Extent(log.size, log.last.number) for key, log in self._logs.items()}

    def indexes(self) -> dict[int, bytes]:
        """Give, by log, the index of those that have grown enough to be worth a new one."""
        return {key: index for key, log in self._logs.items() if (index := log.indexed())}

    def take_dirty(self) -> list[LogFile]:
        """Give the logs that must be synced: whoever takes them does it, or puts them back."""
        dirty = [self._logs[key] for key in self._dirty if key in self._logs]
        self._dirty.clear()
        self.was_edited = False
        return dirty

    def put_back_dirty(self, dirty: Iterable[LogFile]) -> None:
        """They have not been synced."""
        self._dirty |= {key for key, log in self._logs.items() if log in dirty}

    # --- reading ------------------------------------------------------------------------------

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

    def release(self) -> None:
        """Give room back that was taken ahead, and let go of the files."""
        for log in self._logs.values():
            log.release()

    def close(self) -> None:
        """Let go of the files, as a death does."""
        for log in self._logs.values():
            log.close()

    def _path(self, log: int) -> Path:
        return log_path(self._directory, log)
