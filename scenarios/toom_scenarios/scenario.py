"""The decorator that makes a function a scenario, and what is known about one.

Belongs here: the declaration. Finding scenarios in files is in discovery.py, running them in
plugin.py.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import UsageError
from .marks import PART_NAMES

if TYPE_CHECKING:
    from .stage import Stage

SECTION: Final = re.compile(r"S([1-9]|1[0-4])(\.\d+)?")
ATTRIBUTE: Final = "__toom_scenario__"
TIME_LIMIT: Final = 300.0  # seconds; a scenario that takes longer hangs, in spite of its deadlines
NEVER_RUNS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
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
        quote: the sentences that it examines.
        story: what happens in it, from the docstring.
        promises: the ids of what it examines (promises.toml), in the order of the story.
        builds_on: scenarios without which it says nothing: it is skipped when one of them failed.
        time_limit: seconds after which it is taken to hang.
        seconds: about how long it takes; only the order in which scenarios begin depends on it.
    """

    name: str
    section: str
    part: str
    weight: Fraction
    hosts: int
    quote: str
    path: Path
    line: int
    story: str = ""
    promises: tuple[str, ...] = ()
    builds_on: tuple[str, ...] = ()
    time_limit: float = TIME_LIMIT
    seconds: float = USUAL_SECONDS


def scenario(
    *promises: str,
    section: str = "",
    part: str = "",
    weight: float = 1.0,
    hosts: int = 1,
    builds_on: str | Sequence[str] = (),
    time_limit: float = TIME_LIMIT,
    seconds: float = USUAL_SECONDS,
) -> Callable[[ScenarioFunction], ScenarioFunction]:
    """Declare that a function is a scenario. Its docstring tells what happens.

        @scenario("S8.1", "S8.7")                   # of the suite: names promises of promises.toml
        @scenario(section="S8", part="srb")         # of your own: the docstring quotes a sentence

    Args:
        promises: ids of promises.toml. The first one's part is the scenario's; marks are given for
            those of this part.
        section: of SPEC.md, e.g. `S2`, where no promise is named.
        part: `login blocking several bcm atu srb srm rdm upd`, or "" for a scenario without marks.
        weight: its share of the part's marks, where no promise is named.
        hosts: number of different addresses it needs (2: something is tried "from another
            address").
        builds_on: names of scenarios without which it says nothing: when one of them has failed,
            this one is skipped.
        seconds: about how long it takes, where that is long: long ones begin first.
        time_limit: seconds; only for a scenario that may honestly take longer than five minutes.

    Raises:
        UsageError: no such part or section, a weight that is not positive, neither promise nor
            section, no docstring, or no parameter `stage`; or it yields.
    """

    def declare(function: ScenarioFunction) -> ScenarioFunction:
        code = function.__code__
        place = f"{code.co_filename}:{code.co_firstlineno}: {function.__name__}"
        story = " ".join((function.__doc__ or "").split())
        if part and part not in PART_NAMES:
            raise UsageError(f"{place}: no part {part!r}; the parts are {' '.join(PART_NAMES)}")
        if section and not SECTION.fullmatch(section):
            raise UsageError(f"{place}: no section {section!r}; SPEC.md has S1 to S14")
        if "stage" not in code.co_varnames[: code.co_argcount]:
            raise UsageError(f"{place}: takes no `stage`, so it would examine nothing")
        if code.co_flags & NEVER_RUNS:
            raise UsageError(f"{place}: a generator or coroutine: its body would never run")
        if not weight > 0:
            raise UsageError(f"{place}: weight {weight} is not positive")
        if not promises and not section:
            raise UsageError(f"{place}: names neither promises nor a section")
        if not story:
            raise UsageError(f"{place}: a docstring must say what it checks")
        about = Scenario(
            name=function.__name__,
            section=section or promises[0].partition(".")[0],
            part=part,
            weight=Fraction(weight),
            hosts=hosts,
            quote=story.strip("«»"),
            story=story,
            path=Path(code.co_filename),
            line=code.co_firstlineno,
            promises=tuple(promises),
            builds_on=(builds_on,) if isinstance(builds_on, str) else tuple(builds_on),
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
