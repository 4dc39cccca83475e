"""Taking a session up on another connection, and repeating commands: PROTOCOL 3.6; SPEC S2, S3."""

import asyncio
from pathlib import Path

import pytest

from tests.server.running import PATIENCE, BareClient, Running, play
from tests.server.test_conference import START, World, wrong
from tests.server.test_followers import follow, heard, seated
from tests.server.test_hub import FullDisk
from toom_protocol import messages as m
from toom_protocol.codec import encode
from toom_protocol.lines import ActiveUser
from toom_server.accounts import Accounts
from toom_server.outcomes import Session
from toom_server.replies import REMEMBERED, Replies
from toom_server.sessions import LIFETIME, MOST_ENDED, Sessions

INSTANCE = b"i" * 16


def kept(world: World, session: Session) -> bytes:
    reply = world.reply(session, m.Keep(INSTANCE))
    assert isinstance(reply, m.Kept)
    return reply.token


def resume(world: World, token: bytes, address: str = "10.0.0.1", port: int = 8000) -> Session:
    session = Session(address)
    assert isinstance(world.reply(session, m.Resume(token, port)), m.LoggedIn)
    return session


def no_session(world: World, token: bytes) -> bool:
    reply = world.reply(Session("10.0.0.1"), m.Resume(token, 8000))
    return bool(reply == m.LoginFailed(m.LoginFault.NO_SESSION))


@pytest.fixture
def world() -> World:
    return World()


def test_a_session_goes_on_elsewhere_and_is_no_second_log_in(world: World) -> None:
    yoda, _ = world.enter("Yoda"), world.enter("Han")
    token = kept(world, yoda)
    before = world.conference.generation
    world.seconds = 5
    session = Session("10.0.0.1")
    outcome = world.do(session, m.Resume(token, 8000))
    assert outcome.replies == (m.LoggedIn("Yoda"),)
    assert outcome.replaces is yoda
    assert not outcome.console
    assert world.conference.generation == before  # userlog.txt stays as it is
    assert world.conference.active_users()[0] == ActiveUser(1, START, "Yoda", "10.0.0.1", 8000)
    assert world.conference.leave(yoda, world.at()).console == ""
    assert len(world.conference.active_users()) == 2
    assert isinstance(world.reply(yoda, m.ListActive()), m.Refused)
    assert isinstance(world.reply(session, m.Broadcast("hi")), m.BroadcastSent)


def test_who_comes_back_from_elsewhere_keeps_place_and_time(world: World) -> None:
    yoda, _ = world.enter("Yoda"), world.enter("Han")
    token = kept(world, yoda)
    before = world.conference.generation
    world.seconds = 5
    resume(world, token, "10.0.0.7", 8001)
    assert world.conference.generation != before
    assert world.conference.active_users()[0] == ActiveUser(1, START, "Yoda", "10.0.0.7", 8001)


def test_a_session_goes_on_while_the_account_is_blocked(world: World) -> None:
    token = kept(world, world.enter("Yoda"))
    for _ in range(3):
        wrong(world, "Yoda")
    resume(world, token)


def test_a_log_in_by_token_waits_for_the_block(world: World) -> None:
    """SPEC S2: whoever is gone logs in anew, and a log-in is refused while blocked."""
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    world.conference.leave(yoda, world.at())
    for _ in range(3):
        wrong(world, "Yoda")
    reply = world.reply(Session("10.0.0.1"), m.Resume(token, 8000))
    assert reply == m.LoginFailed(m.LoginFault.BLOCKED)
    world.seconds += 10
    resume(world, token)


def test_a_token_is_good_for_a_while_after_its_connection(world: World) -> None:
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    world.conference.leave(yoda, world.at())
    world.seconds += LIFETIME
    again = resume(world, token)
    assert world.conference.active_users()[0].at > START  # that was a log-in
    world.conference.leave(again, world.at())
    world.seconds += LIFETIME + 1
    assert no_session(world, token)


def test_a_token_is_good_as_long_as_its_user_is_here(world: World) -> None:
    token = kept(world, world.enter("Yoda"))
    world.seconds += 100 * LIFETIME
    resume(world, token)


def test_what_ends_a_token(world: World) -> None:
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    newer = kept(world, yoda)
    assert no_session(world, token)  # there is one at a time
    world.reply(yoda, m.LogOut())
    assert no_session(world, newer)
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    world.conference.leave(yoda, world.at())
    world.enter("Yoda")  # by the password, from elsewhere
    assert no_session(world, token)
    assert no_session(world, b"")
    assert no_session(world, b"x" * 32)


def test_a_token_does_not_outlive_its_password(world: World) -> None:
    yoda, han = world.enter("Yoda"), world.enter("Han")
    of_yoda, of_han = kept(world, yoda), kept(world, han)
    world.conference.use_accounts(Accounts({"Yoda": "another", "Han": "Han-pw"}))
    assert no_session(world, of_yoda)
    resume(world, of_han)
    assert isinstance(world.reply(yoda, m.Broadcast("still here")), m.BroadcastSent)


def test_what_is_refused(world: World) -> None:
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    assert isinstance(world.reply(yoda, m.Resume(token, 8000)), m.Refused)
    assert isinstance(world.reply(yoda, m.Keep(b"")), m.Refused)
    for request in (m.Resume(token, 0), m.Resume(token, 8000, version=2), m.Keep(INSTANCE)):
        assert isinstance(world.reply(Session("10.0.0.1"), request), m.Refused)


@pytest.mark.parametrize("is_gone", [False, True])
def test_the_key_is_that_of_the_connection_on_which_the_session_goes_on(
    world: World, is_gone: bool
) -> None:
    """PROTOCOL 5.8."""
    han, yoda = world.enter("Han"), Session("10.0.0.1")
    world.do(yoda, m.LogIn("Yoda", "Yoda-pw", 8000, public_key=b"1" * 32))
    token = kept(world, yoda)
    if is_gone:
        world.conference.leave(yoda, world.at())
    again = Session("10.0.0.1")
    odd = m.Resume(token, 8000, public_key=b"short")
    assert isinstance(world.reply(again, odd), m.Refused)
    world.do(again, m.Resume(token, 8000, public_key=b"2" * 32))
    assert world.reply(han, m.Locate("Yoda")).public_key == b"2" * 32


def test_whose_commands_are_known(world: World) -> None:
    yoda = world.enter("Yoda")
    reply = world.reply(yoda, m.Keep(INSTANCE))
    assert not reply.remembers
    world.conference.leave(yoda, world.at())
    yoda = world.enter("Yoda")
    assert world.reply(yoda, m.Keep(INSTANCE)).remembers
    assert not world.reply(yoda, m.Keep(b"other")).remembers


def test_of_those_who_are_gone_the_oldest_is_forgotten() -> None:
    drawn = iter(range(10 * MOST_ENDED))
    sessions = Sessions(lambda: b"%d" % next(drawn))
    tokens = []
    for number in range(MOST_ENDED + 2):
        tokens.append(sessions.keep(f"user{number}", INSTANCE)[0])
        sessions.went(f"user{number}", float(number))
        assert len(list(sessions)) <= MOST_ENDED
    assert sessions.find(tokens[1], float(MOST_ENDED)) is None
    assert sessions.find(tokens[-1], float(MOST_ENDED)) is not None


def test_replies_are_remembered_up_to_a_number() -> None:
    replies: Replies[int] = Replies()
    for number in range(REMEMBERED + 1):
        assert replies.recall(number, 0) is False
        assert replies.told(number, m.BroadcastSent(number, "now")) == []
    assert replies.recall(0, 0) is False
    assert replies.recall(1, 0) == m.BroadcastSent(1, "now")


def test_who_asks_for_what_is_under_way_waits_for_it() -> None:
    replies: Replies[str] = Replies()
    assert replies.recall(1, "first") is False
    assert replies.recall(1, "second") is True
    assert replies.told(1, m.NotStored("full")) == ["second"]
    assert replies.recall(1, "second") is False  # it was not done: it is now


# --- over sockets ---------------------------------------------------------------------------------


async def keep(client: BareClient) -> bytes:
    reply = await client.ask(m.Keep(INSTANCE))
    assert isinstance(reply, m.Kept)
    return reply.token


async def back(server: Running, token: bytes) -> BareClient:
    client = await server.client()
    assert await client.ask(m.Resume(token, 8000)) == m.LoggedIn("Yoda")
    return client


def test_the_old_connection_is_ended_and_the_line_stays(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        token = await keep(yoda)
        before = server.lines("userlog.txt")
        await follow(yoda)
        again = await back(server, token)
        await yoda.ended()
        assert server.lines("userlog.txt") == before
        await follow(again)
        await han.ask(m.Broadcast("welcome back"))
        assert await heard(again, 1) == [(0, 1, "welcome back")]
        second = await server.client()
        second.send(1, m.LogIn("Yoda", "pw", 8000))
        assert await second.receive() == (1, m.LoginFailed(m.LoginFault.ALREADY))

    play(tmp_path, story)


def test_a_command_that_is_repeated_is_done_once(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        token = await keep(yoda)
        commands: list[m.Request] = [
            m.Broadcast("once"),
            m.BuildRoom(("Han",)),
            m.RoomMessage(1, "once"),
        ]
        replies = [await yoda.ask(command, 10 + n) for n, command in enumerate(commands)]
        yoda.writer.transport.abort()
        again = await back(server, token)
        for n, command in enumerate(commands):
            assert await again.ask(command, 10 + n) == replies[n]
        sent = await again.ask(m.Broadcast("once"), 13)
        assert isinstance(sent, m.BroadcastSent)
        assert sent.number == 2
        assert len(server.lines("SR_1_messagelog.txt")) == 1
        assert await han.ask(m.Ping()) == m.Pong()

    play(tmp_path, story)


def test_a_command_that_is_repeated_while_it_is_under_way(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        [yoda] = await seated(server, "Yoda")
        token = await keep(yoda)
        again = await server.client()
        yoda.writer.write(encode(5, m.Broadcast("once")) + encode(5, m.Broadcast("once")))
        again.writer.write(encode(4, m.Resume(token, 8000)) + encode(5, m.Broadcast("once")))
        assert await again.receive() == (4, m.LoggedIn("Yoda"))
        request_id, reply = await again.receive()
        assert request_id == 5
        assert isinstance(reply, m.BroadcastSent)
        assert len(server.lines("messagelog.txt")) == 1

    play(tmp_path, story)


def test_a_command_that_the_disk_refused_is_done_when_it_is_repeated(tmp_path: Path) -> None:
    store = FullDisk(tmp_path)

    async def story(server: Running) -> None:
        [yoda] = await seated(server, "Yoda")
        await keep(yoda)
        store.full = True
        yoda.writer.write(encode(5, m.Broadcast("once")) + encode(5, m.Broadcast("once")))
        async with asyncio.timeout(PATIENCE):
            for _ in range(2):
                assert isinstance((await yoda.receive())[1], m.NotStored)
        store.full = False
        assert isinstance(await yoda.ask(m.Broadcast("once"), 5), m.BroadcastSent)
        assert len(server.lines("messagelog.txt")) == 1

    play(tmp_path, story, store=store)


def test_the_next_user_of_a_connection_has_numbers_of_their_own(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        [client] = await seated(server, "Yoda")
        await keep(client)
        await client.ask(m.Broadcast("of Yoda"), 7)
        await client.ask(m.LogOut())
        await client.log_in("Han")
        sent = await client.ask(m.Broadcast("of Han"), 7)
        assert isinstance(sent, m.BroadcastSent)
        assert sent.number == 2

    play(tmp_path, story)


def test_a_client_without_a_session_may_use_a_number_twice(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        [yoda] = await seated(server, "Yoda")
        for number in (1, 2):
            sent = await yoda.ask(m.Broadcast("hello"), 7)
            assert isinstance(sent, m.BroadcastSent)
            assert sent.number == number

    play(tmp_path, story)


def test_no_token_is_shown() -> None:
    for message in (m.Kept(b"sesame"), m.Resume(b"sesame", 8000)):
        assert "sesame" not in repr(message)
