"""What is said reaches those who follow, once and in order: PROTOCOL 3.5; SPEC S10, S13."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.play import Wire
from tests.server.following import follow, heard, seated, silent, told, until
from tests.server.running import PATIENCE, Running, play
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, encode
from toom_server.log_file import LogFile


def test_who_follows_hears_broadcasts_as_they_are_said(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han, luke = await seated(server, "Yoda", "Han", "Luke")
        await yoda.ask(m.Broadcast("before"))
        assert await follow(han) == {0: 1}
        await yoda.ask(m.Broadcast("one"))
        await yoda.ask(m.Broadcast("two; and a half"))
        assert await heard(han, 2) == [(0, 2, "one"), (0, 3, "two; and a half")]
        await silent(luke)

    play(tmp_path, story)


def test_the_reply_comes_before_the_message_itself(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        [yoda] = await seated(server, "Yoda")
        await follow(yoda)
        assert isinstance(await yoda.ask(m.Broadcast("mine")), m.BroadcastSent)
        assert await heard(yoda, 1) == [(0, 1, "mine")]

    play(tmp_path, story)


def test_what_was_missed_comes_from_the_number_on(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        for number in range(1, 400):
            yoda.send(number, m.Broadcast(f"text {number}"))
        for _ in range(1, 400):
            await yoda.receive()
        assert await follow(han, log_0=77) == {0: 77}
        await yoda.ask(m.Broadcast("text 400"))
        assert await heard(han, 323) == [(0, n, f"text {n}") for n in range(78, 401)]

    play(tmp_path, story)


def test_a_mark_that_is_too_high_is_set_right(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        await yoda.ask(m.Broadcast("one"))
        assert await follow(han, log_0=9) == {0: 1}
        await yoda.ask(m.Broadcast("two"))
        assert await heard(han, 1) == [(0, 2, "two")]

    play(tmp_path, story)


def test_a_room_is_followed_from_its_beginning_by_its_members_alone(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han, luke = await seated(server, "Yoda", "Han", "Luke")
        await follow(han)
        await follow(luke, log_1=0)  # a room that he is not in, and that is not there yet
        assert await yoda.ask(m.BuildRoom(("Han",))) == m.RoomBuilt(1, ("Yoda", "Han"))
        await yoda.ask(m.RoomMessage(1, "among us"))
        assert await heard(han, 1) == [(1, 1, "among us")]
        await follow(luke, m.Rest.BEGINNING, log_1=0)
        await yoda.ask(m.RoomMessage(1, "and again"))
        assert await heard(han, 1) == [(1, 2, "and again")]
        await silent(luke)

    play(tmp_path, story)


def test_rooms_that_are_not_named_are_followed_from_where_it_was_asked(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        await yoda.ask(m.BuildRoom(("Han",)))
        await yoda.ask(m.RoomMessage(1, "one"))
        assert await follow(han, m.Rest.LATER, log_0=0) == {}
        assert await follow(han, m.Rest.BEGINNING) == {0: 0, 1: 0}
        assert await heard(han, 1) == [(1, 1, "one")]
        assert await follow(han, m.Rest.END) == {0: 0, 1: 1}
        await silent(han)

    play(tmp_path, story)


def test_who_has_left_hears_nothing_even_on_the_same_connection(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        await yoda.ask(m.BuildRoom(("Han",)))
        await follow(han)
        await han.ask(m.LogOut())
        await yoda.ask(m.RoomMessage(1, "he is gone"))
        await han.log_in("Luke")
        await yoda.ask(m.RoomMessage(1, "he is somebody else"))
        await silent(han)

    play(tmp_path, story)


def test_a_malformed_mark_is_refused(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        [yoda] = await seated(server, "Yoda")
        assert isinstance(await yoda.ask(m.Follow(("0 -1",), m.Rest.END)), m.Refused)
        stranger = await server.client()
        assert isinstance(await stranger.ask(m.Follow((), m.Rest.END)), m.Refused)

    play(tmp_path, story)


@pytest.mark.slow
def test_a_slow_reader_gets_everything_and_costs_no_memory(tmp_path: Path) -> None:
    text = "x" * 4000
    rounds = 40

    async def story(server: Running) -> None:
        yoda, slow, han = await seated(server, "Yoda", "Luke", "Han")
        await follow(slow)
        await follow(han)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        for start in range(0, rounds * 50, 50):
            for number in range(start, start + 50):
                yoda.send(number, m.Broadcast(f"{number} {text}"))
            for _ in range(50):
                assert isinstance((await yoda.receive())[1], m.BroadcastSent)
            assert [n for _, n, _ in await heard(han, 50)] == list(range(start + 1, start + 51))
            assert server.hub.buffered < 500_000
        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]
        messages = await heard(slow, rounds * 50)
        assert messages == [(0, n + 1, f"{n} {text}") for n in range(rounds * 50)]
        await yoda.ask(m.Broadcast("last"))
        assert await heard(slow, 1) == [(0, rounds * 50 + 1, "last")]

    play(tmp_path, story)


def test_one_who_catches_up_still_gets_answers(tmp_path: Path) -> None:
    line = "{}; 1 Jun 2022 16:00:00; Yoda; " + "x" * 1000 + "\n"
    (tmp_path / "messagelog.txt").write_text("".join(map(line.format, range(1, 9001))))

    async def story(server: Running) -> None:
        [han] = await seated(server, "Han")
        await follow(han, m.Rest.BEGINNING)
        han.send(5, m.ListActive())
        numbers: list[int] = []
        answered_at = 0
        while len(numbers) < 9000:
            request_id, message = await han.receive()
            if request_id == 5:
                answered_at = len(numbers)
            else:
                numbers += [number for _, number, _ in told(message)]
        assert numbers == list(range(1, 9001))
        assert 0 < answered_at < 9000

    play(tmp_path, story)


class Narrow(Wire):
    """A connection whose client takes one part at a time."""

    is_read = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        if len(data) > 1000:
            self.protocol.pause_writing()

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


def test_one_who_catches_up_slowly_is_still_heard(tmp_path: Path) -> None:
    line = "{}; 1 Jun 2022 16:00:00; Yoda; " + "x" * 1000 + "\n"
    (tmp_path / "messagelog.txt").write_text("".join(map(line.format, range(1, 1001))))

    async def story(server: Running) -> None:
        han = Narrow(server.hub)
        han.protocol.data_received(PREFACE + encode(1, m.LogIn("Han", "pw", 8000)))
        await until(lambda: server.lines("userlog.txt"))
        await server.hub.settle()
        han.protocol.data_received(encode(2, m.Follow((), m.Rest.BEGINNING)))
        await until(lambda: not han.is_read)
        while not han.is_read:  # as the event loop looks for what comes, once in each turn
            before = len(han.said)
            han.protocol.resume_writing()
            turn = asyncio.Event()
            asyncio.get_running_loop().call_soon(turn.set)
            await turn.wait()
            assert han.is_read or len(han.said) > before
        assert b"\n1000; " not in han.said  # not all was sent before

    play(tmp_path, story)


def test_a_log_that_somebody_edits_is_found_again(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        for number in range(1, 6):
            await yoda.ask(m.Broadcast(f"text {number}"))
        await follow(han)
        log = tmp_path / "messagelog.txt"
        log.write_text("a note by hand\n" + log.read_text())
        await yoda.ask(m.Broadcast("text 6"))
        assert await heard(han, 1) == [(0, 6, "text 6")]
        log.write_text("another\n" + log.read_text())
        await yoda.ask(m.Broadcast("text 7"))
        assert await heard(han, 1) == [(0, 7, "text 7")]
        assert await follow(han, log_0=2) == {0: 2}
        assert await heard(han, 5) == [(0, n, f"text {n}") for n in range(3, 8)]

    play(tmp_path, story)


def test_a_log_that_cannot_be_read_ends_the_connection(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await seated(server, "Yoda", "Han")
        await yoda.ask(m.Broadcast("one"))
        log = tmp_path / "messagelog.txt"
        log.rename(tmp_path / "elsewhere")
        log.mkdir()
        await follow(han, m.Rest.BEGINNING)
        async with asyncio.timeout(PATIENCE):
            await han.ended()
        await silent(yoda)

    play(tmp_path, story)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9000), max_size=40),
    odd=st.sets(st.integers(0, 39), max_size=5),
    data=st.data(),
)
def test_the_place_behind_a_number(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], odd: set[int], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    lines = []
    for number, size in enumerate(sizes, start=1):
        if number in odd:
            lines.append("by hand " + "y" * size + "\n")
        lines.append(f"{number}; 1 Jun 2022 16:00:00; Yoda; {'x' * size}\n")
    path.write_text("".join(lines))
    log = LogFile(path)
    log.load(None)
    number = data.draw(st.integers(0, len(sizes) + 2))
    offset, found = log.place_after(number), b""
    while offset < log.size:
        part, offset = log.block_from(offset)
        found += part
    wanted = [line for line in lines if line[0].isdigit() and int(line.split(";")[0]) > number]
    assert [x for x in found.decode().splitlines(keepends=True) if x[0].isdigit()] == wanted
