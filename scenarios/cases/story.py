"""The whole story on hosts where people may be seated: no number is assumed, nothing is left behind.

It plays on the compose project's own hosts (`--on compose`), and on stages of its own like any other.
"""

import re

from toom_scenarios import Client, HostFile, Stage, scenario
from toom_scenarios.spec import (
    BLOCK_PERIOD,
    BLOCKED,
    BROADCAST_SENT,
    LONG_AGO,
    NO_SUCH_ROOM,
    NOT_A_MEMBER,
    NOW_BLOCKED,
    ROOM_BUILT,
    WRONG_PASSWORD,
    Said,
    active_line,
    room_log,
    room_message_sent,
    user_line,
)
from toom_scenarios.videos import decode, sample_video

ACCOUNTS = {  # kept for this story in server/credentials.txt
    "Ahsoka": "f4lcrum?White6",
    "Rex": "ct7567&Jaig",
    "Cody": "cc2224%Utapau",
    "Bo-Katan": "n1ght=Owl53",
}
SEATS = {"yoda": ("Ahsoka", 18001), "obi-wan": ("Rex", 18002), "luke": ("Cody", 18003)}
PATIENCE = 60.0  # seconds for the film


def seat(stage: Stage, host: str, *, udp_port: int, name: str, user: str | None = None) -> Client:
    return stage.client(name, user=user, host=stage.host(host), udp_port=udp_port)


def holds(log: HostFile, said: Said) -> None:
    """The log holds this message's line, once, wherever it stands."""
    assert log.lines().count(said.log_line) == 1, f"{log.name} has not the line {said.log_line!r}"


def is_blocked_and_comes_back(stage: Stage) -> None:
    """Three wrong passwords at one host, the right one refused at another, and let in after 10 s."""
    first = seat(stage, "han", udp_port=18004, name="han-1")
    first.sees_prompt("Username: ")
    first.types("Bo-Katan")
    for answer in (WRONG_PASSWORD, WRONG_PASSWORD, NOW_BLOCKED):
        first.sees_prompt("Password: ")
        first.types_hidden("not the password")
        first.sees_exactly(answer)
    first.ends(status=1)
    second = seat(stage, "leia", udp_port=18005, name="leia-1")
    second.gives("Bo-Katan", ACCOUNTS["Bo-Katan"])
    second.sees_exactly(BLOCKED)
    second.ends(status=1)
    stage.lets_pass(BLOCK_PERIOD + 0.3, because="the block of SPEC S2")
    seat(stage, "leia", udp_port=18005, name="leia-2", user="Bo-Katan").leaves()


def room_of(client: Client, *names: str) -> int:
    """Build a room, or be told the ID of the one from an earlier story."""
    reply = "\n".join(client.asks(f"SRB {' '.join(names)}"))
    found = re.fullmatch(ROOM_BUILT, reply)
    again = re.fullmatch(r"a separate room \(ID: (?P<room>[0-9]+)\) already created .+", reply)
    room = found or again
    assert room, f"SRB is answered by {reply!r}"
    return int(room["room"])


@scenario(section="S1")
def the_whole_story(stage: Stage) -> None:
    """«Clients run in different directories, on the same or on different hosts.»"""
    server = stage.server(attempts=3, accounts=ACCOUNTS)
    people = {
        user: seat(stage, host, udp_port=port, name=user, user=user)
        for host, (user, port) in SEATS.items()
    }
    ahsoka, rex, cody = people.values()

    # who is here
    userlog = server.file("userlog.txt").lines()
    assert [line.split("; ")[0] for line in userlog] == [str(n + 1) for n in range(len(userlog))]
    for who in people.values():
        pattern = user_line(0, who.user, who.address, who.udp_port).replace("0;", "[0-9]+;", 1)
        assert any(re.fullmatch(pattern, line) for line in userlog), f"{who.user}: {userlog}"
    for other in (rex, cody):
        line = active_line(other.user, other.address, other.udp_port)
        assert any(re.fullmatch(line, told) for told in ahsoka.asks("ATU"))

    # a broadcast, and who reads it
    text = f"story {stage.seed}; {stage.random.randrange(10**9)}"
    ahsoka.types(f"BCM {text}")
    reply = ahsoka.sees(BROADCAST_SENT)
    said = Said(int(reply["number"]), reply["at"], "Ahsoka", text)
    holds(server.file("messagelog.txt"), said)
    assert said.read_line in rex.asks(f"RDM b {LONG_AGO}")

    # a room, and who is not in it
    room = room_of(ahsoka, "Rex")
    rex.types(f"SRM {room} {text}")
    reply = rex.sees(room_message_sent(room))
    said = Said(int(reply["number"]), reply["at"], "Rex", text)
    holds(server.file(room_log(room)), said)
    assert said.read_line in ahsoka.asks(f"RDM s {LONG_AGO}")
    assert said.read_line not in cody.asks(f"RDM s {LONG_AGO}")
    assert cody.asks(f"SRM {room} hello") == [NOT_A_MEMBER]
    assert cody.asks("SRM 999999999 hello") == [NO_SUCH_ROOM]

    # a film, to two at once
    name = f"story-{stage.random.randrange(10**9)}.mp4"
    received = f"Ahsoka_{name}"
    ahsoka.host.put(name, stage.video or sample_video())
    begins = {who.user: who.mark() for who in people.values()}
    for audience in (rex, cody):
        ahsoka.types(f"UPD {audience.user} {name}")
        ahsoka.sees_exactly(f"Sending {name} to {audience.user}")
    for audience in (rex, cody):
        begin = begins[audience.user]
        audience.sees_exactly(f"Received {name} from Ahsoka", within=PATIENCE, since=begin)
        assert audience.host.sha256(received) == ahsoka.host.sha256(name)
        copy = stage.folder / f"{audience.name}-{received}"
        audience.host.fetch(received, copy)
        assert decode(copy).complete, f"what {audience.user} received does not play to its end"
        copy.unlink()
        audience.host.remove(received)
    ahsoka.sees_exactly(f"{name} has been uploaded", within=PATIENCE, since=begins["Ahsoka"])
    ahsoka.sees_prompt()
    ahsoka.host.remove(name)

    is_blocked_and_comes_back(stage)
    for who in people.values():
        who.leaves()
        assert f"; {who.user}; " not in server.file("userlog.txt").text()
