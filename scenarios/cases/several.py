"""Several clients, logged in from several terminals (SPEC S2, S3, S5, S11, S13)."""

import signal as signals

from toom_scenarios import Stage, scenario
from toom_scenarios.spec import INVALID_COMMAND, time_of, user_line

USERS = {"yoda": "Yoda", "obi-wan": "Obi-wan", "luke": "Luke", "han": "Han", "leia": "Leia"}


@scenario(section="S3", part="several", weight=2)
def five_users_and_the_user_log(stage: Stage) -> None:
    """«at log-out … the line goes … and those below move up and are renumbered. … Sequence numbers run from 1 without a hole, in order of login.»"""
    server = stage.server(attempts=3)
    userlog = server.file("userlog.txt")
    userlog.has_lines([])
    begin = stage.server_time()
    there = []
    for name, user in USERS.items():
        there.append(stage.client(name, user=user))
        lines = userlog.has_lines(
            [user_line(n, c.user, c.address, c.udp_port) for n, c in enumerate(there, start=1)]
        )
    times = [time_of(line["at"]) for line in lines]
    assert times == sorted(times), f"the times of userlog.txt go backwards: {times}"
    assert begin <= times[0], f"a log-in at {times[0]}, before the server's clock showed {begin}"
    assert times[-1] <= stage.server_time()
    assert there[1].asks("hello") == [INVALID_COMMAND]
    for leaver in (there[1], there[3], there[0]):
        leaver.leaves()
        there.remove(leaver)
        userlog.has_lines(
            [user_line(n, c.user, c.address, c.udp_port) for n, c in enumerate(there, start=1)]
        )
    there.append(stage.client("yoda-again", user="Yoda", host=stage.host("yoda")))
    userlog.has_lines(
        [user_line(n, c.user, c.address, c.udp_port) for n, c in enumerate(there, start=1)]
    )


@scenario(section="S2", part="several")
def one_log_in_per_account(stage: Stage) -> None:
    """«One login per account at a time; a second one is refused, after its right password, with `Yoda is already logged in.`, the client exits with 1, and the first is not disturbed.»"""
    server = stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda")
    second = stage.client("second")
    second.gives("Yoda", "wrong")
    second.sees_exactly("Invalid Password. Please try again")
    second.sees_prompt("Password: ")
    second.types_hidden(stage.password("Yoda"))
    second.sees_exactly("Yoda is already logged in.")
    second.ends(status=1)
    assert yoda.asks("ATU") == ["no other active user"]
    server.file("userlog.txt").has_lines([user_line(1, "Yoda", yoda.address, yoda.udp_port)])


@scenario(section="S3", part="several")
def a_client_that_dies_leaves_the_user_log(stage: Stage) -> None:
    """«at log-out, and when a client dies or its network goes away, the line goes (at once when the connection ends, …)»"""
    server = stage.server(attempts=3)
    yoda, han, luke = stage.clients(yoda="Yoda", han="Han", luke="Luke")
    han.kill()
    server.file("userlog.txt").comes_to(
        [
            user_line(1, "Yoda", yoda.address, yoda.udp_port),
            user_line(2, "Luke", luke.address, luke.udp_port),
        ],
        within=5,
    )
    back = stage.client("back", user="Han", host=han.host)
    back.leaves()


@scenario(section="S5", part="several", weight=0.5)
def lines_that_are_no_commands(stage: Stage) -> None:
    """«Unknown command: `Error. Invalid command!`. … An empty line shows the prompt again. … Nothing typed ends the client but OUT»"""
    stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda")
    for line in ("hello", "bcm hello", "out", "BCMhello", "\x1b[A", "ATUX", "Bye"):
        assert yoda.asks(line) == [INVALID_COMMAND], line
    for empty in ("", "   "):
        assert yoda.asks(empty) == [], repr(empty)
    for wrong in ("ATU now", "OUT now", "SRM", "SRM 1", "RDM b", "UPD", "UPD Han", "BCM", "SRB"):
        reply = yoda.asks(wrong)
        assert len(reply) == 1, f"{wrong!r} is not answered by one line of usage: {reply}"
        assert reply != [INVALID_COMMAND], f"{wrong!r} is a known command"
    yoda.leaves()


@scenario(section="S11", part="several", weight=0.5)
def the_server_goes_away(stage: Stage) -> None:
    """«If the server goes away, the client says `The server is gone.` and exits with 1.»"""
    server = stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    server.terminal.kill()
    for client in (yoda, han):
        client.sees_exactly("The server is gone.")
        client.ends(status=1)


@scenario(section="S3", part="several", weight=0.5)
def a_client_that_falls_silent_leaves_the_user_log(stage: Stage) -> None:
    """«at log-out, and when a client dies or its network goes away, the line goes (…, within 15 s when it falls silent) and those below move up»"""
    server = stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    yoda.kill(signals.SIGSTOP)  # the connection stays, and nothing comes from it any more
    line = user_line(1, "Han", han.address, han.udp_port)
    server.file("userlog.txt").comes_to([line], within=15)
    assert han.asks("ATU") == ["no other active user"]
