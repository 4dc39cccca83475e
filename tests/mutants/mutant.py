"""One mutant: its patch, and the broken programs that it makes."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent
SOURCES: Final = ("protocol", "server", "client")


@dataclass(frozen=True, slots=True)
class Mutant:
    """What a patch file says."""

    name: str
    patch: Path
    what: str
    killed_by: str
    control: str


class BadPatch(Exception):
    """The patch does not fit the programs as they are now, or lacks a header."""


def mutants() -> list[Mutant]:
    """Read every patch of this folder, in order of name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.patch"))]


def make(mutant: Mutant | None, directory: Path) -> Path:
    """Write the broken programs into a directory; give their implementation file.

    Args:
        mutant: None makes the healthy programs, the same way.
        directory: where they go.

    Raises:
        BadPatch: the patch does not apply.
    """
    for name in SOURCES:
        leave = shutil.ignore_patterns("__pycache__", "*.txt")
        shutil.copytree(ROOT / name, directory / name, ignore=leave)
    if mutant is not None:
        command = ["git", "apply", "--unidiff-zero", str(mutant.patch)]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BadPatch(f"{mutant.patch.name}: {done.stderr.strip()}")
    implementation = directory / "implementation.toml"
    name = "healthy" if mutant is None else mutant.name
    python = sys.executable
    implementation.write_text(f"""\
name = "{name}"
[server]
command = ["{python}", "server/server.py", "{{port}}", "{{attempts}}"]
[client]
command = ["{python}", "client/client.py", "{{server}}", "{{port}}", "{{udp_port}}"]
""")
    return implementation


def _read(path: Path) -> Mutant:
    text = path.read_text()
    header = text.split("\n--- ", 1)[0]
    said = dict(re.findall(r"(?m)^(killed-by|control): (\w+)$", header))
    if set(said) != {"killed-by", "control"}:
        raise BadPatch(f"{path.name}: needs the lines `killed-by:` and `control:`")
    what = header.split("\n", 1)[0]
    return Mutant(path.stem, path, what, said["killed-by"], said["control"])
