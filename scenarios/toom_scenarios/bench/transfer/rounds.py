"""Rounds of `toom bench transfer`: every case, ours and the peers in turn.

Belongs here: which case when, on which path, which rounds are void. Does not: how anybody runs
(course.py, peers.py), figures and rows (runs.py), several at once (flows.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ...links.counters import UDP
from ...links.emulator import build
from ...links.path import linked, paired
from ..document import Row
from . import flows
from .cases import CASES, LIMIT, SHARED, YARDSTICK, Case, Kind, Shared
from .course import BACK, THERE, Course, Took, course
from .peers import BBR, HASH, PEERS, Errand, Peer
from .runs import Found, Laid, Run
from .words import MBIT, OF_IDEAL, OURS

VOID_BELOW: Final = 0.90  # of the ideal for TCP BBR without loss: the host is busy
LATE_DECIMALS: Final = 4
FEW: Final = 3  # rounds of the cases in which several share a link
PROBES: Final = 3  # tries to find an idle link as it was described: somebody else may be busy


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
    def path(self, case: Case | Shared, seed: int) -> Iterator[Laid]:
        """Have the path of a case for one run. A link is measured before it is believed."""
        near, far = self._course.end(THERE), self._course.end(BACK)
        switch = self._course.network.switch
        if isinstance(case, Case) and case.kind is Kind.VETH:
            with paired(switch, near, far):
                yield Laid()
        elif case.link is None:
            yield Laid()
        else:
            link = replace(case.link, seed=seed)
            with linked(self._program, switch, near, far, link) as path:
                trouble = ""
                for _ in range(PROBES):
                    if not (trouble := path.probed().trouble()):
                        break
                yield Laid(path, trouble)

    def carry(self, case: Case, who: str, seed: int) -> Run:
        """One transfer by one of them."""
        self._course.put_file(case.size)
        to = THERE if case.kind is Kind.LOOPBACK else BACK
        with self.path(case, seed) as laid:
            if who == OURS:
                return self._by_us(case, laid, to)
            peer = self._peers[who]
            self._course.warm(to)
            laid.begin()
            rate = 0 if case.link is None else case.link.there.rate
            took = peer.carry(Errand(self._course, to, LIMIT, rate))
            return laid.run(took, peer.protocol)

    def _by_us(self, case: Case, laid: Laid, to: str) -> Run:
        one_host = case.kind is Kind.LOOPBACK
        with self._course.pair(one_host=one_host, ordinary=case.ordinary) as pair:
            self._course.warm(to)
            laid.begin()
            began = pair.sends()
            ended = pair.uploaded(LIMIT)
            took = None if ended is None else Took(began, ended)
            run = laid.run(took, UDP)
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
            if on_links[:1] == [each] and case is not YARDSTICK and self._runs(BBR, number):
                void = self._void(number, self.carry(YARDSTICK, BBR, number), YARDSTICK)
            names = [OURS, *(name for name in case.peers if self._runs(name, number))]
            for name in names if number % 2 else reversed(names):
                run = self.carry(case, name, number)
                each.runs[name].append(run)
                self._say(number, each, name, run)
            if case is YARDSTICK and (bbr := each.runs.get(BBR)):
                void = self._void(number, bbr[-1], case)
            each.void.append((void or each.trouble()) if case.link else "")

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
        "packets": _most(chosen, lambda run: run.largest),
        "late": _most(chosen, lambda run: round(run.late, LATE_DECIMALS)),
        "seconds": {key: [one.shares for one in told] for key, told in together.items()},
    }
    return rows, more


def _most(found: Sequence[Found], value: Callable[[Run], float]) -> dict[str, dict[str, float]]:
    """The largest value of all rounds, of each on each link."""
    return {
        each.case.key: {
            who: max(value(run) for run in runs if run is not None)
            for who, runs in each.runs.items()
        }
        for each in found
        if each.case.link
    }
