"""The diary of a stage: its timeline, and who looks after what stands there.

Belongs here: what the runner itself does and finds (hosts, files, verdict), and the end of it in
order. Does not: what terminals show (session.py), how files are watched (watch.py).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from .hosts.base import Machine
from .timeline import Timeline
from .watch import LateLook, Watcher

SIDE_BY_SIDE: Final = 5  # hosts that are looked into at once
STAGE: Final = "stage"  # who did it, where it was no host's terminal


class Diary:
    """What happened in one stage.

    Args:
        folder: of the scenario's evidence.
        here: the hosts' directories are on this machine, under the paths that they tell.
    """

    def __init__(self, folder: Path, *, here: bool) -> None:
        self.timeline = Timeline(folder / "timeline.txt")
        self._folder = folder
        self._here = here
        self._watcher = Watcher(self.timeline)
        self._elsewhere: dict[str, LateLook] = {}

    def note(self, text: str, who: str = STAGE) -> None:
        """Something was done or found now."""
        self.timeline.note(self.timeline.now(), who, "=", text)

    def takes(self, machine: Machine) -> None:
        """A host is there: note it, and look after its files."""
        self.note(f"is up at {machine.address}", machine.name)
        if self._here:
            self._watcher.add(machine.name, Path(machine.directory))
        else:
            self._elsewhere[machine.name] = LateLook(machine, self.timeline)

    def put(self, host: str, name: str, size: int) -> None:
        """The scenario gives a host a file, now."""
        self._watcher.expects(host, name)
        if host in self._elsewhere:
            self._elsewhere[host].expected[name] = size
        self.note(f"is given {name}, {size} bytes", host)

    def settle(self) -> None:
        """Look at everything once more, while it is as it was at the verdict."""
        self._watcher.close()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            list(workers.map(LateLook.look, self._elsewhere.values()))

    def close(self) -> None:
        """Place what only the collected files tell, and put all in order of time."""
        self._watcher.close()
        for each in self._elsewhere.values():
            each.place_lines(self._folder / "hosts")
        self.timeline.close()
