"""Several clients, logged in from several terminals (SPEC S2, S3, S11)."""

import re
import signal as signals

from toom_scenarios import Client, Server, Stage, scenario
from toom_scenarios.programs import WELCOME
from toom_scenarios.prompts import PASSWORD, USERNAME
from toom_scenarios.spec import (
    BROADCAST_SENT,
    NOBODY_ELSE,
    WRONG_PASSWORD,
    active_line,
    time_of,
    user_line,
)
from toom_scenarios.talking import seats

SILENCE = 15.0  # seconds; SPEC S3
SECOND = 1.1  # so that two log-ins differ in the second
SLOW_LOOK = 1.0  # seconds that a look into a file may take on a busy host
SERVER_GONE = "The server is gone."  # SPEC S11


def lines_of(there: list[Client]) -> list[str]:
    """What userlog.txt must hold when exactly these have logged in, in this order; as patterns."""
    return [user_line(n, c.user, c.address, c.udp_port) for n, c in enumerate(there, start=1)]


def has_a_line(client: Client, text: str) -> bool:
    """Whether somebody stands in this list, with whatever number."""
    line = user_line(0, client.user, client.address, client.udp_port)
    return re.search(rf"(?m)^[0-9]+{line[1:]}$", text) is not None


def numbers_and_names(text: str) -> list[list[str]]:
    """The first and the third field of each line."""
    return [line.split("; ")[:3:2] for line in text.splitlines()]


def people_from_three_hosts(stage: Stage) -> list[Client]:
    """Five terminals with clients that wait for a name, on three hosts."""
    yoda, obi, luke = stage.hosts("yoda", "obi-wan", "luke")
    return [stage.terminal(host) for host in (yoda, obi, luke, yoda, obi)]


@scenario("S3.2", "S3.1", "S3.3", "S3.4", "S3.6", builds_on="log_in_and_out", seconds=4)
def five_users_and_the_user_log(stage: Stage) -> None:
    """Five users come from three hosts, three of them go and one comes back: userlog.txt lists exactly who is there, numbered from 1 in order of log-in."""
    stage.promise("S3.3")
    server = stage.server(attempts=3)
    userlog = server.file("userlog.txt")
    userlog.comes_to([])
    people = people_from_three_hosts(stage)
    begin, there = stage.server_time(), list[Client]()
    for person, user in zip(people, ("Han", "Yoda", "Obi-wan", "Leia", "Luke"), strict=True):
        person.logs_in(user, stage.password(user))
        comes_in(stage, server, person, there)
    stage.promise("S3.2")
    times = [time_of(line["at"]) for line in userlog.has_lines(lines_of(there))]
    assert times == sorted(times), f"not in order of log-in: {times}"
    stage.promise("S3.1")
    assert begin <= times[0], f"a log-in at {times[0]}, before the server's clock showed {begin}"
    assert times[-1] <= stage.server_time()
    for leaver in (there[1], there[3], there[0]):
        stage.promise("S3.4")
        leaver.leaves()
        there.remove(leaver)
        goes(server, leaver.user)
        stage.promise("S3.6")
        userlog.comes_to(lines_of(there))
    stage.lets_pass(SECOND, because="a later second, in which Yoda comes back", promised=False)
    back = stage.client("back", user="Yoda", host=people[1].host)
    comes_in(stage, server, back, there)
    stage.promise("S3.1")
    *_, line = userlog.has_lines(lines_of(there))
    assert time_of(line["at"]) > times[1], f"Yoda came back at {line['at']}: that was before"


def comes_in(stage: Stage, server: Server, person: Client, there: list[Client]) -> None:
    """Somebody has logged in: the list has a line more, and it is the last."""
    there.append(person)
    stage.promise("S3.1")
    text = server.file("userlog.txt").waits_until(
        lambda text: has_a_line(person, text), wanted=f"a list with a line of {person.user}"
    )
    stage.promise("S3.2")
    wanted = [[str(number), client.user] for number, client in enumerate(there, start=1)]
    assert numbers_and_names(text) == wanted, f"not from 1, in order of log-in: {text!r}"
    stage.promise("S3.3")
    server.file("userlog.txt").comes_to(lines_of(there))


@scenario("S3.3", builds_on="log_in_and_out")
def the_list_of_an_earlier_server(stage: Stage) -> None:
    """The server is started where an earlier one has left a userlog.txt with two users: it is emptied, and lists who logs in now."""
    left = "1; 1 Jun 2022 21:30:04; Yoda; 129.64.1.11; 6666\n2; 1 Jun 2022 21:31:00; Han; 129.64.1.12; 6666\n"
    server = stage.server(attempts=3, files={"userlog.txt": left})
    server.file("userlog.txt").comes_to([])
    [han] = seats(stage, "Han")
    server.file("userlog.txt").comes_to(lines_of([han]))


@scenario("S2.21", builds_on="log_in_and_out")
def in_the_list_when_the_first_prompt_is_there(stage: Stage) -> None:
    """Users log in one after another, each with another UDP port: with the first prompt on the screen each stands in userlog.txt and in ATU, with the port, and was asked for nothing but name and password."""
    server = stage.server(attempts=3)
    host = stage.host("seats")
    ports = {"Yoda": 8000, "Han": 7999, "Luke": 9001}
    there = [stage.client(f"of-{user}", host=host, udp_port=port) for user, port in ports.items()]
    for number, (client, user) in enumerate(zip(there, ports, strict=True), start=1):
        client.logs_in(user, stage.password(user))
        text = server.file("userlog.txt").text()
        assert has_a_line(client, text), f"{user} sees the prompt, and userlog.txt says {text!r}"
        if number > 1:
            told = there[0].asks("ATU")
            wanted = active_line(user, client.address, client.udp_port)
            assert any(re.fullmatch(wanted, line) for line in told), (
                f"{user} sees the prompt, and ATU says {told}"
            )


@scenario("S2.20", builds_on="log_in_and_out")
def one_log_in_per_account(stage: Stage) -> None:
    """Yoda is logged in; a second Yoda is refused on another host, after the right password, and the first notices nothing. When the first has left, the account is free."""
    server = stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    before = yoda.mark()
    second, third = stage.client("second"), stage.client("third", host=yoda.host)
    second.gives("Yoda", "wrong")
    second.sees_exactly(WRONG_PASSWORD)
    second.sees_prompt("Password: ")
    second.types_hidden(stage.password("Yoda"))
    second.sees_exactly("Yoda is already logged in.")
    second.ends(status=1)
    assert yoda.lines(since=before) == [], "the first is told what does not concern them"
    assert yoda.asks("ATU") == [NOBODY_ELSE]
    server.file("userlog.txt").comes_to(lines_of([yoda]))
    yoda.leaves()
    third.logs_in("Yoda", stage.password("Yoda"))


@scenario("S2.20", builds_on="log_in_and_out")
def two_log_ins_at_the_same_moment(stage: Stage) -> None:
    """Two terminals give Yoda's password at the same moment: one is let in, the other is refused."""
    server = stage.server(attempts=3)
    host = stage.host("seats")
    both = [stage.terminal(host) for _ in range(2)]
    for client in both:
        client.sees_prompt("Username: ")
        client.types("Yoda")
        client.sees_prompt("Password: ")
    for client in both:
        client.types_hidden(stage.password("Yoda"))
    told = [client.sees(r"Welcome to TOOM!|Yoda is already logged in\.")[0] for client in both]
    assert sorted(told) == [WELCOME, "Yoda is already logged in."], f"both at once: {told}"
    winner, loser = both if told[0] == WELCOME else reversed(both)
    loser.ends(status=1)
    winner.sees_prompt()
    winner.user = "Yoda"
    server.file("userlog.txt").comes_to(lines_of([winner]))


@scenario("S3.4", builds_on="log_in_and_out", seconds=4)
def clients_that_die(stage: Stage) -> None:
    """Clients are killed at the prompt, in the middle of a line and right after the log-in, and a terminal's window is closed: each time the line goes at once, and the account is free."""
    server = stage.server(attempts=3)
    waiting, typing, stays, window = seats(stage, "Luke", "Leia", "Yoda", "Obi-wan")
    waiting.kill()
    goes(server, "Luke")
    typing.sends("BCM half a mess")
    typing.kill()
    goes(server, "Leia")
    window.close()
    goes(server, "Obi-wan")
    new = stage.terminal(stays.host)
    new.gives("Han", stage.password("Han"))
    new.sees_exactly(WELCOME)
    new.kill()
    goes(server, "Han")
    back = stage.client("back", user="Han", host=stays.host)
    server.file("userlog.txt").comes_to(lines_of([stays, back]))


def goes(server: Server, user: str) -> None:
    """Somebody's line goes, whatever becomes of the others."""
    server.file("userlog.txt").waits_until(
        lambda text: f"; {user}; " not in text, wanted=f"without {user}"
    )


@scenario("S3.5", "S3.3", builds_on="log_in_and_out", seconds=14)
def a_client_that_falls_silent(stage: Stage) -> None:
    """Yoda's client is stopped, so that the connection stays and nothing comes from it: the line goes within 15 s. Han, who only types nothing, stays."""
    server = stage.server(attempts=3)
    userlog = server.file("userlog.txt")
    yoda, han = seats(stage, "Yoda", "Han")
    yoda.kill(signals.SIGSTOP)
    stage.promise("S3.5")
    with stage.awaits_limit(because="the line of a silent client goes within 15 s, SPEC S3"):
        userlog.waits_until(
            lambda text: "; Yoda; " not in text, wanted="without Yoda", within=SILENCE + SLOW_LOOK
        )
    stage.promise("S3.3")
    userlog.comes_to(lines_of([han]))
    assert han.asks("ATU") == [NOBODY_ELSE]


@scenario("S11.5", builds_on="log_in_and_out")
def the_server_goes_away(stage: Stage) -> None:
    """The server is killed while two users are logged in and two others are asked for name and password: all clients say so and exit with 1."""
    server = stage.server(attempts=3)
    yoda, han = seats(stage, "Yoda", "Han")
    nobody, luke = (stage.terminal(stage.host("hall")) for _ in range(2))
    nobody.sees_prompt(USERNAME)
    luke.sees_prompt(USERNAME)
    luke.types("Luke")
    luke.sees_prompt(PASSWORD)
    yoda.types("BCM hello")
    yoda.sees(BROADCAST_SENT)
    yoda.sees_prompt()
    server.terminal.kill()
    for client in (yoda, han, luke, nobody):
        client.sees_exactly(SERVER_GONE)
        client.ends(status=1)


@scenario("S11.5", builds_on="log_in_and_out")
def the_server_is_ended(stage: Stage) -> None:
    """The server is asked to end, as at a shutdown of its host: the client says so and exits with 1."""
    server = stage.server(attempts=3)
    [yoda] = seats(stage, "Yoda")
    server.stops(signals.SIGTERM)
    yoda.sees_exactly(SERVER_GONE)
    yoda.ends(status=1)
