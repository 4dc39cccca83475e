"""The files of hosts whose directories are not on this machine, for the timeline.

Belongs here: looking into a container. While its server runs, its logs are looked at; all its files
once, at the end. What was not seen in time is placed by the times that log lines tell themselves.
Does not: comparing looks (watch.py).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .errors import Broken
from .hosts.base import Machine
from .legible import clipped, visible
from .timeline import Timeline
from .timestamps import AT, time_of
from .watch import LARGEST_LOG, LOG, Directory, Sighting, whole_lines

INTERVAL: Final = 0.25  # seconds between two looks; each costs a message to the host and back
WITHIN: Final = 10.0  # seconds for a look
SKEW: Final = 0.05  # seconds by which a host's clock may be off without a word
STAMP: Final = re.compile(rf"[^;]*; ({AT});")  # of a log line, SPEC S3 and S6
STAT: Final = "date +%s.%N; exec stat -c '%.9Z %i %s %n' -- \"$@\""
LISTING: Final = (
    "date +%s.%N; find . -path '*/.*' -prune -o -type f -exec stat -c '%.9Z %i %s %n' {} +"
)


class Elsewhere:
    """One host.

    Attributes:
        expected: sizes by name of the files that the scenario has put there: no news.
    """

    def __init__(self, machine: Machine, timeline: Timeline) -> None:
        self._machine = machine
        self._timeline = timeline
        self._ahead = 0.0  # seconds of its clock before the runner's
        self._logs = Directory(self._sighted, machine.read_file, self._tell)
        self._sizes: dict[str, int] = {}
        self._sightings: dict[str, Sighting] = {}
        self._seen_all = False
        self._next = 0.0  # monotonic time of the next look
        self._found: dict[str, float] = {}  # when each file changed, on the stage's clock
        self._end = timeline.now()
        self.expected: dict[str, int] = {}

    # --- while the server runs

    def watch(self) -> None:
        """Begin to look at its logs: what is there now is no news."""
        self._seen_all = self._tried(self._logs.begin)

    def look(self) -> None:
        """Look, when it is time."""
        if self._seen_all and time.monotonic() >= self._next:
            self._seen_all = self._tried(self._logs.look)
            self._next = time.monotonic() + INTERVAL

    def _tried(self, look: Callable[[], None]) -> bool:
        try:
            look()
        except (Broken, OSError) as error:
            self._note(self._timeline.now(), "=", f"its logs cannot be looked at: {error}")
            return False
        return True

    def _sighted(self) -> dict[str, Sighting]:
        """Its logs. Only where a size differs its kernel is asked for times: that takes longer."""
        sizes = {each.name: each.size for each in self._machine.files() if LOG.fullmatch(each.name)}
        if sizes != self._sizes and sizes:
            rows = self._asked(STAT, *sizes)
            self._sightings = dict(each for row in rows if (each := _parsed(row)))
        self._sizes = sizes
        return {name: each for name, each in self._sightings.items() if name in sizes}

    def _asked(self, script: str, *arguments: str) -> list[str]:
        """Ask the host; the first line that it prints is its clock. Gives the others."""
        asked = time.time()
        told = self._machine.run(["sh", "-c", script, "sh", *arguments], WITHIN).output
        clock, *rows = told.decode(errors="surrogateescape").splitlines() or [""]
        before, self._ahead = self._ahead, _ahead(clock, asked, time.time())
        if self._ahead and not before:
            words = f"its clock is {self._ahead:+.3f} s from the runner's"
            self._note(self._timeline.now(), "=", words)
        return rows

    def _tell(self, moment: float, sign: str, text: str) -> None:
        self._note(min(self._timeline.at(moment - self._ahead), self._timeline.now()), sign, text)

    # --- at the end

    def settle(self) -> None:
        """List its files while its programs live, with their times by the runner's clock."""
        if self._seen_all:
            self._sizes = {}
            self._seen_all = self._tried(lambda: self._logs.look(last=True))
        try:
            rows = self._asked(LISTING)
        except Broken as error:
            self._note(self._timeline.now(), "=", f"its files cannot be looked at: {error}")
            return
        self._end = self._timeline.now()
        for row in rows:
            if found := _parsed(row):
                self._file(found[0].removeprefix("./"), found[1])

    def _file(self, name: str, sighting: Sighting) -> None:
        at = self._timeline.at(sighting.changed - self._ahead)
        self._found[name] = at
        if not LOG.fullmatch(name) and self.expected.get(name) != sighting.size:
            words = f"{visible(name)} is there: {sighting.size} bytes"
            self._note(min(at, self._end), "+", words)

    def place_lines(self, hosts: Path) -> None:
        """Place the lines of its collected logs, where nobody saw them come, by the times that they
        tell.

        Args:
            hosts: the folder of the evidence that has one for each host.
        """
        if self._seen_all:
            return
        folder = hosts / self._machine.name
        for path in sorted(folder.rglob("*.txt")):
            name = str(path.relative_to(folder))
            if LOG.fullmatch(name) and path.stat().st_size <= LARGEST_LOG:
                changed = self._found.get(name, self._end)
                for line in whole_lines(path.read_bytes()):
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


def _parsed(row: str) -> tuple[str, Sighting] | None:
    """A row of `stat`: name and sighting; None where it complains."""
    found = re.fullmatch(r"([0-9]+\.[0-9]+) ([0-9]+) ([0-9]+) (.+)", row)
    if found is None:
        return None
    return found[4], Sighting(int(found[3]), float(found[1]), int(found[2]))


def _ahead(clock: str, asked: float, answered: float) -> float:
    """How far a clock that was read in between is ahead; 0 where it may as well be ours."""
    is_number = re.fullmatch(r"[0-9]+\.[0-9]+", clock) is not None
    if not is_number or asked - SKEW < float(clock) < answered + SKEW:
        return 0.0
    return float(clock) - (asked + answered) / 2
