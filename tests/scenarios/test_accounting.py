"""The clock with buckets."""

import threading

import pytest

from toom_scenarios import accounting
from toom_scenarios.accounting import ANSWERS, FILES, HOSTS, Spent, accounted, on


class Clock:
    """Goes on only when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(accounting, "time", made)
    return made


def test_time_is_booked_by_bucket(clock: Clock) -> None:
    with accounted() as book:
        with on(ANSWERS):
            clock.now += 2
        clock.now += 50  # nobody's
        with on(HOSTS):
            clock.now += 1
        with on(ANSWERS):
            clock.now += 0.25
    assert book.seconds() == {HOSTS: 1.0, ANSWERS: 2.25}


def test_what_lies_inside_belongs_to_the_outermost(clock: Clock) -> None:
    with accounted() as book, on(ANSWERS):
        clock.now += 1
        with on(FILES):
            clock.now += 2
        clock.now += 4
    assert book.seconds() == {ANSWERS: 7.0}


def test_an_error_is_booked_and_goes_on(clock: Clock) -> None:
    @on(ANSWERS)
    @on(FILES)
    def fail() -> None:
        clock.now += 3
        raise ZeroDivisionError

    with accounted() as book:
        with pytest.raises(ZeroDivisionError):
            fail()
        with on(FILES):
            clock.now += 1
    assert book.seconds() == {ANSWERS: 3.0, FILES: 1.0}


def test_a_function_can_be_booked(clock: Clock) -> None:
    @on(HOSTS)
    def work(seconds: float) -> float:
        clock.now += seconds
        return -seconds

    assert work(1) == -1
    with accounted() as book:
        assert (work(2), work(3)) == (-2, -3)
    assert book.seconds() == {HOSTS: 5.0}


def test_without_an_open_book_nothing_happens(clock: Clock) -> None:
    with accounted() as book:
        pass
    with on(HOSTS):
        clock.now += 1
    assert book.seconds() == {}


def test_other_threads_book_nothing(clock: Clock) -> None:
    """Several at once would add up to more than the whole."""

    @on(HOSTS)
    def work() -> None:
        clock.now += 1

    with accounted() as book:
        beside = threading.Thread(target=work)
        beside.start()
        beside.join()
    assert book.seconds() == {}


def test_an_inner_book_leaves_the_outer_one_open(clock: Clock) -> None:
    with accounted() as outer:
        with accounted() as inner, on(HOSTS):
            clock.now += 1
        with on(HOSTS):
            clock.now += 2
    assert (inner.seconds(), outer.seconds()) == ({HOSTS: 1.0}, {HOSTS: 2.0})


def test_there_are_no_other_buckets() -> None:
    with pytest.raises(ValueError, match="no bucket 'coffee'"), Spent().on("coffee"):
        pass
