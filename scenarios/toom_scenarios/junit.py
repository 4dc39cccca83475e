"""junit.xml: the run for CI programs, made from the results.

Belongs here: the form that such programs read. A failure is the program's, an error is ours.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from .facts import as_text
from .results import Results, Row
from .verdict import Verdict

# what XML 1.0 cannot hold, even escaped
IMPOSSIBLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ELEMENTS: Final = {
    Verdict.FAIL: "failure",
    Verdict.BROKEN: "error",
    Verdict.UNSUPPORTED: "skipped",
    Verdict.SKIPPED: "skipped",
}


def write_junit(results: Results) -> Path:
    """Write it into the report's folder."""
    rows = list(results.rows.values())
    kinds = [ELEMENTS.get(row.verdict) for row in rows]
    suite = ElementTree.Element(
        "testsuite",
        name=f"toom on {results.on}",
        tests=str(len(rows)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=f"{results.seconds:.3f}",
    )
    suite.extend(_case(row) for row in rows)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root, " ")
    place = results.folder / "junit.xml"
    unfinished = results.folder / ".junit.xml.new"
    ElementTree.ElementTree(root).write(unfinished, "utf-8", xml_declaration=True)
    os.replace(unfinished, place)
    return place


def _case(row: Row) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        name=row.scenario.name,
        classname=f"{row.scenario.part or 'without-marks'}.{row.scenario.section}",
        file=str(row.scenario.path),
        line=str(row.scenario.line),
        time=f"{row.seconds:.3f}",
    )
    kind = ELEMENTS.get(row.verdict)
    if kind is None:
        return case
    failed = row.verdict in (Verdict.FAIL, Verdict.BROKEN)
    promise = f" [{row.failing.id}: {row.failing.quote}]" if failed else ""
    told = ElementTree.SubElement(case, kind, message=_possible(f"{row.reason}{promise}"))
    if row.diagnosis is not None:
        told.text = _possible(as_text(row.diagnosis))
    return case


def _possible(text: str) -> str:
    return IMPOSSIBLE.sub("\ufffd", text)
