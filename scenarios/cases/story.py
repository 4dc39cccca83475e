"""The whole story on hosts where people may be seated (SPEC S1, and a little of all the others): no
number is assumed, nothing is left behind.

It plays on the compose project's own hosts (`--on compose`), and on stages of its own like any other.
"""

import re
import time
from collections.abc import Sequence

from toom_scenarios import Client, HostFile, Server, Stage, scenario
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


def is_blocked(stage: Stage) -> float:
    """Three wrong passwords at one host, the right one refused at another; when the block ends."""
    stage.promise("S2.11")
    first = seat(stage, "han", udp_port=18004, name="han-1")
    first.sees_prompt("Username: ")
    first.types("Bo-Katan")
    for answer in (WRONG_PASSWORD, WRONG_PASSWORD, NOW_BLOCKED):
        first.sees_prompt("Password: ")
        first.types_hidden("not the password")
        first.sees_exactly(answer)
    ends = time.monotonic() + BLOCK_PERIOD
    first.ends(None)
    stage.promise("S2.12")
    second = seat(stage, "leia", udp_port=18005, name="leia-1")
    second.gives("Bo-Katan", ACCOUNTS["Bo-Katan"])
    second.sees_exactly(BLOCKED)
    second.ends(None)
    return ends


def comes_back(stage: Stage, ends: float) -> None:
    """After the block, which has lasted since the story began, the right password counts."""
    stage.promise("S2.11")
    stage.lets_pass(max(0.0, ends + 0.3 - time.monotonic()), because="the block of SPEC S2")
    seat(stage, "leia", udp_port=18005, name="leia-2", user="Bo-Katan").leaves()


def room_of(client: Client, *names: str) -> int:
    """Build a room, or be told the ID of the one from an earlier story."""
    reply = "\n".join(client.asks(f"SRB {' '.join(names)}"))
    found = re.fullmatch(ROOM_BUILT, reply)
    again = re.fullmatch(r"a separate room \(ID: (?P<room>[0-9]+)\) already created .+", reply)
    room = found or again
    assert room, f"SRB is answered by {reply!r}"
    return int(room["room"])


def see_each_other(stage: Stage, server: Server, people: Sequence[Client]) -> None:
    """Everybody stands in userlog.txt, and in ATU for the others."""
    stage.promise("S3.1")
    userlog = server.file("userlog.txt").lines()
    assert [line.split("; ")[0] for line in userlog] == [str(n + 1) for n in range(len(userlog))]
    for who in people:
        pattern = user_line(0, who.user, who.address, who.udp_port).replace("0;", "[0-9]+;", 1)
        assert any(re.fullmatch(pattern, line) for line in userlog), f"{who.user}: {userlog}"
    stage.promise("S7.1")
    first, *others = people
    for other in others:
        line = active_line(other.user, other.address, other.udp_port)
        assert any(re.fullmatch(line, told) for told in first.asks("ATU"))


def talk(stage: Stage, server: Server, people: Sequence[Client]) -> None:
    """A broadcast for all, and a room that the third is not in."""
    ahsoka, rex, cody = people
    text = f"story {stage.seed}; {stage.random.randrange(10**9)}"
    stage.promise("S6.1")
    ahsoka.types(f"BCM {text}")
    reply = ahsoka.sees(BROADCAST_SENT)
    said = Said(int(reply["number"]), reply["at"], "Ahsoka", text)
    holds(server.file("messagelog.txt"), said)
    stage.promise("S10.1")
    assert said.read_line in rex.asks(f"RDM b {LONG_AGO}")
    stage.promise("S8.1")
    room = room_of(ahsoka, "Rex")
    stage.promise("S9.1")
    rex.types(f"SRM {room} {text}")
    reply = rex.sees(room_message_sent(room))
    said = Said(int(reply["number"]), reply["at"], "Rex", text)
    holds(server.file(room_log(room)), said)
    stage.promise("S10.2")
    assert said.read_line in ahsoka.asks(f"RDM s {LONG_AGO}")
    assert said.read_line not in cody.asks(f"RDM s {LONG_AGO}")
    stage.promise("S9.5")
    assert cody.asks(f"SRM {room} hello") == [NOT_A_MEMBER]
    stage.promise("S9.4")
    assert cody.asks("SRM 999999999 hello") == [NO_SUCH_ROOM]


def show_a_film(stage: Stage, presenter: Client, audiences: Sequence[Client]) -> None:
    """One film to several at once: each gets it whole, and it plays."""
    name = f"story-{stage.random.randrange(10**9)}.mp4"
    presenter.host.put(name, stage.video or sample_video())
    before, begins = presenter.mark(), [audience.mark() for audience in audiences]
    stage.promise("S12.4")
    for audience in audiences:
        presenter.types(f"UPD {audience.user} {name}")
        presenter.sees_exactly(f"Sending {name} to {audience.user}")
    for audience, begin in zip(audiences, begins, strict=True):
        audience.sees_exactly(
            f"Received {name} from {presenter.user}", within=PATIENCE, since=begin
        )
    presenter.sees_exactly(f"{name} has been uploaded", within=PATIENCE, since=before)
    presenter.sees_prompt()
    for audience in audiences:
        received = f"{presenter.user}_{name}"
        stage.promise("S12.11")
        assert audience.host.sha256(received) == presenter.host.sha256(name)
        copy = stage.folder / f"{audience.name}-{received}"
        audience.host.fetch(received, copy)
        assert decode(copy).complete, f"what {audience.user} received does not play to its end"
        copy.unlink()
        audience.host.remove(received)
    presenter.host.remove(name)


@scenario(
    *("S1.6", "S2.11", "S2.12", "S3.1", "S7.1", "S6.1", "S10.1", "S8.1", "S9.1", "S10.2"),
    *("S9.5", "S9.4", "S12.4", "S12.11", "S11.2"),
    seconds=15,
)
def the_whole_story(stage: Stage) -> None:
    """On five hosts people see each other, talk, build a room, see a film, are blocked, and leave."""
    server = stage.server(attempts=3, accounts=ACCOUNTS)
    stage.promise("S1.6")
    people = [
        seat(stage, host, udp_port=port, name=user, user=user)
        for host, (user, port) in SEATS.items()
    ]
    ends = is_blocked(stage)
    see_each_other(stage, server, people)
    talk(stage, server, people)
    presenter, *audiences = people
    show_a_film(stage, presenter, audiences)
    comes_back(stage, ends)
    stage.promise("S11.2")
    for who in people:
        who.leaves()
        assert f"; {who.user}; " not in server.file("userlog.txt").text()
