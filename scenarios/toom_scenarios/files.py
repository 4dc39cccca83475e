"""A file in a host's working directory, as a scenario asks about it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from .accounting import FILES, on
from .deadline import Deadline, wait_for
from .errors import ExpectationFailed
from .facts import Facts
from .hosts.base import Machine
from .legible import compared_with_patterns, visible

PATIENCE: Final = 5.0  # seconds, before the host's slowness
DIGEST: Final = 'exec sha256sum < "$1"'
DIGEST_LIMIT: Final = 60.0  # seconds; some gigabytes


class HostFile:
    """One name in a host. It is looked at anew with each question.

    Attributes:
        name: relative to the host's working directory.
    """

    def __init__(self, machine: Machine, name: str, *, slowness: float = 1.0) -> None:
        self.name = name
        self._machine = machine
        self._slowness = slowness

    @on(FILES)
    def bytes(self) -> bytes:
        """The content.

        Raises:
            ExpectationFailed: there is no such file.
        """
        try:
            return self._machine.read_file(self.name)
        except FileNotFoundError as error:
            there = ", ".join(found.name for found in self._machine.files()) or "nothing"
            raise ExpectationFailed(
                f"{self._machine.name} has no file {self.name}", f"in its directory: {there}"
            ) from error

    def text(self) -> str:
        """The content as UTF-8; what is none becomes lone surrogates."""
        return self.bytes().decode(errors="surrogateescape")

    def lines(self) -> list[str]:
        """The lines, split at newlines only. Text after the last newline is a line too."""
        return _lines_of(self.bytes())

    @on(FILES)
    def exists(self) -> bool:
        return any(found.name == self.name for found in self._machine.files())

    @property
    @on(FILES)
    def size(self) -> int:
        """In bytes."""
        for found in self._machine.files():
            if found.name == self.name:
                return found.size
        return len(self.bytes())

    @property
    @on(FILES)
    def sha256(self) -> str:
        """The digest, hexadecimal, computed in the host, outside the programs under test.

        Raises:
            ExpectationFailed: there is no such file.
        """
        done = self._machine.run(["sh", "-c", DIGEST, "sh", self.name], DIGEST_LIMIT)
        found = re.match(rb"[0-9a-f]{64}\b", done.output)
        return found[0].decode() if found else hashlib.sha256(self.bytes()).hexdigest()

    def has_lines(self, patterns: Sequence[str]) -> list[re.Match[str]]:
        """Compare the whole file line by line, now.

        Args:
            patterns: a regular expression for each line, in order; each must match its line wholly.

        Raises:
            ExpectationFailed: with both sides, line by line.
        """
        lines = self.lines()
        matches = _matches(patterns, lines)
        if matches is None:
            self._differs(patterns, lines)
        return matches

    def comes_to(
        self, patterns: Sequence[str], *, within: float | None = None
    ) -> list[re.Match[str]]:
        """Wait until the file is there and has exactly these lines; for what the program does by
        itself (a line that goes).
        """
        limit = PATIENCE * self._slowness if within is None else within

        def equal() -> tuple[list[re.Match[str]]] | None:
            try:
                matches = _matches(patterns, _lines_of(self._machine.read_file(self.name)))
            except FileNotFoundError:
                return None
            return None if matches is None else (matches,)

        found = wait_for(equal, Deadline(limit))
        if found is None:
            self._differs(patterns, self.lines(), limit)
        return found[0]

    def waits_until(
        self,
        says: Callable[[str], bool],
        *,
        wanted: str = "as awaited",
        within: float | None = None,
    ) -> str:
        """Wait until the text fulfils a condition. Returns the text.

        Args:
            wanted: what the file must be, for the report: "userlog.txt is not <wanted>".
        """
        limit = PATIENCE * self._slowness if within is None else within
        found = wait_for(lambda: (text,) if says(text := self.text()) else None, Deadline(limit))
        if found is None:
            raise ExpectationFailed(
                f"{self._machine.name}: {self.name} is not {wanted} after {limit:.1f} s",
                facts=Facts(seen=tuple(map(visible, self.lines())), deadline=limit),
            )
        return found[0]

    @on(FILES)
    def fetch(self, to: Path) -> None:
        """Copy it to this machine, whatever its size."""
        try:
            self._machine.fetch_file(self.name, to)
        except FileNotFoundError:
            self.bytes()

    def _differs(
        self, patterns: Sequence[str], lines: Sequence[str], limit: float | None = None
    ) -> NoReturn:
        within = "" if limit is None else f" within {limit:.1f} s"
        shown = [visible(line) for line in lines]
        raise ExpectationFailed(
            f"{self._machine.name}: {self.name} has not the lines it must have{within}"
            f" ({len(lines)} lines, {len(patterns)} wanted)",
            facts=Facts(
                compared=compared_with_patterns(patterns, shown),
                deadline=limit,
                raw="\n".join(patterns),
            ),
        )


def _lines_of(content: bytes) -> list[str]:
    lines = content.decode(errors="surrogateescape").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _matches(patterns: Sequence[str], lines: Sequence[str]) -> list[re.Match[str]] | None:
    if len(patterns) != len(lines):
        return None
    found = [re.fullmatch(pattern, line) for pattern, line in zip(patterns, lines, strict=True)]
    return [match for match in found if match is not None] if all(found) else None
