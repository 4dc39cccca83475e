"""What is known about a failure, as data: it travels from a worker to the report.

Belongs here: the values, as JSON and back. Does not: finding them out (diagnosis.py), wording of
patterns (legible.py), drawing (table.py, report.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

SAME, WANTED, SEEN = "", "wanted", "seen"  # marks of rows in a comparison
NAME_WIDTH: Final = len("wanted")


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of two texts put side by side: it stands in both, or is wanted, or was seen."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """One broken promise.

    Attributes:
        wanted: in a person's words.
        seen: what was there instead, line by line.
        compared: both sides in one, where they are lines; stands for `wanted` and `seen` then.
        at: when it was found, in seconds since the stage began.
        deadline: seconds that it had, or None where it had to be so at once.
        state: whether the program lives.
        raw: the very pattern, or what else is too exact for the first look.
    """

    wanted: str = ""
    seen: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    at: float | None = None
    deadline: float | None = None
    state: str = ""
    raw: str = ""

    @property
    def when(self) -> str:
        """Time and deadline in words."""
        at = [] if self.at is None else [f"{self.at:.3f} s"]
        return ", ".join(
            at + ([] if self.deadline is None else [f"deadline {self.deadline:.1f} s"])
        )


def fact_lines(facts: Facts) -> list[str]:
    """Each fact under its name, for a terminal."""
    rows = _under("wanted", facts.wanted.splitlines()) + _under("seen", facts.seen)
    if facts.compared:
        rows = [f"{each.mark:<{NAME_WIDTH}} {each.text}" for each in facts.compared]
    rows += _under("when", facts.when.splitlines()) + _under("state", facts.state.splitlines())
    return [row.rstrip() for row in rows]


def _under(name: str, lines: Sequence[str]) -> list[str]:
    """The name before the first line, and room for it before the others."""
    names = [name] + [""] * (len(lines) - 1)
    return [f"{each:<{NAME_WIDTH}} {line}" for each, line in zip(names, lines, strict=False)]


@dataclass(frozen=True, slots=True)
class Shown:
    """A row of a transcript. `sign`: `<` printed, `>` typed, `=` done or found by the runner; `at`
    in seconds since the stage began, None for a line that has not ended.
    """

    at: float | None
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The last rows of a terminal, and whether its program lives.

    Attributes:
        transcript: the file that has all rows, below the scenario's folder.
    """

    terminal: str
    state: str
    rows: tuple[Shown, ...]
    transcript: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a scenario did not pass.

    Attributes:
        reason: one line.
        place: the lines of the case file at which it happened, the story's own first.
        done: what was typed last, oldest first.
        terminals: of the stage, in the order in which they were opened.
        raw: a traceback, or a comparison as pytest words it.
    """

    reason: str
    place: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    facts: Facts = Facts()
    terminals: tuple[Ending, ...] = ()
    raw: str = ""

    def as_json(self) -> dict[str, Any]:
        """For verdict.json."""
        return asdict(self)

    def packed(self) -> str:
        """As one text that `unpacked` takes; lone surrogates survive it."""
        return json.dumps(self.as_json())


def as_text(told: Diagnosis) -> str:
    """All of it, line by line."""
    lines = [*_under("at", told.place), *_under("done", told.done), *fact_lines(told.facts)]
    for each in told.terminals:
        lines += ["", f"{each.terminal}: {each.state}", *map(_shown, each.rows)]
    if told.raw or told.facts.raw:
        lines += ["", *told.facts.raw.splitlines(), *told.raw.splitlines()]
    return "\n".join(lines)


def _shown(row: Shown) -> str:
    return f"{row.at:9.3f} {row.sign} {row.text}" if row.at is not None else f"{'':9} {row.text}"


def unpacked(text: str) -> Diagnosis:
    """What `packed` gave."""
    told = json.loads(text)
    facts = told["facts"]
    return Diagnosis(
        reason=told["reason"],
        place=tuple(told["place"]),
        done=tuple(told["done"]),
        facts=Facts(
            **{
                **facts,
                "seen": tuple(facts["seen"]),
                "compared": tuple(Compared(**row) for row in facts["compared"]),
            }
        ),
        terminals=tuple(
            Ending(**{**each, "rows": tuple(Shown(**row) for row in each["rows"])})
            for each in told["terminals"]
        ),
        raw=told["raw"],
    )
