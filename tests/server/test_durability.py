"""Nothing that was acknowledged is lost, whenever the server is killed: SPEC S13; PROTOCOL 6.2."""

import asyncio
import contextlib
import random
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.doubles.patience import wait_until
from tests.server.durability import KILLS, check_log
from tests.server.programs import SERVER
from tests.server.running import BareClient
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE
from toom_protocol.lines import parse_post

HOST: Final = "127.0.0.1"
USERS: Final = ("Yoda", "Han", "Luke", "Leia", "Obi-wan")
SEED: Final = 20220601
MOST_REPLIES: Final = 400  # before a kill
LONGEST_MOMENT: Final = 0.005  # seconds between the last of them and the kill
AHEAD: Final = 24  # requests that a client has under way
START: Final = 20.0  # seconds that a server may take to start on a busy host


@dataclass
class Promises:
    """What the server has said so far, over all of its lives."""

    posts: defaultdict[int, dict[int, tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    rooms: dict[int, frozenset[str]] = field(default_factory=dict)
    said: int = 0  # makes every message one of its kind


@contextlib.asynccontextmanager
async def server(directory: Path) -> AsyncIterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start a real server, and kill it at the end without warning."""
    with contextlib.closing(await asyncio.start_server(lambda _r, _w: None, HOST, 0)) as free:
        port = free.sockets[0].getsockname()[1]
    log = directory / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*SERVER, str(port), "5", "--directory", directory, "--host", HOST],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        listening = partial(wait_until, lambda: b"event=listening" in log.read_bytes(), START)
        await asyncio.to_thread(listening)
        yield port, process
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def logged_in(port: int, name: str) -> AsyncIterator[BareClient]:
    client = BareClient(*await asyncio.open_connection(HOST, port))
    try:
        client.writer.write(PREFACE)
        await client.log_in(name)
        yield client
    finally:
        client.writer.close()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()


def next_request(promises: Promises, name: str, chance: random.Random) -> m.Message:
    promises.said += 1
    text = f"{name} says {promises.said}; " + "x" * chance.choice((0, 3, 200, 5000))
    match chance.randrange(10):
        case 0:
            others = [user for user in USERS if user != name]
            return m.BuildRoom(tuple(chance.sample(others, chance.randint(1, len(others)))))
        case 1:
            return m.BuildRoom((name, "Nobody"))
        case 2:
            return m.Broadcast(f"refused {promises.said}\a")
        case 3:
            return m.RoomMessage(10**9, f"refused {promises.said}")
        case 4 | 5 | 6 if promises.rooms:
            return m.RoomMessage(chance.choice(sorted(promises.rooms)), text)
        case _:
            return m.Broadcast(text)


class Life:
    """How long the server lives: so many replies, and a moment that a sync or two fit into."""

    def __init__(self, process: subprocess.Popen[bytes], chance: random.Random) -> None:
        self._process = process
        self._replies = chance.randint(1, MOST_REPLIES)
        self._moment = chance.uniform(0, LONGEST_MOMENT)

    def replied(self) -> None:
        self._replies -= 1
        if self._replies == 0:
            asyncio.get_running_loop().call_later(self._moment, self._process.kill)


async def load(port: int, name: str, promises: Promises, chance: random.Random, life: Life) -> None:
    """Pipeline requests and note every promise, until the connection breaks."""
    asked: dict[int, m.Message] = {}
    request_id = 1
    try:
        async with logged_in(port, name) as client:
            while not client.writer.is_closing():
                while len(asked) < AHEAD:
                    request_id += 1
                    asked[request_id] = next_request(promises, name, chance)
                    client.send(request_id, asked[request_id])
                got, reply = await client.receive()
                note(promises, name, asked.pop(got), reply)
                life.replied()
    except (OSError, EOFError):  # the server has been killed
        return


def note(promises: Promises, name: str, request: m.Message, reply: object) -> None:
    match request, reply:
        case m.Broadcast(text), m.BroadcastSent(number, _):
            promises.posts[0][number] = (name, text)
        case m.RoomMessage(_, text), m.RoomMessageSent(number, room, _):
            promises.posts[room][number] = (name, text)
        case m.BuildRoom(), m.RoomBuilt(room, members):
            promises.rooms[room] = frozenset(members)
        case _, m.Refused() | m.RoomRefused() | m.RoomExists() | m.RoomMessageRefused():
            pass
        case _:
            raise AssertionError(f"{request!r:.80} was answered {reply!r:.80}")


async def check(port: int, directory: Path, promises: Promises) -> None:
    """Look into the files, and ask for the rooms, as the next life of the server shows them."""
    for room in {0} | set(promises.rooms):
        name = "messagelog.txt" if room == 0 else f"SR_{room}_messagelog.txt"
        content = (directory / name).read_bytes()
        assert content.endswith(b"\n") or not content
        posts = [parse_post(line) for line in content.decode().split("\n")[:-1]]
        check_log(posts, promises.posts[room])
    async with contextlib.AsyncExitStack() as stack:
        clients = {user: await stack.enter_async_context(logged_in(port, user)) for user in USERS}
        for room, members in promises.rooms.items():
            caller, *others = sorted(members)
            answer = await clients[caller].ask(m.BuildRoom(tuple(others)))
            assert answer == m.RoomExists(room)
        for client in clients.values():
            assert await client.ask(m.LogOut()) == m.LoggedOut()


async def live_and_die(directory: Path, kills: int, seed: int) -> Promises:
    chance = random.Random(seed)
    promises = Promises()
    (directory / "credentials.txt").write_text("".join(f"{name} pw\n" for name in USERS))
    for _ in range(kills):
        async with server(directory) as (port, process):
            await check(port, directory, promises)
            async with asyncio.TaskGroup() as group:
                life = Life(process, chance)
                for name in USERS:
                    group.create_task(load(port, name, promises, chance, life))
    async with server(directory) as (port, _):
        await check(port, directory, promises)
    return promises


@pytest.mark.timeout(120 + 4 * KILLS)  # seconds: each life is a start, some load, and a look
def test_no_acknowledged_line_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    promises = asyncio.run(live_and_die(tmp_path, KILLS, SEED))
    assert sum(map(len, promises.posts.values())) > KILLS
    assert promises.rooms
