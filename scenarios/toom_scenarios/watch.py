"""Which log lines and files appear in the hosts' directories, and when, for the timeline.

Belongs here: telling from two looks at a directory what happened between them; directories of this
machine. Does not: those inside containers (elsewhere.py), the clock and the file (timeline.py).
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

from .legible import clipped, visible
from .timeline import Timeline

INTERVAL: Final = 0.1  # seconds between two looks; times come from the files themselves
SHARE: Final = 20  # a look may take one part in so many of the time: processors are scarce
LOG: Final = re.compile(r"(?:.*/)?(?:(?:SR_[0-9]+_)?messagelog|userlog)\.txt")  # SPEC S3, S6, S8
LARGEST_LOG: Final = 1_000_000  # bytes; of a bigger one only the size is told
END_LIMIT: Final = 2.0  # seconds that a look may still take when the stage ends


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
        self._tell_all = tell
        self.expected: set[str] = set()
        self._known: dict[str, Sighting] = {}
        self._pending: dict[str, Sighting] = {}
        self._lines: dict[str, list[str]] = {}
        self._quiet = False

    def begin(self) -> None:
        """Take what is there now for known; what comes after it is news."""
        self._quiet = True
        self.look(last=True)
        self._quiet = False

    def _tell(self, moment: float, sign: str, text: str) -> None:
        if not self._quiet:
            self._tell_all(moment, sign, text)

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
        lines = [visible(line.decode(errors="surrogateescape")) for line in whole_lines(content)]
        self._known[name] = sighting
        self._lines[name] = lines
        if before is None and not lines:
            self._tell(sighting.changed, "+", f"{name} appears, empty")
        for sign, line in _changes(before or [], lines):
            self._tell(sighting.changed, sign, f"{name}: {clipped(line)}")


def whole_lines(content: bytes) -> list[bytes]:
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


def watched(folder: Path, host: str, timeline: Timeline) -> Directory:
    """A directory of this machine, whose news go onto the timeline."""

    def tell(moment: float, sign: str, text: str) -> None:
        timeline.note(min(timeline.at(moment), timeline.now()), host, sign, text)

    return Directory(lambda: look_into(folder), lambda name: (folder / name).read_bytes(), tell)


class Watcher:
    """Has somebody look at the directories of a stage again and again."""

    def __init__(self) -> None:
        self._looks: list[Callable[[], None]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="files", daemon=True)

    def add(self, look: Callable[[], None]) -> None:
        """Have it looked from now on; one look follows another, never two at a time."""
        self._looks = [*self._looks, look]
        if not self._thread.is_alive() and not self._ended.is_set():
            self._thread.start()

    def _run(self) -> None:
        rest = INTERVAL
        while not self._ended.wait(rest):
            began = time.thread_time()
            for look in self._looks:
                look()
            rest = max(INTERVAL, (time.thread_time() - began) * SHARE)

    def close(self) -> bool:
        """Look no more. Returns whether the last look has ended."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(END_LIMIT)
        return not self._thread.is_alive()
