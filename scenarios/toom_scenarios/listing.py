"""What `toom list` says."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from rich.table import Table

from .discovery import Selection
from .marks import PARTS, shown, split
from .promises import Promise, promises
from .scenario import Scenario


def as_json(selection: Selection) -> dict[str, Any]:
    """For other programs: scenarios, and the promises that they quote (CONTRACT)."""
    marks = split(selection.suite)
    return {
        "schema": 1,
        "scenarios": [
            {
                "id": each.name,
                "section": each.section,
                "quote": each.quote,
                "story": each.story,
                "part": each.part,
                "marks": round(float(marks[each.name]), 4),
                "hosts": each.hosts,
                "promises": list(each.promises),
                "builds_on": list(each.builds_on),
                "file": str(each.path),
                "line": each.line,
            }
            for each in selection.chosen
        ],
        "promises": [_of_the_suite(each, selection) for each in promises().values()]
        + [_of_its_own(each, marks[each.name]) for each in selection.chosen if not each.promises],
    }


def _of_the_suite(promise: Promise, selection: Selection) -> dict[str, Any]:
    return {
        "id": promise.id,
        "section": promise.section,
        "quote": promise.quote,
        "part": promise.part,
        "marks": round(float(promise.marks), 4),
        "scenarios": namers(promise.id, selection),
    }


def _of_its_own(scenario: Scenario, marks: Fraction) -> dict[str, Any]:
    """The sentence that a case of somebody's own quotes, in the form of a promise."""
    return {
        "id": scenario.name,
        "section": scenario.section,
        "quote": scenario.quote,
        "part": scenario.part,
        "marks": round(float(marks), 4),
        "scenarios": [scenario.name],
    }


def namers(promise: str, selection: Selection) -> list[str]:
    """Names of the scenarios that name a promise."""
    return [each.name for each in selection.chosen if promise in each.promises]


def promise_table(selection: Selection) -> Table:
    """For people: every promise with its marks and the scenarios that name it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("id", "part", "marks"):
        table.add_column(heading, no_wrap=True)
    table.add_column("promise", ratio=3)
    table.add_column("scenarios", ratio=2)
    whole = len(selection.chosen) == len(selection.suite)
    for promise in promises().values():
        if not whole and not namers(promise.id, selection):
            continue
        marks = shown(promise.marks) if promise.part else ""
        named = "\n".join(namers(promise.id, selection)) or "NONE"
        table.add_row(promise.id, promise.part, marks, promise.quote, named)
    return table


def as_lines(selection: Selection) -> Iterator[str]:
    """For people: by part, with marks, section and the quoted sentence."""
    marks = split(selection.suite)
    for name, text in [*((part.name, part.text) for part in PARTS), ("", "without marks")]:
        members = [each for each in selection.chosen if each.part == name]
        if not members:
            continue
        yield text
        for each in members:
            yield f"  {shown(marks[each.name]):>5}  {each.name}  ({each.path.name}, {each.section})"
            yield f"         {' '.join(each.promises)}{': ' if each.promises else ''}{each.story}"
