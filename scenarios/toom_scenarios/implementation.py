"""Which programs are judged: Toom's own, or those that a TOML file names.

    name = "toom"
    files = "src"                                        # optional: a directory copied into each
    host first
    [server]
    command = ["toom-server", "{port}", "{attempts}"]
    environment = {PYTHONUNBUFFERED = "1"}               # optional
    [client]
    command = ["toom-client", "{server}", "{port}", "{udp_port}"]

Relative paths are relative to the file. A placeholder without a value drops its argument.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from .errors import UsageError

PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
KEYS: Final = ("name", "server", "client", "files")
PROGRAM_KEYS: Final = ("command", "environment")
KNOWN: Final = {
    "server": {"port", "attempts"},
    "client": {"server", "port", "udp_port"},
}


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def argv(self, **values: object) -> list[str]:
        """The command with placeholders filled in; an argument whose value is None is left out."""
        filled = []
        for word in self.command:
            names = PLACEHOLDER.findall(word)
            if any(values.get(name) is None for name in names):
                continue
            filled.append(PLACEHOLDER.sub(lambda found: str(values[found[1]]), word))
        return filled

    def within(self, folder: str = "", *, stderr: str | None = None) -> Program:
        """The same program in a folder below its directory, with its stderr in a file there."""
        if not folder and stderr is None:
            return self
        there = shlex.quote(folder)
        enter = f"mkdir -p {there} && cd {there} && " if folder else ""
        redirect = f" 2>{shlex.quote(stderr)}" if stderr is not None else ""
        script = f'{enter}exec "$@"{redirect}'
        return replace(self, command=("sh", "-c", script, "sh", *self.command))


@dataclass(frozen=True, slots=True)
class Implementation:
    """A server and a client that claim to do what SPEC says."""

    name: str
    server: Program
    client: Program
    files: Path | None = None


TOOM: Final = Implementation(
    name="toom",
    server=Program(("toom-server", "{port}", "{attempts}")),
    client=Program(("toom-client", "{server}", "{port}", "{udp_port}")),
)


def load(path: Path | None) -> Implementation:
    """Read an implementation file; None gives Toom's own programs.

    Raises:
        UsageError: it cannot be read, or says what cannot be.
    """
    if path is None:
        return TOOM
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error
    _check_keys(told, KEYS, str(path))
    files = told.get("files")
    if files is not None:
        files = (path.parent / str(files)).resolve()
        if not files.is_dir():
            raise UsageError(f"{path}: files: no directory {files}")
    return Implementation(
        name=str(told.get("name", path.stem)),
        server=_program(told, "server", path),
        client=_program(told, "client", path),
        files=files,
    )


def _program(told: Mapping[str, Any], role: str, path: Path) -> Program:
    table = told.get(role)
    if isinstance(table, dict):
        _check_keys(table, PROGRAM_KEYS, f"{path}: [{role}]")
    if (
        not isinstance(table, dict)
        or not isinstance(command := table.get("command"), list)
        or not command
    ):
        raise UsageError(f"{path}: [{role}] needs a command, a list of words")
    for word in command:
        if "\0" in str(word):
            raise UsageError(f"{path}: [{role}] command: a word cannot hold a NUL")
        if unknown := set(PLACEHOLDER.findall(str(word))) - KNOWN[role]:
            raise UsageError(f"{path}: [{role}] has no placeholder {{{sorted(unknown)[0]}}}")
    first, *rest = (_relative(str(word), path.parent) for word in command)
    return Program((first, *rest), _environment(table.get("environment", {}), f"{path}: [{role}]"))


def _environment(told: object, where: str) -> dict[str, str]:
    if not isinstance(told, dict):
        raise UsageError(f"{where}: environment: it is a table of names and values")
    found = {str(name): str(value) for name, value in told.items()}
    for name, value in found.items():
        if not name or "=" in name or "\0" in name + value:
            raise UsageError(f"{where}: environment: {name!r} and its value cannot be a variable")
    return found


def _check_keys(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse a key that means nothing, and name the one that was meant."""
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"{where}: unknown key {key!r}; {hint}")


def _relative(word: str, folder: Path) -> str:
    """A word with a slash that names something beside the file becomes its absolute path.

    Links are not followed: the `python` of a virtual environment is one, and is told by its place.
    """
    if "/" in word and not PLACEHOLDER.search(word) and (folder / word).exists():
        return os.path.abspath(folder / word)
    return word
