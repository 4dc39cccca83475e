"""Separate rooms: building, talking, reading (SPEC S8, S9, S10)."""

import re

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.spec import (
    LONG_AGO,
    NO_NEW_MESSAGE,
    NO_SUCH_ROOM,
    NOT_A_MEMBER,
    ROOM_BUILT,
    Said,
    Talk,
    room_exists,
    room_log,
    room_message_sent,
    time_of,
)


def builds(client: Client, *names: str) -> int:
    """Build a room and check the reply: members are listed caller first, then as typed."""
    client.types(f"SRB {' '.join(names)}")
    reply = client.sees(ROOM_BUILT)
    client.sees_prompt()
    assert reply["users"] == ", ".join((client.user, *dict.fromkeys(names)))
    return int(reply["room"])


def says(client: Client, room: int, text: str, talk: Talk) -> Said:
    client.types(f"SRM {room} {text}")
    reply = client.sees(room_message_sent(room))
    client.sees_prompt()
    return talk.add(reply, client.user, text)


@scenario(section="S8", part="srb")
def rooms_are_built(stage: Stage) -> None:
    """«Reply: `Separate chat room has been created, room ID: 1, users in this room: Yoda, Obi-wan`; the log `SR_1_messagelog.txt` is created. IDs count from 1.»"""
    server = stage.server(attempts=3)
    yoda, obi, luke = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan", "luke": "Luke"})
    assert builds(yoda, "Obi-wan") == 1
    server.file(room_log(1)).has_lines([])
    assert builds(obi, "Luke", "Yoda") == 2
    assert builds(luke, "Yoda", "Yoda") == 3  # a name given twice counts once
    for room in (2, 3):
        server.file(room_log(room)).has_lines([])
    assert not server.file(room_log(4)).exists()
    # a room with exactly these members, whoever built it and in whatever order
    assert obi.asks("SRB Yoda") == [room_exists(1)]
    assert yoda.asks("SRB Luke Obi-wan") == [room_exists(2)]
    assert yoda.asks("SRB Luke") == [room_exists(3)]
    assert not server.file(room_log(4)).exists()


@scenario(section="S8", part="srb")
def rooms_that_are_refused(stage: Stage) -> None:
    """«All faults of the names are reported in one line, unknown ones first, then offline ones; only then is the twin looked for. A refusal uses up no ID and creates nothing.»"""
    server = stage.server(attempts=3)
    yoda, obi = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan"})
    assert builds(yoda, "Obi-wan") == 1
    for line, wanted in (
        ("SRB", []),
        ("SRB Yoda", []),
        ("SRB Obi-wan Yoda", []),
        ("SRB Grogu", ["Grogu"]),
        ("SRB yoda", ["yoda"]),
        ("SRB Han", ["Han"]),
        ("SRB Han Obi-wan Grogu Luke Maul", ["Grogu", "Maul", "Han", "Luke"]),
    ):
        reply = yoda.asks(line)
        assert len(reply) == 1, f"{line!r} is not refused by one line: {reply}"
        assert not re.fullmatch(ROOM_BUILT, reply[0]), f"{line!r} built a room"
        places = [reply[0].find(name) for name in wanted]
        assert -1 not in places, f"{line!r}: not each faulty name is in {reply[0]!r}"
        assert places == sorted(places), f"{line!r}: unknown first, then offline: {reply[0]!r}"
    obi.leaves()
    assert "Obi-wan" in yoda.asks("SRB Obi-wan")[0]  # offline now: the twin is not looked for
    luke = stage.client("luke", user="Luke")
    assert builds(luke, "Yoda") == 2
    logs = [found.name for found in server.host.files() if found.name.startswith("SR_")]
    assert logs == [room_log(1), room_log(2)]


@scenario(section="S9", part="srm")
def room_messages_are_logged(stage: Stage) -> None:
    """«Appends to the room's log in the format of S6, numbered from 1 in each room. Reply: `Separate room message, #1 sent to room 1 at 1 Jun 2022 16:05:00.`»"""
    server = stage.server(attempts=3)
    yoda, obi, luke = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan", "luke": "Luke"})
    one, two, talk_one, talk_two = builds(yoda, "Obi-wan"), builds(luke, "Yoda"), Talk(), Talk()
    says(yoda, one, "hello; there", talk_one)
    says(yoda, two, "and here", talk_two)
    says(obi, one, "  as it was typed ", talk_one)
    says(luke, two, "Grüße", talk_two)
    talk_one.check(server.file(room_log(one)))
    talk_two.check(server.file(room_log(two)))
    server.file("messagelog.txt").has_lines([])


@scenario(section="S9", part="srm")
def room_messages_that_are_refused(stage: Stage) -> None:
    """«Refused: `The separate room does not exist`; `You are not in this separate room chat`; an ID that is no number or no message: the usage line.»"""
    server = stage.server(attempts=3)
    yoda, obi, luke = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan", "luke": "Luke"})
    room, talk = builds(yoda, "Obi-wan"), Talk()
    assert luke.asks(f"SRM {room} let me in") == [NOT_A_MEMBER]
    for missing in ("0", "2", "99999999999999999999999999"):
        assert yoda.asks(f"SRM {missing} hello") == [NO_SUCH_ROOM], missing
    for wrong in ("SRM x hello", "SRM -1 hello", "SRM 1.0 hello", "SRM 1", "SRM 1  ", "SRM"):
        reply = yoda.asks(wrong)
        assert len(reply) == 1, f"{wrong!r} is not answered by the usage line: {reply}"
        assert reply[0] not in (NO_SUCH_ROOM, NOT_A_MEMBER), f"{wrong!r}: {reply}"
        assert not re.fullmatch(room_message_sent(room), reply[0]), f"{wrong!r} was sent"
    says(obi, room, "the first", talk)
    talk.check(server.file(room_log(room)))


@scenario(section="S10", part="rdm")
def reading_the_messages_of_ones_rooms(stage: Stage) -> None:
    """«`s`: the messages of all rooms that the caller is in, that are **later** than the timestamp; grouped by room as `room-1:` … Nobody ever sees a room that they are not in.»"""
    server = stage.server(attempts=3)
    yoda, obi, luke = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan", "luke": "Luke"})
    three, one, two = builds(yoda, "Luke", "Obi-wan"), builds(yoda, "Obi-wan"), builds(luke, "Yoda")
    talks = {room: Talk() for room in (one, two, three)}
    assert obi.asks(f"RDM s {LONG_AGO}") == [NO_NEW_MESSAGE]
    first = says(yoda, two, "only for Luke", talks[two])
    says(obi, one, "hello there", talks[one])
    stage.lets_pass(1.2, because="times are compared to the second, SPEC S10")
    says(yoda, one, "own messages are included; too", talks[one])
    says(luke, two, "later", talks[two])

    def seen(rooms: tuple[int, ...], since: str) -> list[str]:
        lines = []
        for room in sorted(rooms):
            new = [said for said in talks[room].said if time_of(said.at) > time_of(since)]
            lines += [f"room-{room}:", *(said.read_line for said in new)] if new else []
        return lines or [NO_NEW_MESSAGE]

    for client, rooms in ((yoda, (one, two, three)), (obi, (one, three)), (luke, (two, three))):
        for since in (LONG_AGO, first.at):
            assert client.asks(f"RDM s {since}") == seen(rooms, since), client.user
    assert yoda.asks(f"RDM b {LONG_AGO}") == [NO_NEW_MESSAGE]
    for room, talk in talks.items():
        talk.check(server.file(room_log(room)))
