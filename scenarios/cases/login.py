"""Logging in and out, one client (SPEC S2, S11; and S13 where clients leave in the midst of it)."""

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.programs import WELCOME
from toom_scenarios.prompts import PASSWORD, USERNAME
from toom_scenarios.sockets import ESTABLISHED
from toom_scenarios.spec import WRONG_PASSWORD

BASE = "log_in_and_out"
LONG = 10_000  # characters of an over-long input: more than a terminal or a packet takes at once
ODD_NAMES: dict[str, str | bytes] = {
    "white-space": " \t ",
    "spaces-inside": "Obi wan Kenobi",
    "newline-inside": "Yo\x16\nda",  # Ctrl-V takes the newline as it is
    "too-long": "Y" * LONG,
    "not-utf-8": b"Yod\xff\xfe",
    "control-characters": "Yo\x01da\x1b[A",
}
ODD_PASSWORDS: list[str | bytes] = [
    " ".join(["two words"] * (LONG // 10)),
    b"\xc3\x28\xff\x01\x1b[B",
    "one\x16\ntwo\tthree",
]
PATIENCE = 10.0  # seconds for one answer, on the busiest machine


def comes_to_a_prompt(client: Client) -> str:
    """Wait for whichever prompt of the log-in follows what was typed."""
    found = wait_for(
        lambda: next((each for each in (USERNAME, PASSWORD) if client.text().endswith(each)), None),
        Deadline(PATIENCE),
    )
    said = client.text(since=client.start)
    assert "Traceback" not in said, f"{client.name} shows a traceback: {said[-200:]}"
    assert found, f"{client.name} comes to no prompt of the log-in after odd input: {said[-200:]!r}"
    return found


def gives_oddly(client: Client, text: str | bytes) -> str:
    """Type it as it is, with Enter; the prompt that follows."""
    client.sends((text if isinstance(text, bytes) else text.encode()) + b"\r")
    return comes_to_a_prompt(client)


@scenario("S2.6", "S11.1", "S11.2", seconds=1)
def log_in_and_out(stage: Stage) -> None:
    """Yoda gives name and password, is welcomed and gets the command prompt; then leaves with OUT."""
    server = stage.server(attempts=3)
    stage.promise("S2.6")
    yoda = stage.client("yoda")
    yoda.sees_prompt(USERNAME)
    yoda.types("Yoda")
    yoda.sees_prompt(PASSWORD)
    yoda.types_hidden(stage.password("Yoda"))
    yoda.sees_exactly(WELCOME)
    yoda.sees_prompt()
    told = [line for line in yoda.lines() if line.strip()]
    assert told == [WELCOME], f"between the password and the prompt stands {told}"
    stage.promise("S11.1")
    yoda.types("OUT")
    yoda.sees_exactly("Bye, Yoda!")
    stage.promise("S11.2")
    userlog = server.file("userlog.txt")
    assert not (userlog.exists() and "Yoda" in userlog.text()), "Yoda still stands in userlog.txt"
    stage.promise("S11.1")
    yoda.ends(status=0)


@scenario("S11.1", builds_on=BASE, seconds=1)
def out_closes_everything(stage: Stage) -> None:
    """After OUT no socket of the client is left, and one who takes its place uses the same port."""
    server = stage.server(attempts=3)
    yoda = stage.client("yoda", user="Yoda")
    yoda.leaves()
    assert yoda.udp_port not in {each.port for each in yoda.host.sockets("udp")}
    talking = [each for each in yoda.host.sockets("tcp") if each.state == ESTABLISHED]
    assert server.port not in {each.peer_port for each in talking}
    again = stage.client("again", user="Yoda", host=yoda.host, udp_port=str(yoda.udp_port))
    again.leaves()


@scenario("S2.7", builds_on=BASE, seconds=1)
def a_wrong_password_asks_for_another(stage: Stage) -> None:
    """Yoda mistypes the password, is told so, is asked for the password alone, and gets in."""
    stage.server(attempts=4)
    yoda = stage.client("yoda")
    yoda.sees_prompt(USERNAME)
    yoda.types("Yoda")
    yoda.sees_prompt(PASSWORD)
    for mistake in ("not the password", stage.password("Han"), "Yoda"):
        yoda.types_hidden(mistake)
        yoda.sees_exactly(WRONG_PASSWORD)
        yoda.sees_prompt(PASSWORD)
        assert USERNAME not in yoda.text(), "the name is asked again after a wrong password"
    yoda.types_hidden(stage.password("Yoda"))
    yoda.sees_exactly(WELCOME)
    yoda.sees_prompt()


@scenario("S2.2", builds_on=BASE, seconds=1)
def names_and_passwords_are_case_sensitive(stage: Stage) -> None:
    """`Yoda` and `yoda` are two people, whose passwords differ in their capitals alone."""
    stage.server(attempts=5, accounts={"Yoda": "Size#Matters", "yoda": "size#matters"})
    names = ("capital", "small", "neither")
    big, small, neither = (stage.client(name, host=stage.host("seats")) for name in names)
    for client, user, others, own in (
        (big, "Yoda", "size#matters", "Size#Matters"),
        (small, "yoda", "Size#Matters", "size#matters"),
    ):
        client.gives(user, others)
        client.sees_exactly(WRONG_PASSWORD)
        client.sees_prompt(PASSWORD)
        client.types_hidden(own)
        client.sees_exactly(WELCOME)
        client.sees_prompt()
    neither.gives("YODA", "Size#Matters")
    neither.sees_exactly(WRONG_PASSWORD)
    neither.sees_prompt(PASSWORD)
    neither.types_hidden("size#matters")
    neither.sees_exactly(WRONG_PASSWORD)


@scenario("S2.9", builds_on=BASE, seconds=1)
def an_empty_name_and_odd_passwords(stage: Stage) -> None:
    """Enter alone asks for the name again; passwords that could be none are wrong ones."""
    stage.server(attempts=5)
    yoda = stage.client("yoda")
    for _ in range(2):
        yoda.sees_prompt(USERNAME)
        yoda.types("")
    yoda.sees_prompt(USERNAME)
    yoda.types("Yoda")
    for odd in ("", "   ", 'two words; "quoted"', "naïve-٣"):
        yoda.sees_prompt(PASSWORD)
        yoda.types_hidden(odd)
        yoda.sees_exactly(WRONG_PASSWORD)
    yoda.sees_prompt(PASSWORD)
    yoda.types_hidden(stage.password("Yoda"))
    yoda.sees_exactly(WELCOME)
    yoda.sees_prompt()


@scenario("S2.10", builds_on=BASE, seconds=2)
def odd_input_at_the_log_in_crashes_nothing(stage: Stage) -> None:
    """Spaces, newlines, 10 kB, control characters and broken UTF-8, as names and as passwords."""
    server = stage.server(attempts=5)
    seats = stage.host("seats")
    odd = {name: stage.terminal(seats, name) for name in ODD_NAMES}
    yoda = stage.terminal(seats, "yoda")
    for name, client in odd.items():
        client.sees_prompt(USERNAME)
        if gives_oddly(client, ODD_NAMES[name]) == PASSWORD:
            gives_oddly(client, "no password")
        assert client.is_running(), f"{name}: the client has ended"
    yoda.sees_prompt(USERNAME)
    yoda.types("Yoda")
    yoda.sees_prompt(PASSWORD)
    for password in ODD_PASSWORDS:
        assert gives_oddly(yoda, password) == PASSWORD
    yoda.types_hidden(stage.password("Yoda"))
    yoda.sees_exactly(WELCOME)
    yoda.sees_prompt()
    assert server.terminal.is_running(), "the server has ended"
    assert not [line for line in server.log if "Traceback" in line]


@scenario("S13.2", "S3.3", "S5.12", builds_on=BASE, seconds=2)
def clients_that_leave_in_the_midst_of_the_log_in(stage: Stage) -> None:
    """Ctrl-D, Ctrl-C and sudden death at either prompt: nobody was logged in, and all goes on."""
    server = stage.server(attempts=3)
    seats = stage.host("seats")
    ways = ("eof", "ctrl-c", "death")
    at_name = [stage.terminal(seats, f"{way}-at-the-name") for way in ways]
    at_password = [stage.terminal(seats, f"{way}-at-the-password") for way in ways]
    dying = stage.terminal(seats, "death-while-it-logs-in")
    for client in at_name:
        client.sees_prompt(USERNAME)
    for client, user in zip(at_password, ("Han", "Luke", "Leia"), strict=True):
        client.gives(user, "not the password")  # so that the server has heard of them
        client.sees_exactly(WRONG_PASSWORD)
        client.sees_prompt(PASSWORD)
    dying.gives("Yoda", stage.password("Yoda"))
    dying.kill()
    stage.promise("S5.12")
    for eof, interrupted, dead in (at_name, at_password):
        eof.sends_eof()
        interrupted.sends_interrupt()
        dead.kill()
        eof.ends(None)
        assert "Traceback" not in eof.text(since=eof.start), "end of input is OUT, no mishap"
    stage.promise("S3.3")
    server.file("userlog.txt").comes_to([])
    stage.promise("S13.2")
    assert stage.client("yoda", user="Yoda", host=seats).asks("ATU") == ["no other active user"]
