"""The decorator that makes a function a scenario, and what is known about one.

Belongs here: the declaration. Finding scenarios in files is in discovery.py, running them in
plugin.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import UsageError
from .marks import PART_NAMES

if TYPE_CHECKING:
    from .stage import Stage

ATTRIBUTE: Final = "__toom_scenario__"
TIME_LIMIT: Final = 300.0  # seconds; a scenario that takes longer hangs, in spite of its deadlines
USUAL_SECONDS: Final = 3.0

ScenarioFunction = Callable[["Stage"], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a scenario says about itself.

    Attributes:
        name: the function's name, unique in the suite.
        section: where the quoted sentence stands, e.g. `S2`.
        part: a row of the marking table, or "" for none.
        weight: share of the part's marks, against the part's other scenarios.
        hosts: how many different addresses it needs; fewer on this machine makes it unsupported.
        quote: the sentence that it checks, from the docstring.
        time_limit: seconds after which it is taken to hang.
        seconds: about how long it takes; only the order in which scenarios begin depends on it.
    """

    name: str
    section: str
    part: str
    weight: float
    hosts: int
    quote: str
    path: Path
    line: int
    time_limit: float = TIME_LIMIT
    seconds: float = USUAL_SECONDS


def scenario(
    *,
    section: str,
    part: str = "",
    weight: float = 1.0,
    hosts: int = 1,
    time_limit: float = TIME_LIMIT,
    seconds: float = USUAL_SECONDS,
) -> Callable[[ScenarioFunction], ScenarioFunction]:
    """Declare that a function is a scenario; its docstring quotes the sentence of SPEC that it
    checks.

    Args:
        section: of SPEC.md, e.g. `S2`.
        part: `login blocking several bcm atu srb srm rdm upd`, or "" for a scenario without marks.
        weight: its share of the part's marks.
        hosts: number of different addresses it needs (2: something is tried "from another
            address").
        seconds: about how long it takes, where that is long: long ones begin first.
        time_limit: seconds; only for a scenario that may honestly take longer than five minutes.

    Raises:
        UsageError: no such part, a weight that is not positive, or no docstring.
    """

    def declare(function: ScenarioFunction) -> ScenarioFunction:
        code = function.__code__
        place = f"{code.co_filename}:{code.co_firstlineno}: {function.__name__}"
        if part and part not in PART_NAMES:
            raise UsageError(f"{place}: no part {part!r}; the parts are {' '.join(PART_NAMES)}")
        if not weight > 0:
            raise UsageError(f"{place}: weight {weight} is not positive")
        if not (function.__doc__ or "").strip():
            raise UsageError(f"{place}: a docstring must quote the sentence that it checks")
        about = Scenario(
            name=function.__name__,
            section=section,
            part=part,
            weight=weight,
            hosts=hosts,
            quote=" ".join((function.__doc__ or "").split()),
            path=Path(code.co_filename),
            line=code.co_firstlineno,
            time_limit=time_limit,
            seconds=seconds,
        )
        setattr(function, ATTRIBUTE, about)
        return function

    return declare


def about(function: object) -> Scenario | None:
    """What a function says about itself when it is a scenario."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, Scenario) else None
