"""PROTOCOL 5.7: the last word is repeated until it has been heard."""

from toom_protocol.transfer.frames import Abort, Done, End, Frame, Ping
from toom_protocol.transfer.patience import Farewell, Repeat
from toom_protocol.transfer.reasons import Reason


def words(farewell: Farewell, until: float) -> list[tuple[float, Frame | None]]:
    """What is said, and when, if the peer stays silent."""
    said: list[tuple[float, Frame | None]] = []
    while not farewell.over(now=(now := farewell.deadline())) and now < until:
        said.append((round(now, 3), farewell.word_at(now=now)))
    return said


def test_an_unanswered_last_word_is_repeated_less_and_less_often() -> None:
    farewell = Farewell(Done(), now=0.0)
    assert [time for time, _ in words(farewell, 3.0)] == [0.0, 0.1, 0.3, 0.7, 1.5, 2.5]
    assert not farewell.settled
    assert not farewell.over(now=14.9)
    assert farewell.over(now=15.0)


def test_the_dead_are_told_for_a_shorter_while() -> None:
    farewell = Farewell(Abort(Reason.PEER_GONE), now=0.0)
    assert not farewell.over(now=2.9)
    assert farewell.over(now=3.0)


def test_a_confirmed_last_word_is_over() -> None:
    farewell = Farewell(Done(), now=0.0)
    farewell.hear((End(),), now=0.01)
    assert farewell.over(now=0.01)
    assert farewell.settled
    assert farewell.word_at(now=0.02) is None


def test_a_question_is_answered_with_the_last_word() -> None:
    farewell = Farewell(Abort(Reason.NO_SPACE), now=0.0)
    farewell.word_at(now=0.0)
    farewell.hear((Ping(),), now=0.06)
    assert farewell.deadline() == 0.06
    assert farewell.word_at(now=0.06) == Abort(Reason.NO_SPACE)


def test_late_data_is_answered_but_not_packet_by_packet() -> None:
    farewell = Farewell(End(), now=0.0)
    said = 0
    for step in range(1000):
        farewell.hear_data(now=step / 1000)
        said += farewell.word_at(now=step / 1000) is not None
    assert said == 20


def test_an_end_is_said_once() -> None:
    farewell = Farewell(End(), now=0.0)
    assert not farewell.settled
    assert words(farewell, 4.9) == [(0.0, End())]
    assert farewell.settled
    assert farewell.over(now=5.0)


def test_two_aborts_that_cross_confirm_each_other() -> None:
    farewell = Farewell(Abort(Reason.GIVEN_UP), now=0.0)
    farewell.word_at(now=0.0)
    farewell.hear((Abort(Reason.GIVEN_UP),), now=0.02)
    assert farewell.word_at(now=0.05) == End()
    assert farewell.settled


def test_repeats_double() -> None:
    repeat = Repeat(now=1.0)
    times = []
    for _ in range(6):
        times.append(round(repeat.due, 3))
        repeat.said(now=repeat.due)
    assert times == [1.0, 1.1, 1.3, 1.7, 2.5, 3.5]
