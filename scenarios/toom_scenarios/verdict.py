"""From an exception to one of five verdicts that are never mixed (CONTRACT).

Belongs here: the rule "who is at fault". Does not: marks, wording of reports.
"""

from __future__ import annotations

import enum
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from .errors import ExpectationFailed, Skipped, Unsupported

HARNESS: Final = Path(__file__).resolve().parent


class Verdict(enum.StrEnum):
    """What is known about the program after a scenario."""

    PASS = "pass"
    FAIL = "fail"
    BROKEN = "broken"
    UNSUPPORTED = "unsupported"
    SKIPPED = "skipped"


def verdict_on(error: BaseException) -> Verdict:
    """Who is at fault for an exception that ended a scenario.

    A broken promise of the program is FAIL: our own exception, or a plain `assert` in a case file.
    An assertion inside the runner or a library says nothing about the program, nor does any other
    exception: BROKEN.
    """
    if isinstance(error, Unsupported):
        return Verdict.UNSUPPORTED
    if isinstance(error, Skipped):
        return Verdict.SKIPPED
    if isinstance(error, ExpectationFailed):
        return Verdict.FAIL
    if isinstance(error, AssertionError) and not _raised_in_machinery(error.__traceback__):
        return Verdict.FAIL
    return Verdict.BROKEN


def first_cause(error: BaseException) -> BaseException:
    """What ended the scenario, where that is not what was raised last: tidying up (`finally`) may
    fail too. What a case raises `from` another is its own choice.
    """
    first, seen = error, error
    while seen.__cause__ is None and not seen.__suppress_context__ and seen.__context__ is not None:
        seen = seen.__context__
        if isinstance(seen, (ExpectationFailed, Unsupported)) or verdict_on(seen) is Verdict.FAIL:
            first = seen
    return first


def _raised_in_machinery(trace: TracebackType | None) -> bool:
    frames = list(traceback.walk_tb(trace))
    if not frames:
        return False
    raiser = Path(frames[-1][0].f_code.co_filename).resolve()
    if "site-packages" in raiser.parts:
        return True
    return HARNESS in raiser.parents and "cases" not in raiser.parts


def first_line(error: BaseException) -> str:
    """One line about an error, for a table."""
    if isinstance(error, ExpectationFailed):
        return error.summary
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    if isinstance(error, (AssertionError, Unsupported)) or type(error).__module__.startswith(
        "toom_scenarios"
    ):
        return line
    return f"{type(error).__name__}: {line}"
