"""Building separate rooms (SPEC S8)."""

import re

from toom_scenarios import Client, Server, Stage, scenario
from toom_scenarios.spec import (
    INVALID_COMMAND,
    ROOM_BUILT,
    room_exists,
    room_log,
)
from toom_scenarios.talking import refusal, room_of, seats

ROOM = "a_room_is_built"  # the scenario without which no room can be built


def builds(client: Client, *names: str) -> re.Match[str]:
    """Type SRB and see a room being built. The match has the groups `room` and `users`."""
    client.types(f"SRB {' '.join(names)}")
    reply = client.sees(ROOM_BUILT)
    client.sees_prompt()
    return reply


def room_logs(server: Server) -> list[str]:
    """The logs of rooms that are there."""
    return [found.name for found in server.host.files() if found.name.startswith("SR_")]


def place_of(name: str, reply: str) -> int:
    """Where a name stands in a reply as a word of its own; -1 when it does not."""
    found = re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", reply)
    return found.start() if found else -1


@scenario("S8.1", builds_on="log_in_and_out")
def a_room_is_built(stage: Stage) -> None:
    """Yoda builds a room with Obi-wan, Obi-wan one with Luke: each is told an ID and who is in the room."""
    stage.server(attempts=3)
    yoda, obi, _ = seats(stage, "Yoda", "Obi-wan", "Luke")
    for builder, name in ((yoda, "Obi-wan"), (obi, "Luke")):
        reply = builds(builder, name)
        assert sorted(reply["users"].split(", ")) == sorted([builder.user, name]), reply[0]


@scenario("S8.2", builds_on=ROOM)
def ids_and_logs_of_rooms(stage: Stage) -> None:
    """Three rooms by three builders have the IDs 1, 2 and 3, and each has its log at once."""
    server = stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    assert room_logs(server) == []
    for room, (builder, name) in enumerate(((yoda, "Luke"), (luke, "Obi-wan"), (obi, "Yoda")), 1):
        assert int(builds(builder, name)["room"]) == room
        assert room_logs(server) == [room_log(each + 1) for each in range(room)]


@scenario("S8.7", "S8.1", "S8.6", builds_on=ROOM)
def rooms_of_three_to_five(stage: Stage) -> None:
    """Rooms of three, four and five: the members are listed caller first, then as typed; who is named twice is a member once."""
    stage.server(attempts=3)
    yoda, _, _, han, leia = seats(stage, "Yoda", "Obi-wan", "Luke", "Han", "Leia")
    for caller, names in (
        (leia, ["Yoda", "Obi-wan"]),
        (yoda, ["Luke", "Leia", "Han"]),
        (han, ["Obi-wan", "Yoda", "Luke", "Leia"]),
    ):
        stage.promise("S8.1")
        users = builds(caller, *names)["users"].split(", ")
        assert sorted(users) == sorted([caller.user, *names]), f"SRB {names}: {users}"
        stage.promise("S8.7")
        assert users == [caller.user, *names], f"SRB {names}: {users}"
    stage.promise("S8.6")
    twice = builds(leia, "Han", "Luke", "Han", "Han")["users"].split(", ")
    assert sorted(twice) == ["Han", "Leia", "Luke"], f"Han was named three times: {twice}"
    stage.promise("S8.7")
    assert twice == ["Leia", "Han", "Luke"]


@scenario("S8.5", "S8.6", "S8.9", builds_on=ROOM)
def a_room_that_is_there_already(stage: Stage) -> None:
    """The same members get no second room, whoever asks and in whatever order; some of them, and some more, do get one."""
    server = stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    three = room_of(yoda, "Obi-wan", "Luke")
    two = room_of(obi, "Yoda")  # some of those of another room are not the same members
    there = room_logs(server)
    for caller, names, room in (
        (yoda, "Obi-wan Luke", three),
        (yoda, "Luke Obi-wan", three),
        (luke, "Yoda Obi-wan", three),
        (obi, "Luke Yoda", three),
        (obi, "Yoda", two),
        (yoda, "Obi-wan", two),
    ):
        assert caller.asks(f"SRB {names}") == [room_exists(room)], f"{caller.user}: SRB {names}"
    stage.promise("S8.6")
    assert luke.asks("SRB Obi-wan Yoda Obi-wan") == [room_exists(three)]
    stage.promise("S8.9")
    assert room_logs(server) == there, "a twin that was refused has a log"
    assert room_of(luke, "Obi-wan") == two + 1


@scenario("S8.3", "S8.9", builds_on=ROOM)
def naming_nobody_or_oneself(stage: Stage) -> None:
    """SRB without a name, with one's own, alone and among others, is refused by one line each; nothing is made by it."""
    server = stage.server(attempts=3)
    yoda, obi, _ = seats(stage, "Yoda", "Obi-wan", "Luke")
    room = room_of(obi, "Luke")
    there = room_logs(server)
    for line in (
        *("SRB", "SRB ", "SRB   "),
        *("SRB Yoda", "SRB Yoda Yoda", "SRB Yoda Obi-wan", "SRB Obi-wan Yoda"),
        *("SRB Luke Yoda Obi-wan", "SRB Luke Luke Yoda"),
    ):
        assert refusal(yoda, line) != INVALID_COMMAND, f"{line!r}: SRB is a command"
        assert room_logs(server) == there, f"{line!r} was refused, but made a log"
    stage.promise("S8.9")
    assert room_of(yoda, "Obi-wan", "Luke") == room + 1


@scenario("S8.4", "S8.9", builds_on=ROOM)
def unknown_and_offline_names(stage: Stage) -> None:
    """Whoever does not exist or is offline is named in the refusal, which says which of both it is; nothing is made by it."""
    server = stage.server(attempts=3)
    yoda, obi, _ = seats(stage, "Yoda", "Obi-wan", "Han")
    room = room_of(obi, "Han")
    there, words = room_logs(server), {}
    obi.leaves()
    for line, faulty in (
        ("SRB Grogu", ["Grogu"]),
        ("SRB yoda", ["yoda"]),
        ("SRB Luke", ["Luke"]),
        ("SRB Obi-wan", ["Obi-wan"]),
        ("SRB Grogu Maul Jabba", ["Grogu", "Maul", "Jabba"]),
        ("SRB Luke Obi-wan Leia", ["Luke", "Obi-wan", "Leia"]),
    ):
        told = "\n".join(yoda.asks(line))
        assert not re.search(ROOM_BUILT, told), f"{line!r} built a room: {told}"
        for name in faulty:
            assert place_of(name, told) >= 0, f"{line!r}: {name} is not named in {told!r}"
        words[line] = told.replace(faulty[0], "N")
        assert room_logs(server) == there, f"{line!r} was refused, but made a log"
    assert words["SRB Grogu"] != words["SRB Luke"], "unknown and offline are told in the same words"
    assert words["SRB Grogu"] != words["SRB Obi-wan"], "one who has left is told to be unknown"
    stage.promise("S8.9")
    stage.client("luke", user="Luke", host=obi.host)
    assert room_of(yoda, "Luke") == room + 1


@scenario("S8.8", "S8.9", builds_on=ROOM)
def all_faults_in_one_line_before_the_twin(stage: Stage) -> None:
    """Several faults make one line, unknown names before offline ones; that a room exists already is told only when no name is at fault."""
    server = stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    twins = room_of(yoda, "Obi-wan"), room_of(yoda, "Obi-wan", "Luke")
    there = room_logs(server)
    luke.leaves()
    for line, order in (
        ("SRB Han Grogu", ["Grogu", "Han"]),
        ("SRB Luke Maul Han Obi-wan Grogu", ["Maul", "Grogu", "Luke", "Han"]),
        ("SRB Obi-wan Grogu", ["Grogu"]),
        ("SRB Obi-wan Luke", ["Luke"]),  # a room with these exists
    ):
        told = refusal(yoda, line)
        assert told not in map(room_exists, twins), f"{line!r}: {told!r}, but a name is at fault"
        places = [place_of(name, told) for name in order]
        assert -1 not in places, f"{line!r}: not each faulty name is in {told!r}"
        kinds = [place for name in ("Grogu", "Maul") if (place := place_of(name, told)) >= 0]
        others = [place for name in ("Luke", "Han") if (place := place_of(name, told)) >= 0]
        assert not kinds or not others or max(kinds) < min(others), f"unknown first: {told!r}"
    oneself = refusal(yoda, "SRB Yoda Grogu Han")
    assert -1 < place_of("Grogu", oneself) < place_of("Han", oneself), oneself
    assert oneself != refusal(yoda, "SRB Grogu Han"), f"nothing of oneself: {oneself!r}"
    stage.promise("S8.9")
    assert room_logs(server) == there
    luke = stage.client("luke-again", user="Luke", host=luke.host)
    assert room_of(luke, "Obi-wan") == twins[1] + 1


@scenario("S8.10", builds_on=ROOM)
def the_others_are_not_told_of_a_room(stage: Stage) -> None:
    """Obi-wan, who is in the new room, and Luke, who is not, see nothing of it at their terminals."""
    stage.server(attempts=3)
    yoda, *others = seats(stage, "Yoda", "Obi-wan", "Luke")
    before = [other.mark() for other in others]
    room_of(yoda, "Obi-wan")
    refusal(yoda, "SRB Obi-wan Luke Grogu")
    for other, mark in zip(others, before, strict=True):
        other.leaves()  # whatever was on its way to the terminal has come before
        seen = other.lines(since=mark)
        assert seen == [f"Bye, {other.user}!"], f"{other.user}'s terminal shows {seen}"


@scenario("S8.9", "S8.4", builds_on="unknown_and_offline_names")
def odd_names_build_no_room(stage: Stage) -> None:
    """Names that no account can have, hundreds of names, a name of ten thousand letters: refused, and the next room has the next ID."""
    server = stage.server(attempts=3)
    yoda, _, _ = seats(stage, "Yoda", "Obi-wan", "Luke")
    room = room_of(yoda, "Obi-wan", "Luke")
    there = room_logs(server)
    stage.promise("S8.4")
    for name in (
        "../../etc/passwd",
        "Obi-wan;",
        "Öbi-wan",
        "Obi‑wan",
        "O" * 200,
        "*",
        "%s%n",
        "''",
    ):
        assert name in refusal(yoda, f"SRB Obi-wan {name}"), f"{name!r} is not named"
    stage.promise("S8.9")
    for line in (
        "SRB " + "O" * 10_000,
        "SRB " + " ".join(f"user{number}" for number in range(500)),
        "SRB Obi-wan  Yoda",
        "SRB  Yoda",
        "SRB Obi-wan\tYoda",
    ):
        yoda.types(line)
        yoda.sees("(?!Separate chat room has been created).*[^ ].*")
        yoda.sees_prompt()
        assert not any(re.fullmatch(ROOM_BUILT, told) for told in yoda.lines()), line[:60]
    assert room_logs(server) == there
    assert room_of(yoda, "Obi-wan") == room + 1
