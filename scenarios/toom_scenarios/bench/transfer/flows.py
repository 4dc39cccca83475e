"""Several transfers at once on one link, and what each gets, second by second.

Belongs here: starting them, shares, rows. Does not: the path (rounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from statistics import mean
from typing import Final, Protocol

from ...deadline import pause
from ...errors import Broken
from ...links.counters import TCP, UDP, Flow
from ..document import Figures, Goal, Row
from .cases import SECONDS, SETTLED, Case, Shared
from .course import BACK, Course
from .peers import CUBIC, Errand, flood
from .runs import Laid
from .words import OF_ALL

CUBIC_AT_LEAST: Final = 0.4  # of the link beside one of ours, over 30 s
ALIKE: Final = (0.45, 0.55)  # share of one of two: within 10 % of half


class Paths(Protocol):
    """Who has paths, and takes notes."""

    def path(self, case: Case | Shared, seed: int) -> AbstractContextManager[Laid]: ...
    def note(self, words: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Together:
    """One round.

    Attributes:
        shares: of each flow, in order of their starts, second by second.
        trouble: why it says nothing; "": it does.
    """

    shares: list[list[float]]
    trouble: str

    def share(self, flow: int, since: int = 0) -> float:
        """The mean of a flow's share from a second on."""
        return mean(self.shares[flow][since:])


def measure(case: Shared, rounds: int, bench: Paths, course: Course) -> list[Together]:
    """Rounds of a case."""
    course.put_file(case.size)
    return [_round(case, number, bench, course) for number in range(1, rounds + 1)]


def _round(case: Shared, number: int, bench: Paths, course: Course) -> Together:
    with bench.path(case, number) as laid, ExitStack() as stack:
        path = laid.link
        assert path is not None
        pairs = [stack.enter_context(course.pair(each)) for each in range(case.ours)]
        path.begin()
        if case.cubic:
            errand = Errand(course, BACK, SECONDS)
            stack.enter_context(flood(errand, "cubic"))
            pause(case.gap)
        for position, pair in enumerate(pairs):
            if position:
                pause(case.gap)
            pair.sends()
        pause(SECONDS + 1)
        counters = path.counters()
    course.forget()
    mine = [_largest(counters.of_protocol(UDP, pair.audience.udp_port)) for pair in pairs]
    others = [_largest(counters.of_protocol(TCP))] if case.cubic else []
    since = mine[0].first
    told = Together(
        counters.shares([*mine, *others], since, SECONDS), laid.trouble or counters.trouble()
    )
    shares = ", ".join(f"{told.share(flow):.2f}" for flow in range(len(told.shares)))
    bench.note(f"round {number}, {case.name}: {shares}" + f"; {told.trouble}" * bool(told.trouble))
    return told


def _largest(flows: Sequence[Flow]) -> Flow:
    """The data of a transfer, among its flows on the way there."""
    there = [flow for flow in flows if flow.way == 0]
    if not there:
        raise Broken("one of the transfers on the link has not begun")
    return max(there, key=lambda flow: flow.fates["delivered"].bytes)


def rows(case: Shared, told: Sequence[Together]) -> list[Row]:
    """What they come to; rounds in which the link was none do not count."""
    good = [each for each in told if not each.trouble]
    counts = bool(good)
    good = good or list(told)

    def row(name: str, value: Callable[[Together], float], goal: Goal | None = None) -> Row:
        figures = Figures.of([value(each) for each in good])
        return Row(f"{case.name}, {name}", OF_ALL, figures, goal=goal, counts=counts)

    if case.cubic:
        kept = mean(each.share(1) for each in good)
        return [
            row(f"{CUBIC} keeps", lambda each: each.share(1)),
            Row(
                *(f"{case.name}, {CUBIC} keeps, mean", OF_ALL, Figures.of([kept])),
                goal=Goal(at_least=CUBIC_AT_LEAST),
                counts=counts,
            ),
        ]
    if case.ours == 2:
        low, high = ALIKE
        return [
            row(
                f"the first from second {SETTLED}",
                lambda each: each.share(0, SETTLED),
                Goal(at_least=low, at_most=high),
            )
        ]

    def settled(each: Together) -> list[float]:
        return [each.share(flow, SETTLED) for flow in range(case.ours)]

    return [
        row(f"the least from second {SETTLED}", lambda each: min(settled(each))),
        row(f"the most from second {SETTLED}", lambda each: max(settled(each))),
    ]
