"""What a run was asked to do, in a form that workers can read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

SLOWNESS: Final = {
    "local": 1.0,
    "docker": 2.0,
    "compose": 2.0,
}  # a prompt through an exec comes after 0.6 s
OPTIONS_FILE: Final = "run.json"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """One run.

    Attributes:
        run: its name, unique among runs that live at the same time.
        on: `local`, `docker` or `compose`.
        local_mode: which kind of local hosts; see `LocalDriver`.
        report: the folder for everything the run leaves.
        scratch: the folder for what it does not; the runner removes it.
        images: of the server's host and of all others; None where none are needed.
        suite: the case files whose scenarios share the marks.
    """

    run: str
    on: str
    local_mode: bool | None
    seed: int
    report: str
    scratch: str
    implementation: str | None
    video: str | None
    keep: bool
    images: tuple[str, str] | None
    suite: tuple[str, ...]

    @property
    def slowness(self) -> float:
        """What default deadlines are multiplied by; TOOM_SLOWNESS multiplies it again, for a slow
        machine.
        """
        try:
            more = float(os.environ.get("TOOM_SLOWNESS", "1"))
        except ValueError:
            more = 1.0
        return SLOWNESS[self.on] * max(more, 0.1)

    def save(self) -> Path:
        """Write it into the report's folder."""
        path = Path(self.report) / OPTIONS_FILE
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> RunOptions:
        """Read what `save` wrote."""
        told = json.loads(path.read_text())
        images = tuple(told["images"]) if told["images"] else None
        return cls(**{**told, "suite": tuple(told["suite"]), "images": images})
