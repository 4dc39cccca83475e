"""`toom bench server`: its load, the servers that it loads, and each part of it in small."""

import shutil
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from toom_scenarios.bench import (
    fairness,
    logouts,
    long_log,
    memory,
    peers,
    reading,
    server,
    speed,
    starting,
    wire,
)
from toom_scenarios.bench.document import Row
from toom_scenarios.bench.generator import Generator, Measured, Talk
from toom_scenarios.bench.logouts import Price
from toom_scenarios.compiler import COMPILERS
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.errors import Broken

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)) or shutil.which("taskset") is None,
    reason="no C compiler or no taskset",
)
SHORT: dict[str, Any] = {"warmup": 0.05, "seconds": 0.2}
WORDS = b"*1\r\n$4\r\nPING\r\n"


@needs_compiler
@pytest.mark.parametrize("framing", ["length", "lines"])
@pytest.mark.parametrize(("connections", "depth"), [(1, 1), (20, 16)])
def test_the_generator_counts_answers(
    tmp_path: Path, framing: str, connections: int, depth: int
) -> None:
    generator = Generator(tmp_path)
    port = peers.free_port()
    talks = [Talk(b"", WORDS)] * connections
    with generator.echo(framing, port, len(WORDS), 47):
        told = generator.load(framing, port, talks, depth=depth, **SHORT)
    assert told.per_second > 100
    assert 0 < told.p50 <= told.p99 < 1000


@needs_compiler
def test_who_floods_counts_apart(tmp_path: Path) -> None:
    """It waits for no answer, so it alone has far more under way than `depth`."""
    generator = Generator(tmp_path)
    port = peers.free_port()
    with generator.echo("length", port, len(WORDS), 47):
        told = generator.load("length", port, [Talk(b"", WORDS)] * 3, depth=1, flooders=1, **SHORT)
        none = generator.load("length", port, [Talk(b"", WORDS)] * 3, depth=1, **SHORT)
    assert told.per_second > 100
    assert told.flooded > 2 * told.per_second
    assert none.flooded == 0


@needs_compiler
def test_a_server_that_hangs_up_breaks_the_load(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="generator: "):
        Generator(tmp_path).load("length", peers.free_port(), [Talk(b"", b"x")], depth=1, **SHORT)


@needs_compiler
def test_our_server_under_the_load(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    generator = Generator(tmp_path)
    with peers.toom(tmp_path / "server", 3) as us:
        for talks in (us.broadcasts(4), us.rooms(3)):
            told = generator.load(us.framing, us.port, talks, depth=2, **SHORT)
            us.settle()
            assert told.per_second > 10
    logs = [tmp_path / "server" / "messagelog.txt"]
    logs += [tmp_path / "server" / f"SR_{room}_messagelog.txt" for room in (1, 2, 3)]
    assert all(path.read_text().endswith(f"; {peers.TEXT}\n") for path in logs)


def test_a_peer_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(Broken, match="apt-get install redis-server"), peers.redis(tmp_path):
        pass
    with pytest.raises(Broken, match="apt-get install gcc"):
        Generator(tmp_path)


# --- speed: cases and goals


def measured(per_second: float, p99: float = 1.0) -> Measured:
    return Measured(per_second, 0.5, p99, 0.5, 0.0)


def results(case: speed.Case, ours: list[float], theirs: list[float], carried: float) -> list[Row]:
    found = speed.Results(defaultdict(list), defaultdict(list), {case: carried})
    found.ours[case] = [measured(value) for value in ours]
    found.theirs[case] = [measured(value) for value in theirs]
    return found.rows(case)


def test_the_ratio_is_that_of_pairs() -> None:
    """Medians against each other would tell 1.0: the machine was slow in one round."""
    case = speed.Case(50, times_redis=1.1)
    row = results(case, [120.0, 60.0, 240.0], [100.0, 120.0, 200.0], 1000.0)[0]
    assert row.pairs["redis-always"].median == 1.2
    assert (row.pairs["redis-always"].min, row.pairs["redis-always"].max) == (0.5, 1.2)
    assert row.ratios() == {"redis-always": 1.2}
    assert row.is_met() is True


def test_what_the_generator_bounds_does_not_count() -> None:
    case = speed.Case(50, times_redis=1.1)
    assert [row.is_met() for row in results(case, [200.0], [100.0], 300.0)] == [True, None, True]
    assert [row.is_met() for row in results(case, [200.0], [100.0], 299.0)] == [None, None, None]


def test_every_case_of_the_issue_has_its_goal() -> None:
    goals = {case.name: case.goal for case in speed.CASES}
    assert {name: goal.at_least for name, goal in goals.items() if goal} == {
        "1 connection": 1.0,
        "50 connections": 1.1,
        "200 connections": 1.1,
        "1000 connections": 1.0,
        "5000 connections": 1.0,
        "50 connections, 16 in flight": 1.5,
        "1000 connections, 16 in flight": 1.3,
        "200 connections, 200 rooms": 0.7,
    }
    slowest = [case.name for case in speed.CASES if case.goal_of_p99]
    assert slowest == [
        "50 connections",
        "200 connections",
        "1000 connections",
        "50 connections, 16 in flight",
        "1000 connections, 16 in flight",
    ]


def test_rooms_are_compared_with_our_own_single_log() -> None:
    found = speed.Results(defaultdict(list), defaultdict(list), {})
    rooms = speed.Case(speed.ROOMS, in_rooms=True)
    for case, value in ((speed.ONE_LOG_CASE, 100.0), (rooms, 60.0)):
        found.ours[case] = [measured(value)]
        found.theirs[case] = [measured(50.0)]
        found.carried[case] = 1000.0
    row = found.rows(rooms)[0]
    assert row.ratios() == {"redis-always": 1.2, "ours, one log": 0.6}
    assert row.is_met() is False
    assert speed.chosen([200]) == [speed.ONE_LOG_CASE, rooms]


# --- which parts


@pytest.mark.parametrize(
    ("only", "parts", "connections"),
    [
        ([], list(server.PARTS), []),
        ([50, 1], ["speed"], [50, 1]),
        (["memory"], ["memory"], []),
        (["start", 50], ["speed", "start"], [50]),
        (["speed", 50], ["speed"], []),
    ],
)
def test_parts_are_chosen(
    only: list[str | int],
    parts: list[str],
    connections: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    def part(name: str) -> Callable[[server.Bench], None]:
        def run(bench: server.Bench) -> None:
            ran.append(name)
            assert bench.folder.is_dir()
            assert name != "speed" or list(bench.connections) == connections

        return run

    monkeypatch.setattr(server, "PARTS", {name: part(name) for name in server.PARTS})
    assert server.measure(1, tmp_path, print, only) == ([], {})
    assert ran == parts
    assert list(tmp_path.iterdir()) == []


# --- each part in small, with our server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Loads are short; gives what is told."""
    monkeypatch.setattr(speed, "WARMUP", SHORT["warmup"])
    monkeypatch.setattr(speed, "SECONDS", SHORT["seconds"])
    monkeypatch.setattr(memory, "POSTING", SHORT["seconds"])
    monkeypatch.setattr(memory, "RESTING", 0.2)
    monkeypatch.setattr(logouts, "TRIPS", 2)
    monkeypatch.setattr(reading, "ASKED", 20)
    return []


@needs_compiler
@pytest.mark.slow
def test_fairness_in_small(tmp_path: Path, quick: list[str]) -> None:
    rows, more = fairness.measure(2, tmp_path, quick.append)
    assert [row.goal is not None for row in rows] == [False, True, True]
    assert len(quick) == 2
    assert all(value > 10 for value in more["flood"]["per_second"])


def test_a_flood_that_nobody_answers_is_none() -> None:
    calm, flood, dry = (Measured(9.0, 1.0, 5.0 + more, 0.1, more) for more in (0.0, 7.0, 0.0))
    assert [row.is_met() for row in fairness.rows([calm, calm], [flood, flood])] == [
        None,
        True,
        True,
    ]
    stalled = fairness.rows([calm, calm], [flood, dry])
    assert [row.is_met() for row in stalled][1] is None
    assert fairness.rows([calm], [dry])[2].is_met() is False


@needs_compiler
@pytest.mark.slow
def test_memory_in_small(tmp_path: Path, quick: list[str]) -> None:
    idle = memory.idle(1, tmp_path, quick.append, 20)
    assert abs(idle.ours.median) < 1024  # of so few, it says nothing
    assert memory.loaded(tmp_path, quick.append, 2000).case == (
        "memory of a message, 2,000 there at the start"
    )
    assert memory.posted(tmp_path, quick.append, 100).goal is not None


@needs_compiler
@pytest.mark.slow
def test_reading_in_small(tmp_path: Path, quick: list[str]) -> None:
    rows = reading.measure(1, tmp_path, quick.append, 2000)
    assert rows[0].ours.median <= rows[1].ours.median
    assert rows[2].pairs.keys() == {reading.SHORT}


def test_exactly_the_last_thousand_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    peers.prepare(tmp_path / "server")
    long_log.write(tmp_path / "server", 3000)
    since = long_log.before_the_last(3000, 1000)
    question = wire.frame(wire.READ_MESSAGES, wire.number(reading.BROADCASTS), since.encode())
    port = peers.free_port()
    with peers.running(tmp_path / "server", port), wire.Line(port, 0) as line:
        line.send(question)
        answer = b"".join(line._frames(wire.END))
    assert answer.count(b"\n") == 1000
    assert b"2001; " in answer
    assert b"3000; " in answer


@needs_compiler
@pytest.mark.slow
def test_starts_in_small(tmp_path: Path, quick: list[str]) -> None:
    rows = starting.measure(1, tmp_path, quick.append, 2000)
    assert rows[0].ours.median > 0.01
    assert [row.goal is not None for row in rows] == [False, True, True]


@needs_compiler
@pytest.mark.slow
def test_logouts_in_small(tmp_path: Path, quick: list[str]) -> None:
    rows = logouts.measure(1, tmp_path, quick.append, 30)
    writings, cpu = rows[2].ours.median, rows[3].ours.median
    assert 1 <= writings < 30  # many are one
    assert cpu > 0


def test_the_price_of_a_writing_grows_with_the_list() -> None:
    price = Price.of((0.001, 100), (0.003, 1100))
    assert price.a_byte == pytest.approx(2e-6)
    assert price.of_all([100, 1100, 600]) == pytest.approx(0.001 + 0.003 + 0.002)


def test_noise_is_no_negative_price() -> None:
    assert Price.of((0.001, 100), (0.0005, 1100)) == Price(0.001, 0.0)


def is_longer(sizes: list[int], before: int) -> bool:
    return len(sizes) > before


def test_every_new_userlog_is_seen(tmp_path: Path) -> None:
    path, fresh = tmp_path / "userlog.txt", tmp_path / "fresh"
    path.write_text("old")
    with logouts._watched(path) as sizes:
        for size in (5, 7, 7):
            grown = partial(is_longer, sizes, len(sizes))
            fresh.write_text("x" * size)
            fresh.replace(path)
            assert wait_for(grown, Deadline(5))
    assert sizes == [5, 7, 7]
