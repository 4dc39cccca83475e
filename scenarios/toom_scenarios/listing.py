"""What `toom list` says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .discovery import Selection
from .marks import PARTS, shown, split


def as_json(selection: Selection) -> dict[str, Any]:
    """For other programs: scenarios, and the promises that they quote (CONTRACT)."""
    marks = split(selection.suite)
    promises: dict[tuple[str, str], dict[str, Any]] = {}
    for each in selection.chosen:
        promise = promises.setdefault(
            (each.section, each.quote),
            {
                "id": f"{each.section}.{len(promises) + 1}",
                "section": each.section,
                "quote": each.quote,
                "part": each.part,
                "marks": 0.0,
                "scenarios": [],
            },
        )
        promise["scenarios"].append(each.name)
        promise["marks"] = round(promise["marks"] + float(marks[each.name]), 4)
    return {
        "schema": 1,
        "scenarios": [
            {
                "id": each.name,
                "section": each.section,
                "quote": each.quote,
                "part": each.part,
                "marks": round(float(marks[each.name]), 4),
                "hosts": each.hosts,
                "file": str(each.path),
                "line": each.line,
            }
            for each in selection.chosen
        ],
        "promises": list(promises.values()),
    }


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
            yield f"         {each.quote}"
