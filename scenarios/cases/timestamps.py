"""Timestamps and numbers of a log (SPEC S4). Timestamps that are typed are in reading.py."""

import re
from datetime import datetime, timedelta

from toom_scenarios import Stage, scenario
from toom_scenarios.spec import AT, BROADCAST_SENT, Said, Talk, room_log, time_of
from toom_scenarios.talking import room_of, says, seats

AHEAD = 12  # messages that each client has typed before the first is answered
ELSEWHERE = "<+0545>-05:45"  # a time zone, as POSIX writes it
ITS_OFFSET = timedelta(hours=5, minutes=45)


@scenario("S4.1", builds_on="log_in_and_out")
def timestamps_tell_the_servers_time(stage: Stage) -> None:
    """The times in a reply, in the log and in userlog.txt have the form of SPEC, and lie between two looks at the server's clock."""
    server = stage.server(attempts=3)
    begin = stage.server_time()
    [yoda] = seats(stage, "Yoda")
    yoda.types("BCM hello")
    reply = yoda.sees(r"Broadcast message, #1 broadcast at (?P<at>.+)\.")
    user = server.file("userlog.txt").waits_until(
        lambda text: text.count("; ") == 4, wanted="a line"
    )
    log = server.file("messagelog.txt").waits_until(
        lambda text: text.count("; ") == 3, wanted="a line"
    )
    end = stage.server_time()
    for at in (reply["at"], user.split("; ")[1], log.split("; ")[1]):
        assert re.fullmatch(AT, at), f"{at!r} is no timestamp"
        assert begin <= time_of(at) <= end, f"{at!r} is not between {begin} and {end}"


@scenario("S4.1", builds_on="log_in_and_out")
def a_server_in_another_time_zone(stage: Stage) -> None:
    """The server runs where the clock is 5:45 ahead of Greenwich: its timestamps are those of its place."""
    server = stage.server(attempts=3, environment={"TZ": ELSEWHERE})
    [yoda] = seats(stage, "Yoda")

    def its_time() -> datetime:
        told = server.host.run(["date", "-u", "+%Y-%m-%d %H:%M:%S"]).output.decode()
        return datetime.fromisoformat(told.strip()) + ITS_OFFSET

    begin = its_time()
    yoda.types("BCM hello")
    reply = yoda.sees(r"Broadcast message, #1 broadcast at (?P<at>.+)\.")
    end = its_time()
    assert re.fullmatch(AT, reply["at"]), f"{reply['at']!r} is no timestamp"
    assert begin <= time_of(reply["at"]) <= end, f"{reply['at']!r}: there it is {begin}"


@scenario("S4.4", builds_on="log_in_and_out")
def several_type_at_once(stage: Stage) -> None:
    """Three users have typed twelve broadcasts each before the first is answered: the log's numbers run without a hole, its times never go back, and each reply tells its line."""
    server = stage.server(attempts=3)
    clients = seats(stage, "Yoda", "Han", "Luke")
    for client in clients:
        client.sends("".join(f"BCM {client.user} {number}\r" for number in range(AHEAD)))
    told = {}
    for client in clients:
        for number in range(AHEAD):
            reply = client.sees(BROADCAST_SENT)
            said = Said(int(reply["number"]), reply["at"], client.user, f"{client.user} {number}")
            told[said.number] = said
    talk = Talk([told[number] for number in sorted(told)])
    numbers = list(range(1, len(clients) * AHEAD + 1))
    assert sorted(told) == numbers, f"the replies are numbered {sorted(told)}"
    server.file("messagelog.txt").comes_to([re.escape(said.log_line) for said in talk.said])
    talk.check(server.file("messagelog.txt"))


@scenario("S4.4", "S4.1", builds_on="log_in_and_out")
def a_clock_that_was_set_back(stage: Stage) -> None:
    """The log's last line is of a time that the clock has not reached: the next has the next number and no earlier time, which is written like every other."""
    stage.promise("S4.4")
    last = Said(7, "5 Jun 2091 04:03:02", "Han", "hello from the future")
    server = stage.server(attempts=3, files={"messagelog.txt": f"{last.log_line}\n"})
    [yoda] = seats(stage, "Yoda")
    yoda.types("BCM hello")
    reply = yoda.sees(r"Broadcast message, #(?P<number>[0-9]+) broadcast at (?P<at>.+)\.")
    stage.promise("S4.1")
    assert re.fullmatch(AT, reply["at"]), f"{reply['at']!r} is no timestamp"
    stage.promise("S4.4")
    assert reply["number"] == "8"
    assert time_of(reply["at"]) >= time_of(last.at), f"after {last.at} comes {reply['at']}"
    said = Said(8, reply["at"], "Yoda", "hello")
    server.file("messagelog.txt").comes_to([re.escape(each.log_line) for each in (last, said)])


@scenario("S4.4", builds_on="messages_and_rooms_survive_a_restart")
def a_clock_that_was_set_back_in_a_room(stage: Stage) -> None:
    """The last line of a room's log is of a time that the clock has not reached, as if it had been set back while the server was down: the next has no earlier time."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    room = room_of(yoda, "Han")
    says(yoda, room, "hello", Talk())
    server.stops()
    last = Said(1, "5 Jun 2091 04:03:02", "Yoda", "hello")
    server.host.put(room_log(room), f"{last.log_line}\n")
    server.starts_again()
    (yoda,) = seats(stage, "Yoda")
    said = says(yoda, room, "hello again", Talk())
    assert said.number == 2
    assert time_of(said.at) >= time_of(last.at), f"after {last.at} comes {said.at}"
    server.file(room_log(room)).has_lines([re.escape(each.log_line) for each in (last, said)])
