"""The marking table on the console, and why a run without a failure has not passed."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from rich.console import Console
from rich.text import Text

from .marks import PARTS, Part, shown, tally
from .progress import STYLES
from .results import Results, Row
from .verdict import Verdict

TEXT_WIDTH: Final = max(len(part.text) for part in PARTS)
MARKS_WIDTH: Final = len("  0.33/1.25")
NAMED: Final = 4  # scenarios of a row that are named; of the others, how many


def print_table(console: Console, results: Results) -> None:
    """The marking table of SPEC S14 for the scenarios of this run, and what it leaves open."""
    console.print()
    for part in PARTS:
        rows = [row for row in results.rows.values() if row.scenario.part == part.name]
        if rows:
            remark = [each for each in (_share(part, rows), _remark(rows)) if each]
            _print_row(console, part.text, _marks(rows), Text("  ").join(remark))
    plain = [row for row in results.rows.values() if not row.scenario.part]
    if plain:
        passed = sum(row.verdict is Verdict.PASS for row in plain)
        _print_row(console, "scenarios without marks", f"{passed}/{len(plain)}", _remark(plain))
    console.print(total_words(results), soft_wrap=True)
    not_examined = results.tally().not_examined
    if not_examined:
        console.print(f"{shown(not_examined)} marks not examined here")
    _print_why(console, results)


def total_words(results: Results) -> str:
    """The marks of the run, and that there are more where only some scenarios were chosen."""
    total = results.tally()
    chosen = sum((row.marks for row in results.rows.values()), Fraction(0))
    if not chosen:
        return "no marks in this selection"
    words = f"{shown(total.earned)} of {shown(total.possible)}"
    if chosen < results.whole:
        words += f" (only what was chosen counts; the whole suite has {shown(results.whole)})"
    return words


def _share(part: Part, rows: list[Row]) -> Text:
    """Where not all scenarios of a part were chosen: what the part is worth."""
    chosen = sum((row.marks for row in rows), Fraction(0))
    return Text(f"of {shown(part.marks)}" if chosen < part.marks else "", "dim")


def _print_row(console: Console, text: str, marks: str, remark: Text) -> None:
    line = Text(f"{text:<{TEXT_WIDTH}}{marks:>{MARKS_WIDTH}}")
    line.append("  " if remark else "")
    line.append(remark)
    console.print(line, soft_wrap=True)


def _marks(rows: list[Row]) -> str:
    sums = tally(
        {row.scenario.name: row.verdict for row in rows},
        {row.scenario.name: row.marks for row in rows},
    )
    return f"{shown(sums.earned)}/{shown(sums.possible)}"


def _remark(rows: list[Row]) -> Text:
    remark = Text()
    for verdict, words in (
        (Verdict.FAIL, "failed"),
        (Verdict.BROKEN, "broken"),
        (Verdict.UNSUPPORTED, "not examined here"),
        (Verdict.SKIPPED, "skipped"),
    ):
        if names := [row.scenario.name for row in rows if row.verdict is verdict]:
            more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
            told = ", ".join([*names[:NAMED], *more])
            remark.append(f"{'; ' if remark else ''}{words}: {told}", STYLES[verdict])
    return remark


def _print_why(console: Console, results: Results) -> None:
    """Why the status is not 0 although every mark was earned."""
    total = results.tally()
    without = [
        row.scenario.name
        for row in results.rows.values()
        if row.verdict in (Verdict.FAIL, Verdict.BROKEN) and row.marks == Fraction(0)
    ]
    if without and total.earned == total.possible:
        names = ", ".join(without[:NAMED]) + (", …" if len(without) > NAMED else "")
        earn = "earns" if len(without) == 1 else "earn"
        console.print(
            f"not passed: {names} {earn} no marks, and must pass all the same", soft_wrap=True
        )
    if not any(
        row.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.BROKEN) for row in results.rows.values()
    ):
        console.print("nothing could be examined here")
