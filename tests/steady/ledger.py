"""The rows of the runs, kept on disk: one line of JSON each, written when the run has ended.

Belongs here: the file and its rows. Does not: judging them all together (summary.py).
"""

import fcntl
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from toom_scenarios.errors import Broken

from .plan import Kind

ROWS: Final = "runs.jsonl"
LOCK: Final = ".lock"


@dataclass(frozen=True, slots=True)
class Row:
    """One run.

    Attributes:
        on: `docker` or `local`.
        load: `quiet` or `loaded`.
        began: local time, ISO 8601.
        seconds: of the whole command.
        status: of `toom run`; negative: the signal that ended it.
        marks: earned and possible.
        not_passed: name, verdict and reason of each scenario that did not pass.
        leaks: what was left over, in words.
        beside: what was new around the run and may be anybody's; not counted.
        report: the folder that was kept; "" after a clean run.
    """

    on: str
    load: str
    number: int
    began: str
    seed: int
    seconds: float
    status: int
    marks: dict[str, float] = field(default_factory=dict)
    not_passed: list[dict[str, str]] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    report: str = ""

    @property
    def kind(self) -> Kind:
        return (self.on, self.load)

    @property
    def flaky(self) -> bool:
        """The suite did not pass."""
        return self.status != 0 or bool(self.not_passed)

    @property
    def clean(self) -> bool:
        return not self.flaky and not self.leaks


class Ledger:
    """The rows of one tree.

    Args:
        folder: of this tree's results; it is made.

    Raises:
        Broken: another campaign writes there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / ROWS
        self._lock: IO[str] = open(folder / LOCK, "w")  # noqa: SIM115 - held until close()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise Broken(f"another campaign is at work in {folder}") from None
        self.rows = self._read()

    def _read(self) -> list[Row]:
        """Take the rows back; of a line that was cut off nothing counts."""
        if not self._path.exists():
            return []
        text = self._path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self._path.write_text(whole, encoding="utf-8")
        return [_row(json.loads(line)) for line in whole.splitlines()]

    def add(self, row: Row) -> None:
        """Keep a row for good."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.rows.append(row)

    def done(self) -> Counter[Kind]:
        """How many runs of each kind there are."""
        return Counter(row.kind for row in self.rows)

    def close(self) -> None:
        self._lock.close()


def _row(told: dict[str, Any]) -> Row:
    try:
        return Row(**told)
    except TypeError as error:
        raise Broken(f"a row of another version: {error}; make it anew with --results") from error
