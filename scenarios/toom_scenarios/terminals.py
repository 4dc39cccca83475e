"""The terminals of a stage: opening them, with a transcript each, and closing them in order.

Belongs here: which there are, their names and UDP ports. Does not: what a terminal shows and how it
is read (terminal.py), which program runs in it (stage.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

from .accounting import PROGRAMS, on
from .facts import Ending
from .host import Host
from .hosts.base import Carrier
from .implementation import Program
from .programs import Client
from .pump import Pump
from .terminal import Terminal
from .timeline import Timeline, Transcript

UDP_PORT: Final = 8000  # of the first client on a host

T = TypeVar("T", bound=Terminal)


class Terminals:
    """All that were opened, oldest first.

    Args:
        folder: of the scenario's evidence.
        slowness: default deadlines are multiplied by it.
    """

    def __init__(self, folder: Path, timeline: Timeline, slowness: float) -> None:
        self._folder = folder / "terminals"
        self._timeline = timeline
        self._slowness = slowness
        self._pump = Pump()
        self._opened: list[Terminal] = []

    @on(PROGRAMS)
    def open(
        self,
        kind: type[T],
        name: str,
        place: Host,
        program: Program,
        *,
        values: dict[str, object] | None = None,
        **rest: Any,
    ) -> T:
        """Start a program in a host, at a terminal of its own.

        Args:
            values: for the places in its command; None: it is taken as it is.
            rest: for `kind` alone.
        """
        argv = list(program.command) if values is None else program.argv(**values)
        what = f"{place.name} ({place.address}) $ {' '.join(argv)}"
        return self.watch(kind, name, what, place.machine.open(argv, program.environment), **rest)

    def watch(self, kind: type[T], name: str, what: str, carrier: Carrier, **rest: Any) -> T:
        """A terminal for what is carried, with its transcript.

        Args:
            what: is run in it, for the transcript's first line.
        """
        before = sum(1 for terminal in self._opened if terminal.name == name)
        path = self._folder / (f"{name}.{before + 1}.txt" if before else f"{name}.txt")
        transcript = Transcript(path, name, self._timeline)
        transcript.note(self._timeline.now(), "=", what)
        terminal = kind(
            name,
            carrier,
            pump=self._pump,
            timeline=self._timeline,
            transcript=transcript,
            slowness=self._slowness,
            **rest,
        )
        self._opened.append(terminal)
        return terminal

    def next_udp_port(self, host: Host) -> int:
        """8000, or the next on a host that has clients already."""
        return UDP_PORT + sum(
            1 for each in self._opened if isinstance(each, Client) and each.host is host
        )

    def new_name(self, base: str) -> str:
        """A name that no terminal has yet."""
        taken = {terminal.name for terminal in self._opened}
        return next(name for number in range(1, 10**6) if (name := f"{base}-{number}") not in taken)

    def endings(self) -> tuple[Ending, ...]:
        """The last rows of each and whether its process lives."""
        return tuple(terminal.ending() for terminal in self._opened)

    def settle(self) -> None:
        """Read what they still have to say."""
        for terminal in self._server_first():
            terminal.settle()

    def close(self) -> None:
        """End every program; servers go first, so that no departing client tidies their logs."""
        for terminal in self._server_first():
            terminal.close()

    def end(self) -> None:
        """Read none of them any more."""
        self._pump.close()

    def _server_first(self) -> list[Terminal]:
        return sorted(self._opened, key=lambda each: isinstance(each, Client))
