"""One mutant: what is broken, and the promise that must see it.

Belongs here: the patch files of this folder and their headers. Does not: mutants that nobody wrote
(generated.py), running anything.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.programs import BadPatch, Change

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken program.

    Attributes:
        name: of the patch file, or of the site.
        what: what is broken, in a sentence.
        change: how.
        promise: the id of the one that must see it (scenarios/promises.toml); "": any may.
        control: a scenario, or a part of which the quickest is taken; "" leaves the choice open.
        generated: nobody wrote it.
    """

    name: str
    what: str
    change: Change
    promise: str = ""
    control: str = ""
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch file."""

    path: Path

    def apply(self, directory: Path) -> None:
        """Break the sources in a directory.

        Raises:
            BadPatch: it does not apply.
        """
        command = ["git", "apply", "--unidiff-zero", str(self.path)]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BadPatch(f"{self.path.name}: {done.stderr.strip()}")


def mutants() -> list[Mutant]:
    """Read every patch of this folder, in order of name.

    Raises:
        BadPatch: a header is missing.
    """
    return [read(path) for path in sorted(FOLDER.glob("*.patch"))]


def read(path: Path) -> Mutant:
    """Read the lines before a patch.

    Raises:
        BadPatch: `killed-by:` is missing.
    """
    header = path.read_text().split("\n--- ", 1)[0]
    what, *lines = header.split("\n")
    said = dict(re.findall(r"(?m)^(killed-by|control): (\S+)$", "\n".join(lines)))
    if "killed-by" not in said:
        raise BadPatch(f"{path.name}: needs the line `killed-by: PROMISE`")
    return Mutant(path.stem, what, Patch(path), said["killed-by"], said.get("control", ""))
