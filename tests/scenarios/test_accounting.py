"""The clock with buckets."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from toom_scenarios import accounting
from toom_scenarios.accounting import ANSWERS, FILES, HOSTS, PROMISED, Spent, accounted, on
from toom_scenarios.stage import Stage


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


def test_a_limit_that_is_awaited_is_promised(bare_stage: Stage, clock: Clock) -> None:
    with accounted() as book:
        with bare_stage.awaits_limit(because="15 s of silence"), on(ANSWERS):
            clock.now += 15
        with on(ANSWERS):
            clock.now += 1
    assert book.seconds() == {ANSWERS: 1.0, PROMISED: 15.0}


CASE = '''
from toom_scenarios import Stage, scenario

@scenario(section="S6")
def it_takes_time(stage: Stage) -> None:
    """«Whoever reads a log after the reply finds the line in it.»"""
    terminal = stage.command(stage.host("yoda"), "sh", "-c", "read x; echo $x; echo y")
    stage.lets_pass(0.2, because="it is promised")
    stage.lets_pass(0.1, because="a clock is coarse", promised=False)
    terminal.types("x")
    terminal.sees_exactly("x")
    with stage.awaits_limit(because="what is slow is promised"):
        terminal.sees_exactly("y")
    stage.host("yoda").put("file", "text")
    assert stage.host("yoda").file("file").text() == "text"
'''


def test_a_run_tells_where_the_time_of_each_scenario_went(tmp_path: Path) -> None:
    (tmp_path / "case.py").write_text(CASE)
    words = ["run", "./case.py", "--on", "local", "--report", "r", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "toom_scenarios", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (row,) = json.loads(done.stdout)["scenarios"]
    spent = row["spent"]
    assert spent["promised"] >= 0.2
    assert spent["forced"] >= 0.1
    assert set(spent) >= {"hosts", "programs", "answers", "files", "evidence", "removal"}
    assert sum(spent.values()) <= row["seconds"] + 0.01
    notes = (tmp_path / "r" / "it_takes_time" / "timeline.txt").read_text()
    assert "awaits a limit: what is slow is promised" in notes
