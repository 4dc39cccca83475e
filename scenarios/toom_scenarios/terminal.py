"""A terminal in a host, driven as a person would: type, and look at what is newer than what was
typed.

Belongs here: everything a scenario does at a terminal. Every wait has a deadline, and a failure
shows what was wanted, what was seen and when, and whether the process lives.
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

from . import prompts
from .accounting import ANSWERS, on
from .deadline import Deadline
from .errors import ExpectationFailed
from .facts import Ending
from .hosts.base import Carrier
from .legible import legible, visible
from .output import START, Mark, Output
from .session import Session
from .timeline import HIDDEN

T = TypeVar("T")

ENTER: Final = "\r"  # what the key sends; the terminal turns it into a newline
END_OF_INPUT: Final = "\x04"  # Ctrl-D
INTERRUPT: Final = "\x03"  # Ctrl-C
DEFAULT_PATIENCE: Final = 5.0  # seconds to wait for an answer, before the host's slowness


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

    def __init__(self, name: str, carrier: Carrier, *, slowness: float, **session: Any) -> None:
        self.name = name
        self._slowness = slowness
        self._session = Session(name, carrier, **session)
        self._screen = self._session.screen
        self._input = START
        self._seen = START

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
        """Type a command at the prompt, wait for the next prompt, and return the lines between: the
        whole reply, to compare.

        The prompt that follows an earlier reply may still be on its way: it is waited for first, so
        that it is not taken for the next one.
        """
        self._until(_at_prompt, f"the prompt “{prompts.COMMAND}”", within, START)
        self.types(text)
        self.sees_prompt(within=within)
        return self.lines()

    def _type(self, text: str | bytes, *, shown: str) -> None:
        typed = text.rstrip(ENTER) if isinstance(text, str) else ""
        data = text.encode() if isinstance(text, str) else text
        limit = DEFAULT_PATIENCE * self._slowness
        to_read = f"it reads what is typed: {visible(shown)}"
        try:
            self._input = self._seen = self._session.type(
                data, typed=typed, shown=shown, within=limit
            )
        except TimeoutError:
            self._fail(f"{self.name} does not read what is typed", to_read, limit=limit)
        except BrokenPipeError:
            self._fail(f"{self.name} has ended: nothing can be typed", to_read)

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
        line = f"the line “{legible(pattern)}”"
        return self._awaits(line, wanted.fullmatch, within, since, raw=pattern)

    def sees_exactly(
        self, text: str, *, within: float | None = None, since: Mark | None = None
    ) -> None:
        """Wait for a whole line that is exactly this text."""
        line = f"the line “{visible(text)}”"
        self._awaits(line, lambda line: line == text or None, within, since)

    def sees_prompt(self, prompt: str = prompts.COMMAND, *, within: float | None = None) -> None:
        """Wait until this prompt stands at the end, newer than the input and than the line seen
        last.

        A notice may bring a prompt before the reply comes: look for the reply first, then for the
        prompt.
        """
        since = self._seen

        def stands(output: Output) -> Mark | None:
            return output.mark() if output.shows_prompt(prompt, since) else None

        self._seen = self._until(stands, f"the prompt “{prompt}”", within, since)

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

        no_line = f"no line “{legible(pattern)}”"
        self._until(stands, f"a prompt, after {no_line}", within, self._input)
        unwanted = re.compile(pattern)
        for line in self._screen.lines(begin):
            if unwanted.fullmatch(line.text):
                saw = f"{self.name} saw what it must not: “{visible(line.text)}”"
                self._fail(saw, no_line, since=begin, raw=pattern)

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
        self._session.catch_up()
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
        if status != found[0]:
            self._session.check_executed()
        if status is not None and found[0] != status:
            self._fail(f"{self.name} ended with status {found[0]}", f"exit status {status}")
        return found[0]

    def _ended_with(self, _output: Output) -> tuple[int] | None:
        status = self._session.exit_status()
        return None if status is None else (status,)

    def kill(self, signal: signals.Signals = signals.SIGKILL) -> None:
        """Send a signal to the program, by default the one it cannot refuse."""
        self._session.kill(signal)

    def is_running(self) -> bool:
        return self._session.is_running()

    def settle(self) -> None:
        """Write down what stands there and whether the process lives, while it is so."""
        self._session.settle()

    def close(self) -> None:
        """End the program and all it has started, as when the terminal's window closes."""
        self._session.close()

    # --- inside ---------------------------------------------------------------------------------

    def _awaits(
        self,
        wanted: str,
        matches: Callable[[str], T | None],
        within: float | None,
        since: Mark | None,
        *,
        raw: str = "",
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

        return self._until(found, wanted, within, begin, raw=raw)[0]

    @on(ANSWERS)
    def _until(
        self,
        condition: Callable[[Output], T | None],
        wanted: str,
        within: float | None,
        since: Mark,
        *,
        past_the_end: bool = False,
        raw: str = "",
    ) -> T:
        """Wait until the condition gives something true, and give that."""
        limit = DEFAULT_PATIENCE * self._slowness if within is None else within
        deadline = Deadline(limit)
        answer = self._screen.wait(
            condition, deadline, past_the_end=past_the_end, check=self._session.check_reader
        )
        if answer:
            return answer
        early = self._screen.ended and not past_the_end and not deadline.passed()
        why = f"{self.name} ended before" if early else f"{self.name} waited {limit:.1f} s for"
        return self._fail(f"{why} {wanted}", wanted, limit=limit, since=since, raw=raw)

    def _fail(
        self, summary: str, wanted: str, *, since: Mark | None = None, **more: Any
    ) -> NoReturn:
        """Raise, with what was seen since a position (default: the last input)."""
        begin = self._input if since is None else since
        facts = self._session.failed(summary, since=begin, wanted=wanted, **more)
        raise ExpectationFailed(summary, facts=facts)

    def fails(self, summary: str, *, wanted: str = "", limit: float | None = None) -> NoReturn:
        """End the scenario: the program broke a promise that was looked at from elsewhere. Shows
        what it printed.

        Args:
            wanted: what was promised; default: the summary says it.
            limit: seconds that it had.
        """
        self._fail(summary, wanted or summary, limit=limit, since=START)

    def ending(self) -> Ending:
        """The last rows and the state of the process, for a report."""
        return self._session.ending()


def _at_prompt(output: Output) -> bool:
    """Whether the program waits for a command now."""
    return output.shows_prompt(prompts.COMMAND, START)
