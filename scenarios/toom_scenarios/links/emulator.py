"""The emulator as a process of a stage. It ends with the stage, however the runner ends.

Belongs here: compiling it, its start, what it is asked. Does not: addresses (path.py).
"""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..compiler import compile_c
from ..errors import Broken
from .description import Link

FILES: Final = ("emulator.c", "engine.c", "wire.c", "flows.c")
SOURCES: Final = tuple(Path(__file__).with_name(name) for name in FILES)
ANSWER_LIMIT: Final = 10.0  # seconds


def build(folder: Path) -> Path:
    """Compile it. Returns the program. Raises Broken: there is no compiler."""
    program = folder / "emulator"
    compile_c("the link emulator", SOURCES, program)
    return program


class Emulator:
    """A running emulator.

    Args:
        command: enters the stage and is followed by a program.
        ends: namespace and device of each end.

    Raises:
        Broken: it could not make its devices.
    """

    def __init__(
        self, program: Path, command: Sequence[str], ends: Sequence[tuple[str, str]], link: Link
    ) -> None:
        words = [word for end in ends for word in end]
        self._process = subprocess.Popen(
            [*command, str(program), *words, *link.words()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def again(self) -> None:
        """Begin anew: counters, and the random numbers that make losses."""
        self._ask(b"again\n")

    def report(self) -> dict[str, Any]:
        """What it has counted; counters.py knows what it means."""
        told: dict[str, Any] = json.loads(self._ask(b"report\n"))
        return told

    def _ask(self, words: bytes) -> bytes:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(words)
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise Broken(f"the link emulator has ended: {self._last_words()}") from exc
        return self._answer()

    def _answer(self) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], ANSWER_LIMIT)[0]:
            raise Broken("the link emulator does not answer")
        line = self._process.stdout.readline()
        if not line:
            raise Broken(f"the link emulator has ended: {self._last_words()}")
        return line

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        self._process.kill()
        return self._process.stderr.read().decode(errors="replace").strip()

    def close(self) -> None:
        """End it; its devices go with it."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()
        try:
            self._process.wait(ANSWER_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
