"""A look through a server's directory that changes nothing (`toom-server --check`).

Belongs here: what is in order, what the next start would repair, what is a fault. Does not:
repairing (file_store.py, SPEC S13); both ask survey.py and mending.py what is to be done.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toom_protocol.errors import MalformedLine
from toom_protocol.lines import Post, parse_post
from toom_server.entries import BROADCASTS
from toom_server.journal import Journal
from toom_server.log_file import LogFile
from toom_server.mending import Mending, foresee
from toom_server.records import BadRecord
from toom_server.rooms_file import RoomsFile
from toom_server.segments import AnotherVersion
from toom_server.survey import HIDDEN, Survey, log_path, logs_there, survey

NEVER_READ: Final = (  # by a look through the directory; a start writes them
    "userlog.txt",
    f"{HIDDEN}/userlog.new",
    f"{HIDDEN}/runs",
    f"{HIDDEN}/spare",
)
JOURNAL: Final = f"{HIDDEN}/journal"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for people; a fault is what a start does not repair."""

    text: str
    fault: bool = False


def examine(directory: Path) -> Iterator[Finding]:
    """Look at the journal and at every message log, in order of rooms.

    A log's numbers go up by one from the first on, and its times never go back (SPEC S4, S6); it
    holds what was acknowledged (S13).
    """
    try:
        if not directory.is_dir():
            yield Finding(f"{directory}: no such directory", fault=True)
            return
        there = logs_there(directory)
    except OSError as exc:
        yield Finding(f"{directory}: cannot be read: {exc.strerror}", fault=True)
        return
    for name in NEVER_READ:
        if (directory / name).is_dir():
            yield Finding(f"{name}: it is a directory, and should be a file", fault=True)
    found: Survey | None = None
    try:
        if _is_in_use(directory):
            yield Finding(
                f"{directory}: a server works in it, so its journal is not looked at, and what it "
                "writes at this moment is left out"
            )
        else:
            journal, rooms = Journal(directory / HIDDEN), RoomsFile(directory / HIDDEN / "rooms")
            rooms.look()
            found = survey(directory, journal, rooms.rooms)
            yield from _examine_journal(journal, found)
            yield from _examine_rest(directory / HIDDEN, rooms, found)
    except (BadRecord, AnotherVersion) as exc:
        yield Finding(f"{JOURNAL}: {exc}; a server does not start on it", fault=True)
    except OSError as exc:
        name = HIDDEN if isinstance(exc, NotADirectoryError) else _file_of(exc) or HIDDEN
        where = name if name == HIDDEN else f"{HIDDEN}/{name}"
        yield Finding(f"{where}: cannot be read: {exc.strerror}", fault=True)
    for log in found.logs if found else sorted({BROADCASTS, *there}):
        path = log_path(directory, log)
        try:
            yield from _examine_log(path, None if found is None else _foresee(path, log, found))
        except OSError as exc:
            yield Finding(f"{path.name}: cannot be read: {exc.strerror}", fault=True)


def _file_of(exc: OSError) -> str:
    """The name of the file of which the system complains, without its folders; empty: unknown."""
    name = exc.filename2 or exc.filename  # of two the one that was to be replaced
    return Path(name).name if isinstance(name, str | Path) else ""


def why_no_store(exc: OSError) -> str:
    """Say why a server cannot work in a directory, naming the file that is in the way."""
    name, why = _file_of(exc), str(exc.strerror)
    if isinstance(exc, FileExistsError):  # the hidden folder is to be made
        why = os.strerror(errno.ENOTDIR)
    return f"{name}: {why}" if name and not isinstance(exc, FileNotFoundError) else why


def _is_in_use(directory: Path) -> bool:
    """Whether a server holds the lock; one that starts in this very instant thinks so of us."""
    try:
        with (directory / HIDDEN / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _foresee(path: Path, log: int, found: Survey) -> Mending:
    index = path.parent / HIDDEN / f"index-{log}"
    return foresee(LogFile(path), log, found.known(log), found.replay, index)


def _examine_rest(hidden: Path, rooms: RoomsFile, found: Survey) -> Iterator[Finding]:
    if found.before is None and (hidden / "checkpoint").exists():
        yield Finding(f"{HIDDEN}/checkpoint: damaged; a start does without it")
    if rooms.broken:
        yield Finding(f"{HIDDEN}/rooms: {rooms.broken} lines are no rooms", fault=True)
    if regained := [str(room) for room in found.replay.rooms if room not in rooms.rooms]:
        yield Finding(f"{HIDDEN}/rooms: a start adds from the journal: {', '.join(regained)}")


def _examine_journal(journal: Journal, found: Survey) -> Iterator[Finding]:
    replay = found.replay
    first = replay.sequence - replay.count + 1
    if found.before is not None and first > found.before.sequence + 1:
        lost = f"records {found.before.sequence + 1} to {first - 1} are missing"
        yield Finding(f"{JOURNAL}: {lost}", fault=True)
    if replay.count:
        what = f"{replay.count} records since the checkpoint"
        yield Finding(f"{JOURNAL}: the server did not end in order; {what}")
    behind = journal.behind(replay.sequence)
    if behind.lost:
        where = f"record {replay.sequence + 1} is damaged or missing"
        yield Finding(f"{JOURNAL}: {where}, {behind.lost} whole ones follow", fault=True)
    elif behind.is_torn:
        what = "a record at the end is torn"
        yield Finding(f"{JOURNAL}: {what}; it was never acknowledged, and a start leaves it out")


def _examine_log(path: Path, mending: Mending | None) -> Iterator[Finding]:
    """Look at every line; `mending` is what a start makes of the log, where nobody works in it."""
    if mending is not None:
        yield from _foretell(path.name, mending)
    if not path.exists():
        yield Finding(f"{path.name}: not there; a start makes it")
        return
    last: Post | None = None
    count = place = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            place += len(raw)
            if place > mending.stays if mending is not None else not raw.endswith(b"\n"):
                break
            where = f"{path.name}, line {number}"
            try:
                post = parse_post(raw.decode().rstrip("\r\n"))
            except (MalformedLine, UnicodeDecodeError):
                yield Finding(f"{where}: no message", fault=True)
                continue
            count += 1
            if last is not None and post.number != last.number + 1:
                yield Finding(f"{where}: #{post.number} follows #{last.number}", fault=True)
            if last is not None and post.at < last.at:
                yield Finding(f"{where}: earlier than the line before", fault=True)
            last = post
    yield Finding(f"{path.name}: {count} messages")


def _foretell(name: str, mending: Mending) -> Iterator[Finding]:
    size = mending.log.path.stat().st_size if mending.log.path.exists() else 0
    if mending.upto is not None and size > mending.upto:
        rest = f"the last {size - mending.upto} bytes differ from the journal"
        yield Finding(f"{name}: {rest}; a start writes them anew")
    if mending.torn_post is not None:
        yield Finding(f"{name}: the last line has no newline; a start adds it")
    elif mending.log.is_torn:
        yield Finding(f"{name}: the last line is half-written; a start cuts it off")
    if mending.missing:
        count = len(mending.missing)
        yield Finding(f"{name}: a start adds from the journal: {count} messages")
    if mending.shortened:
        yield Finding(mending.shortened, fault=True)
