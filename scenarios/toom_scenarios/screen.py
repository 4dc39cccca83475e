"""What a terminal shows, shared by the thread that reads it and the scenario that waits for it.

Belongs here: the lock, waking who waits, the transcript. Does not: what a scenario may ask
(terminal.py), or which text counts (output.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from .deadline import Deadline
from .output import START, Line, Mark, Output
from .timeline import Timeline, Transcript

T = TypeVar("T")

LOOK_OFTEN: Final = 0.02  # seconds; an exit is not announced, so it is looked for
LOOK_SELDOM: Final = 0.5  # seconds; output is announced, this only guards against a dead reader


class Screen:
    """The output of one terminal.

    Attributes:
        ended: nothing will be printed any more.
        ended_at: since when, in seconds of the stage; None before.
    """

    def __init__(self, timeline: Timeline, transcript: Transcript) -> None:
        self.ended = False
        self.ended_at: float | None = None
        self._timeline = timeline
        self._transcript = transcript
        self._output = Output()
        self._changed = threading.Condition()
        self._written = START  # how much of the unfinished line is in the transcript

    # --- for the reader

    def take(self, data: bytes) -> None:
        """More was printed."""
        with self._changed:
            self._write_down(self._output.feed(data, self._timeline.now()))
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self.ended_at = self._timeline.now()
            self._write_down(self._output.end(self.ended_at))
            self.ended = True
            self._changed.notify_all()

    # --- for the scenario

    def lines(self, since: Mark) -> list[Line]:
        """The whole lines newer than a mark."""
        with self._changed:
            return list(self._output.lines_since(since))

    def last(self, count: int) -> list[Line]:
        """The last lines as they were printed."""
        with self._changed:
            return self._output.last(count)

    def unfinished(self) -> str:
        """The text after the last newline."""
        with self._changed:
            return self._output.unfinished

    def unwritten(self) -> str:
        """What of it is not in the transcript."""
        with self._changed:
            return self._output.unfinished[self._written_column() :]

    def text(self, since: Mark) -> str:
        """The very characters newer than a mark."""
        with self._changed:
            return self._output.raw_since(since)

    def mark(self) -> Mark:
        """This position."""
        with self._changed:
            return self._output.mark()

    def typed(self, text: str, shown: str) -> Mark:
        """What comes from now on is newer than this input; the transcript gets what is `shown`."""
        with self._changed:
            self._write_down_unfinished()
            self.note(shown, ">")
            return self._output.expect_echo(text)

    def note(self, text: str, sign: str = "=") -> None:
        """Write a line of the harness' own into the transcript."""
        self._transcript.note(self._timeline.now(), sign, text)

    def settle(self) -> None:
        """Write the unfinished line down."""
        with self._changed:
            self._write_down_unfinished()

    def wait(
        self,
        condition: Callable[[Output], T | None],
        deadline: Deadline,
        *,
        past_the_end: bool,
        check: Callable[[], None],
    ) -> T | None:
        """Look whenever there is output, until the condition gives something true.

        Args:
            past_the_end: go on when nothing will be printed any more.
            check: raises when there is nobody who reads.

        Returns:
            What the condition gave; false at the deadline, or at the end of the output.
        """
        with self._changed:
            while True:
                answer = condition(self._output)
                if answer or deadline.passed() or (self.ended and not past_the_end):
                    return answer
                check()
                look = LOOK_OFTEN if self.ended else LOOK_SELDOM
                self._changed.wait(min(deadline.left(), look))

    # --- the transcript

    def _write_down(self, lines: Sequence[Line]) -> None:
        rows = []
        for line in lines:
            before = self._written.column if line.number == self._written.line else 0
            if not before or line.text[before:]:  # Enter after a prompt that is written down
                rows.append((line.at, line.text[before:]))
        self._transcript.notes("<", rows)

    def _write_down_unfinished(self) -> None:
        here = self._output.mark()
        before = self._written_column()
        if here.column > before:
            self.note(self._output.unfinished[before:], "<")
            self._written = here

    def _written_column(self) -> int:
        """How much of the unfinished line is in the transcript."""
        return self._written.column if self._output.mark().line == self._written.line else 0
