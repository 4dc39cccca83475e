"""What a run of the mutants showed: the kill matrix, for people and for other programs.

Belongs here: sentences, tables, build/mutants.json. Does not: what counts as a kill (trial.py).
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import shorten, wrap
from typing import Any, Final

from tests.mutants.generated import Chosen
from tests.mutants.programs import ROOT
from tests.mutants.suite import Suite
from tests.mutants.trial import Fate, Result

SCHEMA: Final = 1
PLACE: Final = ROOT / "build" / "mutants.json"
WIDTH: Final = 110  # columns
QUOTED: Final = 70  # characters of a promise


def row(result: Result) -> str:
    """A mutant's row: its fate, its name, who saw it, and what is broken."""
    mutant = result.mutant
    fate = f"{result.fate:8}" if result.fate is Fate.KILLED else result.fate.upper()
    by = [f"{each.promise or '?'} in {each.scenario}" for each in result.kills[:1]]
    if not by:
        by = [f"not at {mutant.promise or 'any promise'}", *_elsewhere(result)]
    if result.note:
        by.append(result.note)
    return f"{fate} {shown(result)}: {'; '.join(by)}\n         {mutant.what}"


def shown(result: Result) -> str:
    """A mutant's name, with a mark where nobody wrote it."""
    return f"~{result.mutant.name}" if result.mutant.generated else result.mutant.name


def _elsewhere(result: Result) -> Iterator[str]:
    for each in result.fails:
        reason = shorten(each.reason, WIDTH, placeholder="…")
        yield f"but {each.promise or '?'} in {each.scenario}: {reason}"


def kills(results: Sequence[Result]) -> dict[str, list[str]]:
    """Names of the mutants that each promise has killed."""
    found: dict[str, list[str]] = {}
    for result in results:
        if result.fate is Fate.KILLED:
            for promise in dict.fromkeys(each.promise for each in result.kills):
                found.setdefault(promise, []).append(shown(result))
    return found


def matrix(results: Sequence[Result], suite: Suite) -> Iterator[str]:
    """For each promise the mutants that it killed."""
    found = kills(results)
    for promise in suite.promises.values():
        if names := found.get(promise.id):
            part = promise.part or "-"
            lines = wrap(" · ".join(names), WIDTH - 17, break_on_hyphens=False)
            yield f"{promise.id:7}{part:9} {lines[0]}"
            yield from (f"{'':17}{line}" for line in lines[1:])
    yield f"{len(found)} of {len(suite.promises)} promises have killed one"


def idle(results: Sequence[Result], suite: Suite) -> Iterator[str]:
    """Tell which promises have killed none: whether anybody sees them broken is not known."""
    found = kills(results)
    for promise in suite.promises.values():
        if promise.id in found:
            continue
        quote = shorten(promise.quote, QUOTED, placeholder="…")
        seers = ", ".join(promise.scenarios) or "no scenario names it"
        yield f"  no kill by {promise.id:7} {quote} ({seers})"


def survivors(chosen: Sequence[Chosen]) -> Iterator[str]:
    """Those that are expected to survive, each with the reason."""
    for each in chosen:
        if each.survives:
            yield f"  ~{each.mutant.name}: {each.survives}\n         {each.mutant.what}"


def save(results: Sequence[Result], suite: Suite, chosen: Sequence[Chosen]) -> None:
    """Leave all of it in build/mutants.json."""
    told = {
        "schema": SCHEMA,
        "killed": sum(result.fate is Fate.KILLED for result in results),
        "of": len(results),
        "mutants": [_as_json(result) for result in results],
        "promises": {name: kills(results).get(name, []) for name in suite.promises},
        "survivors": [
            {"name": each.mutant.name, "what": each.mutant.what, "reason": each.survives}
            for each in chosen
            if each.survives
        ],
    }
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "name": result.mutant.name,
        "generated": result.mutant.generated,
        "what": result.mutant.what,
        "promise": result.mutant.promise,
        "fate": str(result.fate),
        "note": result.note,
        "scenarios": [
            {"name": each.scenario, "verdict": each.verdict, "promise": each.promise}
            for each in result.rows.values()
        ],
    }


def as_toml(result: Result) -> str:
    """A row for generated.toml, for a mutant that was drawn and tried."""
    mutant = result.mutant
    lines = ["[[mutant]]", f"# {mutant.what}", f'name = "{mutant.name}"']
    if result.fate is Fate.KILLED:
        kill = result.kills[0]
        lines.append(f'killed-by = "{kill.promise}"  # {kill.scenario}')
    elif result.fate is Fate.SURVIVED:
        lines.append('survives = ""  # why? or which promise should see it?')
    else:
        lines.append(f"# {result.fate}: {result.note}")
    return "\n".join(lines) + "\n"


def read(path: Path = PLACE) -> dict[str, Any]:
    """Give what an earlier run left."""
    told: dict[str, Any] = json.loads(path.read_text())
    return told
