"""Where the time of the suite goes: rows from rounds, and the words for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from .. import accounting
from .document import Figures, Row
from .suite import Round

WHOLE: Final = "the whole suite"
LONGEST: Final = 8  # scenarios that are named
WORDS: Final = {
    accounting.HOSTS: "making hosts",
    accounting.PROGRAMS: "starting programs",
    accounting.ANSWERS: "waiting for programs' answers",
    accounting.PROMISED: "waits that are a promise",
    accounting.FORCED: "waits that are no promise",
    accounting.FILES: "files and commands in hosts",
    accounting.OTHERS: "waiting for other scenarios",
    accounting.EVIDENCE: "collecting evidence",
    accounting.REMOVAL: "removing hosts",
}
REST: Final = "everything else (films, comparing)"
SUM: Final = "sum of the scenarios"
START: Final = "the runner's own start and end"
BUSY_WORKERS: Final = "workers busy"
CPU: Final = "processor time of the runner and its children"
BUSY_MACHINE: Final = "processors of this machine busy"
# Seconds that the suite may take on two cores, and that waits may take which promise nothing.
AT_MOST: Final = {"local": 60, "docker": 100}
FORCED_AT_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class Spending:
    """The rounds of a benchmark, and the rows that they come to."""

    on: str
    jobs: int
    rounds: Sequence[Round]

    def rows(self) -> list[Row]:
        """All rows: the whole, where it goes, how busy everybody was, the longest scenarios."""
        return [self.whole(), *self.buckets(), *self.totals(), *self.longest()]

    def whole(self) -> Row:
        return self._row(WHOLE, "s", lambda each: each.wall)

    def buckets(self) -> list[Row]:
        """Seconds of each kind, summed over the scenarios."""
        rows = [self._row(words, "s", partial(_booked, bucket)) for bucket, words in WORDS.items()]
        return [*rows, self._row(REST, "s", _rest)]

    def totals(self) -> list[Row]:
        return [
            self._row(SUM, "s", _sum),
            self._row(
                BUSY_WORKERS, "%", lambda each: 100 * _sum(each) / (self.workers * each.wall)
            ),
            self._row(START, "s", lambda each: each.wall - float(each.results["seconds"])),
            self._row(CPU, "s", lambda each: each.cpu),
            self._row(BUSY_MACHINE, "%", lambda each: 100 * each.busy),
        ]

    def longest(self) -> list[Row]:
        """The scenarios that took longest, longest first."""
        rows = [self._row(name, "s", partial(_taken, name)) for name in _seconds(self.rounds[0])]
        return sorted(rows, key=lambda row: -row.ours.median)[:LONGEST]

    @property
    def scenarios(self) -> int:
        return len(self.rounds[0].results["scenarios"])

    @property
    def workers(self) -> int:
        """No more than there are scenarios."""
        return min(self.jobs, self.scenarios)

    def _row(self, case: str, unit: str, value: Callable[[Round], float]) -> Row:
        return Row(case, unit, Figures.of([value(each) for each in self.rounds]))

    def lines(self) -> Iterator[str]:
        """The whole of it for people."""
        whole = self.whole().ours
        yield (
            f"{WHOLE} on {self.on}: {self.scenarios} scenarios, {self.workers} at a time,"
            f" {len(self.rounds)} round{'s' if len(self.rounds) != 1 else ''}"
        )
        yield f"median {whole.median:.1f} s, min {whole.min:.1f} s, max {whole.max:.1f} s"
        yield f"(at most {AT_MOST.get(self.on, '-')} s on two cores)"
        yield ""
        yield "where it goes, summed over the scenarios (median of the rounds)"
        total = self.totals()[0].ours.median or 1.0
        for row in (*self.buckets(), self.totals()[0]):
            share = 100 * row.ours.median / total
            limit = f"   at most {FORCED_AT_MOST} s" if row.case == WORDS[accounting.FORCED] else ""
            yield f"  {row.case:46}{row.ours.median:8.1f} s {share:5.0f} %{limit}"
        yield ""
        for row in self.totals()[1:]:
            yield f"  {row.case:46}{row.ours.median:8.1f} {row.unit}"
        yield ""
        yield "the longest scenarios"
        for row in self.longest():
            yield f"  {row.case:46}{row.ours.median:8.1f} s"


def _seconds(each: Round) -> dict[str, float]:
    return {row["name"]: float(row["seconds"]) for row in each.results["scenarios"]}


def _taken(name: str, each: Round) -> float:
    return _seconds(each).get(name, 0.0)


def _sum(each: Round) -> float:
    return sum(_seconds(each).values())


def _booked(bucket: str, each: Round) -> float:
    return sum(float(_spent(row).get(bucket, 0.0)) for row in each.results["scenarios"])


def _rest(each: Round) -> float:
    booked = sum(sum(_spent(row).values()) for row in each.results["scenarios"])
    return _sum(each) - booked


def _spent(row: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = row.get("spent", {})
    return found
