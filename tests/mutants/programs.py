"""The programs that are broken: a copy of the sources, taken once, so that a run judges one state.

Belongs here: copying, compiling, and the implementation file that `toom run` reads. Does not: what
is broken (mutant.py).
"""

import compileall
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final, Protocol

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("protocol", "server", "client")


class BadPatch(Exception):
    """The change does not fit the programs as they are now, or a header is missing."""


class Change(Protocol):
    """Something that breaks the programs."""

    def apply(self, directory: Path) -> None:
        """Break the sources in a directory.

        Raises:
            BadPatch: it does not fit.
        """


class Programs:
    """A copy of the sources as they are now."""

    def __init__(self, directory: Path) -> None:
        """Copy them into a directory, compiled, so that each mutant starts as fast as the healthy.

        The compiled files are checked by the sources' content: a source that a change touches is
        compiled anew, whatever its time says.
        """
        self._directory = directory
        for name in SOURCES:
            leave = shutil.ignore_patterns("__pycache__", "*.txt")
            shutil.copytree(ROOT / name, directory / name, ignore=leave)
        mode = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(directory, quiet=2, invalidation_mode=mode)

    def make(self, name: str, change: Change | None, directory: Path) -> Path:
        """Write broken programs into a directory; give their implementation file.

        Args:
            name: for the report.
            change: None makes the healthy programs, the same way.
            directory: where they go.

        Raises:
            BadPatch: the change does not fit.
        """
        shutil.copytree(self._directory, directory, dirs_exist_ok=True)
        if change is not None:
            change.apply(directory)
        implementation = directory / "implementation.toml"
        python = sys.executable
        implementation.write_text(f"""\
name = "{name}"
[server]
command = ["{python}", "server/server.py", "{{port}}", "{{attempts}}"]
[client]
command = ["{python}", "client/client.py", "{{server}}", "{{port}}", "{{udp_port}}"]
""")
        return implementation
