"""Reading the broadcasts: `RDM b` (SPEC S4, S10). Reading rooms is in a file of its own."""

from datetime import timedelta

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.spec import (
    BAD_TIMESTAMP,
    LONG_AGO,
    NO_NEW_MESSAGE,
    Said,
    Talk,
    time_of,
    timestamp,
)
from toom_scenarios.talking import broadcasts, room_of, says, seats

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MUCH_LATER = "31 Dec 2099 23:59:59"
EARLIER = 900  # messages: some 60 KB, more than one answer of a usual size
LENGTHY = 8000  # bytes of a message; SPEC S5 allows 8 KiB
SECONDS_APART = 1.1  # so that two messages differ in the second


def is_answered(client: Client, line: str, wanted: str) -> None:
    """A command has exactly this line as its reply."""
    reply = client.asks(line)
    assert reply == [wanted], f"{line!r} is answered by {reply}"


def lets_a_second_pass(stage: Stage) -> None:
    why = "times are compared to the second, SPEC S10"
    stage.lets_pass(SECONDS_APART, because=why, promised=False)


@scenario("S10.1", "S10.4", builds_on="log_in_and_out")
def reading_the_broadcasts(stage: Stage) -> None:
    """Yoda and Han say three things and both read them: a line for each in their order, without a heading, one's own included; later ones alone when a later time is asked for."""
    stage.promise("S10.1")
    stage.server(attempts=3)
    yoda, han, luke = seats(stage, "Yoda", "Han", "Luke")
    talk = Talk()
    broadcasts(yoda, "hello there", talk)
    first = broadcasts(han, "who is here?", talk)
    lets_a_second_pass(stage)
    broadcasts(yoda, "all of us", talk)
    every = [said.read_line for said in talk.said]
    assert luke.asks(f"RDM b {LONG_AGO}") == every
    assert luke.asks(f"RDM b {first.at}") == every[2:]
    stage.promise("S10.4")
    for client in (yoda, han):
        assert client.asks(f"RDM b {LONG_AGO}") == every, f"{client.user} has said some of it"


@scenario("S10.1", "S10.2", builds_on="reading_the_broadcasts")
def long_answers_come_whole(stage: Stage) -> None:
    """There are 900 broadcasts of an earlier day, and a room holds five messages of nearly 8 KiB: Han reads them all, those of the room under one heading."""
    stage.promise("S10.1")
    old = [
        Said(number, "1 Jun 2022 16:05:00", "Yoda", f"message {number} of an earlier day")
        for number in range(1, EARLIER + 1)
    ]
    files = {"messagelog.txt": "".join(f"{said.log_line}\n" for said in old)}
    stage.server(attempts=3, files=files)
    yoda, han = seats(stage, "Yoda", "Han")
    assert han.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in old]
    stage.promise("S10.2")
    room, talk = room_of(yoda, "Han"), Talk()
    for letter in "abcde":
        says(yoda, room, letter * LENGTHY, talk)
    wanted = [f"room-{room}:", *(said.read_line for said in talk.said)]
    assert han.asks(f"RDM s {LONG_AGO}") == wanted


@scenario("S10.5", builds_on="log_in_and_out")
def later_is_strictly_later(stage: Stage) -> None:
    """A message is not read with its own second as the time, and is with the second before."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    talk = Talk()
    first = broadcasts(yoda, "first", talk)
    lets_a_second_pass(stage)
    second = broadcasts(yoda, "second", talk)
    before = timestamp(time_of(first.at) - timedelta(seconds=1))
    assert yoda.asks(f"RDM b {first.at}") == [second.read_line]
    assert yoda.asks(f"RDM b {second.at}") == [NO_NEW_MESSAGE]
    assert yoda.asks(f"RDM b {before}") == [first.read_line, second.read_line]


@scenario("S10.3", builds_on="log_in_and_out")
def nothing_new(stage: Stage) -> None:
    """Yoda reads before anything was said, and later asks for what is newer than the year 2099; no room is there to be read."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    assert yoda.asks(f"RDM b {LONG_AGO}") == [NO_NEW_MESSAGE]
    said = broadcasts(yoda, "hello", Talk())
    assert yoda.asks(f"RDM b {MUCH_LATER}") == [NO_NEW_MESSAGE]
    assert yoda.asks(f"RDM b {LONG_AGO}") == [said.read_line]
    assert yoda.asks(f"RDM s {LONG_AGO}") == [NO_NEW_MESSAGE]


@scenario("S10.6", builds_on="log_in_and_out")
def types_that_there_are_not(stage: Stage) -> None:
    """Yoda asks for messages of other types than b and s, some of which only look like them."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    for kind in ("x", "B", "S", "bs", "b;", "1", "-b", "broadcasts", "ß"):
        wanted = f"Invalid message type: {kind}. The valid types are b and s"
        is_answered(yoda, f"RDM {kind} {LONG_AGO}", wanted)


@scenario("S10.7", builds_on="log_in_and_out")
def timestamps_that_are_none(stage: Stage) -> None:
    """Yoda reads since yesterday, since a day without a time, and since times written as elsewhere."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    broadcasts(yoda, "hello", Talk())
    for text in (
        *("yesterday", "1 Jun 2022", "16:01:20", "2022-06-01 16:01:20", "1654099280"),
        *("1/6/2022 16:01:20", "Jun 1 2022 16:01:20", "1 Jun 22 16:01:20", "31 Feb 2022 10:00:00"),
        *("1 Jun 2022 25:00:00", "1 Jun 2022 16:01", "16:01:20 1 Jun 2022"),
    ):
        for kind in ("b", "s"):
            is_answered(yoda, f"RDM {kind} {text}", BAD_TIMESTAMP)


@scenario("S4.3", builds_on="log_in_and_out")
def timestamps_that_are_nearly_right(stage: Stage) -> None:
    """Yoda reads with timestamps of which one character is wrong, and with days and times that do not exist: each is an error that shows the right format."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    broadcasts(yoda, "hello", Talk())
    for text in (
        *("0 Jun 2022 16:01:20", "00 Jun 2022 16:01:20", "32 May 2022 16:01:20"),
        *("31 Jun 2022 16:01:20", "29 Feb 2023 16:01:20", "29 Feb 1900 16:01:20"),
        *("1 Jun 2022 24:00:00", "1 Jun 2022 16:60:20", "1 Jun 2022 16:01:60"),
        *("1 jun 2022 16:01:20", "1 JUN 2022 16:01:20", "1 June 2022 16:01:20"),
        *("1 Mai 2022 16:01:20", "1 6 2022 16:01:20", "001 Jun 2022 16:01:20"),
        *("-1 Jun 2022 16:01:20", "+1 Jun 2022 16:01:20", "1. Jun 2022 16:01:20"),
        *("1 Jun 02022 16:01:20", "1 Jun 202 16:01:20", "1 Jun 2022 9:05:07"),
        *("1 Jun 2022 16:1:20", "1 Jun 2022 16:01:2", "1 Jun 2022 16:01:20.5"),
        *("1 Jun 2022 16:01:20Z", "1 Jun 2022 4:01:20 PM", "1 Jun 2022 16:01:20 and more"),
        *("1  Jun 2022 16:01:20", "1 Jun 2022  16:01:20", "1 Jun 2022T16:01:20"),
        *("1-Jun-2022 16:01:20", "1 Jun 2022 16.01.20", "1 Jun 2022; 16:01:20"),
        *("١ Jun 2022 16:01:20", "1 Jun ２０２２ 16:01:20", "1 Jun 2022 16:01:２0"),
    ):
        is_answered(yoda, f"RDM b {text}", BAD_TIMESTAMP)


@scenario("S4.2", builds_on="log_in_and_out")
def a_day_with_a_leading_zero(stage: Stage) -> None:
    """Yoda reads since `01 Jan 2001`, which is the same as `1 Jan 2001`, and since `01 Jan 2099`; other right timestamps, of every month, are taken as well."""
    stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    said = broadcasts(yoda, "hello", Talk())
    past = ("01 Jan 2001 00:00:00", "09 Aug 2016 09:08:07", "29 Feb 2024 23:59:59")
    for text in (*past, "31 Dec 1999 00:00:00", "10 Oct 2010 10:10:10"):
        is_answered(yoda, f"RDM b {text}", said.read_line)
    ahead = [f"15 {month} 2098 12:00:00" for month in MONTHS]
    for text in ("01 Jan 2099 00:00:00", "1 Jan 2099 00:00:00", *ahead):
        is_answered(yoda, f"RDM b {text}", NO_NEW_MESSAGE)
