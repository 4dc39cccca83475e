"""How long each end waits, repeats itself and lingers (PROTOCOL 5.7).

Belongs here: the limits of a transfer's life in seconds, and the last word that either end repeats
until the other has heard it. Does not: what the last word means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toom_protocol.transfer.frames import Abort, Done, End, Frame, Refuse
from toom_protocol.transfer.packets import PacketType
from toom_protocol.transfer.reasons import Reason

SILENCE: Final = 15.0  # a peer silent for so long is gone; SPEC S12
KEEP_ALIVE: Final = 2.0  # after so long without a word of its own each end pings: 7 in a silence
FIRST_REPEAT: Final = 0.1  # an offer may overtake the server's notice to the audience by so much
LONGEST_REPEAT: Final = 1.0
WELCOME_REPEAT: Final = 4.0  # an offer that waits for its turn: three times in a silence
EXPECTATION: Final = 30.0  # seconds that the server's notice of a presenter is valid for
LINGER: Final = 15.0  # the last word is repeated, and questions answered, for the peer's patience
LINGER_TO_THE_DEAD: Final = 3.0  # after the peer fell silent: it may only have lost our direction
LINGER_AFTER_END: Final = 5.0  # the other's last word comes at most a few times more
ANSWER_INTERVAL: Final = (
    0.05  # a stream of late data is answered so often, not datagram by datagram
)

LastWord = Done | Refuse | Abort | End


@dataclass(frozen=True, slots=True)
class Control:
    """A control datagram to send."""

    kind: PacketType
    packet_number: int
    frames: tuple[Frame, ...]
    address: tuple[str, int] | None = None
    """Where it goes; None: where the peer is."""


class Repeat:
    """When to say something next that has to be said until it is answered."""

    def __init__(self, *, now: float, first: float = FIRST_REPEAT) -> None:
        self.due = now
        self._interval = first
        self._longest = LONGEST_REPEAT

    def relax(self) -> None:
        """Who is to answer is there, and lets it wait."""
        self._longest = WELCOME_REPEAT

    def said(self, *, now: float) -> None:
        """Note that it was said now: the next time comes after twice as long a while."""
        self.due = now + self._interval
        self._interval = min(2 * self._interval, self._longest)


class Farewell:
    """The last word of one end, repeated until the other end confirms it (PROTOCOL 5.7)."""

    def __init__(self, word: LastWord, *, now: float) -> None:
        self._word = word
        self._repeat = Repeat(now=now)
        self._until = now + _linger(word)
        self._answer_due: float | None = now if isinstance(word, End) else None
        self._answered = now - ANSWER_INTERVAL
        self.confirmed = False

    def hear(self, frames: tuple[Frame, ...], *, now: float) -> None:
        """Take what the peer says at this stage; any last word of its own confirms ours."""
        if any(isinstance(frame, End) for frame in frames):
            self.confirmed = True
            self._answer_due = None
            return
        if any(isinstance(frame, Done | Refuse | Abort) for frame in frames):
            self._word = End()
        self._answer_due = max(now, self._answered + ANSWER_INTERVAL)

    def hear_data(self, *, now: float) -> None:
        """A late data packet: the peer has not heard the last word yet."""
        self._answer_due = max(now, self._answered + ANSWER_INTERVAL)

    def deadline(self) -> float:
        """When to call `word_at`, or to forget the transfer."""
        times = [self._until]
        if self._answer_due is not None:
            times.append(self._answer_due)
        if self._repeats:
            times.append(self._repeat.due)
        return min(times)

    def word_at(self, *, now: float) -> LastWord | None:
        """The word to say now, if it is time."""
        repeat = self._repeats and self._repeat.due <= now
        answer = self._answer_due is not None and self._answer_due <= now
        if not repeat and not answer:
            return None
        if repeat:
            self._repeat.said(now=now)
        self._answer_due, self._answered = None, now
        return self._word

    def over(self, *, now: float) -> bool:
        """Whether the transfer may be forgotten."""
        return self.confirmed or now >= self._until

    @property
    def settled(self) -> bool:
        """Whether nothing remains that the peer must hear."""
        return self.confirmed or (isinstance(self._word, End) and self._answer_due is None)

    @property
    def _repeats(self) -> bool:
        return not self.confirmed and not isinstance(self._word, End)


def _linger(word: LastWord) -> float:
    """Seconds that the peer has to hear a last word."""
    match word:
        case End():
            return LINGER_AFTER_END
        case Abort(Reason.PEER_GONE | Reason.NO_ANSWER):
            return LINGER_TO_THE_DEAD
        case _:
            return LINGER
