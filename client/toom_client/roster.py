"""The transfers of one client by number, for who looks after them by hand (PROTOCOL 5.15).

Belongs here: numbers, how far each has come, what became of it, which order fits it. Does not: how
a transfer pauses (engines), what the user reads (wording). It belongs to the transfers' thread.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from toom_client.progress import Count, Direction, Meter, Progress, State
from toom_client.reports import Received, ReceiveFailed, Report, SendFailed, Uploaded
from toom_protocol.transfer.reasons import Reason

if TYPE_CHECKING:
    from toom_client.listening import Listening
    from toom_client.presenting import Presenting

REMEMBERED: Final = 100  # transfers that have ended; of more the oldest is forgotten

Transfer: TypeAlias = "Presenting | Listening"


class Action(enum.Enum):
    """What the user may want of one transfer."""

    PAUSE = "pause"
    CONTINUE = "continue"
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants of a transfer; without an action it is to see them all."""

    action: Action | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One transfer as it is now, or as it ended."""

    number: int
    direction: Direction
    peer: str
    filename: str  # as the presenter calls it; safe to print
    state: State
    share: float = 0.0  # of the file, 0 to 1
    rate: float = 0.0  # bytes a second
    reason: str = ""  # why it failed


@dataclass(frozen=True, slots=True)
class Listing:
    """All transfers, in order of their numbers."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Obeyed:
    """It is done."""

    order: Order


@dataclass(frozen=True, slots=True)
class Again:
    """This file is to be sent once more."""

    number: int
    username: str
    filename: str


@dataclass(frozen=True, slots=True)
class Misfit:
    """The order does not fit the transfer; without a row there is none of this number."""

    order: Order
    row: Row | None


Answer = Listing | Obeyed | Again | Misfit

_ENDED: Final = frozenset({State.DONE, State.FAILED})
_FITS: Final = {
    Action.PAUSE: frozenset({State.WAITING, State.MOVING, State.HELD}),
    Action.CONTINUE: frozenset({State.PAUSED}),
    Action.CANCEL: frozenset(set(State) - _ENDED),
    Action.RETRY: frozenset({State.FAILED}),
}


class _Entry:
    """What is known of a transfer that is under way."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.number: int | None = None  # until there is something to show
        self.row: Row | None = None
        self.progress: Progress | None = None


class Roster:
    """Numbers transfers from 1, in the order in which they appear."""

    def __init__(self) -> None:
        self._entries: dict[Transfer, _Entry] = {}  # under way
        self._ended: dict[int, Row] = {}
        self._last = 0

    def admit(self, transfer: Transfer, *, now: float, number: int | None = None) -> None:
        """Begin to look after a transfer.

        Args:
            number: of an earlier try, in whose place this one comes.
        """
        entry = self._entries[transfer] = _Entry()
        if number is not None and self._ended.pop(number, None) is not None:
            entry.number = number
        self._measure(transfer, entry, now)

    def measure(self, transfer: Transfer, *, now: float) -> Progress | None:
        """Look how far one has come; None while there is nothing to tell, and at its end."""
        entry = self._entries.get(transfer)
        if entry is None:
            return None
        self._measure(transfer, entry, now)
        return entry.progress

    def end(self, transfer: Transfer, report: Report) -> None:
        """Note how one has ended."""
        entry = self._entries.pop(transfer, None)
        if entry is not None:
            row = _row_of(report, self._number(entry))
            self._ended[row.number] = row
            if len(self._ended) > REMEMBERED:
                del self._ended[next(iter(self._ended))]

    def forget(self, transfer: Transfer) -> None:
        """Let go of one of which there is nothing more to tell."""
        self._entries.pop(transfer, None)

    def obey(self, order: Order, *, now: float) -> Answer:
        """Do what the user wants, if it fits."""
        for transfer, entry in self._entries.items():
            self._measure(transfer, entry, now)
        under_way = {
            entry.row.number: (entry.row, each)
            for each, entry in self._entries.items()
            if entry.row is not None
        }
        if order.action is None:
            rows = [row for row, _ in under_way.values()] + list(self._ended.values())
            return Listing(tuple(sorted(rows, key=lambda row: row.number)))
        row, found = under_way.get(order.number, (self._ended.get(order.number), None))
        if row is None or row.state not in _FITS[order.action]:
            return Misfit(order, row)
        if order.action is Action.RETRY:
            is_ours = row.direction is Direction.SENDING
            return Again(row.number, row.peer, row.filename) if is_ours else Misfit(order, row)
        if found is not None:
            _do(order.action, found, now)
        return Obeyed(order)

    def _measure(self, transfer: Transfer, entry: _Entry, now: float) -> None:
        count = transfer.count()
        entry.progress = entry.meter.take(count, now=now) if count is not None else None
        if count is not None and entry.progress is not None:
            share = entry.progress.done / max(count.size, 1)
            entry.row = Row(
                self._number(entry), count.direction, count.peer, count.filename,
                _state_of(count, entry.progress), share, entry.progress.rate,
            )  # fmt: skip

    def _number(self, entry: _Entry) -> int:
        if entry.number is None:
            self._last += 1
            entry.number = self._last
        return entry.number


def _state_of(count: Count, progress: Progress) -> State:
    """What is whole is being checked, whatever else it was."""
    return State.CHECKING if 0 < count.size <= progress.done else count.state


def _row_of(report: Report, number: int) -> Row:
    match report:
        case Uploaded(filename, peer):
            return Row(number, Direction.SENDING, peer, filename, State.DONE, 1.0)
        case Received(filename, peer):
            return Row(number, Direction.RECEIVING, peer, filename, State.DONE, 1.0)
        case SendFailed(filename, peer, reason):
            return Row(number, Direction.SENDING, peer, filename, State.FAILED, reason=reason)
        case ReceiveFailed(filename, peer, reason):
            return Row(number, Direction.RECEIVING, peer, filename, State.FAILED, reason=reason)


def _do(action: Action, transfer: Transfer, now: float) -> None:
    match action:
        case Action.PAUSE:
            transfer.pause(now=now)
        case Action.CONTINUE:
            transfer.go_on(now=now)
        case _:
            transfer.give_up(now=now, reason=Reason.CANCELLED)
