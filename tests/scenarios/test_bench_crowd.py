"""Many users in one event loop, with our server."""

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from toom_scenarios.bench import peers, wire
from toom_scenarios.bench.crowd import Crowd, enter, run
from toom_scenarios.errors import Broken

pytestmark = pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset")


@pytest.fixture
def us(tmp_path: Path) -> Iterator[peers.Peer]:
    with peers.toom(tmp_path / "server") as there:
        yield there


def userlog(tmp_path: Path) -> list[str]:
    return (tmp_path / "server" / "userlog.txt").read_text().splitlines()


def test_a_crowd_comes_and_goes(us: peers.Peer, tmp_path: Path) -> None:
    async def visit() -> tuple[int, int]:
        several = Crowd(us.port)
        await several.enter(70)  # more than may be under way at once
        there = len(userlog(tmp_path))
        await several.log_out()
        left = len(userlog(tmp_path))
        several.leave()
        return there, left

    assert run(visit(), 70) == (70, 0)


def test_who_is_not_let_go_is_told(us: peers.Peer) -> None:
    async def visit() -> None:
        several = Crowd(us.port)
        await several.enter(3)
        await several.log_out()
        try:
            await several.log_out()  # nobody is logged in any more
        finally:
            several.leave()

    with pytest.raises(Broken, match="kind 65, not 68"):
        run(visit(), 3)


def test_pings_go_beside_questions(us: peers.Peer) -> None:
    async def visit() -> list[int]:
        one = await enter(us.port, 0)
        numbers = []
        for _ in range(3):
            one.ping()
            said = wire.frame(wire.BROADCAST, b"hi")
            numbers.append(wire.first_number(await one.asked(said, wire.BROADCAST_SENT)))
            one.ping()
        one.leave()
        return numbers

    assert run(visit(), 1) == [1, 2, 3]


def test_a_server_that_dies_is_no_long_wait(us: peers.Peer) -> None:
    async def visit() -> None:
        one = await enter(us.port, 0)
        os.kill(us.pid, signal.SIGSTOP)
        answer = asyncio.ensure_future(one.asked(wire.frame(wire.LIST_ACTIVE), wire.END))
        asyncio.get_running_loop().call_later(0.05, os.kill, us.pid, signal.SIGKILL)
        await answer

    with pytest.raises(Broken, match="the server has hung up"):
        run(visit(), 1)


def test_too_few_descriptors_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1000, 1000))

    async def visit() -> None:
        raise AssertionError

    with pytest.raises(Broken, match="ulimit -n 1000"):
        run(visit(), 5000)
