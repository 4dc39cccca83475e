"""Broadcasts, who is active, and reading broadcasts (SPEC S6, S7, S10, S13)."""

import re

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.spec import (
    AT,
    BAD_TIMESTAMP,
    BROADCAST_ON_CONSOLE,
    BROADCAST_SENT,
    LONG_AGO,
    NO_NEW_MESSAGE,
    NOBODY_ELSE,
    Said,
    Talk,
    active_line,
    time_of,
)


def broadcasts(client: Client, text: str, talk: Talk) -> Said:
    client.types(f"BCM {text}")
    reply = client.sees(BROADCAST_SENT)
    client.sees_prompt()
    return talk.add(reply, client.user, text)


@scenario(section="S6", part="bcm")
def broadcasts_are_logged(stage: Stage) -> None:
    """«Appends `number; timestamp; username; message` to `messagelog.txt`, numbers from 1. Reply: `Broadcast message, #1 broadcast at 1 Jun 2022 15:00:01.`»"""
    server = stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    talk, texts = Talk(), ["Hello", "a; b; \"c\" 'd'", " two  spaces ", "Grüße, 世界", "x" * 2000]
    begin = stage.server_time()
    for number, text in enumerate(texts):
        said = broadcasts((yoda, han)[number % 2], text, talk)
        console = BROADCAST_ON_CONSOLE.format(
            user=re.escape(said.user), number=said.number, text=re.escape(text), at=said.at
        )
        server.sees(console)
    assert begin <= time_of(talk.said[0].at) <= stage.server_time()
    talk.check(server.file("messagelog.txt"))


@scenario(section="S5", part="bcm", weight=0.5)
def messages_that_are_refused(stage: Stage) -> None:
    """«spaces alone are no message; a control character other than a tab, invalid UTF-8 or more than 8 KiB is refused with a line that says so»"""
    server = stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda")
    talk = Talk()
    broadcasts(yoda, "first", talk)
    for line in ("BCM", "BCM ", "BCM    ", "BCM a\x01b", "BCM " + "x" * 8193):
        reply = yoda.asks(line)
        assert len(reply) == 1, f"{line[:20]!r} is not refused by one line: {reply}"
        assert not re.fullmatch(BROADCAST_SENT, reply[0]), f"{line[:20]!r} was sent"
    yoda.sends(b"BCM a\xff\xfeb\r")
    yoda.sees("(?!Broadcast message).+")
    yoda.sees_prompt()
    broadcasts(yoda, "x" * 8192, talk)
    broadcasts(yoda, "last", talk)
    talk.check(server.file("messagelog.txt"))


@scenario(section="S7", part="atu")
def the_others_in_order_of_log_in(stage: Stage) -> None:
    """«Every *other* active user in order of log-in, a line each: `Obi-wan, 129.129.2.1, 8001, active since 1 Jun 2022 16:00:01.`; with nobody else: `no other active user`.»"""
    server = stage.server(attempts=3)
    names = {"luke": "Luke", "yoda": "Yoda", "obi-wan": "Obi-wan", "han": "Han"}
    clients = [stage.client(name, user=user) for name, user in names.items()]
    since = [line.split("; ")[1] for line in server.file("userlog.txt").lines()]
    for caller in clients:
        reply = caller.asks("ATU")
        others = [(c, at) for c, at in zip(clients, since, strict=True) if c is not caller]
        assert len(reply) == len(others), f"{caller.user} sees {reply}"
        for line, (other, at) in zip(reply, others, strict=True):
            found = re.fullmatch(active_line(other.user, other.address, other.udp_port), line)
            assert found, f"{caller.user} sees {line!r}, not the line of {other.user}"
            assert found["at"] == at, f"{line!r}: userlog.txt says {at}"
    for leaver in clients[1:]:
        leaver.leaves()
    assert clients[0].asks("ATU") == [NOBODY_ELSE]


@scenario(section="S10", part="rdm")
def reading_broadcasts_later_than_a_time(stage: Stage) -> None:
    """«`b`: the broadcasts … that are **later** than the timestamp …; lines like `#1; Yoda: hello there at 1 Jun 2022 16:05:00.`; none: `no new message`. … later means strictly later, to the second.»"""
    server = stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    talk = Talk()
    assert yoda.asks(f"RDM b {LONG_AGO}") == [NO_NEW_MESSAGE]
    early = [broadcasts(yoda, "hello there", talk), broadcasts(han, "a; b", talk)]
    stage.lets_pass(1.2, because="times are compared to the second, SPEC S10")
    late = [broadcasts(han, "later", talk), broadcasts(yoda, "  as it was typed ", talk)]
    every = [said.read_line for said in early + late]
    for client in (yoda, han):
        assert client.asks(f"RDM b {LONG_AGO}") == every
    after = [said.read_line for said in early + late if time_of(said.at) > time_of(early[0].at)]
    assert han.asks(f"RDM b {early[0].at}") == after
    padded = f"0{early[0].at}" if early[0].at[1] == " " else early[0].at
    assert han.asks(f"RDM b {padded}") == after
    assert yoda.asks(f"RDM b {late[-1].at}") == [NO_NEW_MESSAGE]
    talk.check(server.file("messagelog.txt"))


@scenario(section="S10", part="rdm", weight=0.5)
def reading_what_cannot_be_read(stage: Stage) -> None:
    """«Another type: `Invalid message type: <x>. The valid types are b and s`. A malformed timestamp: `Invalid timestamp. The format is: 1 Jun 2022 16:01:20`.»"""
    stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda")
    kind = "Invalid message type: x. The valid types are b and s"
    assert yoda.asks(f"RDM x {LONG_AGO}") == [kind]
    for text in (
        *(
            "31 Feb 2022 10:00:00",
            "1 Jun 2022 25:00:00",
            "1 Jun 22 10:00:00",
            "1 jun 2022 10:00:00",
        ),
        *(
            "yesterday",
            "1 Jun 2022",
            "2022-06-01 10:00:00",
            "1 Jun 2022 10:00:00 PM",
            "0 Jun 2022 1:1:1",
        ),
    ):
        assert yoda.asks(f"RDM b {text}") == [BAD_TIMESTAMP], text


@scenario(section="S13", part="")
def messages_and_rooms_survive_a_restart(stage: Stage) -> None:
    """«Messages and rooms survive a restart of the server (numbers go on; a half-written last line is repaired); active users do not.»"""
    server = stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    talk = Talk()
    broadcasts(yoda, "before", talk)
    yoda.asks("SRB Han")
    yoda.asks("SRM 1 in the room")
    server.terminal.kill()
    server.terminal.ends(None)
    for client in (yoda, han):
        client.sees_exactly("The server is gone.")
    torn = server.file("messagelog.txt").text() + f"2; {talk.said[0].at}; Yoda; ha"
    server.host.put("messagelog.txt", torn)
    server.starts_again()
    server.file("userlog.txt").has_lines([])
    talk.check(server.file("messagelog.txt"))
    yoda = stage.client("yoda-again", user="Yoda", host=yoda.host)
    han = stage.client("han-again", user="Han", host=han.host)
    broadcasts(han, "after", talk)
    talk.check(server.file("messagelog.txt"))
    told = "\n".join(han.asks(f"RDM s {LONG_AGO}"))
    assert re.fullmatch(rf"room-1:\n#1; Yoda: in the room at {AT}\.", told), told
    assert han.asks("SRB Yoda") == ["a separate room (ID: 1) already created for these users"]
    han.types("SRM 1 on")
    han.sees(rf"Separate room message, #2 sent to room 1 at {AT}\.")
