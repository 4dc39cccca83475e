"""The diary of a stage: its timeline, and who looks after what stands there.

Belongs here: what the runner itself does and finds (hosts, files, verdict), and the end of it in
order. Does not: what terminals show (session.py), how files are watched (watch.py).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from .elsewhere import Elsewhere
from .hosts.base import Machine
from .timeline import Timeline
from .watch import Directory, Watcher, watched

SIDE_BY_SIDE: Final = 5  # hosts that are looked into at once
STATES: Final = "states.txt"  # how each host was at the verdict
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
        self._watcher = Watcher()
        self._directories: dict[str, Directory] = {}
        self._elsewhere: dict[str, Elsewhere] = {}
        self._machines: list[Machine] = []
        self._served: set[str] = set()

    def note(self, text: str, who: str = STAGE) -> None:
        """Something was done or found now."""
        self.timeline.note(self.timeline.now(), who, "=", text)

    def takes(self, machine: Machine) -> None:
        """A host is there: note it, and look after its files."""
        self.note(f"is up at {machine.address}", machine.name)
        self._machines.append(machine)
        if self._here:
            new = watched(Path(machine.directory), machine.name, self.timeline)
            self._directories[machine.name] = new
            self._watcher.add(new.look)
        else:
            self._elsewhere[machine.name] = Elsewhere(machine, self.timeline)

    def serves(self, host: str) -> None:
        """A server is about to run there: see what it writes as it writes it."""
        if host in self._elsewhere and host not in self._served:
            self._served.add(host)
            self._elsewhere[host].watch()
            self._watcher.add(self._elsewhere[host].look)

    def put(self, host: str, name: str, size: int) -> None:
        """The scenario gives a host a file, now."""
        if host in self._directories:
            self._directories[host].expected.add(name)
        if host in self._elsewhere:
            self._elsewhere[host].expected[name] = size
        self.note(f"is given {name}, {size} bytes", host)

    def settle(self) -> None:
        """Look at everything once more, while it is as it was at the verdict."""
        states = [f"{each.name}: {each.state()}\n" for each in self._machines]
        (self._folder / STATES).write_text("".join(states), encoding="utf-8")
        if not self._watcher.close():
            self.note("a look at its hosts does not end")
            return
        for directory in self._directories.values():
            directory.look(last=True)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            list(workers.map(Elsewhere.settle, self._elsewhere.values()))

    def close(self) -> None:
        """Place what only the collected files tell, and put all in order of time."""
        self._watcher.close()
        for each in self._elsewhere.values():
            each.place_lines(self._folder / "hosts")
        self.timeline.close()
