"""Broadcasts, the console, and who is active (SPEC S5, S6, S7, S11)."""

import re

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.spec import (
    BROADCAST_ON_CONSOLE,
    BROADCAST_SENT,
    INVALID_COMMAND,
    LONG_AGO,
    NOBODY_ELSE,
    Said,
    Talk,
    active_line,
    room_log,
    room_message_sent,
)
from toom_scenarios.talking import broadcasts, refusal, room_of, says, seats

MOST = 8192  # bytes of a message; SPEC S5
LITERALLY = "\x16"  # Ctrl-V, at most terminals: take the next key as it is
TYPED = (  # what comes back as it was typed
    *("a; b; c", "; ", ";", "\"quoted\" and 'quoted'", "  two  spaces   inside and around  "),
    *("Grüße, 世界 🎬 שלום é", "a\ttab", "\\n \\t \\ %s %d {0} $HOME `id` <b>&amp;</b>"),
    *("2; 1 Jun 2022 15:00:01; Han; a line of a log", "#9; Han: read at 1 Jun 2022 15:00:01."),
    *("room-1:", "OUT", "0", "x" * 2000),
)


@scenario("S6.1", "S6.2", "S6.3", builds_on="log_in_and_out")
def broadcasts_are_logged(stage: Stage) -> None:
    """Yoda and Han broadcast in turn: each is told number and time, the server's console says it, and messagelog.txt holds a line for each."""
    stage.promise("S6.2")
    server = stage.server(attempts=3)
    yoda, han = seats(stage, "Yoda", "Han")
    talk = Talk()
    for number, (client, text) in enumerate(((yoda, "Hello"), (han, "Hi"), (yoda, "Bye")), start=1):
        stage.promise("S6.2")
        said = broadcasts(client, text, talk)
        stage.promise("S6.1")
        assert said.number == number, f"the broadcasts are numbered {said.number} at {number}"
        stage.promise("S6.3")
        server.sees(on_console(said))
    stage.promise("S6.1")
    server.file("messagelog.txt").comes_to([re.escape(said.log_line) for said in talk.said])


def on_console(said: Said) -> str:
    """The server's console line for a broadcast, as a pattern."""
    return BROADCAST_ON_CONSOLE.format(
        user=re.escape(said.user), number=said.number, text=re.escape(said.text), at=said.at
    )


@scenario("S6.5", "S6.1", "S6.3", builds_on="log_in_and_out")
def a_message_comes_back_as_it_was_typed(stage: Stage) -> None:
    """Messages with semicolons, quotes, spaces, letters of the world and texts that look like lines of a log: RDM shows them as they were typed, and so do the log and the console."""
    server = stage.server(attempts=3)
    yoda, han = seats(stage, "Yoda", "Han")
    talk = Talk()
    stage.promise("S6.5")
    for text in TYPED:
        broadcasts(yoda, text, talk)
    assert han.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said]
    stage.promise("S6.1")
    server.file("messagelog.txt").comes_to([re.escape(said.log_line) for said in talk.said])
    stage.promise("S6.3")
    for said in talk.said:
        if "\t" not in said.text and said.text.isascii():
            server.sees(on_console(said))


@scenario("S6.6", builds_on="log_in_and_out")
def the_line_is_there_when_the_reply_is(stage: Stage) -> None:
    """Whenever Yoda sees a reply to BCM or SRM, the log is read at once, and holds the line."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    room = room_of(yoda, "Han")
    logs = (
        ("BCM", BROADCAST_SENT, "messagelog.txt"),
        (f"SRM {room}", room_message_sent(room), room_log(room)),
    )
    for number in range(1, 4):
        for command, sent, log in logs:
            yoda.types(f"{command} message {number}")
            reply = yoda.sees(sent)
            said = Said(int(reply["number"]), reply["at"], "Yoda", f"message {number}")
            lines = server.file(log).lines()
            assert said.log_line in lines, f"after {reply[0]!r} {log} holds {lines}"
            yoda.sees_prompt()


@scenario("S5.8", builds_on="log_in_and_out")
def what_is_a_message_and_what_is_none(stage: Stage) -> None:
    """BCM alone and BCM with spaces alone are refused; everything after the one space is the message, more spaces included."""
    server = stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    talk = Talk()
    for line in ("BCM", "BCM ", "BCM  ", "BCM      "):
        assert refusal(yoda, line) != INVALID_COMMAND, repr(line)
    for text in (" one space before", "   three", "none", "one after ", " x ", "."):
        broadcasts(yoda, text, talk)
    server.file("messagelog.txt").comes_to([re.escape(said.log_line) for said in talk.said])
    assert yoda.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said]


def types_bytes(client: Client, line: bytes) -> str:
    """Type a command that is no text and must be refused by one clear line. Returns the line."""
    client.sends(line + b"\r")
    client.sees_prompt()
    reply = client.lines()
    assert len(reply) == 1, f"{line!r} is not refused by one line: {reply[:5]}"
    assert " message, #" not in reply[0], f"{line!r} was sent: {reply[0]}"
    assert "Traceback" not in reply[0], reply[0]
    return reply[0]


@scenario("S5.9", builds_on="log_in_and_out")
def control_characters_and_invalid_utf8(stage: Stage) -> None:
    """Yoda types control characters, of ASCII and of Unicode, and bytes that are no UTF-8, into broadcasts and room messages: each is refused by a line that says so. Tabs are allowed."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    room, talk, in_room = room_of(yoda, "Han"), Talk(), Talk()
    broadcasts(yoda, "a\ttab\t", talk)
    for command in ("BCM", f"SRM {room}"):
        for odd in ("\x01", "\x07", "\x1b", "\x7f"):
            reply = refusal(yoda, f"{command} a{LITERALLY}{odd}b")
            assert reply != INVALID_COMMAND, f"{command} with {odd!r}"
        for broken in (b"\xff\xfe", b"\xe4\xb8", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80"):
            reply = types_bytes(yoda, f"{command} a".encode() + broken + b"b")
            assert reply != INVALID_COMMAND, f"{command} with {broken!r}"
    for odd in ("\x85", "\x9b"):  # in Unicode, two bytes each
        assert refusal(yoda, f"BCM a{odd}b") != INVALID_COMMAND, repr(odd)
    broadcasts(yoda, "the last", talk)
    says(yoda, room, "the only one", in_room)
    server.file("messagelog.txt").comes_to([re.escape(said.log_line) for said in talk.said])
    server.file(room_log(room)).comes_to([re.escape(said.log_line) for said in in_room.said])


@scenario("S5.9", builds_on="log_in_and_out")
def messages_of_8_kib_and_more(stage: Stage) -> None:
    """Messages of exactly 8 KiB are sent, of ASCII and of longer letters; with a byte more, or with 10 kB, they are refused."""
    server = stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    talk = Talk()
    for text in ("x" * (MOST + 1), "世" * (MOST // 3 + 1), "é" * (MOST // 2) + "x", "y" * 10_000):
        assert len(text.encode()) > MOST
        assert refusal(yoda, f"BCM {text}") != INVALID_COMMAND
    for text in ("x" * MOST, "世" * (MOST // 3) + "yz"):
        assert len(text.encode()) == MOST
        broadcasts(yoda, text, talk)
    server.file("messagelog.txt").comes_to([re.escape(said.log_line) for said in talk.said])
    assert yoda.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said]


@scenario("S6.4", builds_on="log_in_and_out")
def the_servers_console(stage: Stage) -> None:
    """Yoda does everything that can be done: on the server's stdout each command is one line that names Yoda, and nothing else stands there."""
    server = stage.server(attempts=3, stderr="errors.txt")
    [han] = seats(stage, "Han")
    server.sees(".*Han.*")
    before = server.terminal.mark()
    [yoda] = seats(stage, "Yoda")
    yoda.host.put("notes.txt", b"not even a film")
    server.sees(".*Yoda.*")
    commands = (
        *("BCM hello", "ATU", "SRB Han", "SRM 1 hello", f"RDM b {LONG_AGO}", f"RDM s {LONG_AGO}"),
        "UPD Han notes.txt",
    )
    for line in commands:
        assert yoda.asks(line), f"{line!r} is not answered"
        server.sees(".*Yoda.*")
    yoda.leaves()
    server.sees(".*Yoda.*")
    han.types("ATU")  # a barrier; how the transfer ended may be told in between
    server.sees("Han.*|.*[^,] Han.*")
    lines = server.terminal.lines(since=before)[:-1]
    wanted = len(commands) + 2  # with log-in and OUT
    assert len(lines) == wanted, f"{wanted} commands, and on the console {lines}"
    assert all("Yoda" in line for line in lines), lines


@scenario("S7.1", builds_on="log_in_and_out")
def the_others_in_order_of_log_in(stage: Stage) -> None:
    """Four users on two hosts ask who is there: each sees the three others, in order of log-in, with address, port and the time of userlog.txt."""
    server = stage.server(attempts=3)
    here, there = stage.hosts("here", "there")
    clients = [stage.terminal(host) for host in (here, there, there, here)]
    for client, user in zip(clients, ("Luke", "Yoda", "Obi-wan", "Han"), strict=True):
        client.logs_in(user, stage.password(user))
    log = server.file("userlog.txt").waits_until(
        lambda text: text.count("\n") >= len(clients) - 1, wanted="a list of four"
    )
    since = {fields[2]: fields[1] for fields in (line.split("; ") for line in log.splitlines())}
    for caller in clients:
        reply = caller.asks("ATU")
        others = [client for client in clients if client is not caller]
        assert len(reply) == len(others), f"{caller.user} sees {reply}"
        for line, other in zip(reply, others, strict=True):
            found = re.fullmatch(active_line(other.user, other.address, other.udp_port), line)
            assert found, f"{caller.user} sees {line!r}, not the line of {other.user}"
            assert found["at"] == since[other.user], f"{line!r}: userlog.txt has {log!r}"
    clients[1].leaves()
    told = [line.split(", ")[0] for line in clients[3].asks("ATU")]
    assert told == ["Luke", "Obi-wan"], told


@scenario("S7.2", builds_on="log_in_and_out")
def nobody_else(stage: Stage) -> None:
    """Yoda asks who is there while nobody else is, and again when Han has come and gone."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    assert yoda.asks("ATU") == [NOBODY_ELSE]
    [han] = seats(stage, "Han")
    assert NOBODY_ELSE not in yoda.asks("ATU")
    han.leaves()
    assert yoda.asks("ATU") == [NOBODY_ELSE]


@scenario("S11.3", builds_on="log_in_and_out")
def what_was_said_stays(stage: Stage) -> None:
    """Yoda says something to all and something in a room, and leaves: both logs keep it, and Han reads it."""
    server = stage.server(attempts=3)
    yoda, han = seats(stage, "Yoda", "Han")
    talk, in_room = Talk(), Talk()
    room = room_of(yoda, "Han")
    everywhere, there = broadcasts(yoda, "to all", talk), says(yoda, room, "to Han", in_room)
    yoda.leaves()
    server.file("userlog.txt").waits_until(
        lambda text: "; Yoda; " not in text, wanted="without Yoda"
    )
    assert han.asks(f"RDM b {LONG_AGO}") == [everywhere.read_line]
    assert han.asks(f"RDM s {LONG_AGO}") == [f"room-{room}:", there.read_line]
    talk.check(server.file("messagelog.txt"))
    in_room.check(server.file(room_log(room)))
