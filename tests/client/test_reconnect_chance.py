"""Wherever the connection is cut and whenever the server dies: PROTOCOL 3.5, 3.6; SPEC S13.

Of everything that was said, the one who follows sees each line once and in order; of everything
that was typed, each command is done once.
"""

import asyncio
import contextlib
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.seat import PATIENCE, Seat, seat
from tests.doubles.cutter import Cutter
from tests.doubles.patience import wait_until
from tests.server.running import BareClient, Running, running
from toom_client import wording
from toom_protocol import messages as m
from toom_protocol.lines import parse_post


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, condition, PATIENCE)


FIRST: int = 700  # bytes: nobody is in before
SAID = 12  # by each of the two
TYPED = ["SRB Yoda", *(f"{('BCM', 'SRM 1')[n % 2]} han {n}" for n in range(SAID))]
CUTS = st.lists(st.integers(1, 2500), max_size=6)
NEWS = re.compile(r"(?:room-1: )?#(\d+); Yoda: (.*) at ")


def texts_of(directory: Path, log: int, name: str) -> list[str]:
    path = directory / ("messagelog.txt" if log == 0 else f"SR_{log}_messagelog.txt")
    posts = map(parse_post, path.read_text().splitlines())
    return [post.text for post in posts if post.username == name]


def shown(han: Seat, log: int) -> list[str]:
    """Give what Yoda said in a log, as Han has seen it."""
    found = [(line.startswith("room-1: "), NEWS.match(line)) for line in han.lines()]
    return [match[2] for is_room, match in found if match and is_room == bool(log)]


async def check(directory: Path, han: Seat) -> None:
    """Let Han see all that he is going to see, leave, and compare."""
    wanted = [texts_of(directory, log, "Yoda") for log in (0, 1)]
    await until(lambda: all(len(shown(han, log)) >= len(wanted[log]) for log in (0, 1)))
    han.types("OUT")
    assert await han.ended() == 0
    for log in (0, 1):
        assert shown(han, log) == wanted[log], han.screen
        typed = [f"han {n}" for n in range(SAID) if n % 2 == log]
        assert texts_of(directory, log, "Han") == typed, han.screen
    assert not (directory / "SR_2_messagelog.txt").exists()


async def speak(yoda: BareClient, start: int, end: int) -> None:
    """Say something to everybody and, when there is a room, in it."""
    for number in range(start, end):
        await yoda.ask(m.Broadcast(f"yoda {number} " + "x" * (number * 37 % 300)))
        await yoda.ask(m.RoomMessage(1, f"yoda {number}"))


@settings(max_examples=20, deadline=None)
@given(first=st.integers(FIRST, 3000), cuts=CUTS)
def test_cut_anywhere(first: int, cuts: Sequence[int]) -> None:
    async def run(directory: Path) -> None:
        async with (
            running(directory) as server,
            Cutter(server.port, iter((first, *cuts))).running() as cutter,
            seat(directory / "han", lambda: cutter.port, live=True, reconnect=True) as han,
        ):
            await han.sees(wording.WELCOME)
            yoda = await server.client()
            await yoda.log_in("Yoda")
            han.types(*TYPED)
            await speak(yoda, 0, SAID)
            await until(lambda: len(texts_of(directory, 1, "Han")) == SAID // 2)
            cutter.is_kind = True  # an OUT that is not answered ends a client as SPEC S11 has it
            await check(directory, han)

    with TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


class Lives:
    """A server that dies without warning, and goes on with what it had written."""

    def __init__(self, directory: Path, stack: contextlib.AsyncExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self.count = 0
        self.server: Running

    @property
    def directory(self) -> Path:
        return self._directory / str(self.count)

    async def begin(self) -> None:
        self.directory.mkdir(exist_ok=True)
        self.server = await self._stack.enter_async_context(running(self.directory))

    async def die(self, cutter: Cutter) -> None:
        before = self.directory
        self.count += 1
        shutil.copytree(before, self.directory)
        cutter.cut()
        cutter.server_port = 1  # for a moment nobody is there
        await self.begin()
        cutter.server_port = self.server.port


@settings(max_examples=10, deadline=None)
@given(turns=st.lists(st.integers(0, 60), min_size=1, max_size=3))
def test_death_at_any_time(turns: Sequence[int]) -> None:
    """A server dies so many turns of the event loop after a command was typed."""

    async def run(directory: Path) -> None:
        async with contextlib.AsyncExitStack() as stack:
            lives = Lives(directory, stack)
            await lives.begin()
            cutter = await stack.enter_async_context(Cutter(lives.server.port, iter(())).running())
            han = await stack.enter_async_context(
                seat(directory / "han", lambda: cutter.port, live=True, reconnect=True)
            )
            await han.sees(wording.WELCOME)
            for life, count in enumerate(turns):
                yoda = await lives.server.client()
                await yoda.log_in("Yoda")
                if life == 0:
                    han.types(TYPED[0])
                    await han.sees("room ID: 1")
                han.types(*TYPED[1 + life * 3 : 4 + life * 3])
                talk = asyncio.create_task(speak(yoda, life * 4, life * 4 + 4))
                await until(lambda: "han" in str(texts_of(lives.directory, 0, "Han")))
                for _ in range(count):
                    turn = asyncio.Event()
                    asyncio.get_running_loop().call_soon(turn.set)
                    await turn.wait()
                await lives.die(cutter)
                talk.cancel()
            han.types(*TYPED[1 + len(turns) * 3 :])
            await until(lambda: len(texts_of(lives.directory, 1, "Han")) == SAID // 2)
            await check(lives.directory, han)

    with TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))
