"""A terminal in a host, driven as a person would: type, and look at what is newer than what was
typed.

Belongs here: everything a scenario does at a terminal. Every wait has a deadline, and a failure
shows what was wanted, what was seen and when, and whether the process lives.
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from . import prompts
from .accounting import ANSWERS, on
from .deadline import Deadline, wait_for
from .errors import Broken, ExpectationFailed
from .hosts.base import CANNOT_EXECUTE, Carrier
from .output import START, Mark, Output
from .pump import Feed, Pump
from .screen import Screen
from .timeline import HIDDEN, Timeline, Transcript

T = TypeVar("T")

ENTER: Final = "\r"  # what the key sends; the terminal turns it into a newline
END_OF_INPUT: Final = "\x04"  # Ctrl-D
INTERRUPT: Final = "\x03"  # Ctrl-C
DEFAULT_PATIENCE: Final = 5.0  # seconds to wait for an answer, before the host's slowness
LINES_SHOWN: Final = 12  # of each terminal, in a diagnosis
EXIT_GRACE: Final = 1.0  # seconds between the end of a program's output and its exit status


class Terminal:
    """A program at a TTY of 24 by 250 characters that echoes nothing.

    Output counts only when it is newer than the last input, by whole lines, without the prompts
    that may stand before it on its line, and never the echo of what was typed. Lines are taken in
    order: what comes after the line that was seen last. Anything else: ask with `since=`, a
    position from `mark()`.

    Attributes:
        name: how it is called in reports.
    """

    start: Final = START

    def __init__(
        self,
        name: str,
        carrier: Carrier,
        *,
        pump: Pump,
        timeline: Timeline,
        transcript: Transcript,
        slowness: float,
    ) -> None:
        self.name = name
        self._carrier = carrier
        self._timeline = timeline
        self._transcript = transcript
        self._slowness = slowness
        self._screen = Screen(timeline, transcript)
        self._closed = False
        self._settled = False
        self._exited: Deadline | None = None
        self._input = START
        self._seen = START
        self._pump = pump
        self._feed = Feed(carrier, self._screen.take, self._screen.end)
        pump.add(self._feed)

    # --- typing ---------------------------------------------------------------------------------

    def types(self, text: str) -> None:
        """Type a line and press Enter."""
        self._type(text + ENTER, shown=text)

    def types_hidden(self, text: str) -> None:
        """Type a line that nobody may read, as at a password prompt. Reports show `••••`."""
        self._type(text + ENTER, shown=HIDDEN)

    def sends(self, text: str | bytes) -> None:
        """Type exactly this, without Enter."""
        self._type(text, shown=repr(text))

    def sends_eof(self) -> None:
        """Press Ctrl-D: the end of input."""
        self._type(END_OF_INPUT, shown="^D")

    def sends_interrupt(self) -> None:
        """Press Ctrl-C."""
        self._type(INTERRUPT, shown="^C")

    def asks(self, text: str, *, within: float | None = None) -> list[str]:
        """Type a command, wait for the prompt, and return the lines between: the whole reply, to
        compare.
        """
        self.types(text)
        self.sees_prompt(within=within)
        return self.lines()

    def _type(self, text: str | bytes, *, shown: str) -> None:
        self._feed.drain()  # what the program has printed before is older than this input
        typed = text.rstrip(ENTER) if isinstance(text, str) else ""
        self._input = self._seen = self._screen.typed(typed, shown)
        data = text.encode() if isinstance(text, str) else text
        limit = DEFAULT_PATIENCE * self._slowness
        try:
            self._carrier.write(data, limit)
        except TimeoutError:
            self._fail(
                f"{self.name} does not read what is typed ({limit:.1f} s)",
                "to type",
                limit,
                self._input,
            )
        except BrokenPipeError:
            self._fail(
                f"{self.name} cannot type {shown!r}: the program has ended",
                "to type",
                0.0,
                self._input,
            )

    # --- looking --------------------------------------------------------------------------------

    def sees(
        self, pattern: str, *, within: float | None = None, since: Mark | None = None
    ) -> re.Match[str]:
        """Wait for a whole line that this regular expression matches from its first to its last
        character.

        Args:
            pattern: a regular expression; escape what is literal, or use `sees_exactly`.
            within: seconds; default 5, times the slowness of the host.
            since: look from this position on, instead of after the line seen last.

        Returns:
            The match, with its groups.

        Raises:
            ExpectationFailed: no such line, in time or before the program ended.
        """
        wanted = re.compile(pattern)
        return self._awaits(f"the line {pattern!r}", wanted.fullmatch, within, since)

    def sees_exactly(
        self, text: str, *, within: float | None = None, since: Mark | None = None
    ) -> None:
        """Wait for a whole line that is exactly this text."""
        self._awaits(f"the line {text!r}", lambda line: line == text or None, within, since)

    def sees_prompt(self, prompt: str = prompts.COMMAND, *, within: float | None = None) -> None:
        """Wait until this prompt stands at the end, newer than the input and than the line seen
        last.

        A notice may bring a prompt before the reply comes: look for the reply first, then for the
        prompt.
        """
        since = self._seen

        def stands(output: Output) -> Mark | None:
            return output.mark() if output.shows_prompt(prompt, since) else None

        self._seen = self._until(stands, f"the prompt {prompt!r}", within, since)

    def does_not_see(
        self, pattern: str, *, since: Mark | None = None, within: float | None = None
    ) -> None:
        """Check that no line matches, up to the next command prompt, which is the barrier.

        Args:
            since: from here on; default: since the last input.
            within: seconds to wait for the prompt.
        """
        begin = self._input if since is None else since

        def stands(output: Output) -> bool:
            return output.shows_prompt(prompts.COMMAND, self._input)

        self._until(stands, f"a prompt, after no line {pattern!r}", within, self._input)
        unwanted = re.compile(pattern)
        for line in self._screen.lines(begin):
            if unwanted.fullmatch(line.text):
                self._fail(
                    f"{self.name} saw what it must not: {line.text!r}",
                    f"no line {pattern!r}",
                    0.0,
                    begin,
                )

    def lines(self, *, since: Mark | None = None) -> list[str]:
        """The whole lines that are there now, without prompts and echo; default: since the last
        input.
        """
        return [line.text for line in self._screen.lines(self._input if since is None else since)]

    def text(self, *, since: Mark | None = None) -> str:
        """The very characters there now, prompts and all; default: since the last input."""
        return self._screen.text(self._input if since is None else since)

    def mark(self) -> Mark:
        """This position in the output, for `since=`."""
        self._feed.drain()
        return self._screen.mark()

    # --- ending ---------------------------------------------------------------------------------

    def ends(self, status: int | None = 0, *, within: float | None = None) -> int:
        """Wait until the program has ended by itself.

        Args:
            status: the exit status that it must have; None: any. Negative: a signal.

        Returns:
            The exit status.
        """
        found = self._until(
            self._ended_with, "the end of the program", within, self._seen, past_the_end=True
        )
        if found[0] in CANNOT_EXECUTE and status != found[0]:
            raise Broken(f"{self.name}: the program cannot be executed: {self._last_text()}")
        if status is not None and found[0] != status:
            self._fail(
                f"{self.name} ended with status {found[0]}",
                f"exit status {status}",
                0.0,
                self._input,
            )
        return found[0]

    def _ended_with(self, _output: Output) -> tuple[int] | None:
        status = self._carrier.exit_status()
        if status is None:
            return None
        if self._exited is None:
            self._exited = Deadline(EXIT_GRACE)
        # what it has started may hold the terminal open for ever
        return (status,) if self._screen.ended or self._exited.passed() else None

    def kill(self, signal: signals.Signals = signals.SIGKILL) -> None:
        """Send a signal to the program, by default the one it cannot refuse."""
        self._screen.note(f"signal {signal.name}")
        self._carrier.signal(signal)

    def is_running(self) -> bool:
        return not self._closed and self._carrier.exit_status() is None

    def settle(self) -> None:
        """Write down what stands there and whether the process lives, while it is so."""
        if not self._settled:
            self._settled = True
            self._screen.settle()
            self._screen.note(self.state())

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

    # --- inside ---------------------------------------------------------------------------------

    def _awaits(
        self,
        wanted: str,
        matches: Callable[[str], T | None],
        within: float | None,
        since: Mark | None,
    ) -> T:
        begin = self._seen if since is None else since
        looked = begin

        def found(output: Output) -> tuple[T] | None:
            nonlocal looked
            for line in output.lines_since(looked):
                looked = Mark(line.number + 1, 0)
                match = matches(line.text)
                if match is not None:
                    self._seen = max(self._seen, looked)
                    return (match,)
            return None

        return self._until(found, wanted, within, begin)[0]

    @on(ANSWERS)
    def _until(
        self,
        condition: Callable[[Output], T | None],
        wanted: str,
        within: float | None,
        since: Mark,
        *,
        past_the_end: bool = False,
    ) -> T:
        """Wait until the condition gives something true, and give that."""
        limit = DEFAULT_PATIENCE * self._slowness if within is None else within
        deadline = Deadline(limit)
        answer = self._screen.wait(
            condition, deadline, past_the_end=past_the_end, check=self._check_reader
        )
        if answer:
            return answer
        early = self._screen.ended and not past_the_end and not deadline.passed()
        why = f"{self.name} ended before" if early else f"{self.name} waited {limit:.1f} s for"
        return self._fail(f"{why} {wanted}", wanted, limit, since)

    def _check_reader(self) -> None:
        if failure := self._pump.failure():
            raise Broken(f"the terminals' reader ended: {failure!r}") from failure

    def _fail(self, summary: str, wanted: str, limit: float, since: Mark) -> NoReturn:
        state = self.state()
        if self._exit_status_soon() in CANNOT_EXECUTE:
            raise Broken(f"{self.name}: the program cannot be executed: {self._last_text()}")
        self._screen.note(f"FAILED: {summary}")
        detail = [
            f"wanted: {wanted}",
            f"at:     {self._timeline.now():.3f} s, deadline {limit:.1f} s",
            "seen:",
        ]
        newer = self._screen.lines(since)
        detail += [f"  {line.at:9.3f} {self.name}| {line.text}" for line in newer[-LINES_SHOWN:]]
        if len(newer) > LINES_SHOWN:
            detail.insert(3, f"  … {len(newer) - LINES_SHOWN} lines before")
        rest = self._screen.unfinished()
        detail.append(f"  unfinished {self.name}| {rest}" if rest else "  nothing unfinished")
        detail.append(f"state:  {state}")
        raise ExpectationFailed(summary, "\n".join(detail))

    def fails(self, summary: str) -> NoReturn:
        """End the scenario: the program broke a promise that was looked at from elsewhere. Shows
        what it printed.
        """
        self._fail(summary, summary, 0.0, START)

    def _exit_status_soon(self) -> int | None:
        if not self._screen.ended:
            return self._carrier.exit_status()
        wait_for(lambda: self._carrier.exit_status() is not None, Deadline(EXIT_GRACE))
        return self._carrier.exit_status()

    def _last_text(self) -> str:
        return " / ".join(line.text for line in self._screen.last(2))

    def state(self) -> str:
        """Whether the process lives, in words."""
        status = self._exit_status_soon() if not self._closed else self._carrier.exit_status()
        if status is None:
            return "ended" if self._closed else "running"
        return (
            f"ended with status {status}"
            if status >= 0
            else f"ended by {signals.Signals(-status).name}"
        )

    def last_lines(self) -> str:
        """The last lines and the state of the process, for a report."""
        shown = [
            f"  {line.at:9.3f} {self.name}| {line.text}" for line in self._screen.last(LINES_SHOWN)
        ]
        if rest := self._screen.unfinished():
            shown.append(f"            {self.name}| {rest}")
        return "\n".join([f"{self.name}: {self.state()}", *shown])
