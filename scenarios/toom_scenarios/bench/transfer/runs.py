"""What a run has come to, and the rows of a case.

Belongs here: which figure a run has, which rounds count, which goal stands where. Does not: running
anything (rounds.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...errors import Broken
from ...links.path import LinkPath
from ..document import Figures, Goal, Row
from .cases import QUEUE_AT_MOST, Case
from .course import Took
from .words import MBIT, OF_BUFFER, OF_IDEAL, OURS

UNFINISHED: Final = 0.0  # the figure of ours where it takes too long


@dataclass(frozen=True, slots=True)
class Run:
    """One transfer by one of them.

    Attributes:
        seconds: that it took; None: too many.
        queue: mean queue as a share of the buffer, on emulated links.
        largest: bytes of the largest packet there.
        late: share of packets that the emulator let go over a millisecond late.
        trouble: why it says nothing; "": it does.
    """

    seconds: float | None
    queue: float = 0.0
    largest: int = 0
    late: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Laid:
    """A path that is there.

    Attributes:
        link: what counts packets; None: nothing is emulated.
        trouble: why it is not the link that was asked for; "": it is.
    """

    link: LinkPath | None = None
    trouble: str = ""

    def begin(self) -> None:
        """Count from here on."""
        if self.link is not None:
            self.link.begin()

    def run(self, took: Took | None, protocol: int) -> Run:
        """What was measured since then: on a link the clock starts with the first packet it saw.

        Raises:
            Broken: it saw none.
        """
        if self.link is None:
            return Run(None if took is None else took.ended - took.began)
        counters = self.link.counters()
        mine = counters.of_protocol(protocol)
        if not mine:
            raise Broken("nothing has come over the emulated link")
        return Run(
            None if took is None else took.ended - min(flow.first for flow in mine),
            counters.there.queue_mean / self.link.link.there.queue,
            max(flow.largest for flow in mine),
            counters.late / max(1, counters.sent),
            self.trouble or counters.trouble(),
        )


@dataclass(slots=True)
class Found:
    """What one case has come to: a run of each for every round; None: it did not run then."""

    case: Case
    runs: dict[str, list[Run | None]] = field(default_factory=lambda: defaultdict(list))
    void: list[str] = field(default_factory=list)

    def speed(self, run: Run) -> float:
        """Mbit/s, or the share of the ideal where a link says what that is."""
        if run.seconds is None:
            return UNFINISHED
        rate = self.case.size * 8 / run.seconds
        return rate / self.case.ideal_rate if self.case.ideal_rate else rate / 1e6

    def trouble(self) -> str:
        """Why the last round says nothing about its goals; "": it does."""
        runs = (self.runs[who][-1] for who in (OURS, *self.case.times) if self.runs.get(who))
        return next((run.trouble for run in runs if run is not None and run.trouble), "")

    def rows(self) -> list[Row]:
        """Speed with its goals, and the queue on links."""
        if not self.runs[OURS]:
            return []
        case = self.case
        rounds = [number for number, why in enumerate(self.void) if not why]
        counts = bool(rounds)
        rounds = rounds or list(range(len(self.void)))
        unit = OF_IDEAL if case.ideal_rate else MBIT
        goals = [(name, Goal(at_least=times, against=name)) for name, times in case.times.items()]
        if case.ideal is not None:
            goals.insert(0, ("", Goal(at_least=case.ideal)))
        first = goals.pop(0)[1] if goals else None
        rows = [self._row(case.name, unit, self.speed, rounds, first, counts)]
        for name, goal in goals:
            row = self._row(f"{case.name}, to {name}", unit, self.speed, rounds, goal, counts, name)
            if name in row.peers:
                rows.append(row)
        if case.link is not None:
            goal = Goal(at_most=QUEUE_AT_MOST)
            queue = f"{case.name}, mean queue"
            rows.append(self._row(queue, OF_BUFFER, lambda run: run.queue, rounds, goal, counts))
        return rows

    def _row(
        self,
        name: str,
        unit: str,
        value: Callable[[Run], float],
        rounds: Sequence[int],
        goal: Goal | None,
        counts: bool,
        only: str = "",
    ) -> Row:
        def values(who: str) -> dict[int, float]:
            runs = self.runs[who]
            finished = {n: runs[n] for n in rounds if n < len(runs)}
            return {
                n: value(run)
                for n, run in finished.items()
                if run is not None and (who == OURS or run.seconds is not None)
            }

        ours = values(OURS)
        theirs = {
            who: told
            for who in self.runs
            if who != OURS and (not only or who == only) and (told := values(who))
        }
        pairs = {
            who: Figures.of(both)
            for who, told in theirs.items()
            if (both := [ours[n] / told[n] for n in told if n in ours and told[n]])
        }
        peers = {who: Figures.of(list(told.values())) for who, told in theirs.items()}
        return Row(name, unit, Figures.of(list(ours.values())), peers, pairs, goal, counts)
