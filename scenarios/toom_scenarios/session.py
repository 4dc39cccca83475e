"""A program at a TTY, from its start to its end: what it shows, what it is given, whether it lives.

Belongs here: reading and writing, the end of the program, its last rows for a report. Does not:
what a scenario may ask of a terminal (terminal.py).
"""

from __future__ import annotations

import signal as signals
from typing import Final

from .deadline import Deadline, wait_for
from .errors import Broken
from .facts import Ending, Facts, Shown
from .hosts.base import CANNOT_EXECUTE, Carrier
from .legible import clipped, visible
from .output import Mark
from .pump import Feed, Pump
from .screen import Screen
from .timeline import FAILED, Timeline, Transcript

EXIT_GRACE: Final = 1.0  # seconds between the end of a program's output and its exit status
LINES_SHOWN: Final = 12  # of what was seen, in a diagnosis
ROWS_SHOWN: Final = 14  # of each terminal, in a diagnosis


class Session:
    """One program.

    Attributes:
        name: of the terminal, in reports.
        screen: what it shows.
    """

    def __init__(
        self, name: str, carrier: Carrier, *, pump: Pump, timeline: Timeline, transcript: Transcript
    ) -> None:
        self.name = name
        self.screen = Screen(timeline, transcript)
        self._carrier = carrier
        self._timeline = timeline
        self._transcript = transcript
        self._closed = False
        self._settled = False
        self._told = False
        self._exited: Deadline | None = None
        self._pump = pump
        self._feed = Feed(carrier, self.screen.take, self.screen.end)
        pump.add(self._feed)

    # --- in and out -----------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Read what the program has printed by now."""
        self._feed.drain()

    def type(self, data: bytes, *, typed: str, shown: str, within: float) -> Mark:
        """Give it input.

        Args:
            typed: the line as its echo would show it.
            shown: what reports show.

        Returns:
            The position in its output behind which everything is newer than this.

        Raises:
            TimeoutError: it reads nothing.
            BrokenPipeError: it has ended.
        """
        self.catch_up()  # what it has printed before is older than this input
        here = self.screen.typed(typed, shown)
        self._carrier.write(data, within)
        return here

    def kill(self, signal: signals.Signals) -> None:
        """Send it a signal."""
        self.screen.note(f"signal {signal.name}")
        self._carrier.signal(signal)

    # --- its end --------------------------------------------------------------------------------

    def exit_status(self) -> int | None:
        """None while it runs. Not before its output has ended, for what it has started may print
        on; but that may hold the terminal open for ever.
        """
        status = self._carrier.exit_status()
        if status is None:
            return None
        if self._exited is None:
            self._exited = Deadline(EXIT_GRACE)
        return status if self.screen.ended or self._exited.passed() else None

    def is_running(self) -> bool:
        return not self._closed and self._carrier.exit_status() is None

    def check_executed(self) -> None:
        """A program that cannot be executed breaks no promise.

        Raises:
            Broken: it could not.
        """
        if self._status_soon() in CANNOT_EXECUTE:
            last = " / ".join(line.text for line in self.screen.last(2))
            raise Broken(f"{self.name}: the program cannot be executed: {last}")

    def check_reader(self) -> None:
        """Raises Broken when nobody reads the terminals any more."""
        if failure := self._pump.failure():
            raise Broken(f"the terminals' reader ended: {failure!r}") from failure

    def _status_soon(self) -> int | None:
        if self.screen.ended and not self._closed:
            wait_for(lambda: self._carrier.exit_status() is not None, Deadline(EXIT_GRACE))
        return self._carrier.exit_status()

    def state(self) -> str:
        """Whether it lives, in words."""
        try:
            status = self._status_soon()
        except Broken as error:  # its host is gone; a report is written all the same
            return f"unknown: {error}"
        if status is None:
            return "ended" if self._closed else "running"
        words = f"status {status}" if status >= 0 else signals.Signals(-status).name
        state = f"ended {'with' if status >= 0 else 'by'} {words}"
        if not self._told:
            self._told = True
            ended_at = self.screen.ended_at
            self._transcript.note(
                self._timeline.now() if ended_at is None else ended_at, "=", state
            )
        return state

    def failed(
        self, summary: str, *, since: Mark, wanted: str, limit: float | None = None, raw: str = ""
    ) -> Facts:
        """A promise was found broken here: write that down, and gather what is known.

        Args:
            since: what was printed from here on counts as seen.
            limit: seconds that it had; None: none.

        Raises:
            Broken: the program could not be executed at all.
        """
        self.check_executed()
        state = self.state()
        self.screen.note(summary, FAILED)
        return Facts(
            wanted=wanted,
            seen=self._seen_since(since),
            at=self._timeline.now(),
            deadline=limit,
            state=f"{self.name}: {state}",
            raw=raw,
        )

    def _seen_since(self, since: Mark) -> tuple[str, ...]:
        newer = self.screen.lines(since)
        seen = [f"{line.at:.3f} s {clipped(visible(line.text))}" for line in newer[-LINES_SHOWN:]]
        if len(newer) > LINES_SHOWN:
            seen.insert(0, f"… {len(newer) - LINES_SHOWN} lines before")
        rest = self.screen.unfinished()
        unfinished = [f"unfinished: {clipped(visible(rest))}"] if rest else []
        return (*seen, *unfinished) or ("nothing new",)

    def ending(self) -> Ending:
        """Its last rows and its state, for a report."""
        state = self.state()
        rows = [
            Shown(at, sign, visible(text))
            for at, sign, text in self._transcript.last(ROWS_SHOWN)
            if sign != FAILED
        ]
        if rest := self.screen.unwritten():
            rows.append(Shown(None, "<", visible(rest)))
        return Ending(self.name, state, tuple(rows), self._transcript.place)

    def settle(self) -> None:
        """Write down what stands there and whether the program lives, while it is so."""
        if not self._settled:
            self._settled = True
            self.screen.settle()
            if self.state() == "running":
                self.screen.note("running")

    def close(self) -> None:
        """End the program and all it has started, as when the terminal's window closes."""
        if self._closed:
            return
        self._pump.remove(self._feed)
        try:
            self.settle()
            self._feed.close()
            self._carrier.close()
        finally:
            self._closed = True
            self._transcript.close()
