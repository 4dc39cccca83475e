"""The frames that the benchmarks make themselves; Toom's codec reads them alike."""

import pytest

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_scenarios.bench import wire


def test_requests_are_those_of_the_protocol() -> None:
    text = wire.frame(wire.ROOM_MESSAGE, wire.number(3), b"hi")
    assert wire.greeting(5).startswith(PREFACE)
    assert len(text) == len(encode(7, m.RoomMessage(3, "hi"))) + 7  # a number of 8 bytes, not 1
    assert wire.frame(wire.BROADCAST, b"hi") == encode(7, m.Broadcast("hi"))
    assert wire.build_room(["Yoda", "Han"]) == encode(7, m.BuildRoom(("Yoda", "Han")))
    assert wire.frame(wire.LOG_OUT) == encode(7, m.LogOut())
    [(_, found)] = Decoder().receive(wire.greeting(5), limit=9)
    assert isinstance(found, m.LogIn)
    assert (found.username, found.udp_port) == ("u5", 8000)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (wire.LIST_ACTIVE, m.ListActive),
        (wire.READ_MESSAGES, m.ReadMessages),
        (wire.PING, m.Ping),
        (wire.LOGGED_IN, m.LoggedIn),
        (wire.LOGGED_OUT, m.LoggedOut),
        (wire.BROADCAST_SENT, m.BroadcastSent),
        (wire.ACTIVE_LINES, m.ActiveLines),
        (wire.ROOM_BUILT, m.RoomBuilt),
        (wire.ROOM_MESSAGE_SENT, m.RoomMessageSent),
        (wire.LOG_LINES, m.LogLines),
        (wire.END, m.End),
        (wire.PONG, m.Pong),
    ],
)
def test_kinds_are_those_of_the_protocol(kind: int, message: type[m.Message]) -> None:
    assert kind == message.KIND


def test_an_answer_is_taken_apart() -> None:
    answer = encode(7, m.BroadcastSent(1234, "1 Jun 2022 16:01:20"))[4:]
    assert wire.first_number(answer) == 1234
    assert dict(wire.fields(answer))[2] == b"1 Jun 2022 16:01:20"
