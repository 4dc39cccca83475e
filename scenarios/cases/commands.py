"""The prompt and what may be typed at it (SPEC S5)."""

import re

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.prompts import COMMAND
from toom_scenarios.spec import (
    BROADCAST_SENT,
    INVALID_COMMAND,
    LONG_AGO,
    NO_NEW_MESSAGE,
    NOBODY_ELSE,
    ROOM_BUILT,
    Talk,
    room_log,
    room_message_sent,
    user_line,
)
from toom_scenarios.talking import broadcasts, refusal, room_of, says, seats

EVERY_COMMAND = (
    *("BCM hello", "ATU", "SRB Han", "SRM 1 hello", f"RDM b {LONG_AGO}", f"RDM s {LONG_AGO}"),
    *("UPD Luke lecture1.mp4", "hello", "SRM", "ATU"),
)


@scenario("S5.1", "S5.10", builds_on="log_in_and_out")
def one_prompt_after_each_reply(stage: Stage) -> None:
    """Yoda gives every command, right ones and wrong ones: each time the reply comes first, then the whole list of commands, once."""
    stage.promise("S5.1")
    stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    for line in EVERY_COMMAND:
        stage.promise("S5.1")
        reply = yoda.asks(line)
        stage.promise("S5.10")
        assert reply, f"{line!r}: the prompt came before the reply"
    prompts = yoda.text(since=Client.start).count(COMMAND)
    wanted = 1 + len(EVERY_COMMAND)
    assert prompts == wanted, f"{prompts} prompts for a log-in and {wanted - 1} commands"


@scenario("S5.2", builds_on="log_in_and_out")
def lower_case_commands(stage: Stage) -> None:
    """Every command in lower case and in mixed case is unknown, and nothing is done."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    for line in EVERY_COMMAND[:7]:
        word, _, rest = line.partition(" ")
        for wrong in (word.lower(), word.capitalize()):
            reply = yoda.asks(f"{wrong} {rest}" if rest else wrong)
            assert reply == [INVALID_COMMAND], f"{wrong!r} is answered by {reply}"
    for wrong in ("out", "Out"):
        assert yoda.asks(wrong) == [INVALID_COMMAND]
    assert yoda.asks(f"RDM b {LONG_AGO}") == [NO_NEW_MESSAGE]
    assert not server.file(room_log(1)).exists(), "a command in lower case has built a room"


@scenario("S5.3", builds_on="log_in_and_out")
def arguments_of_one_word_and_of_many(stage: Stage) -> None:
    """Names and numbers are a word each, a message is any text up to the end of the line, a timestamp has its own four words."""
    server = stage.server(attempts=3)
    yoda, _, _ = seats(stage, "Yoda", "Han", "Luke")
    words, said, talk = "as many words as one likes, 1 Jun 2022; b", Talk(), Talk()
    broadcasts(yoda, words, said)
    said.check(server.file("messagelog.txt"))
    [reply] = yoda.asks("SRB Han Luke")
    found = re.fullmatch(ROOM_BUILT, reply)
    assert found, f"SRB with two names: {reply!r}"
    assert sorted(found["users"].split(", ")) == ["Han", "Luke", "Yoda"]
    says(yoda, 1, f"1 {words}", talk)
    talk.check(server.file(room_log(1)))
    assert yoda.asks(f"RDM b {LONG_AGO}") == [each.read_line for each in said.said]


@scenario("S5.3", builds_on="log_in_and_out")
def two_spaces_between_arguments(stage: Stage) -> None:
    """Arguments with more than one space between them are refused by one line, and nothing is done."""
    server = stage.server(attempts=3)
    yoda, han = seats(stage, "Yoda", "Han")
    talk, said = Talk(), Talk()
    broadcasts(yoda, "hello", said)
    room = room_of(yoda, "Han")
    yoda.host.put("notes.txt", "not even a film")
    for line in (
        *(f"SRM  {room} hello", "SRB  Luke", f"RDM  b {LONG_AGO}", f"RDM b  {LONG_AGO}"),
        *("UPD  Han notes.txt", "UPD Han  notes.txt"),
    ):
        reply = refusal(yoda, line)
        done = reply == NO_NEW_MESSAGE or reply.startswith(("#", "Sending "))
        assert not done, f"{line!r} was done: {reply}"
    says(han, room, "the first in this room", talk)
    talk.check(server.file(room_log(room)))


@scenario("S5.4", builds_on="log_in_and_out")
def unknown_commands(stage: Stage) -> None:
    """Yoda types words that are no commands, some of which only begin like one."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    for line in (
        *("hello", "hello there, who is here?", "HELP", "BCMhello", "ATUX", "ATU;", "OUTSIDE"),
        *("BC", "XBCM hello", "42", "Grüße", "Bye", "exit"),
    ):
        reply = yoda.asks(line)
        assert reply == [INVALID_COMMAND], f"{line!r} is answered by {reply}"
    assert yoda.asks("ATU") == [NOBODY_ELSE]


@scenario("S5.5", builds_on="log_in_and_out")
def missing_and_surplus_arguments(stage: Stage) -> None:
    """Commands with too few or too many words are answered by one line with the usage, and the prompt is there again."""
    stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    yoda.host.put("notes.txt", "not even a film")
    room = room_of(yoda, "Han")
    for line in (
        *("BCM", "SRM", f"SRM {room}", "RDM", "RDM b", "UPD", "UPD Han"),
        *("ATU now", "ATU Han", "OUT now", "UPD Han notes.txt notes.txt"),
    ):
        reply = refusal(yoda, line)
        assert reply != INVALID_COMMAND, f"{line!r} is a known command"
        assert line[:3] in reply, f"{line!r} is not answered by its usage: {reply!r}"
    assert refusal(yoda, "SRB") != INVALID_COMMAND  # in S8 it may have words of its own
    assert yoda.asks(f"RDM b {LONG_AGO}") == [NO_NEW_MESSAGE]


@scenario("S5.6", builds_on="log_in_and_out")
def an_empty_line(stage: Stage) -> None:
    """Yoda presses Enter three times: each time the prompt is shown again, and nothing else."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    before = yoda.mark()
    for _ in range(3):
        assert yoda.asks("") == []
    assert yoda.asks("ATU") == [NOBODY_ELSE]
    assert yoda.text(since=before).count(COMMAND) == 4


@scenario("S5.7", builds_on="log_in_and_out")
def trailing_spaces(stage: Stage) -> None:
    """Spaces at the end of a line change nothing, unless they belong to a message."""
    server = stage.server(attempts=3)
    yoda, han = seats(stage, "Yoda", "Han")
    said, talk = Talk(), Talk()
    broadcasts(yoda, "two at the end  ", said)
    said.check(server.file("messagelog.txt"))
    assert yoda.asks(f"RDM b {LONG_AGO}  ") == [each.read_line for each in said.said]
    [reply] = yoda.asks("SRB Han   ")
    assert re.fullmatch(ROOM_BUILT, reply), f"SRB with spaces at the end: {reply!r}"
    yoda.types("SRM 1 one at the end ")
    talk.add(yoda.sees(room_message_sent(1)), "Yoda", "one at the end ")
    talk.check(server.file(room_log(1)))
    assert yoda.asks("UPD Luke notes.txt  ") == ["Luke is offline"]
    assert yoda.asks("   ") == [], "spaces alone are an empty line"
    han.types("OUT  ")
    han.sees_exactly("Bye, Han!")
    han.ends(status=0)
    assert yoda.asks("ATU ") == [NOBODY_ELSE]


def obeys(client: Client) -> None:
    """Whatever stands in the line is ended with Enter; then the client does what it is told."""
    client.types("")
    client.types("ATU")
    client.sees_exactly(NOBODY_ELSE)
    client.sees_prompt()


@scenario("S5.12", builds_on="log_in_and_out")
def only_out_and_the_end_of_input_end_the_client(stage: Stage) -> None:
    """Yoda types words of farewell, 10 and 20 kB in one line, invalid UTF-8 and control characters: the client goes on. The end of input is OUT."""
    server = stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    too_long = f"UPD Han {'x' * 20_000}"
    for line in ("exit", "QUIT", "Bye", "out", "OUT now", "BCM OUT", "x" * 10_000, too_long):
        yoda.types(line)
        yoda.sees_prompt()
    obeys(yoda)
    for odd in (b"\xff\xfe\xc3\r", b"BCM \xe4\xb8\r", b"\x00\x01\x02\r", b"\x1b[A\x1bOP\r"):
        yoda.sends(odd)
        obeys(yoda)
    line = user_line(1, "Yoda", yoda.address, yoda.udp_port)
    server.file("userlog.txt").has_lines([line])
    yoda.sends_eof()
    yoda.sees_exactly("Bye, Yoda!")
    yoda.ends(status=0)
    server.file("userlog.txt").comes_to([])


@scenario("S5.12", builds_on="log_in_and_out")
def the_interrupt_key_does_not_end_the_client(stage: Stage) -> None:
    """Yoda presses Ctrl-C at the empty prompt and in the middle of a line: it is typed, and is not OUT."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    yoda.sends_interrupt()
    obeys(yoda)
    yoda.sends("BCM half a mess")
    yoda.sends_interrupt()
    obeys(yoda)
    yoda.types("BCM a whole message")
    yoda.sees(BROADCAST_SENT)
    yoda.leaves()
