"""Which log lines and files appear in the hosts' directories, and when, for the timeline.

Belongs here: telling from two looks at a directory what happened between them. A directory of this
machine is looked at while the stage lives; one inside a container once, at the end, and its log
lines are placed by the times that they tell. Does not: the clock and the file (timeline.py).
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import Broken
from .hosts.base import Machine
from .legible import clipped, visible
from .timeline import Timeline
from .timestamps import AT, time_of

INTERVAL: Final = 0.1  # seconds between two looks; times come from the files themselves
SHARE: Final = 20  # a look may take one part in so many of the time: processors are scarce
LOG: Final = re.compile(r"(?:.*/)?(?:(?:SR_[0-9]+_)?messagelog|userlog)\.txt")  # SPEC S3, S6, S8
LARGEST_LOG: Final = 1_000_000  # bytes; of a bigger one only the size is told
STAMP: Final = re.compile(rf"[^;]*; ({AT});")  # of a log line, SPEC S3 and S6
WITHIN: Final = 30.0  # seconds for the one look into a container
SKEW: Final = 0.05  # seconds by which a host's clock may be off without a word
LISTING: Final = (
    "date +%s.%N; find . -path '*/.*' -prune -o -type f -exec stat -c '%.9Z %s %n' {} +"
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as it was at a look.

    Attributes:
        changed: when it was written or renamed last, in seconds since the epoch.
        inode: another one means that another file took its name.
    """

    size: int
    changed: float
    inode: int = 0


Look = Callable[[], dict[str, Sighting]]
Read = Callable[[str], bytes]
Tell = Callable[[float, str, str], None]  # time since the epoch, sign, text


class Directory:
    """One host's directory, from look to look.

    Args:
        look: gives its files by name; hidden ones left out.
        read: gives a file's content, or raises OSError.
        tell: is given what happened.

    Attributes:
        expected: names of files whose appearance is not told, once.
    """

    def __init__(self, look: Look, read: Read, tell: Tell) -> None:
        self._look = look
        self._read = read
        self._tell = tell
        self.expected: set[str] = set()
        self._known: dict[str, Sighting] = {}
        self._pending: dict[str, Sighting] = {}
        self._lines: dict[str, list[str]] = {}

    def look(self, *, last: bool = False) -> None:
        """Compare with the look before.

        Args:
            last: there will be no other, so what is still being written is told as it is.
        """
        found = self._look()
        for name in [name for name in self._known if name not in found]:
            self._gone(name)
        for name, sighting in found.items():
            if self._known.get(name) == sighting:
                continue
            if LOG.fullmatch(name) and sighting.size <= LARGEST_LOG:
                self._log(name, sighting)
            elif last or self._pending.get(name) == sighting:  # nobody writes on it any more
                self._file(name, sighting)
            self._pending[name] = sighting

    def _gone(self, name: str) -> None:
        del self._known[name]
        self._lines.pop(name, None)
        self._tell(time.time(), "-", f"{visible(name)} is gone")

    def _file(self, name: str, sighting: Sighting) -> None:
        verb = "is now" if name in self._known else "appears:"
        self._known[name] = sighting
        if name in self.expected:
            self.expected.remove(name)
        else:
            self._tell(sighting.changed, "+", f"{visible(name)} {verb} {sighting.size} bytes")

    def _log(self, name: str, sighting: Sighting) -> None:
        try:
            content = self._read(name)
        except OSError:  # it was replaced meanwhile: the next look finds the new one
            return
        before = self._lines.get(name)
        lines = [visible(line.decode(errors="surrogateescape")) for line in _whole_lines(content)]
        self._known[name] = sighting
        self._lines[name] = lines
        if before is None and not lines:
            self._tell(sighting.changed, "+", f"{name} appears, empty")
        for sign, line in _changes(before or [], lines):
            self._tell(sighting.changed, sign, f"{name}: {clipped(line)}")


def _whole_lines(content: bytes) -> list[bytes]:
    """The lines that have ended: what stands behind the last newline is still being written."""
    return content.split(b"\n")[:-1]


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Lines that went, then lines that came, in their order."""
    alike = 0
    while alike < min(len(before), len(after)) and before[alike] == after[alike]:
        alike += 1
    yield from (("-", line) for line in before[alike:] if line not in after[alike:])
    yield from (("+", line) for line in after[alike:] if line not in before[alike:])


def look_into(folder: Path) -> dict[str, Sighting]:
    """The files below a directory of this machine, hidden ones left out."""
    found: dict[str, Sighting] = {}
    unseen = [folder]
    while unseen:
        for entry in _entries(unseen.pop()):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                unseen.append(Path(entry.path))
            elif (sighting := _sighted(entry)) is not None:
                found[os.path.relpath(entry.path, folder)] = sighting
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # programs rename and remove while we look
        return []


def _sighted(entry: os.DirEntry[str]) -> Sighting | None:
    try:
        told = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    # the inode's change, not the content's: a file that is renamed arrives with it
    return Sighting(told.st_size, told.st_ctime_ns / 1e9, told.st_ino)


class Watcher:
    """Watches all hosts of a stage whose directories are on this machine."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._directories: dict[str, Directory] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)

    def add(self, host: str, folder: Path) -> None:
        """Watch a directory of this machine from now on."""

        def tell(moment: float, sign: str, text: str) -> None:
            at = min(self._timeline.at(moment), self._timeline.now())
            self._timeline.note(at, host, sign, text)

        new = Directory(lambda: look_into(folder), lambda name: (folder / name).read_bytes(), tell)
        self._directories = {**self._directories, host: new}
        if not self._thread.is_alive() and not self._ended.is_set():
            self._thread.start()

    def expects(self, host: str, name: str) -> None:
        """A file that the scenario puts there is no news."""
        if host in self._directories:
            self._directories[host].expected.add(name)

    def _run(self) -> None:
        rest = INTERVAL
        while not self._ended.wait(rest):
            began = time.monotonic()
            for directory in self._directories.values():
                directory.look()
            rest = max(INTERVAL, (time.monotonic() - began) * SHARE)

    def close(self) -> None:
        """Look once more, and end."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        for directory in self._directories.values():
            directory.look(last=True)
        self._directories = {}


class LateLook:
    """One look at the end into a host whose directory is elsewhere.

    Attributes:
        expected: sizes by name of the files that the scenario has put there: no news.
    """

    def __init__(self, machine: Machine, timeline: Timeline) -> None:
        self._machine = machine
        self._timeline = timeline
        self._found: dict[str, float] = {}  # when each file changed, on the stage's clock
        self._end = timeline.now()
        self.expected: dict[str, int] = {}

    def look(self) -> None:
        """List its files while its programs live, with their times by the runner's clock."""
        asked = time.time()
        try:
            told = self._machine.run(["sh", "-c", LISTING], WITHIN).output
        except Broken as error:
            self._note(self._timeline.now(), "=", f"its files cannot be looked at: {error}")
            return
        self._end = self._timeline.now()
        clock, *rows = told.decode(errors="surrogateescape").splitlines() or [""]
        ahead = _ahead(clock, asked, time.time())
        if ahead:
            self._note(self._end, "=", f"its clock is {ahead:+.3f} s from the runner's")
        for row in rows:
            changed, _, rest = row.partition(" ")
            size, _, name = rest.partition(" ./")
            if _is_number(changed):
                self._file(name, int(size), self._timeline.at(float(changed) - ahead))

    def _file(self, name: str, size: int, at: float) -> None:
        self._found[name] = at
        if not LOG.fullmatch(name) and self.expected.get(name) != size:
            self._note(min(at, self._end), "+", f"{visible(name)} is there: {size} bytes")

    def place_lines(self, hosts: Path) -> None:
        """Place the lines of its collected logs by the times that they tell.

        Args:
            hosts: the folder of the evidence that has one for each host.
        """
        for name, changed in self._found.items():
            path = hosts / self._machine.name / name
            if LOG.fullmatch(name) and path.is_file() and path.stat().st_size <= LARGEST_LOG:
                for line in _whole_lines(path.read_bytes()):
                    self._line(name, line.decode(errors="surrogateescape"), changed)

    def _line(self, name: str, line: str, changed: float) -> None:
        stamp = STAMP.match(line)
        told = self._timeline.at(time_of(stamp[1]).timestamp()) if stamp else changed
        # somewhere in its second, and not after the file changed last; another time zone tells none
        at = min(told + 1, changed) if -1 < told < self._end else changed
        self._note(at, "~", f"{name}: {clipped(visible(line))}")

    def _note(self, at: float, sign: str, text: str) -> None:
        if at > -SKEW:  # else it was there before the stage
            self._timeline.note(max(0.0, at), self._machine.name, sign, text)


def _ahead(clock: str, asked: float, answered: float) -> float:
    """How far a clock that was read in between is ahead; 0 where it may as well be ours."""
    if not _is_number(clock) or asked - SKEW < float(clock) < answered + SKEW:
        return 0.0
    return float(clock) - (asked + answered) / 2


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+\.[0-9]+", text) is not None
