"""The server over real sockets: SPEC S3, S11, S13; PROTOCOL 2.3, 2.4, 2.5, 3.2, 4.3, 7.4."""

import asyncio
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.server.running import PATIENCE, Running, play
from toom_protocol import messages as m
from toom_protocol.codec import encode
from toom_protocol.liveness import LOGIN_LIMIT, SILENCE_LIMIT
from toom_server.connection import MAX_UNANSWERED
from toom_server.doorway import Doorway
from toom_server.file_store import FileStore
from toom_server.tails import Additions

EPOCH = "1 Jan 1970 00:00:00"


def test_the_line_is_in_the_log_when_the_reply_comes(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda = await server.client()
        await yoda.log_in("Yoda")
        assert [line.split("; ")[2] for line in server.lines("userlog.txt")] == ["Yoda"]
        reply = await yoda.ask(m.Broadcast("hello"))
        assert isinstance(reply, m.BroadcastSent)
        assert server.lines("messagelog.txt") == [f"1; {reply.at}; Yoda; hello"]
        assert await yoda.ask(m.LogOut()) == m.LoggedOut()
        assert server.lines("userlog.txt") == []

    play(tmp_path, story)


def test_a_client_that_dies_leaves_the_user_log(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await han.log_in("Han")
        yoda.writer.transport.abort()
        while (lines := server.lines("userlog.txt")) and len(lines) > 1:
            await han.ask(m.Ping())
        assert lines[0].startswith("1; ")
        assert lines[0].split("; ")[2] == "Han"

    play(tmp_path, story)


def test_requests_may_be_pipelined(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda = await server.client()
        await yoda.log_in("Yoda")
        for number in range(500):
            yoda.send(number, m.Broadcast(f"text {number}"))
        replies = [await yoda.receive() for _ in range(500)]
        assert [request_id for request_id, _ in replies] == list(range(500))
        assert [line.split("; ")[3] for line in server.lines("messagelog.txt")] == [
            f"text {number}" for number in range(500)
        ]

    play(tmp_path, story)


def test_a_request_may_be_cut_where_reading_pauses(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda = await server.client()
        await yoda.log_in("Yoda")
        stream = b"".join(encode(n, m.Broadcast("x")) for n in range(MAX_UNANSWERED + 1))
        yoda.writer.write(stream[:-1])
        replies = [await yoda.receive() for _ in range(MAX_UNANSWERED)]
        yoda.writer.write(stream[-1:])
        replies.append(await yoda.receive())
        assert [request_id for request_id, _ in replies] == list(range(MAX_UNANSWERED + 1))

    play(tmp_path, story)


def test_a_long_log_is_read_in_parts_while_others_are_served(tmp_path: Path) -> None:
    log = tmp_path / "messagelog.txt"
    log.write_text(
        "".join(f"{n}; 1 Jun 2022 16:00:00; Yoda; {'x' * 1000}\n" for n in range(1, 9001))
    )

    async def story(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await han.log_in("Han")
        yoda.send(5, m.ReadMessages(m.LogChoice.BROADCASTS, EPOCH))
        for _ in range(20):
            assert await han.ask(m.Ping()) == m.Pong()
        read = b""
        while not isinstance((reply := (await yoda.receive())[1]), m.End):
            assert isinstance(reply, m.LogLines)
            read += reply.lines
        assert read == log.read_bytes()

    play(tmp_path, story)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"TOOM\x01\xff\xff\xff\xff",
        b"TOOM\x01" + encode(1, m.Broadcast("x"))[:-3],
    ],
)
def test_a_hostile_client_hurts_nobody(tmp_path: Path, bytes_: bytes) -> None:
    async def story(server: Running) -> None:
        hostile, yoda = await server.client(bytes_), await server.client()
        hostile.writer.write_eof()
        await hostile.ended()
        await yoda.log_in("Yoda")
        assert isinstance(await yoda.ask(m.Broadcast("still here")), m.BroadcastSent)

    play(tmp_path, story)


def test_an_unknown_kind_is_answered_unsupported(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        client = await server.client()
        client.writer.write(b"\x00\x00\x00\x05\x3f\x00\x00\x00\x09")
        assert await client.receive() == (9, m.Unsupported(63))
        assert await client.ask(m.Pong()) == m.Unsupported(m.Pong.KIND)

    play(tmp_path, story)


def test_the_audience_hears_who_will_come(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await han.log_in("Han")
        located = await yoda.ask(m.Locate("Han"))
        assert located == m.Located("Han", "127.0.0.1", 8000, 7, b"k" * 32)
        assert await han.receive() == (0, m.Expected("Yoda", "127.0.0.1", 8000, 7, b"k" * 32))

    play(tmp_path, story)


def test_a_silent_client_is_dropped(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        silent = await server.client()
        await silent.log_in("Yoda")
        late = time.monotonic() + SILENCE_LIMIT
        server.hub.drop_silent(late - 1)
        assert len(server.lines("userlog.txt")) == 1
        server.hub.drop_silent(late + 1)
        await silent.ended()
        other = await server.client()
        await other.log_in("Yoda")

    play(tmp_path, story)


def test_a_client_that_never_reads_is_not_buffered_without_end(tmp_path: Path) -> None:
    log = tmp_path / "messagelog.txt"
    line = "1; 1 Jun 2022 16:00:00; Yoda; " + "x" * 8000 + "\n"
    log.write_text(line * 2000)

    async def story(server: Running) -> None:
        deaf, han = await server.client(), await server.client()
        await deaf.log_in("Yoda")
        await han.log_in("Han")
        for number in range(200):
            deaf.send(number, m.ReadMessages(m.LogChoice.BROADCASTS, EPOCH))
        for number in range(50):
            assert isinstance(await han.ask(m.Broadcast(str(number))), m.BroadcastSent)
        assert server.hub.buffered < 2_000_000
        deaf.writer.transport.abort()

    play(tmp_path, story)


def test_times_are_the_servers_local_time(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda = await server.client()
        before = datetime.now().replace(microsecond=0)
        await yoda.log_in("Yoda")
        stamp = server.lines("userlog.txt")[0].split("; ")[1]
        assert before <= datetime.strptime(stamp, "%d %b %Y %H:%M:%S") <= datetime.now()

    play(tmp_path, story)


class Watched(FileStore):
    """A store that remembers how large its batches were."""

    largest = 0

    def begin(self, additions: Additions) -> None:
        self.largest = max(self.largest, *(len(each.lines) for each in additions.tails.values()))
        super().begin(additions)


def test_one_client_fills_no_batch_however_fast_it_sends(tmp_path: Path) -> None:
    store = Watched(tmp_path)

    async def story(server: Running) -> None:
        yoda = await server.client()
        await yoda.log_in("Yoda")
        stream = b"".join(encode(n, m.Broadcast("x")) for n in range(2000))
        yoda.writer.write(stream + b"\x00\x00\x00\x05\x3f\x00\x00\x00\x09" * 200)
        replies = [await yoda.receive() for _ in range(2200)]
        assert replies.count((9, m.Unsupported(63))) == 200
        sent = [number for number, reply in replies if isinstance(reply, m.BroadcastSent)]
        assert sent == list(range(2000))
        assert store.largest <= MAX_UNANSWERED

    play(tmp_path, story, store=store)


def test_a_client_that_reads_nothing_is_dropped_when_a_notice_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toom_server.connection.MAX_UNREAD", 1000)
    line = "{}; 1 Jan 2026 00:00:00; Yoda; " + "x" * 8000 + "\n"
    (tmp_path / "messagelog.txt").write_text("".join(map(line.format, range(1, 2001))))

    async def story(server: Running) -> None:
        yoda, deaf = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await deaf.log_in("Han")
        deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]
        deaf.send(2, m.ReadMessages(m.LogChoice.BROADCASTS, "1 Jan 2022 00:00:00"))
        async with asyncio.timeout(PATIENCE):
            while server.hub.buffered <= 1000:
                assert isinstance(await yoda.ask(m.Ping()), m.Pong)
        assert isinstance(await yoda.ask(m.Locate("Han")), m.Located)
        async with asyncio.timeout(PATIENCE):
            while len(server.lines("userlog.txt")) > 1:
                assert isinstance(await yoda.ask(m.Ping()), m.Pong)

    play(tmp_path, story)


def test_who_does_not_log_in_is_told_and_let_go(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, guest = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        assert isinstance(await guest.ask(m.Ping()), m.Pong)
        late = time.monotonic() + LOGIN_LIMIT
        for moment in (late - 1, late + 1):
            for connection in server.hub._connections.values():
                connection.send_away_if_late(moment, LOGIN_LIMIT)
        assert await guest.receive() == (0, m.SentAway(m.Cause.NO_LOG_IN))
        await guest.ended()
        assert isinstance(await yoda.ask(m.Ping()), m.Pong)

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("doorway", "cause"),
    [(Doorway(2), m.Cause.FULL), (Doorway(99, per_address=2), m.Cause.TOO_MANY)],
)
def test_who_comes_when_all_places_are_taken_is_told_and_sent_away(
    tmp_path: Path, doorway: Doorway, cause: m.Cause
) -> None:
    async def story(server: Running) -> None:
        yoda, luke = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await luke.log_in("Luke")
        third = await server.client(b"")
        assert await third.receive() == (0, m.SentAway(cause))
        await third.ended()
        assert server.hub.connections == 2
        luke.writer.close()
        async with asyncio.timeout(PATIENCE):
            while server.hub.connections > 1:
                assert isinstance(await yoda.ask(m.Ping()), m.Pong)
        han = await server.client()
        await han.log_in("Han")

    play(tmp_path, story, doorway=doorway)
