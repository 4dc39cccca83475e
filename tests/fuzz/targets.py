"""What is fuzzed: each function takes any bytes, and fails when something does not hold."""

import asyncio
from collections.abc import Callable
from typing import Final

from tests.fuzz.datagrams import datagrams
from tests.fuzz.peer import peer
from tests.fuzz.play import PASSWORD, USERS, played
from tests.fuzz.source import Source
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_protocol.errors import MalformedLine
from toom_protocol.lines import format_post, parse_post

STEPS: Final = 40  # of one play


def codec(data: bytes) -> None:
    """However a stream is cut, the same comes out; what is understood can be said again."""
    whole, cut = Decoder(), Decoder()
    frames = whole.receive(data)
    pieces = [data[start : start + 3] for start in range(0, len(data), 3)]
    assert [frame for piece in pieces for frame in cut.receive(piece)] == frames
    assert (cut.failure is None) == (whole.failure is None)
    for number, message in frames:
        if not isinstance(message, m.Unknown):
            again = Decoder()
            said = PREFACE + encode(number, message)
            assert again.receive(said) == [(number, message)]


def line(data: bytes) -> None:
    """A line of a log is a message that is written the same again, or none."""
    text = data.decode(errors="replace")
    try:
        post = parse_post(text)
    except MalformedLine:
        return
    assert parse_post(format_post(post)) == post


def server(data: bytes) -> None:
    """People do and send anything, and the conference stays what it must be."""
    asyncio.run(_server(data))


async def _server(data: bytes) -> None:
    with played() as play:
        source = Source(data)
        for _ in range(STEPS):
            if source.is_empty:
                break
            who = source.number(4)
            match source.number(12):
                case 0:
                    play.feed(who, source.text(60))
                case 1:
                    play.drop(who)
                case 2:
                    await play.settle()
                    play.check()
                case _:
                    play.ask(who, _request(source), 1 + source.number(3))
        await play.settle()
        play.check()
        await play.close()


def _request(source: Source) -> m.Request:
    name = USERS[source.number(len(USERS))]
    words = source.text(40).decode(errors="replace")
    match source.number(15):
        case 0 | 1 | 2:
            return m.LogIn(name, PASSWORD, 8000)
        case 3:
            return m.LogIn(words, words, source.number(1 << 16))
        case 4:
            return m.Broadcast(words)
        case 5:
            return m.BuildRoom(tuple(USERS[: source.number(5)]) + tuple(words.split()))
        case 6:
            return m.RoomMessage(source.number(4), words)
        case 7:
            choice = m.LogChoice.BROADCASTS if source.number(2) else m.LogChoice.ROOMS
            return m.ReadMessages(choice, words if source.number(2) else "1 Jan 1970 00:00:00")
        case 8:
            return m.Locate(name)
        case 9:
            return m.ListActive()
        case 10:
            return m.Keep(bytes([source.number(2)]))
        case 11:
            return m.Resume(b"token %d" % source.number(9), 8000 + source.number(2))
        case 12 | 13:
            mark = words if source.number(4) == 0 else f"{source.number(3)} {source.number(9)}"
            return m.Follow((mark,), m.Rest(source.number(3)))
        case _:
            return m.LogOut()


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "codec": codec,
    "line": line,
    "server": server,
    "datagrams": datagrams,
    "peer": peer,
}
