"""Sessions that go on over another connection, by real sockets: PROTOCOL 3.6."""

import asyncio
from pathlib import Path

from tests.server.following import follow, heard, seated
from tests.server.full_disk import FullDisk
from tests.server.running import PATIENCE, BareClient, Running, play
from toom_protocol import messages as m
from toom_protocol.codec import encode

INSTANCE = b"i" * 16


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
