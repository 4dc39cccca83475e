"""index.html: the run for a reader, in one file without anything from elsewhere.

Belongs here: what the page shows. Its form is in report.html.j2, which escapes everything.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import jinja2

from .marks import PARTS, shown, tally
from .results import Results, Row
from .verdict import Verdict

GRAVITY: Final = (Verdict.FAIL, Verdict.BROKEN, Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.PASS)
LARGEST_SHOWN: Final = (
    200_000  # bytes of a transcript inside the page; the whole one lies beside it
)


def write_report(results: Results) -> Path:
    """Write the page into the report's folder."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("toom_scenarios", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = sorted(results.rows.values(), key=lambda row: GRAVITY.index(row.verdict))
    total = results.tally()
    page = environment.get_template("report.html.j2").render(
        results=results,
        rows=rows,
        evidence={row.scenario.name: _evidence(results.folder, row) for row in rows},
        timelines={row.scenario.name: _timeline(results.folder, row) for row in rows},
        parts=_parts(results),
        earned=shown(total.earned),
        possible=shown(total.possible),
        not_examined=shown(total.not_examined) if total.not_examined else "",
        counts={str(verdict): sum(row.verdict is verdict for row in rows) for verdict in GRAVITY},
    )
    place = results.folder / "index.html"
    place.write_text(page, encoding="utf-8", errors="backslashreplace")
    return place


def _parts(results: Results) -> list[tuple[str, str, str]]:
    shown_parts = []
    for part in PARTS:
        rows = [row for row in results.rows.values() if row.scenario.part == part.name]
        if rows:
            sums = tally(
                {row.scenario.name: row.verdict for row in rows},
                {row.scenario.name: row.marks for row in rows},
            )
            shown_parts.append((part.text, shown(sums.earned), shown(sums.possible)))
    return shown_parts


def _evidence(folder: Path, row: Row) -> list[tuple[str, int]]:
    """The files that a scenario left, relative to the page, with their sizes."""
    found = []
    for where, _, names in os.walk(folder / row.directory):
        for name in names:
            path = Path(where, name)
            found.append((str(path.relative_to(folder)), path.lstat().st_size))
    return sorted(found)


def _timeline(folder: Path, row: Row) -> str:
    path = folder / row.directory / "timeline.txt"
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        text = file.read(LARGEST_SHOWN).decode(errors="replace")
    return text + ("\n… the rest is in the file" if path.stat().st_size > LARGEST_SHOWN else "")
