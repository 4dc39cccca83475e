"""Rounds of `toom bench transfer`, ours and the peers in turn, and the rows that they come to.

Belongs here: which case when, on which path, which figure of a run. Does not: how anybody runs
(course.py, peers.py), several at once (flows.py).
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ...errors import Broken
from ...links.counters import UDP, Counters
from ...links.emulator import build
from ...links.path import LinkPath, linked, paired
from ..document import Figures, Goal, Row
from . import flows
from .cases import CASES, LIMIT, QUEUE_AT_MOST, SHARED, YARDSTICK, Case, Kind, Shared
from .course import BACK, THERE, Course, Took, course
from .peers import BBR, HASH, PEERS, Errand, Peer
from .words import MBIT, OF_BUFFER, OF_IDEAL, OURS

VOID_BELOW: Final = 0.90  # of the ideal for TCP BBR without loss: the host is busy
FEW: Final = 3  # rounds of the cases in which several share a link
PROBES: Final = 3  # tries to find an idle link as it was described
UNFINISHED: Final = 0.0  # the figure of ours where it takes too long


@dataclass(frozen=True, slots=True)
class Run:
    """One transfer by one of them.

    Attributes:
        seconds: that it took; None: too many.
        queue: mean queue as a share of the buffer, on emulated links.
        largest: bytes of the largest packet there.
        trouble: why it says nothing; "": it does.
    """

    seconds: float | None
    queue: float = 0.0
    largest: int = 0
    trouble: str = ""


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


class Bench:
    """One call of `toom bench transfer`.

    Args:
        tell: hears of the progress.
        peers: that are installed.
    """

    def __init__(
        self, place: Course, program: Path, tell: Callable[[str], None], peers: Sequence[Peer]
    ) -> None:
        self._course = place
        self._program = program
        self._tell = tell
        self._peers = {peer.name: peer for peer in peers}
        self.notes: list[str] = []

    def note(self, words: str) -> None:
        """Say it now, and in the document."""
        self.notes.append(words)
        self._tell(words)

    @contextmanager
    def path(self, case: Case | Shared, seed: int) -> Iterator[LinkPath | None]:
        """Have the path of a case for one round.

        Raises:
            Broken: the link is not what it claims to be, on this host at this time.
        """
        near, far = self._course.end(THERE), self._course.end(BACK)
        switch = self._course.network.switch
        if isinstance(case, Case) and case.kind is Kind.VETH:
            with paired(switch, near, far):
                yield None
        elif case.link is None:
            yield None
        else:
            link = replace(case.link, seed=seed)
            with linked(self._program, switch, near, far, link) as path:
                for left in reversed(range(PROBES)):
                    if not (trouble := path.probed().trouble()):
                        break
                    if not left:
                        raise Broken(f"{case.name}: the emulator cannot keep time: {trouble}")
                yield path

    def carry(self, case: Case, who: str, seed: int) -> Run:
        """One transfer by one of them."""
        self._course.put_file(case.size)
        with self.path(case, seed) as path:
            if who == OURS:
                return self._by_us(case, path)
            peer = self._peers[who]
            if path is not None:
                path.begin()
            to = THERE if case.kind is Kind.LOOPBACK else BACK
            rate = 0 if case.link is None else case.link.there.rate
            took = peer.carry(Errand(self._course, to, LIMIT, rate))
            return _run(took, peer.protocol, path)

    def _by_us(self, case: Case, path: LinkPath | None) -> Run:
        one_host = case.kind is Kind.LOOPBACK
        with self._course.pair(one_host=one_host, ordinary=case.ordinary) as pair:
            if path is not None:
                path.begin()
            began = pair.sends()
            ended = pair.uploaded(LIMIT)
            took = None if ended is None else Took(began, ended)
            run = _run(took, UDP, path)
        if took is not None:
            self._course.check_and_remove(*self._course.stored(one_host=one_host))
        self._course.forget()
        return run

    def round(self, number: int, found: Sequence[Found]) -> None:
        """Every case once, by each of them; who is first alternates."""
        void = ""
        on_links = [each for each in found if each.case.link is not None]
        for each in found:
            case = each.case
            if on_links and each is on_links[0] and case is not YARDSTICK:
                void = self._void(number, self.carry(YARDSTICK, BBR, number), YARDSTICK)
            names = [OURS, *(name for name in case.peers if self._runs(name, number))]
            for name in names if number % 2 else reversed(names):
                run = self.carry(case, name, number)
                each.runs[name].append(run)
                self._say(number, each, name, run)
            if case is YARDSTICK and (bbr := each.runs[BBR]):
                void = self._void(number, bbr[-1], case)
            ours = each.runs[OURS][-1]
            trouble = ours.trouble if ours else ""
            each.void.append((void or trouble) if case.link else "")

    def _runs(self, name: str, number: int) -> bool:
        peer = self._peers.get(name)
        return peer is not None and not (peer.once and number > 1)

    def _void(self, number: int, bbr: Run | None, case: Case) -> str:
        share = Found(case).speed(bbr) if bbr else 1.0
        if share >= VOID_BELOW:
            return ""
        why = f"round {number} is void on links: {BBR} without loss has {share:.2f} of the ideal"
        self.note(why)
        return why

    def _say(self, number: int, found: Found, name: str, run: Run) -> None:
        words = f"round {number}, {found.case.name}: {name} "
        if run.seconds is None:
            self.note(f"{words}has not finished in {LIMIT:.0f} s")
            return
        unit = OF_IDEAL if found.case.ideal_rate else MBIT
        self._tell(f"{words}{found.speed(run):.{2 if found.case.ideal_rate else 0}f} {unit}")
        if run.trouble:
            self.note(f"{words}says little: {run.trouble}")


def _run(took: Took | None, protocol: int, path: LinkPath | None) -> Run:
    """On a link the clock starts with the first packet that it saw."""
    if path is None:
        return Run(None if took is None else took.ended - took.began)
    counters = path.counters()
    mine = counters.of_protocol(protocol)
    if not mine:
        raise Broken("nothing has come over the emulated link")
    seconds = None if took is None else took.ended - min(flow.first for flow in mine)
    return Run(
        seconds,
        _share_of_queue(counters, path),
        max(flow.largest for flow in mine),
        counters.trouble(),
    )


def _share_of_queue(counters: Counters, path: LinkPath) -> float:
    return counters.there.queue_mean / path.link.there.queue if path.link.there.queue else 0.0


def measure(
    rounds: int, where: Path | None, tell: Callable[[str], None], only: Sequence[str] = ()
) -> tuple[list[Row], dict[str, Any]]:
    """Measure the cases that are wanted.

    Args:
        where: a folder on the disk that is meant; None: in memory, since no disk is examined.
        tell: hears of the progress.
        only: keys of cases; none: all.

    Returns:
        Rows, and what else belongs into the document.

    Raises:
        Broken: this machine has no network namespaces, or a program broke.
    """
    chosen = [Found(case) for case in CASES if not only or case.key in only]
    shared = [each for each in SHARED if not only or each.key in only]
    missing = {peer.name: what for peer in PEERS if (what := peer.missing())}
    for name, what in missing.items():
        tell(f"{name} is left out; to have it: {what}")
    with tempfile.TemporaryDirectory(prefix="toom-bench-", dir=where) as folder:
        scratch = Path(folder)
        program = build(scratch)
        sizes = [YARDSTICK.size, *(each.case.size for each in chosen)]
        sizes += [each.size for each in shared]
        with course(scratch, None if where else max(sizes)) as place:
            peers = [peer for peer in PEERS if peer.name not in missing]
            bench = Bench(place, program, tell, peers)
            for number in range(1, rounds + 1):
                bench.round(number, chosen)
            together = {
                each.key: flows.measure(each, min(rounds, FEW), bench, place) for each in shared
            }
    rows = [row for found in chosen for row in found.rows()]
    rows += [row for each in shared for row in flows.rows(each, together[each.key])]
    more = {
        "hash": HASH,
        "missing": missing,
        "notes": bench.notes,
        "packets": {each.case.key: _largest(each) for each in chosen if each.case.link},
        "seconds": {key: [one.shares for one in told] for key, told in together.items()},
    }
    return rows, more


def _largest(found: Found) -> dict[str, int]:
    """Bytes of the largest packet of each."""
    return {
        name: max(run.largest for run in runs if run is not None)
        for name, runs in found.runs.items()
    }
