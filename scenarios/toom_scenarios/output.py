"""What a terminal has printed: lines with the time of their end, and the unfinished line below
them.

Belongs here: bytes to lines, positions ("newer than this"), which text counts for matching. Does
not: waiting, files, processes (terminal.py). Pure, so that each rule has a small test.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from .prompts import without_prompts


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line, without its end. `at` is in seconds since the stage began."""

    number: int
    text: str
    at: float


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A position in the output: so many whole lines, and so many characters of the next."""

    line: int
    column: int


START = Mark(0, 0)


class Output:
    """Everything that one terminal has printed so far."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: list[Line] = []
        self._pieces: list[
            str
        ] = []  # of the unfinished line; joined once, so a huge one stays linear
        self._echoes: dict[int, str] = {}

    def feed(self, data: bytes, at: float) -> list[Line]:
        """Take what was read. Returns the lines that it has completed."""
        return self._take(self._decoder.decode(data), at)

    def end(self, at: float) -> list[Line]:
        """No more will come: what stands without a newline counts as a line now."""
        completed = self._take(self._decoder.decode(b"", final=True), at)
        if self.unfinished:
            completed += self._take("\n", at)
        return completed

    def _take(self, text: str, at: float) -> list[Line]:
        *whole, rest = text.split("\n")
        first_new = len(self._lines)
        for piece in whole:
            self._pieces.append(piece)
            line = "".join(self._pieces).rstrip("\r")
            self._lines.append(Line(len(self._lines), line, at))
            self._pieces.clear()
        if rest:
            self._pieces.append(rest)
        return self._lines[first_new:]

    @property
    def unfinished(self) -> str:
        """The text after the last newline: a prompt, most of the time."""
        if len(self._pieces) > 1:
            self._pieces[:] = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def mark(self) -> Mark:
        """Here. Text that comes later is newer than this mark."""
        return Mark(len(self._lines), len(self.unfinished))

    def expect_echo(self, typed: str) -> Mark:
        """Remember what is typed now, so that a line that only repeats it behind a prompt is not
        taken for a reply.
        """
        here = self.mark()
        self._echoes[here.line] = typed
        return here

    def lines_since(self, mark: Mark) -> Iterator[Line]:
        """The whole lines newer than a mark, without prompts at their start and without the echo of
        what was typed.
        """
        for number in range(mark.line, len(self._lines)):
            line = self._lines[number]
            bare = without_prompts(line.text)
            if bare != line.text and bare in ("", self._echoes.get(number)):
                continue  # a prompt that Enter has ended
            if number == mark.line and mark.column:
                bare = without_prompts(line.text[mark.column :])
                if not bare:
                    continue  # only its newline is newer
            yield Line(number, bare, line.at)

    def shows_prompt(self, prompt: str, mark: Mark) -> bool:
        """Whether the unfinished line, as far as it is newer than the mark, is this prompt and
        nothing else.
        """
        newer = self.unfinished
        if mark.line == len(self._lines):
            newer = newer[mark.column :]
        return newer.endswith(prompt) and without_prompts(newer[: -len(prompt)]) == ""

    def last(self, count: int) -> list[Line]:
        """The last lines as they were printed, for a diagnosis."""
        return self._lines[-count:] if count else []

    def raw_since(self, mark: Mark) -> str:
        """The very text newer than a mark, prompts and all; lines are joined by a newline."""
        texts = [line.text for line in self._lines[mark.line :]] + [self.unfinished]
        return "\n".join(texts)[mark.column :]
