"""Where the peer of one transfer is, and whether it has moved (PROTOCOL 5.12).

Belongs here: asking an address whether the peer is there, and which of two is believed. Does not:
what else is sent there; addresses are values that are compared, nothing more.

Source: RFC 9000 8.2 (path validation), 9.3 (a peer that is seen elsewhere).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from toom_protocol.transfer.frames import Challenge, Frame, Response
from toom_protocol.transfer.patience import Repeat

MAX_CANDIDATES: Final = 4  # addresses asked at a time; of more the oldest is dropped
MAX_QUESTIONS: Final = 16  # that may be answered yet
MAX_WORDS: Final = 8  # to say with the next datagrams; a peer asks one thing at a time
PATIENCE: Final = 3.0  # seconds in which an answer counts; more than any round trip (timing)
STAY: Final = 2.0  # seconds in which nobody else is asked after the old address has answered

Address = tuple[str, int]
NOWHERE: Final[Address] = ("", 0)  # of a peer that has no address, as in virtual time


@dataclass(frozen=True, slots=True)
class Word:
    """A frame to send to one address, in a datagram of its own."""

    frame: Frame
    address: Address


@dataclass(frozen=True, slots=True)
class _Question:
    address: Address
    time: float
    is_old: bool  # asks where the peer was, beside one that asks where it was seen


class Paths:
    """One peer's address. A newer one takes its place when it answers and the old one does not."""

    def __init__(self, address: Address = NOWHERE, *, draw: Callable[[], bytes]) -> None:
        """Begin at the address that the server has announced.

        Args:
            draw: gives as many bytes as a challenge has, which nobody can foretell.
        """
        self.address = address
        """Where everything goes that is for the peer."""
        self.announced: Final = address
        self._draw = draw
        self._proved = False  # a datagram under the keys has come
        self._greeted = False  # a hello has come from the announced address
        self._words: deque[Word] = deque(maxlen=MAX_WORDS)
        self._candidates: dict[Address, Repeat] = {}
        self._questions: dict[bytes, _Question] = {}
        self._stays_until = 0.0

    def greet(self, source: Address) -> None:
        """A genuine hello has come: until there is better proof, the answer goes where it is from.

        The announced address, once heard, is not given up for a copy that comes from elsewhere.
        """
        if source == self.announced:
            self._greeted = True
        if not self._proved and (source == self.announced or not self._greeted):
            self.address = source

    def hear(
        self, frames: tuple[Frame, ...], source: Address, *, newest: bool, now: float
    ) -> float | None:
        """Take a control datagram under the keys.

        Args:
            newest: nothing with a larger packet number has come before.

        Returns:
            Seconds that the answer took if the peer has another address now, else None.
        """
        self._proved = True
        took = None
        for frame in frames:
            if isinstance(frame, Challenge):  # answered on the path it came by: RFC 9000 8.2.2
                self._words.append(Word(Response(frame.data), source))
            elif isinstance(frame, Response):
                took = self._answered(frame.data, source, now)
        if newest and source != self.address:
            self.see(source, now=now)
        return took

    def see(self, source: Address, *, now: float) -> None:
        """The newest genuine datagram has come from elsewhere: ask there, and at the old address.

        A question is smaller than three of any datagrams and each is asked for by one: whoever is
        made a target gets no more than that (RFC 9000 8.1).
        """
        if now < self._stays_until:
            return
        repeat = self._candidates.get(source)
        if repeat is None:
            if len(self._candidates) >= MAX_CANDIDATES:
                del self._candidates[next(iter(self._candidates))]
            repeat = self._candidates[source] = Repeat(now=now)
        if repeat.due <= now:
            repeat.said(now=now)
            self._ask(_Question(source, now, is_old=False))
            self._ask(_Question(self.address, now, is_old=True))

    @property
    def waiting(self) -> bool:
        """Whether there is something to say."""
        return bool(self._words)

    def words(self) -> list[Word]:
        """What is to be said, and to whom."""
        words = list(self._words)
        self._words.clear()
        return words

    def _ask(self, question: _Question) -> None:
        data = self._draw()
        if len(self._questions) >= MAX_QUESTIONS:
            del self._questions[next(iter(self._questions))]
        self._questions[data] = question
        self._words.append(Word(Challenge(data), question.address))

    def _answered(self, data: bytes, source: Address, now: float) -> float | None:
        question = self._questions.pop(data, None)
        if question is None or now - question.time > PATIENCE:
            return None
        if question.is_old:
            # By whatever way the answer came (RFC 9000 8.2.3): what is sent to the old address
            # arrives, so there is nothing to gain elsewhere, and somebody else may be behind it.
            self._questions.clear()
            self._candidates.clear()
            self._stays_until = now + STAY
        elif source != question.address:
            return None
        if self.address == question.address:
            return None
        self.address = question.address
        self._candidates.clear()
        return now - question.time
