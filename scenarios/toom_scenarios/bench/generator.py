"""The load generator: compiled where it is used, told what to say, asked what it measured.

Belongs here: the program generator.c and its input. Does not: which servers it loads.
"""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..compiler import compile_c
from ..errors import Broken

FILES: Final = ("generator.c", "framing.c", "histogram.c", "echo.c")
SOURCES: Final = tuple(Path(__file__).with_name(name) for name in FILES)
SETTLING: Final = 180.0  # seconds that logging in and the last answers may take, on a busy host
FAREWELL: Final = 5.0  # seconds that an echo server has to end
CORE: Final = 1  # on which it runs; servers run on core 0


@dataclass(frozen=True, slots=True)
class Talk:
    """What one connection says.

    Attributes:
        first: answered by one answer; may be empty.
        question: asked over and over.
    """

    first: bytes
    question: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it."""

    per_second: float  # answers
    p50: float  # milliseconds from a question to its answer
    p99: float
    cpu_share: float  # of the generator's core
    flooded: float  # answers to flooders, a second


class Generator:
    """The compiled program, for as long as the folder is there."""

    def __init__(self, folder: Path) -> None:
        """Compile it.

        Raises:
            Broken: there is no compiler, or it refuses.
        """
        self._program = str(folder / "generator")
        compile_c("the load generator", SOURCES, Path(self._program))

    def load(
        self,
        framing: str,
        port: int,
        talks: Sequence[Talk],
        *,
        depth: int,
        warmup: float,
        seconds: float,
        flooders: int = 0,
    ) -> Measured:
        """Load a server on this host.

        Args:
            framing: how its answers are told apart; generator.c has the names.
            talks: one for each connection.
            depth: questions under way at once on each.
            warmup: seconds that do not count.
            seconds: that count.
            flooders: so many of the connections, the last ones, do not wait for answers.

        Raises:
            Broken: the server hung up or did not answer.
        """
        numbers = (port, len(talks), depth, warmup, seconds, flooders)
        words = [framing, *map(str, numbers)]
        with tempfile.TemporaryFile() as said:
            for talk in talks:
                for text in (talk.first, talk.question):
                    said.write(struct.pack("=I", len(text)) + text)
            said.seek(0)
            try:
                done = subprocess.run(
                    ["taskset", "-c", str(CORE), self._program, "load", *words],
                    stdin=said,
                    capture_output=True,
                    text=True,
                    timeout=warmup + seconds + SETTLING,
                    check=False,
                )
            except subprocess.TimeoutExpired as exc:
                raise Broken("the load generator did not come to an end") from exc
        if done.returncode:
            raise Broken(done.stderr.strip() or f"generator: status {done.returncode}")
        told = json.loads(done.stdout)
        return Measured(
            told["per_second"],
            told["p50_ms"],
            told["p99_ms"],
            told["cpu_share"],
            told["flooded_per_second"],
        )

    @contextmanager
    def echo(self, framing: str, port: int, asked: int, answer: int) -> Iterator[None]:
        """A server that answers at once, which shows what the generator itself can carry."""
        words = [framing, str(port), str(asked), str(answer)]
        command = ["taskset", "-c", "0", self._program, "echo", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                if server.stdout.readline() != "ready\n":
                    raise Broken("the echo server did not start")
                yield
            finally:
                server.terminate()
                server.wait(FAREWELL)
