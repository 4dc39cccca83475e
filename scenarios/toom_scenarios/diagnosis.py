"""From an exception that ended a scenario to what a person must know about it.

Belongs here: gathering. Does not: the verdict (verdict.py), how it is shown (table.py, report.py).
"""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

from .comparison import Comparison, reason
from .errors import ExpectationFailed, ScenarioError
from .facts import Diagnosis
from .legible import clipped, visible
from .stage import Stage
from .verdict import Verdict, first_line

PYTEST_WORD: Final = "assert "  # begins pytest's message where the case file has none of its own


def diagnose(
    error: BaseException,
    verdict: Verdict,
    *,
    case: Path,
    stage: Stage | None,
    comparison: Comparison | None,
    trace: str,
) -> Diagnosis:
    """Gather what is known.

    Args:
        case: the scenario's file.
        stage: where it happened, while everything there is as it was.
        comparison: the last that did not hold in this scenario.
        trace: the whole traceback as text, for errors that nobody expected.
    """
    found = Diagnosis(
        reason=visible(first_line(error)),
        place=tuple(_places(case, error.__traceback__)),
        done=stage.done() if stage is not None else (),
        terminals=stage.endings() if stage is not None else (),
    )
    if isinstance(error, ExpectationFailed):
        found = replace(found, facts=error.facts)
    elif verdict is Verdict.FAIL:
        found = _of_assertion(found, error, comparison, _assertion(case, error.__traceback__))
    else:
        raw = str(error) if isinstance(error, ScenarioError) else trace
        found = replace(found, raw="" if raw == found.reason else raw)
    if stage is not None and found.facts.at is None:
        found = replace(found, facts=replace(found.facts, at=stage.now()))
    return found


def _of_assertion(
    found: Diagnosis, error: BaseException, comparison: Comparison | None, source: ast.Assert | None
) -> Diagnosis:
    """A plain `assert`: its own message where it has one, and both sides where it compares."""
    raw = str(error)
    own_words = not raw.startswith(PYTEST_WORD)
    if comparison is not None and comparison.words()[0] in raw:
        turned = source is not None and _wanted_stands_left(source.test)
        turned = turned and comparison.operator == "=="
        facts = (comparison.turned() if turned else comparison).facts()
        words = found.reason if own_words else reason(facts)
        return replace(found, reason=words, facts=facts, raw=raw)
    if own_words or source is None:
        return replace(found, raw=raw)
    _, _, words = found.place[-1].partition(PYTEST_WORD)
    return replace(found, reason=f"this does not hold: {words}", raw=raw)


def _wanted_stands_left(test: ast.expr) -> bool:
    """`assert 3 == count()`: a constant is what is wanted, wherever it stands."""
    if not isinstance(test, ast.Compare) or len(test.comparators) != 1:
        return False
    return _is_constant(test.left) and not _is_constant(test.comparators[0])


def _is_constant(node: ast.expr) -> bool:
    return all(
        isinstance(each, (ast.Constant, ast.List, ast.Tuple, ast.Load)) for each in ast.walk(node)
    )


# --- where it stood ---------------------------------------------------------------------------


def _places(case: Path, trace: TracebackType | None) -> list[str]:
    """The lines of the case file at which it happened, the story's own first."""
    found = []
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == case:
            source = _source(case, trace.tb_lineno)
            found.append(f"{case.name}:{trace.tb_lineno}: {clipped(source)}")
        trace = trace.tb_next
    return found


def _assertion(case: Path, trace: TracebackType | None) -> ast.Assert | None:
    """The `assert` of the case file that was raised, where it is one."""
    line = 0
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == case:
            line = trace.tb_lineno
        trace = trace.tb_next
    statement = _statement(case, line)
    return statement if isinstance(statement, ast.Assert) else None


def _statement(case: Path, line: int) -> ast.stmt | None:
    """The simple statement that stands on a line."""
    try:
        tree = ast.parse(case.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SyntaxError):
        return None
    simple = (ast.Expr, ast.Assign, ast.AnnAssign, ast.Assert, ast.Return, ast.Raise)
    for node in ast.walk(tree):
        if isinstance(node, simple) and node.lineno <= line <= (node.end_lineno or node.lineno):
            return node
    return None


def _source(case: Path, line: int) -> str:
    """What stands there, in one line."""
    statement = _statement(case, line)
    try:
        text = case.read_text(encoding="utf-8")
        found = ast.get_source_segment(text, statement) if statement is not None else None
        return " ".join((found or text.splitlines()[line - 1]).split())
    except (OSError, UnicodeDecodeError, IndexError):
        return ""
