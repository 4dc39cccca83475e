"""Small C programs of ours, compiled where they are used.

Belongs here: finding a compiler and asking it. Does not: what is compiled.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .errors import Broken

COMPILERS: Final = ("cc", "gcc", "clang")
LIMIT: Final = 120.0  # seconds


def compile_c(what: str, sources: Sequence[Path], to: Path, *options: str) -> None:
    """Compile and link.

    Args:
        what: it is, in words, for errors.
        to: the program.
        options: more of the compiler's.

    Raises:
        Broken: there is no compiler, or it refuses.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        raise Broken(f"{what} needs a C compiler: sudo apt-get install gcc")
    done = subprocess.run(
        [compiler, "-O2", *options, "-o", str(to), *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise Broken(f"{sources[0].name} does not compile: {done.stderr[-500:].strip()}")
