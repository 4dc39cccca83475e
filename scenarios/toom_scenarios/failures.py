"""The end of a run on the console: what failed, why, and what is not known.

Belongs here: choosing what fits a screen; the report (report.py) has everything. Does not: the
marking table (table.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.text import Text

from .facts import Diagnosis, Shown, fact_lines
from .legible import clipped
from .progress import STYLES
from .prompts import without_prompts
from .results import Results, Row
from .verdict import Verdict

IN_FULL: Final = 5  # failures; of more, a line each
ROOM: Final = 48  # lines for all failures that are shown in full
LEAST: Final = 12  # lines for each of them
MOST_FACTS: Final = 6  # lines of what was wanted and seen, where room is scarce
RAW_SHOWN: Final = 6  # lines of a traceback: its end tells most
FAVOUR: Final = 4  # rows of the terminal at which it failed, for one of another
FAILURES: Final = (Verdict.FAIL, Verdict.BROKEN)
NAME: Final = 8  # characters of the column of names


def print_failures(console: Console, results: Results) -> None:
    """Each failure and breakage: the promise, what was done, what was wanted and seen and when, and
    the last lines of the terminals.
    """
    failed = sorted(
        (
            row
            for row in results.rows.values()
            if row.verdict in FAILURES and (row.ended or not results.interrupted)
        ),
        key=lambda row: row.verdict is not Verdict.FAIL,
    )
    room = max(LEAST, ROOM // max(1, min(len(failed), IN_FULL)))
    for row in failed[:IN_FULL]:
        console.print()
        _print_head(console, row)
        for line in lines_of(row, room - 2):
            console.print(Text(f"  {line}"), soft_wrap=True)
    if failed[IN_FULL:]:
        console.print()
    for row in failed[IN_FULL:]:
        _print_head(console, row)
    for line in skipped_lines(results):
        console.print(Text(line, STYLES[Verdict.SKIPPED]), soft_wrap=True)
    for trouble in [results.lost] if results.lost else results.trouble:
        console.print(Text(f"BROKEN {trouble}", STYLES[Verdict.BROKEN]), soft_wrap=True)


def _print_head(console: Console, row: Row) -> None:
    head = Text(f"{row.verdict.upper()} {row.scenario.name}", STYLES[row.verdict])
    head.append(f": {clipped(row.reason)}")
    console.print(head, soft_wrap=True)


def lines_of(row: Row, room: int) -> list[str]:
    """A failure in about `room` lines: the promise first, then what was done, wanted and seen."""
    told = row.diagnosis or Diagnosis(row.reason)
    lines = [_named(row.failing.id, clipped(row.failing.quote))]
    lines += [_named("done", each) for each in told.done[-1:]]
    lines += [_named("at", each) for each in told.place[-1:]]
    shown = replace(told.facts, at=None, deadline=None, state="")
    facts = [f"{line[:6]:<{NAME}} {line[7:]}" for line in fact_lines(shown)]
    cut = max(MOST_FACTS, room - len(lines) - LEAST // 3)
    if len(facts) > cut:
        dots = _named("", f"… {len(facts) - cut} more lines in the report")
        facts = [*facts[: cut - 1], dots]
    lines += facts
    when = "; ".join(each for each in (told.facts.when, told.facts.state) if each)
    lines += [_named("when", when)] if when else []
    if not facts and told.raw:
        lines += [_named("", clipped(each)) for each in told.raw.splitlines()[-RAW_SHOWN:]]
    return lines + _last_rows(told, room - len(lines))


def _named(name: str, text: str) -> str:
    return f"{name:<{NAME}} {text}"


def _last_rows(told: Diagnosis, room: int) -> list[str]:
    """The last rows of every terminal, as many of each, in order of time."""
    ranked: list[tuple[int, str, Shown]] = []
    for each in told.terminals:
        telling = [row for row in each.rows if row.at is None or without_prompts(row.text)]
        share = FAVOUR if told.facts.state.startswith(f"{each.terminal}: ") else 1
        ranked += [
            (rank // share, each.terminal, row) for rank, row in enumerate(reversed(telling))
        ]
    ranked.sort(key=lambda each: each[0])  # stable: within a rank as the terminals were opened
    chosen = ranked[: max(0, room)]
    chosen.sort(key=lambda each: (each[2].at is None, each[2].at or 0.0))
    width = max((len(name) for _, name, _ in chosen), default=0)
    return [_row(name, width, row) for _, name, row in chosen]


def _row(name: str, width: int, row: Shown) -> str:
    at = f"{row.at:9.3f}" if row.at is not None else f"{'now':>9}"
    return f"{at} {name:<{width}} {row.sign} {clipped(row.text)}"


def skipped_lines(results: Results) -> list[str]:
    """For each cause, how many scenarios were skipped for it."""
    causes = Counter(
        results.cause(row)
        for row in results.rows.values()
        if row.verdict is Verdict.SKIPPED and row.started
    )
    return [
        f"{count} skipped, since {cause} failed"
        if cause in results.rows
        else f"{count} skipped: {cause}"
        for cause, count in causes.items()
    ]


def interruption(results: Results) -> str:
    """What was found before somebody ended the run."""
    rows = list(results.rows.values())
    failed = [row.scenario.name for row in rows if row.verdict is Verdict.FAIL]
    cut = sum(row.started and not row.ended for row in rows)
    found = [
        f"{sum(row.verdict is Verdict.PASS for row in rows)} passed",
        f"{len(failed)} failed ({', '.join(failed)})" if failed else "none failed",
        *([f"{cut} were cut off"] if cut else []),
        f"{sum(not row.started for row in rows)} never began",
    ]
    return f"interrupted: nothing is marked; of {len(rows)} scenarios {', '.join(found)}"
