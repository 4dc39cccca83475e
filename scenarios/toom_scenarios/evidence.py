"""verdict.json: beside each scenario's evidence, what it was and how it ended.

Belongs here: its schema. What a whole run says is in results.py.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from .again import command
from .promises import about
from .results import Results, Row

VERDICT: Final = "verdict.json"
SCHEMA: Final = 1


def write_verdict(results: Results, row: Row) -> Path:
    """Write it into the scenario's folder."""
    folder = results.folder / row.directory
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{VERDICT}.new"
    document = json.dumps(_document(results, row), indent=1, ensure_ascii=False)
    unfinished.write_text(document + "\n", encoding="utf-8", errors="backslashreplace")
    os.replace(unfinished, folder / VERDICT)
    return folder / VERDICT


def _document(results: Results, row: Row) -> dict[str, Any]:
    scenario = row.scenario
    named = [{"id": each.id, "quote": each.quote} for each in about(scenario)]
    began = datetime.fromtimestamp(row.began).astimezone() if row.began else None
    return {
        "schema": SCHEMA,
        "name": scenario.name,
        "story": scenario.story,
        "section": scenario.section,
        "part": scenario.part,
        "marks": round(float(row.marks), 4),
        "promises": named or [{"id": "", "quote": scenario.quote}],
        "verdict": str(row.verdict),
        "reason": row.reason,
        "promise": row.promise,
        "implementation": results.implementation,
        "on": results.on,
        "where": results.where,
        "began": began.isoformat(timespec="milliseconds") if began else "",
        "seconds": round(row.seconds, 3),
        "again": command(results, row),
        "file": str(scenario.path),
        "line": scenario.line,
        "kept": row.kept,
        "diagnosis": row.diagnosis.as_json() if row.diagnosis is not None else None,
    }
