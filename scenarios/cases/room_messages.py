"""Talking in separate rooms, and reading what was said there (SPEC S9, S10)."""

import itertools
import re
from datetime import timedelta

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.spec import (
    AT,
    INVALID_COMMAND,
    LONG_AGO,
    NO_NEW_MESSAGE,
    NO_SUCH_ROOM,
    NOT_A_MEMBER,
    Said,
    Talk,
    room_log,
    time_of,
)
from toom_scenarios.talking import refusal, room_of, says, seats

ROOM = "a_room_is_built"  # the scenario without which there is nowhere to talk
TALK = "a_message_in_a_room"  # without which nobody can talk in one
MOST = 8192  # bytes of a message; SPEC S5


def log_lines(talk: Talk) -> list[str]:
    """What a room's log must be, but for the very numbers and times of the replies."""
    lines = [f"{re.escape(said.user)}; {re.escape(said.text)}" for said in talk.said]
    return [f"{number}; {AT}; {line}" for number, line in enumerate(lines, start=1)]


def reading(*rooms: tuple[int, list[Said]]) -> list[str]:
    """The answer to RDM s: these rooms in this order, with these messages."""
    lines = []
    for room, messages in rooms:
        lines += [f"room-{room}:", *(said.read_line for said in messages)] if messages else []
    return lines


def read(client: Client, since: str = LONG_AGO) -> list[str]:
    return client.asks(f"RDM s {since}")


# --- SRM ----------------------------------------------------------------------------------------


@scenario("S9.2", "S8.1", builds_on=ROOM)
def a_message_in_a_room(stage: Stage) -> None:
    """Yoda says something in his room of three and is told its number, the room and the time; those whom he named may speak there too."""
    stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    three, two = room_of(yoda, "Obi-wan", "Luke"), room_of(yoda, "Luke")
    says(yoda, three, "hello there", Talk())
    says(yoda, two, "only for Luke", Talk())
    stage.promise("S8.1")  # those who were named are members as the builder is
    for member in (obi, luke):
        says(member, three, "me too", Talk())


@scenario("S9.1", "S9.2", builds_on=TALK)
def room_messages_and_their_logs(stage: Stage) -> None:
    """Three people talk in two rooms: each message stands in the log of its room, numbered from 1 in each, as its sender was told."""
    server = stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    three, two = room_of(yoda, "Obi-wan", "Luke"), room_of(luke, "Yoda")
    talks = {three: Talk(), two: Talk()}
    for speaker, room, text in (
        *((yoda, three, "hello there"), (obi, three, "General"), (yoda, two, "only for Luke")),
        *((luke, three, "me too"), (luke, two, "Grüße; \"and\" 'more'"), (yoda, three, "again")),
    ):
        says(speaker, room, text, talks[room])
    for room, talk in talks.items():
        server.file(room_log(room)).has_lines(log_lines(talk))
    assert "there" not in server.file("messagelog.txt").text(), "a room's message is no broadcast"
    stage.promise("S9.2")
    for room, talk in talks.items():  # number and time of the replies are those of the log
        talk.check(server.file(room_log(room)))


@scenario("S9.4", "S9.5", builds_on=ROOM)
def rooms_that_one_cannot_talk_in(stage: Stage) -> None:
    """A room that nobody has built, and a room of others: each refusal says which, and the logs stay empty."""
    server = stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    assert yoda.asks("SRM 1 is anybody here") == [NO_SUCH_ROOM]
    theirs, own = room_of(yoda, "Obi-wan"), room_of(luke, "Yoda")
    for missing in (own + 1, own + 10, 999999999):
        for client in (yoda, luke):
            assert client.asks(f"SRM {missing} hello") == [NO_SUCH_ROOM], missing
    stage.promise("S9.5")
    for outsider, room in ((luke, theirs), (obi, own)):
        assert outsider.asks(f"SRM {room} let me in") == [NOT_A_MEMBER], outsider.user
    server.file(room_log(theirs)).has_lines([])
    server.file(room_log(own)).has_lines([])
    assert not server.file(room_log(own + 1)).exists()


@scenario("S9.6", builds_on=ROOM)
def room_messages_without_room_or_words(stage: Stage) -> None:
    """SRM without an ID, with an ID that is no number, without a message: the usage line, and nothing is sent."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Obi-wan")
    room = room_of(yoda, "Obi-wan")
    for line in (
        *("SRM", "SRM ", "SRM x hello", "SRM x", "SRM hello there"),
        *(f"SRM {room}", f"SRM {room} ", f"SRM {room}    ", f"SRM {room}x hello"),
    ):
        told = refusal(yoda, line)
        assert told not in (NO_SUCH_ROOM, NOT_A_MEMBER, INVALID_COMMAND), f"{line!r}: {told!r}"
        assert "SRM" in told, f"{line!r} is answered by {told!r}, which is no usage line of SRM"
    server.file(room_log(room)).has_lines([])


@scenario("S9.3", builds_on="room_messages_without_room_or_words")
def room_ids_that_are_no_decimal_digits(stage: Stage) -> None:
    """Signs, points, letters and digits of other scripts make no ID; a number with thousands of digits is one, of no room."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Obi-wan")
    room = room_of(yoda, "Obi-wan")
    for wrong in (
        "-1",
        "+1",
        "1.0",
        "1.",
        "1,0",
        "1e0",
        "0x1",
        "1_0",
        "1;",
        "#1",
        "'1'",
        "1\u00a0",
    ):
        told = refusal(yoda, f"SRM {wrong} hello")
        assert told not in (NO_SUCH_ROOM, NOT_A_MEMBER), f"{wrong!r} is no ID: {told!r}"
    for doubtful in ("٣", "²", "３", " 1"):  # digits of another kind, an empty argument
        assert refusal(yoda, f"SRM {doubtful} hello") != INVALID_COMMAND
    for huge in ("0", "9" * 26, "18446744073709551617", "4294967297", "9" * 5000):
        assert yoda.asks(f"SRM {huge} hello") == [NO_SUCH_ROOM], huge[:30]
    server.file(room_log(room)).has_lines([])


@scenario("S9.1", "S5.8", "S5.9", "S6.5", builds_on="room_messages_and_their_logs")
def odd_messages_in_a_room(stage: Stage) -> None:
    """Spaces at both ends, tabs, every sign and 8 KiB come back as they were typed; control characters, invalid UTF-8 and one byte more are refused."""
    server = stage.server(attempts=3)
    yoda, obi = seats(stage, "Yoda", "Obi-wan")
    room, talk = room_of(yoda, "Obi-wan"), Talk()
    log = server.file(room_log(room))
    for text in (
        "a; b; 2; c",
        "#1; Obi-wan: hello at 1 Jun 2022 16:05:00.",
        "世界 🎬 é",
        "room-1:",
    ):
        says(yoda, room, text, talk)
    log.has_lines(log_lines(talk))
    stage.promise("S5.8")
    says(yoda, room, "  as it was typed  ", talk)
    log.has_lines(log_lines(talk))
    stage.promise("S5.9")
    for text in ("a\x01b", "\x1b[2J", "x" * (MOST + 1), "é" * (MOST // 2) + "x"):
        refusal(yoda, f"SRM {room} {text}")
    for broken in (b"a\xff\xfeb", b"\xc3", b"\xed\xa0\x80"):
        yoda.sends(f"SRM {room} ".encode() + broken + b"\r")
        yoda.sees("(?!Separate room message).*[^ ].*")
        yoda.sees_prompt()
    for text in ("a\tb", "x" * MOST, "é" * (MOST // 2)):
        says(yoda, room, text, talk)
    log.has_lines(log_lines(talk))
    stage.promise("S6.5")
    told = [line for line in read(obi) if line.startswith("#")]
    assert told == [said.read_line for said in talk.said]


# --- RDM s --------------------------------------------------------------------------------------


@scenario("S10.2", builds_on=TALK)
def reading_what_was_said_in_a_room(stage: Stage) -> None:
    """Two of three members talk, the third reads it under the room's heading, twice."""
    stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    room, talk = room_of(yoda, "Obi-wan", "Luke"), Talk()
    says(obi, room, "hello there", talk)
    assert read(luke) == reading((room, talk.said))
    says(yoda, room, "a; b: c at d.", talk)
    says(obi, room, "again", talk)
    assert read(luke) == reading((room, talk.said))


@scenario("S10.3", builds_on=TALK)
def nothing_new_in_ones_rooms(stage: Stage) -> None:
    """In no room, in a room where nothing was said, and in one where nothing was said since: no new message."""
    stage.server(attempts=3)
    yoda, obi = seats(stage, "Yoda", "Obi-wan")
    assert read(yoda) == [NO_NEW_MESSAGE], "in no room"
    room = room_of(yoda, "Obi-wan")
    assert read(yoda) == [NO_NEW_MESSAGE], "nothing was said in the room"
    said = says(obi, room, "hello there", Talk())
    assert read(yoda, said.at) == [NO_NEW_MESSAGE], "nothing was said later than that"


@scenario("S10.4", builds_on="reading_what_was_said_in_a_room")
def rooms_are_read_in_order_of_their_ids(stage: Stage) -> None:
    """Of eleven rooms four have messages, the last room first: they come as 2, 3, 10, 11, one's own words too, and nothing of the others."""
    stage.server(attempts=3)
    leia, *others = seats(stage, "Leia", "Yoda", "Obi-wan", "Luke", "Han")
    names = [other.user for other in others]
    companies = [who for size in (1, 2, 3) for who in itertools.combinations(names, size)][:11]
    rooms = [room_of(leia, *company) for company in companies]
    talks = {room: Talk() for room in (rooms[10], rooms[1], rooms[9], rooms[2])}
    for room, talk in talks.items():
        speaker = next(other for other in others if other.user in companies[rooms.index(room)])
        says(speaker, room, f"in room {room}", talk)
        says(leia, room, "one's own", talk)
    assert read(leia) == reading(*((room, talks[room].said) for room in sorted(talks)))


@scenario("S10.5", "S10.4", builds_on="reading_what_was_said_in_a_room")
def room_messages_later_than_a_time(stage: Stage) -> None:
    """What was said in the very second is not later, what was said in the next is; a room with older messages only is left out."""
    stage.server(attempts=3)
    yoda, _, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    quiet, busy = room_of(yoda, "Obi-wan"), room_of(luke, "Yoda")
    old, new = Talk(), Talk()
    says(yoda, quiet, "early", old)
    says(luke, busy, "early too", new)
    stage.lets_pass(1.2, because="times are compared to the second, SPEC S10", promised=False)
    says(luke, busy, "late", new)
    begin = old.said[0]

    def later(talk: Talk, since: str) -> list[Said]:
        return [said for said in talk.said if time_of(said.at) > time_of(since)]

    before = time_of(begin.at) - timedelta(seconds=1)
    for since in (f"{before.day} {before:%b %Y %H:%M:%S}", begin.at, new.said[0].at):
        wanted = {said.read_line for talk in (old, new) for said in later(talk, since)}
        seen = {line for line in read(yoda, since) if line.startswith("#")}
        assert seen == wanted, f"later than {since}"
    stage.promise("S10.4")
    assert read(yoda, begin.at) == reading((quiet, []), (busy, later(new, begin.at)))


@scenario("S10.8", builds_on="reading_what_was_said_in_a_room")
def nobody_reads_a_room_of_others(stage: Stage) -> None:
    """Three rooms that share members, and Han in none: whatever they ask for, nobody's terminal shows a word of a room of others."""
    stage.server(attempts=3)
    people = seats(stage, "Yoda", "Obi-wan", "Luke", "Han")
    yoda, obi, luke, _ = people
    rooms = {}
    for builder, name in ((yoda, "Obi-wan"), (yoda, "Luke"), (luke, "Obi-wan")):
        members = (builder.user, name)
        rooms[room_of(builder, name)] = members
    for room, (member, _) in rooms.items():
        speaker = next(each for each in people if each.user == member)
        says(speaker, room, f"secret of {room}", Talk())
    for client in people:
        before = client.mark()
        client.asks(f"RDM s {LONG_AGO}")
        client.asks(f"RDM b {LONG_AGO}")
        for room, members in rooms.items():
            if client.user not in members:
                client.asks(f"SRM {room} what is it")
                client.asks(f"RDM s {LONG_AGO}")
                shown = client.text(since=before)
                assert f"secret of {room}" not in shown, f"{client.user} reads of room {room}"
                assert f"room-{room}:" not in shown, f"{client.user} hears of room {room}"
    obi.leaves()
    after = stage.client("at-his-terminal", user="Leia", host=obi.host, udp_port=obi.udp_port)
    assert not any("secret" in line for line in after.asks(f"RDM s {LONG_AGO}"))


@scenario("S10.2", "S11.3", builds_on="reading_what_was_said_in_a_room")
def messages_wait_for_who_is_away(stage: Stage) -> None:
    """Obi-wan leaves his room, Yoda says something there and leaves too; Obi-wan reads it when he is back."""
    server = stage.server(attempts=3)
    yoda, obi = seats(stage, "Yoda", "Obi-wan")
    room, talk = room_of(yoda, "Obi-wan"), Talk()
    says(obi, room, "I must go", talk)
    obi.leaves()
    says(yoda, room, "come back; soon", talk)
    yoda.leaves()
    stage.promise("S11.3")
    server.file(room_log(room)).has_lines([re.escape(said.log_line) for said in talk.said])
    stage.promise("S10.2")
    obi = stage.client("obi-wan-again", user="Obi-wan", host=obi.host)
    assert read(obi) == reading((room, talk.said))
