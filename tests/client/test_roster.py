"""PROTOCOL 5.15: transfers by number, without any: ends that only count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from toom_client.progress import Count, Direction, State
from toom_client.reports import Received, ReceiveFailed, Report, SendFailed, Uploaded
from toom_client.roster import (
    REMEMBERED,
    Action,
    Again,
    Listing,
    Misfit,
    Obeyed,
    Order,
    Roster,
    Row,
    Transfer,
)
from toom_protocol.transfer.reasons import Reason

SENDING, RECEIVING = Direction.SENDING, Direction.RECEIVING


@dataclass(eq=False)
class Counting:
    """A transfer as far as a roster sees it; it obeys at once."""

    direction: Direction = SENDING
    done: int = 0
    state: State = State.MOVING
    began: bool = True
    reasons: list[Reason] = field(default_factory=list)

    def count(self) -> Count | None:
        if not self.began:
            return None
        return Count(self.direction, "Han", "a.mp4", self.done, 1000, 0, self.state)

    def pause(self, *, now: float) -> None:  # noqa: ARG002
        self.state = State.PAUSED

    def go_on(self, *, now: float) -> None:  # noqa: ARG002
        self.state = State.MOVING

    def give_up(self, *, now: float, reason: Reason) -> None:  # noqa: ARG002
        self.reasons.append(reason)


class Table(Roster):
    """A roster on a clock that stands."""

    def sits(self, transfer: Counting, number: int | None = None) -> Transfer:
        as_one = cast("Transfer", transfer)
        self.admit(as_one, now=0.0, number=number)
        return as_one

    def rows(self) -> tuple[Row, ...]:
        answer = self.obey(Order(), now=0.0)
        assert isinstance(answer, Listing)
        return answer.rows


def test_transfers_are_numbered_as_they_appear() -> None:
    """One that is only expected is nothing that a user could see."""
    roster, expected = Table(), Counting(RECEIVING, began=False)
    roster.sits(expected)
    roster.sits(Counting(done=250))
    assert roster.rows() == (Row(1, SENDING, "Han", "a.mp4", State.MOVING, 0.25),)
    expected.began = True
    assert [(row.number, row.direction) for row in roster.rows()] == [(1, SENDING), (2, RECEIVING)]


def test_what_has_ended_stays_to_be_seen() -> None:
    roster = Table()
    ends: list[Report] = [
        Uploaded("a.mp4", "Han"),
        SendFailed("b.mp4", "Han", "no answer"),
        Received("c.mp4", "Luke"),
        ReceiveFailed("d.mp4", "Luke", "no space left"),
    ]
    for end in ends:
        roster.end(roster.sits(Counting()), end)
    assert roster.rows() == (
        Row(1, SENDING, "Han", "a.mp4", State.DONE, 1.0),
        Row(2, SENDING, "Han", "b.mp4", State.FAILED, reason="no answer"),
        Row(3, RECEIVING, "Luke", "c.mp4", State.DONE, 1.0),
        Row(4, RECEIVING, "Luke", "d.mp4", State.FAILED, reason="no space left"),
    )


def test_an_expectation_that_expires_leaves_nothing() -> None:
    roster = Table()
    roster.forget(roster.sits(Counting(RECEIVING, began=False)))
    assert roster.rows() == ()


def test_of_many_that_have_ended_the_oldest_are_forgotten() -> None:
    roster = Table()
    for _ in range(REMEMBERED + 5):
        roster.end(roster.sits(Counting()), Uploaded("a.mp4", "Han"))
    assert [row.number for row in roster.rows()] == list(range(6, REMEMBERED + 6))


def test_pause_continue_and_cancel() -> None:
    roster, transfer = Table(), Counting()
    roster.sits(transfer)
    for action, state in ((Action.PAUSE, State.PAUSED), (Action.CONTINUE, State.MOVING)):
        assert roster.obey(Order(action, 1), now=0.0) == Obeyed(Order(action, 1))
        assert transfer.state is state
    assert roster.obey(Order(Action.CANCEL, 1), now=0.0) == Obeyed(Order(Action.CANCEL, 1))
    assert transfer.reasons == [Reason.CANCELLED]


@pytest.mark.parametrize("action", Action)
def test_there_is_no_such_number(action: Action) -> None:
    roster = Table()
    roster.sits(Counting())
    assert roster.obey(Order(action, 2), now=0.0) == Misfit(Order(action, 2), None)


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (Action.PAUSE, State.PAUSED),
        (Action.CONTINUE, State.MOVING),
        (Action.CONTINUE, State.HELD),
        (Action.RETRY, State.PAUSED),
    ],
)
def test_an_order_that_does_not_fit_changes_nothing(action: Action, state: State) -> None:
    roster, transfer = Table(), Counting(state=state)
    roster.sits(transfer)
    answer = roster.obey(Order(action, 1), now=0.0)
    assert isinstance(answer, Misfit)
    assert answer.row == Row(1, SENDING, "Han", "a.mp4", state)
    assert transfer.state is state


def test_what_is_whole_is_being_checked_and_cannot_be_paused() -> None:
    roster = Table()
    roster.sits(Counting(RECEIVING, done=1000, state=State.HELD))
    answer = roster.obey(Order(Action.PAUSE, 1), now=0.0)
    assert isinstance(answer, Misfit)
    assert answer.row == Row(1, RECEIVING, "Han", "a.mp4", State.CHECKING, 1.0)


def test_another_try_takes_the_place_of_the_one_that_failed() -> None:
    roster = Table()
    roster.end(roster.sits(Counting()), SendFailed("a.mp4", "Han", "it was cancelled"))
    roster.sits(Counting())
    assert roster.obey(Order(Action.RETRY, 1), now=0.0) == Again(1, "Han", "a.mp4")
    assert roster.rows()[0].state is State.FAILED  # until it begins
    roster.sits(Counting(), number=1)
    assert [(row.number, row.state) for row in roster.rows()] == [
        (1, State.MOVING),
        (2, State.MOVING),
    ]


def test_only_own_files_that_failed_can_be_sent_again() -> None:
    roster = Table()
    roster.end(roster.sits(Counting()), Uploaded("a.mp4", "Han"))
    roster.end(roster.sits(Counting(RECEIVING)), ReceiveFailed("b.mp4", "Han", "no answer"))
    for number in (1, 2):
        assert isinstance(roster.obey(Order(Action.RETRY, number), now=0.0), Misfit)
