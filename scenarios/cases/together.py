"""Many at once, and one who is slow, silent, hostile or gone (SPEC S13).

The strangers on the wire know nobody's protocol: see toom_scenarios/strangers.
"""

import itertools
import re
import signal as signals

from toom_scenarios import ACCOUNTS, Broken, Client, Host, Server, Stage, scenario, strangers
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.spec import (
    AT,
    BROADCAST_SENT,
    LONG_AGO,
    ROOM_BUILT,
    Said,
    Talk,
    room_log,
    room_message_sent,
    user_line,
)
from toom_scenarios.talking import broadcasts, room_of, says, seats

TALK = "broadcasts_are_logged"  # the scenario without which nobody can see that others are served
EACH = 15  # broadcasts of each client in a burst
OLD = "1 Jun 2022 15:00:01"
SINCE = "2 Jun 2022 00:00:00"  # later than what was in the log before
HUGE = 2000  # old messages of 8 KB: more than the kernel keeps for a client that does not read
STRANGER_LIMIT = 60.0  # seconds for all that the stranger does, which takes 30 at most
BUILT_OR_THERE = (
    rf"{ROOM_BUILT}|a separate room \(ID: (?P<twin>[0-9]+)\) already created for these users"
)


def bursts(clients: list[Client]) -> dict[str, list[str]]:
    """Everybody pastes broadcasts, with RDM between them, at once. Returns what each said."""
    said = {each.user: [f"{each.user} says {n}; end" for n in range(EACH)] for each in clients}
    for client in clients:
        lines = [f"BCM {text}" for text in said[client.user]]
        lines[5:5] = lines[10:10] = [f"RDM b {LONG_AGO}"]
        client.sends("".join(f"{line}\r" for line in lines))
    return said


@scenario("S13.1", builds_on=(TALK, "reading_the_broadcasts"))
def bursts_of_broadcasts_and_reading(stage: Stage) -> None:
    """Four people paste fifteen broadcasts each at once, and read twice in between: nothing is mixed up, and each sees the log as it was at one moment."""
    server = stage.server(attempts=3)
    clients = seats(stage, "Yoda", "Obi-wan", "Luke", "Han")
    texts = bursts(clients)
    talk = Talk()
    for client in clients:
        for text in texts[client.user]:
            talk.add(client.sees(BROADCAST_SENT), client.user, text)
    talk.said.sort(key=lambda each: each.number)
    talk.check(server.file("messagelog.txt"))
    for client in clients:
        own = [said.number for said in talk.said if said.user == client.user]
        assert own == sorted(own), f"{client.user}'s messages are not in the order typed: {own}"
        told = client.lines()
        acknowledged = [n for n, line in enumerate(told) if re.fullmatch(BROADCAST_SENT, line)]
        for before in (5, 9):  # so many of one's own had been said when one read
            first, last = acknowledged[before - 1] + 1, acknowledged[before]
            seen = told[first:last]
            assert own[before - 1] <= len(seen) < own[before], f"{client.user} reads {len(seen)}"
            assert seen == [said.read_line for said in talk.said[: len(seen)]], client.user


@scenario("S13.1", builds_on="a_message_in_a_room")
def rooms_built_and_used_at_once(stage: Stage) -> None:
    """Four people paste SRB for every company they could be of, then all talk in the room of four: each room is built once, each message has a number."""
    server = stage.server(attempts=3)
    clients = seats(stage, "Yoda", "Obi-wan", "Luke", "Han")
    users = [each.user for each in clients]
    wanted = {
        each.user: [
            others
            for size in (3, 1, 2)
            for others in itertools.combinations(
                [name for name in users if name != each.user], size
            )
        ]
        for each in clients
    }
    for client in clients:
        client.sends("".join(f"SRB {' '.join(names)}\r" for names in wanted[client.user]))
    rooms: dict[frozenset[str], list[int]] = {}
    built = set()
    for client in clients:
        for names in wanted[client.user]:
            reply = client.sees(BUILT_OR_THERE)
            room = int(reply["room"] or reply["twin"])
            rooms.setdefault(frozenset((client.user, *names)), []).append(room)
            if reply["room"]:
                assert room not in built, f"room {room} was built twice"
                built.add(room)
    assert len(rooms) == len(built) == 11, f"11 companies of four people, rooms {built}"
    assert max(built) - min(built) == 10, f"IDs have holes: {built}"
    for members, ids in rooms.items():
        assert len(set(ids)) == 1, f"{members} were told different rooms: {ids}"
    all_four, talk = rooms[frozenset(users)][0], Talk()
    for client in clients:
        client.sends("".join(f"SRM {all_four} {client.user} {n}\r" for n in range(EACH)))
    for client in clients:
        for n in range(EACH):
            talk.add(client.sees(room_message_sent(all_four)), client.user, f"{client.user} {n}")
    talk.said.sort(key=lambda each: each.number)
    talk.check(server.file(room_log(all_four)))


def are_served(yoda: Client, obi: Client, talk: Talk) -> None:
    """Yoda says something, Obi-wan reads it and who is there, all within the usual patience."""
    said = broadcasts(yoda, f"message {len(talk.said)}", talk)
    obi.types(f"RDM b {SINCE}")
    obi.sees_exactly(said.read_line)
    obi.sees_prompt()
    assert any(line.startswith("Yoda, ") for line in obi.asks("ATU")), "ATU does not tell of Yoda"


def comes_and_goes(stage: Stage, server: Server, user: str, place: Host) -> None:
    """Somebody logs in and out as ever."""
    client = stage.client(f"{user}-comes", user=user, host=place)
    assert f"; {user}; " in server.file("userlog.txt").text()
    client.leaves()


def lines_of(*clients: Client) -> list[str]:
    """What userlog.txt is while these alone are logged in."""
    there = enumerate(clients, start=1)
    return [user_line(n, each.user, each.address, each.udp_port) for n, each in there]


@scenario("S13.2", builds_on=TALK, seconds=5)
def clients_that_are_slow_or_silent(stage: Stage) -> None:
    """Han stops in the middle of a long answer, Leia at her prompt, somebody at a password: the others are served as ever."""
    old = (Said(n, OLD, "Yoda", f"{n} " + "x" * 8000) for n in range(1, HUGE + 1))
    log = "".join(f"{said.log_line}\n" for said in old)
    server = stage.server(attempts=3, files={"messagelog.txt": log})
    yoda, obi, han, leia = seats(stage, "Yoda", "Obi-wan", "Han", "Leia")
    place, talk = yoda.host, Talk()
    somebody = stage.terminal(place)
    somebody.sees_prompt("Username: ")
    somebody.types("Luke")
    somebody.sees_prompt("Password: ")
    somebody.kill(signals.SIGSTOP)
    leia.kill(signals.SIGSTOP)
    are_served(yoda, obi, talk)
    han.types(f"RDM b {LONG_AGO}")
    han.sees(r"#1; Yoda: 1 x+ at .+")
    han.kill(signals.SIGSTOP)
    for _ in range(3):
        are_served(yoda, obi, talk)
    comes_and_goes(stage, server, "Luke", place)
    assert server.terminal.is_running()
    first = server.file("userlog.txt").lines()[:2]  # how soon the silent ones go is another promise
    for wanted, line in zip(lines_of(yoda, obi), first, strict=True):
        assert re.fullmatch(wanted, line), f"userlog.txt: {line!r}"


@scenario("S13.2", builds_on=TALK, seconds=5)
def a_stranger_who_sends_garbage(stage: Stage) -> None:
    """A stranger sends garbage, endless lines, huge lengths and half frames, opens and drops thousands of connections and holds a hundred: the others are served as ever."""
    server = stage.server(attempts=3, stderr="errors.txt")
    yoda, obi = seats(stage, "Yoda", "Obi-wan")
    talk = Talk()
    are_served(yoda, obi, talk)
    stranger = strangers.garbage(stage, stage.host("mallory"), server)
    deadline = Deadline(STRANGER_LIMIT)
    while not wait_for(lambda: "done" in stranger.lines(), Deadline(0.5)):
        are_served(yoda, obi, talk)
        if deadline.passed():
            raise Broken("the stranger does not come to an end")
    are_served(yoda, obi, talk)
    comes_and_goes(stage, server, "Luke", yoda.host)
    server.file("userlog.txt").has_lines(lines_of(yoda, obi))
    talk.check(server.file("messagelog.txt"))
    assert server.terminal.is_running()


@scenario("S13.2", builds_on=TALK, seconds=5)
def frames_that_are_spoilt_on_their_way(stage: Stage) -> None:
    """What three logged-in clients send comes to the server by halves, garbled, and cut off; what a fourth sends comes twice: the others are served as ever."""
    server = stage.server(attempts=3, accounts={**ACCOUNTS, "Lando": "cl0ud:City"})
    place = stage.host("mallory")
    between = strangers.middleman(stage, place, server)
    port = between.sees("port ([0-9]+)")[1]
    yoda, obi = seats(stage, "Yoda", "Obi-wan")
    victims = []
    for user in ("Luke", "Han", "Leia", "Lando"):  # one after another: the middleman counts them
        victims.append(stage.client(user, user=user, host=yoda.host, at=(place.address, port)))
    talk = Talk()
    are_served(yoda, obi, talk)
    for number, mode in enumerate(("half", "garble", "drop", "twice")):
        between.types(f"{mode} {number}")
        between.sees_exactly(f"will {mode}")
        victims[number].types(f"BCM {mode}")
        are_served(yoda, obi, talk)
    between.close()
    server.file("userlog.txt").comes_to(lines_of(yoda, obi))
    are_served(yoda, obi, talk)
    comes_and_goes(stage, server, "Luke", yoda.host)
    lines = server.file("messagelog.txt").lines()
    server.file("messagelog.txt").has_lines([rf"{n + 1}; {AT}; .+; .+" for n in range(len(lines))])
    assert [said.log_line for said in talk.said] == [x for x in lines if "; Yoda; " in x]


@scenario("S13.2", "S13.1", builds_on=TALK, seconds=5)
def clients_killed_at_every_stage(stage: Stage) -> None:
    """Clients are killed before and in the log-in, at the prompt, in the middle of a line, and right after a command: the others are served, and a command is done wholly or not at all."""
    accounts = {**ACCOUNTS, "Lando": "cl0ud:City", "Rex": "ct7567&Jaig", "Cody": "cc2224%Utapau"}
    server = stage.server(attempts=3, accounts=accounts)
    place = stage.host("seats")
    at_name, at_password = stage.terminal(place), stage.terminal(place)
    yoda, obi, luke, han, lando, rex, cody = seats(
        stage, "Yoda", "Obi-wan", "Luke", "Han", "Lando", "Rex", "Cody"
    )
    room = room_of(yoda, "Rex")
    talk, in_room = Talk(), Talk()
    says(rex, room, "before", in_room)
    at_name.sees_prompt("Username: ")
    at_password.sees_prompt("Username: ")
    at_password.types("Leia")
    at_password.sees_prompt("Password: ")
    for victim, typed in (
        (lando, "SRB Yoda Obi-wan\r"),
        (rex, f"SRM {room} after\r"),
        (cody, "BCM the very last\r"),
        (han, "BCM half a li"),
        (luke, ""),
        (at_password, ""),
        (at_name, ""),
    ):
        victim.sends(typed)
        victim.kill()
        are_served(yoda, obi, talk)
    server.file("userlog.txt").comes_to(lines_of(yoda, obi))
    comes_and_goes(stage, server, "Leia", place)
    comes_and_goes(stage, server, "Rex", place)
    stage.promise("S13.1")
    logs = [found.name for found in server.host.files() if found.name.startswith("SR_")]
    assert room_of(yoda, "Obi-wan") == len(logs) + 1, f"the IDs do not fit the logs {logs}"
    at_most = [re.escape(in_room.said[0].log_line), rf"2; {AT}; Rex; after"]
    log = server.file(room_log(room))
    log.has_lines(at_most[: len(log.lines())])
    lines = server.file("messagelog.txt").lines()
    others = [line for line in lines if line not in [said.log_line for said in talk.said]]
    assert len(lines) - len(others) == len(talk.said), f"messages of Yoda are gone: {lines}"
    assert all(re.fullmatch(rf"[0-9]+; {AT}; Cody; the very last", line) for line in others), others
    assert [line.split("; ")[0] for line in lines] == [str(n + 1) for n in range(len(lines))]
