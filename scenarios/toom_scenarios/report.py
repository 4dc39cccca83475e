"""index.html: the run for a reader, in one file without anything from elsewhere.

Belongs here: what the page shows. Its form is in report.html.j2, which escapes everything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from .again import command
from .failures import FAILURES, interruption, skipped_lines
from .legible import visible
from .marks import PARTS, shown, tally
from .promises import Promise, about, promises
from .prompts import without_prompts
from .results import Results, Row
from .table import total_words
from .verdict import Verdict

GRAVITY: Final = (Verdict.FAIL, Verdict.BROKEN, Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.PASS)
NOT_REACHED: Final = "not reached"
LARGEST_SHOWN: Final = 20_000  # bytes of a timeline inside the page; the whole one lies beside it
FILES_SHOWN: Final = 60  # of a scenario's evidence
OPEN_FAILURES: Final = 6  # shown at once; further ones open with a click
CODE: Final = re.compile("`([^`]+)`")
STRESS: Final = re.compile(r"(?<!\w)\*{1,2}(\w[^*<]*)\*{1,2}(?!\w)")


@dataclass(frozen=True, slots=True)
class PartView:
    """A row of the marking table."""

    text: str
    earned: str
    possible: str
    failed: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class PromiseView:
    """A promise, how it fared, and who examined it."""

    promise: Promise
    verdict: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of the evidence: its address from the page, its name in the folder, its bytes."""

    href: str
    name: str
    size: int


def write_report(results: Results) -> Path:
    """Write the page into the report's folder; a reader never sees half of it."""
    rows = sorted(results.rows.values(), key=lambda row: GRAVITY.index(row.verdict))
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            results=results,
            rows=rows,
            total="nothing is marked" if results.interrupted else total_words(results),
            failed=[row for row in rows if row.verdict in FAILURES],
            open_failures=OPEN_FAILURES,
            skipped=skipped_lines(results),
            interruption=interruption(results) if results.interrupted else "",
            counts={
                str(verdict): sum(row.verdict is verdict for row in rows) for verdict in GRAVITY
            },
            parts=part_views(results),
            promises=promise_views(results),
            files={row.scenario.name: _files(results.folder, row) for row in rows},
            timelines={row.scenario.name: _timeline(results.folder, row) for row in rows},
            again={row.scenario.name: command(results, row) for row in rows},
        )
    )
    unfinished = results.folder / ".index.html.new"
    text = "\n".join(map(visible, page.lstrip().split("\n")))
    unfinished.write_text(text + "\n", encoding="utf-8")
    os.replace(unfinished, results.folder / "index.html")
    return results.folder / "index.html"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("toom_scenarios", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(code=_with_code, prompt=_is_prompt, bytes=_bytes)
    return environment


def _with_code(text: str) -> Markup:
    """A quotation of SPEC.md, with its `code` and its **stress** set as such."""
    coded = CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(STRESS.sub(r"<b>\1</b>", coded))


def _is_prompt(text: str) -> bool:
    """Whether a row of a terminal is nothing but prompts."""
    return bool(text.strip()) and not without_prompts(text)


def _bytes(size: int) -> str:
    return f"{size:,}".replace(",", " ") + (" byte" if size == 1 else " bytes")


def part_views(results: Results) -> list[PartView]:
    """The rows of the marking table, as far as scenarios of this run belong to them."""
    views = []
    for part in PARTS:
        rows = [row for row in results.rows.values() if row.scenario.part == part.name]
        if rows:
            sums = tally(
                {row.scenario.name: row.verdict for row in rows},
                {row.scenario.name: row.marks for row in rows},
            )
            earned, possible = shown(sums.earned), shown(sums.possible)
            views.append(PartView(part.text, earned, possible, _failed(rows)))
    plain = [row for row in results.rows.values() if not row.scenario.part]
    if plain:
        passed = sum(row.verdict is Verdict.PASS for row in plain)
        words = "passed, without marks"
        views.append(PartView(words, str(passed), str(len(plain)), _failed(plain)))
    return views


def _failed(rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.verdict in FAILURES)


def promise_views(results: Results) -> list[PromiseView]:
    """Every promise that a scenario of this run names, broken ones first."""
    named: dict[str, tuple[Promise, list[Row]]] = {}
    for row in results.rows.values():
        for promise in about(row.scenario) or [row.failing]:
            key = promise.id if row.scenario.promises else row.scenario.name
            named.setdefault(key, (promise, []))[1].append(row)
    views = [PromiseView(each, _fared(each, rows), tuple(rows)) for each, rows in named.values()]
    gravity = [*map(str, FAILURES), NOT_REACHED, str(Verdict.PASS)]
    place = {name: number for number, name in enumerate(promises())}
    return sorted(
        views,
        key=lambda view: (gravity.index(view.verdict), place.get(view.promise.id, len(place))),
    )


def _fared(promise: Promise, rows: Sequence[Row]) -> str:
    """Kept when every scenario that names it has passed, broken when one failed at it."""
    at_it = [row.verdict for row in rows if row.failing.id == promise.id]
    for verdict in FAILURES:
        if verdict in at_it:
            return str(verdict)
    passed = all(row.verdict is Verdict.PASS for row in rows)
    return str(Verdict.PASS) if passed else NOT_REACHED


def _files(folder: Path, row: Row) -> list[FileView]:
    """The files that a scenario left."""
    place = folder / row.directory
    found = []
    for where, _, names in os.walk(place):
        for name in names:
            path = Path(where, name)
            href = quote(os.fsencode(path.relative_to(folder)))
            inside = str(path.relative_to(place))
            found.append(FileView(href, inside, path.lstat().st_size))
    return sorted(found, key=lambda each: each.name)[:FILES_SHOWN]


def _timeline(folder: Path, row: Row) -> str:
    path = folder / row.directory / "timeline.txt"
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        text = file.read(LARGEST_SHOWN).decode(errors="replace")
    rest = "\n… the rest is in the file" if path.stat().st_size > LARGEST_SHOWN else ""
    return text.rstrip("\n") + rest
