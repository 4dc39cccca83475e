"""Rows of a benchmark as a table for people. Belongs here: how it looks. Does not: figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .document import Figures, Goal, Row

WIDEST: Final = 200  # columns where nobody sees how wide it is: a file or a pipe
MET: Final = {True: ("yes", "green"), False: ("no", "red"), None: ("", "dim")}
NOT_COUNTED: Final = "does not count"


def print_rows(rows: Sequence[Row], console: Console | None = None) -> None:
    """Print them; colours only on a terminal."""
    console = console or Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDEST
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("case")
    table.add_column("unit")
    for title in ("ours (min to max)", "peer (min to max)", "ratio of pairs"):
        table.add_column(title, justify="right")
    table.add_column("goal")
    table.add_column("goal met")
    for row in rows:
        table.add_row(row.case, row.unit, _told(row.ours), *_peers(row), _goal(row.goal), _met(row))
    console.print(table)


def _peers(row: Row) -> tuple[str, str]:
    """The figures of peers and our ratios to them, a line for each."""
    figures, ratios = [], []
    for name, peer in row.peers.items():
        figures.append(f"{name} {_told(peer)}")
        pair = row.pairs.get(name)
        ratios.append(_told(pair) if pair else f"{row.ratios().get(name, 0):.2f}")
    return "\n".join(figures), "\n".join(ratios)


def _goal(goal: Goal | None) -> str:
    if goal is None:
        return ""
    parts = [] if goal.at_least is None else [f"at least {goal.at_least:g}"]
    parts += [] if goal.at_most is None else [f"at most {goal.at_most:g}"]
    return " and ".join(parts) + (f" x {goal.against}" if goal.against else "")


def _met(row: Row) -> Text:
    if row.goal is not None and not row.counts:
        return Text(NOT_COUNTED, "yellow")
    return Text(*MET[row.is_met()])


def _told(figures: Figures) -> str:
    words = _number(figures.median)
    if figures.min == figures.max:
        return words
    return f"{words} ({_number(figures.min)} to {_number(figures.max)})"


def _number(value: float) -> str:
    """Four digits that mean something."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
