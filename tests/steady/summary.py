"""All rows together: the table, summary.json, and the status.

Belongs here: counting, and the words for it. Pure.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from toom_scenarios.results import Status

from .ledger import Row
from .plan import Kind

SCHEMA: Final = 1
HEADINGS: Final = ("runs", "clean", "flakes", "leaks", "median", "min", "max")


def summary(tree: str, rows: Sequence[Row], wanted: Counter[Kind]) -> dict[str, Any]:
    """The document of summary.json.

    Args:
        wanted: how many runs of each kind were asked for.
    """
    kinds = dict.fromkeys([*wanted, *(row.kind for row in rows)])  # no row is ever left out
    return {
        "schema": SCHEMA,
        "tree": tree,
        "status": int(status(rows, wanted)),
        "complete": complete(rows, wanted),
        "kinds": [_kind(kind, rows, wanted[kind]) for kind in kinds],
        "flakes": [
            {**told, "run": _name(row), "seed": row.seed, "report": row.report}
            for row in rows
            if row.flaky
            for told in row.not_passed or [_only_a_status(row)]
        ],
        "leaks": [
            {"run": _name(row), "leak": leak, "report": row.report}
            for row in rows
            for leak in row.leaks
        ],
    }


def complete(rows: Sequence[Row], wanted: Counter[Kind]) -> bool:
    """Whether no run is missing."""
    return not wanted - Counter(row.kind for row in rows)


def status(rows: Sequence[Row], wanted: Counter[Kind]) -> Status:
    """0: all there and all clean; 1: a flake or a leak; 3: not complete yet."""
    if not all(row.clean for row in rows):
        return Status.FAILED
    return Status.PASSED if complete(rows, wanted) else Status.UNKNOWN


def _kind(kind: Kind, rows: Sequence[Row], wanted: int) -> dict[str, Any]:
    of_it = [row for row in rows if row.kind == kind]
    seconds = [row.seconds for row in of_it]
    return {
        "on": kind[0],
        "load": kind[1],
        "wanted": wanted,
        "runs": len(of_it),
        "clean": sum(row.clean for row in of_it),
        "flakes": sum(row.flaky for row in of_it),
        "leaks": sum(len(row.leaks) for row in of_it),
        "seconds": {
            "median": round(median(seconds), 1),
            "min": round(min(seconds), 1),
            "max": round(max(seconds), 1),
        }
        if seconds
        else {},
    }


def _only_a_status(row: Row) -> dict[str, str]:
    told = f"ended with status {row.status}, and every scenario passed"
    return {"name": "(the run)", "verdict": "broken", "reason": told}


def _name(row: Row) -> str:
    return f"{row.on} {row.load} {row.number}"


def line(row: Row) -> str:
    """One run as it ended."""
    head = f"{_name(row):18} {row.seconds:7.1f} s  seed {row.seed:<6}"
    troubles = [f"{told['verdict']} {told['name']}: {told['reason']}" for told in row.not_passed]
    if row.status and not troubles:
        troubles.append(f"status {row.status}")
    troubles += [f"LEAK {leak}" for leak in row.leaks]
    return f"{head}{'clean' if row.clean else '; '.join(troubles)}"


def table(document: dict[str, Any]) -> list[str]:
    """The summary for people."""
    lines = [f"{'':16}" + "".join(f"{heading:>9}" for heading in HEADINGS)]
    for kind in document["kinds"]:
        counts = (f"{kind['runs']}/{kind['wanted']}", kind["clean"], kind["flakes"], kind["leaks"])
        times = [f"{value} s" for value in kind["seconds"].values()] or ["-"] * 3
        cells = "".join(f"{cell:>9}" for cell in (*counts, *times))
        lines.append(f"{kind['on'] + ' ' + kind['load']:16}{cells}")
    for flake in document["flakes"]:
        what = f"{flake['verdict']} {flake['name']}: {flake['reason']}"
        lines.append(f"flake in {flake['run']} (seed {flake['seed']}): {what}")
        lines.append(f"  report: {flake['report']}")
    lines += [f"leak of {leak['run']}: {leak['leak']}" for leak in document["leaks"]]
    lines.append(_verdict(document))
    return lines


def _verdict(document: dict[str, Any]) -> str:
    runs = sum(kind["runs"] for kind in document["kinds"])
    asked = sum(kind["wanted"] for kind in document["kinds"])
    if document["status"] == Status.FAILED:
        found = f"{len(document['flakes'])} flakes, {len(document['leaks'])} leaks"
        return f"NOT STEADY: {found} in {runs} of {asked} runs"
    if document["status"] == Status.UNKNOWN:
        return f"not complete yet: {runs} of {asked} runs, all clean; the same command goes on"
    return f"steady: {runs} runs without a flake or a leak"
