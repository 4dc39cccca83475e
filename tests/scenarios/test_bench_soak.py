"""`toom bench soak`: what makes its verdict, and one in small."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from random import Random

import pytest

from toom_scenarios.bench import peers, soak, visitors
from toom_scenarios.bench.crowd import Crowd, lets_pass, run
from toom_scenarios.bench.flatness import growth, slope
from toom_scenarios.bench.ledger import Comparison, Ledger, text
from toom_scenarios.bench.visitors import Act, Visit, Visitor

needs_taskset = pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset")
AT = [10.0 * number for number in range(60)]


# --- flat or not


def test_what_grows_at_first_and_then_stays_is_flat() -> None:
    memory = [min(30.0 + number, 40.0) for number in range(60)]
    assert slope(AT, memory) == pytest.approx(0.0)
    assert growth(memory) == pytest.approx(0.0)


def test_a_leak_shows_in_both() -> None:
    memory = [40.0 + at / 60 * 2 for at in AT]  # 2 MiB a minute
    assert slope(AT, memory) == pytest.approx(2.0)
    assert growth(memory) == pytest.approx(100 * (40.0 + 535 / 30) / (40.0 + 175 / 30) - 100)


def test_one_sample_that_sticks_out_is_no_growth() -> None:
    memory = [40.0] * 59 + [80.0]
    assert growth(memory) == pytest.approx(0.0)


# --- what was acknowledged


def logs(folder: Path, **lines: list[str]) -> Path:
    for name, said in lines.items():
        numbered = (f"{n}; 1 Jun 2022 16:01:20; u1; {each}\n" for n, each in enumerate(said, 1))
        (folder / f"{name}.txt").write_text("".join(numbered))
    return folder


@pytest.fixture
def ledger() -> Ledger:
    """Two broadcasts and a message to room 3."""
    ledger = Ledger()
    for log, number, count in ((0, 1, 1), (0, 2, 3), (3, 1, 2)):
        ledger.note(log, number, 7, count)
    return ledger


ROOM = {"SR_3_messagelog": [text(7, 2)]}


def test_everything_stands_there_once(tmp_path: Path, ledger: Ledger) -> None:
    there = logs(tmp_path, messagelog=[text(7, 1), text(7, 3)], **ROOM)
    assert ledger.compare(there) == Comparison(3, 0, 0, 0)


def test_one_is_missing(tmp_path: Path, ledger: Ledger) -> None:
    assert ledger.compare(logs(tmp_path, messagelog=[text(7, 1)], **ROOM)).missing == 1


def test_a_whole_log_is_missing(tmp_path: Path, ledger: Ledger) -> None:
    there = logs(tmp_path, messagelog=[text(7, 1), text(7, 3)])
    assert ledger.compare(there) == Comparison(3, 1, 0, 0)


def test_one_stands_under_another_number(tmp_path: Path, ledger: Ledger) -> None:
    there = logs(tmp_path, messagelog=[text(7, 3), text(7, 1)], **ROOM)
    assert ledger.compare(there).missing == 2


def test_one_stands_there_twice(tmp_path: Path, ledger: Ledger) -> None:
    there = logs(tmp_path, messagelog=[text(7, 1), text(7, 3), text(7, 2)], **ROOM)
    assert ledger.compare(there) == Comparison(3, 0, 1, 0)


def test_one_was_never_acknowledged(tmp_path: Path, ledger: Ledger) -> None:
    there = logs(tmp_path, messagelog=[text(7, 1), text(7, 3), text(7, 4)], **ROOM)
    assert ledger.compare(there) == Comparison(3, 0, 0, 1)


# --- visitors, with our server


async def visit_until(us: peers.Peer, room: int, what: str, faults: list[object]) -> Visit:
    """One user visits until an error is noted or they have come three times again."""
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
    crowd = Crowd(us.port)
    await crowd.enter(1)
    visit = Visit(us.port, 0.001, Random(1), crowd.clients.__setitem__)
    crowd.clients[0].watch(Visitor(visit, 0, room, crowd.clients[0]).lost)
    if what == "killed":
        os.kill(us.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while not (visit.error_count or visit.done[Act.ENTER] >= 3):
            await lets_pass(0.01)
    visit.end()
    await asyncio.wait_for(visit.settled.wait(), 20)
    crowd.leave()
    return visit


@needs_taskset
@pytest.mark.parametrize(
    ("act", "what", "error"),
    [
        (Act.ROOM_MESSAGE, "no such room", "u0: SRM was answered by kind 75"),
        (Act.BROADCAST, "killed", "the connection of u0 has ended"),
        (Act.LEAVE, "nothing", ""),
    ],
)
def test_what_goes_otherwise_is_noted(
    act: Act, what: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "WEIGHTS", {act: 1})
    faults: list[object] = []
    with peers.toom(tmp_path / "server") as us:
        visit = run(visit_until(us, 9, what, faults), 1)
    assert bool(visit.error_count) is bool(error)
    assert all(each.startswith(error) for each in visit.errors)
    assert faults == []
    if act is Act.LEAVE:
        assert visit.done[Act.LEAVE] >= visit.done[Act.ENTER] >= 3


@needs_taskset
def test_who_is_lost_asks_nothing_more(tmp_path: Path) -> None:
    async def visit() -> Visit:
        crowd = Crowd(us.port)
        await crowd.enter(1)
        visit = Visit(us.port, 0.001, Random(1), crowd.clients.__setitem__)
        Visitor(visit, 0, 9, crowd.clients[0]).lost(crowd.clients[0], None)
        await lets_pass(0.05)
        crowd.leave()
        return visit

    with peers.toom(tmp_path / "server") as us:
        found = run(visit(), 1)
    assert (found.done.total(), found.unanswered) == (0, 0)
    assert found.errors == ["the connection of u0 has ended: closed by the server"]


@needs_taskset
@pytest.mark.slow
def test_a_soak_in_small(tmp_path: Path) -> None:
    told: list[str] = []
    rows, more = soak.measure(3, tmp_path, told.append, 150, 600)
    met = {row.case: row.is_met() for row in rows if row.goal is not None}
    assert met["acknowledged and not in the log"] is True
    assert met["twice in the logs"] is True
    assert met["errors"] is True, more["errors"]
    assert set(met) >= {"memory grows, second half", "memory grows, second to last fifth"}
    assert set(more["done"]) >= {"BCM", "SRM", "OUT", "log-in"}
    assert more["messages"]["acknowledged"] == more["done"]["BCM"] + more["done"]["SRM"]
    assert "requests" in met
    assert len(more["series"]) == soak.SAMPLES
    assert more["series"][-1]["descriptors"] > 150
    assert list(tmp_path.iterdir()) == []
