"""`--live` and `--reconnect` from the keyboard to the log and back: PROTOCOL 3.5, 3.6; SPEC S11."""

import asyncio
import contextlib
import itertools
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from tests.client.seat import INSTANCE, PATIENCE, Seat, seat
from tests.doubles.cutter import Cutter
from tests.doubles.patience import wait_until
from tests.server.running import BareClient, Running, running
from toom_client import wording
from toom_client.comeback import LONGEST_PAUSE, RECLAIM, NotYet, NoWay, pauses
from toom_client.connecting import Stranger, connect_again
from toom_client.link import Link
from toom_client.options import CannotStart
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, encode
from toom_protocol.liveness import LOGIN_LIMIT
from toom_server.accounts import Accounts
from toom_server.file_store import FileStore

Story = Callable[[Running, Cutter, Seat], Awaitable[None]]


def play(
    directory: Path,
    story: Story,
    *,
    live: bool = True,
    reconnect: bool = True,
    limits: Iterable[int | None] = (),
    logs_in: bool = True,
) -> None:
    async def run() -> None:
        async with (
            running(directory) as server,
            Cutter(server.port, iter(limits)).running() as cutter,
            seat(
                directory / "han",
                lambda: cutter.port,
                live=live,
                reconnect=reconnect,
                logs_in=logs_in,
            ) as han,
        ):
            await (han.sees(wording.WELCOME) if logs_in else han.link.greeting())
            await story(server, cutter, han)

    asyncio.run(run())


async def entered(server: Running, name: str) -> BareClient:
    client = await server.client()
    await client.log_in(name)
    return client


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, condition, PATIENCE)


def test_what_others_say_is_shown_and_the_own_is_not_shown_twice(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        yoda = await entered(server, "Yoda")
        await yoda.ask(m.Broadcast("hello there"))
        await han.sees("\n#1; Yoda: hello there at ")
        han.types("SRB Yoda", "SRM 1 mine", "BCM mine too")
        await han.sees("Broadcast message, #2")
        await yoda.ask(m.RoomMessage(1, "among us"))
        await han.sees("\nroom-1: #2; Yoda: among us at ")
        assert "Han: " not in han.screen

    play(tmp_path, story)


def test_what_was_said_before_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "messagelog.txt").write_text("1; 1 Jun 2022 16:00:00; Yoda; old\n")

    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        yoda = await entered(server, "Yoda")
        await yoda.ask(m.Broadcast("new"))
        await han.sees("#2; Yoda: new")
        assert "old" not in han.screen

    play(tmp_path, story)


def test_without_live_nothing_is_shown(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        yoda = await entered(server, "Yoda")
        await yoda.ask(m.Broadcast("hello"))
        han.types("ATU")
        await han.sees("Yoda, 127.0.0.1")
        assert "hello" not in han.screen

    play(tmp_path, story, live=False)


def test_without_reconnect_the_client_ends_with_its_connection(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.cut()
        assert await han.ended() == 1
        assert han.lines()[-1] == wording.SERVER_GONE

    play(tmp_path, story, reconnect=False)


def test_after_a_cut_the_session_goes_on_and_what_was_missed_is_shown(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        yoda = await entered(server, "Yoda")
        cutter.server_port = 1  # nobody is there
        cutter.cut()
        await han.sees("Connection lost; trying again in 1.0 s …")
        await yoda.ask(m.Broadcast("missed"))
        await han.sees("Still no connection; trying again in 2.0 s …")
        cutter.server_port = server.port
        await han.sees("Reconnected.")
        await han.sees("#1; Yoda: missed at ")
        await yoda.ask(m.Broadcast("heard"))
        await han.sees("#2; Yoda: heard at ")
        han.types("BCM back", "OUT")
        assert await han.ended() == 0
        assert han.lines()[-1] == "Bye, Han!"
        assert han.screen.count("missed") == 1

    play(tmp_path, story)


def test_a_command_whose_answer_was_lost_is_repeated_and_done_once(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.is_mute = True
        han.types("BCM once")
        await until(lambda: server.lines("messagelog.txt"))
        cutter.cut()
        await han.sees(wording.UNKNOWN)
        cutter.is_mute = False
        await han.sees(wording.REPEATED)
        await han.sees("Broadcast message, #1 broadcast at ")
        han.types("BCM twice", "OUT")
        assert await han.ended() == 0
        texts = [line.split("; ")[3] for line in server.lines("messagelog.txt")]
        assert texts == ["once", "twice"]
        assert "Han: once" not in han.screen

    play(tmp_path, story)


def test_another_answer_that_was_lost_is_not_asked_for_again(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.is_mute = True
        han.types("ATU")
        await until(lambda: cutter.lost)
        cutter.cut()
        await han.sees(wording.CUT_OFF)
        cutter.is_mute = False
        await han.sees("Reconnected.")
        han.types("ATU")
        await han.sees("no other active user")

    play(tmp_path, story)


@pytest.mark.parametrize("remembers", [True, False])
def test_a_command_whose_answer_was_lost_with_the_server(tmp_path: Path, remembers: bool) -> None:
    """A server that does not remember what it has done must not be asked to do it again."""

    async def run() -> None:
        async with contextlib.AsyncExitStack() as ends:
            first = await ends.enter_async_context(running(tmp_path / "first"))
            cutter = await ends.enter_async_context(Cutter(first.port, iter(())).running())
            han = await ends.enter_async_context(
                seat(tmp_path / "han", lambda: cutter.port, reconnect=True)
            )
            await han.sees(wording.WELCOME)
            cutter.is_mute = True
            han.types("BCM once")
            await until(lambda: first.lines("messagelog.txt"))
            shutil.copytree(tmp_path / "first", tmp_path / "second")
            if not remembers:
                shutil.rmtree(tmp_path / "second" / ".toom")
            second = await ends.enter_async_context(running(tmp_path / "second"))
            cutter.cut()
            cutter.is_mute, cutter.server_port = False, second.port
            await han.sees(wording.REPEATED if remembers else wording.STILL_UNKNOWN)
            han.types("OUT")
            assert await han.ended() == 0
            assert len(second.lines("messagelog.txt")) == 1

    (tmp_path / "first").mkdir()
    asyncio.run(run())


def test_what_is_piped_waits_for_the_connection(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.server_port = 1
        cutter.cut()
        await han.sees("Still no connection")
        han.types("BCM later", "OUT")
        await han.sees("BCM", 2)
        cutter.server_port = server.port
        assert await han.ended() == 0
        assert [line.split("; ")[3] for line in server.lines("messagelog.txt")] == ["later"]

    play(tmp_path, story)


def test_a_signal_ends_it_while_there_is_no_connection(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.server_port = 1
        cutter.cut()
        await han.sees("Still no connection")
        han.types("BCM never")
        han.conversation.stop(130)
        assert await han.ended() == 130

    play(tmp_path, story)


def test_a_connection_lost_before_the_log_in_comes_back(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.server_port = 1
        cutter.cut()
        await han.sees("Still no connection")
        han.types("Han", "pw")  # the log-in waits
        await han.sees("Password: ")
        cutter.server_port = server.port
        await han.sees(wording.WELCOME)
        cutter.cut()
        await han.sees("Reconnected.", 2)
        han.types("OUT")
        assert await han.ended() == 0

    play(tmp_path, story, logs_in=False)


def test_who_is_sent_away_before_the_log_in_does_not_come_back(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        for connection in server.hub._connections.values():
            connection.send_away_if_late(time.monotonic() + LOGIN_LIMIT + 1, LOGIN_LIMIT)
        assert await han.ended() == 1
        assert han.lines()[-1] == wording.say_end(m.Cause.NO_LOG_IN)

    play(tmp_path, story, logs_in=False)


def test_a_log_in_whose_answer_was_lost_is_not_repeated_from_a_pipe(tmp_path: Path) -> None:
    """SPEC S2: a wrong password would be counted twice. The next line is no password."""

    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.is_mute = True
        han.types("Han", "pw", "BCM never")
        await until(lambda: server.lines("userlog.txt"))
        cutter.cut()
        assert await han.ended() == 1
        assert han.lines()[-1] == f"{wording.LOG_IN_CUT_OFF} {wording.START_AGAIN}"
        assert not server.lines("messagelog.txt")

    play(tmp_path, story, logs_in=False)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("more", [0, len(encode(2, m.Keep(INSTANCE)))])
def test_a_connection_lost_between_the_log_in_and_the_prompt(
    tmp_path: Path, more: int, live: bool
) -> None:
    asked = m.LogIn("Han", "pw", 8000, instance=INSTANCE, public_key=bytes(32))
    log_in = encode(1, asked)
    limit = 2 * len(PREFACE) + len(log_in) + len(encode(1, m.LoggedIn("Han")))

    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        await han.sees("Reconnected.")
        han.types("BCM once", "OUT")
        assert await han.ended() == 0
        assert len(server.lines("messagelog.txt")) == 1

    play(tmp_path, story, live=live, limits=(limit + more,))


def test_out_whose_answer_was_lost_says_what_is_known(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.is_mute = True
        han.types("OUT")
        await until(lambda: not server.lines("userlog.txt"))
        cutter.cut()
        assert await han.ended() == 1
        assert han.lines()[-1] == wording.OUT_CUT_OFF

    play(tmp_path, story)


def test_another_user_of_the_account_is_told_in_the_end(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        cutter.server_port = 1
        cutter.cut()
        await until(lambda: not server.lines("userlog.txt"))
        await entered(server, "Han")
        cutter.server_port = server.port
        assert await han.ended() == 1
        assert han.lines()[-1] == "Han is already logged in."
        assert sum(han.pauses) >= RECLAIM

    play(tmp_path, story)


def test_a_changed_password_ends_it(tmp_path: Path) -> None:
    async def story(server: Running, cutter: Cutter, han: Seat) -> None:
        server.conference.use_accounts(Accounts({"Han": "another"}))
        cutter.cut()
        assert await han.ended() == 1
        assert han.lines()[-1] == "Invalid Password. Please try again"

    play(tmp_path, story)


def test_after_a_restart_the_password_opens_the_door(tmp_path: Path) -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as ends, contextlib.AsyncExitStack() as first_life:
            store = FileStore(tmp_path)
            first = await first_life.enter_async_context(running(tmp_path, store=store))
            cutter = await ends.enter_async_context(Cutter(first.port, iter(())).running())
            han = await ends.enter_async_context(
                seat(tmp_path / "han", lambda: cutter.port, live=True, reconnect=True)
            )
            await han.sees(wording.WELCOME)
            cutter.server_port = 1
            await first_life.aclose()
            store.close()
            await han.sees("Still no connection")
            async with running(tmp_path) as second:
                yoda = await entered(second, "Yoda")
                await yoda.ask(m.Broadcast("a new life"))
                cutter.server_port = second.port
                await han.sees("#1; Yoda: a new life")
                assert [line.split("; ")[2] for line in second.lines("userlog.txt")] == [
                    "Yoda",
                    "Han",
                ]
                han.types("OUT")
                assert await han.ended() == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [(CannotStart("no answer in 10 s"), NotYet), (Stranger("another certificate"), NoWay)],
)
def test_another_server_in_its_place_ends_it(fault: CannotStart, meaning: type[Exception]) -> None:
    """PROTOCOL 2.6: name, password and token are for the server that was known alone."""

    async def connect() -> Link:
        raise fault

    with pytest.raises(meaning, match=str(fault)):
        asyncio.run(connect_again(connect))


def test_pauses_grow_and_differ() -> None:
    assert list(itertools.islice(pauses(lambda: 1.0), 7)) == [1, 2, 4, 8, 16, 30, 30]
    assert next(pauses(lambda: 0.0)) == 0.5
    assert max(itertools.islice(pauses(lambda: 1.0), 99)) == LONGEST_PAUSE
