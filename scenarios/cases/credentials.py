"""Who has an account: what may stand in credentials.txt, and what may not (SPEC S2)."""

import re

from toom_scenarios import ACCOUNTS, Server, Stage, scenario
from toom_scenarios.programs import WELCOME
from toom_scenarios.prompts import PASSWORD
from toom_scenarios.spec import WRONG_PASSWORD

BASE = "log_in_and_out"
UNUSUAL = {
    "Yoda": "another;one",
    "C-3PO": '6*million="forms"',
    "Padmé": "naïve-٣",
    "x": "y",
    "Jar.Jar_Binks": "#'`$(meesa)",
}
EDITED = (  # SPEC S2: blank lines, newlines and spaces at the ends, CRLF, no newline at the end
    b"\r\n\nYoda size#1\r\nHan kessel<2 \n   \nLeia only*3  \r\n\n   \n\nLuke two_4"
)
IN_EDITED = {"Yoda": "size#1", "Han": "kessel<2", "Leia": "only*3", "Luke": "two_4"}
GOOD_LINES = 60  # before the faulty ones, whose numbers then are none of a clock's
FAULTY = {  # SPEC S2: what cannot be an account
    "no password": "Bail",
    "three fields": "Mon Mothma secret",
    "control character in the name": "Wed\x07ge secret",
    "control character in the password": "Wedge se\x1bcret",
    "tab for a space": "Wedge\tsecret",
    "semicolon in the name": "Jar;Jar secret",
    "a name that stands twice": "seat-a another",
}


def name_of(number: int) -> str:
    """`seat-a`, `seat-b` …: names without digits, which might be taken for a line's number."""
    letters = ""
    while number >= 0:
        number, letter = number // 26 - 1, number % 26
        letters = chr(ord("a") + letter) + letters
    return f"seat-{letters}"


def file_with(*faulty: str) -> tuple[str, list[int]]:
    """A credentials.txt with faulty lines among good ones, and the numbers of the faulty."""
    lines = [f"{name_of(number)} secret" for number in range(GOOD_LINES)]
    numbers = []
    for each in faulty:
        lines += [each, f"{name_of(len(lines))} secret", f"{name_of(len(lines) + 1)} secret"]
        numbers.append(len(lines) - 2)
    return "\n".join(lines) + "\n", numbers


def is_refused(server: Server, numbers: list[int]) -> None:
    """The server has ended with 2, and a line for each of these has the file's name and it."""
    server.terminal.ends(status=2)
    printed = [line.rpartition("/")[2] for line in server.log if "credentials.txt" in line]
    for number in numbers:
        named = [line for line in printed if re.search(rf"(?<!\d){number}(?!\d)", line)]
        assert named, f"line {number} of credentials.txt is not named: {server.log}"


@scenario("S2.1", "S2.5", builds_on=BASE, seconds=2)
def the_accounts_of_the_file_and_no_others(stage: Stage) -> None:
    """People whose names no program can know log in; sample passwords open nothing."""
    stage.server(attempts=3, accounts=UNUSUAL)
    seats = stage.host("seats")
    people = {user: stage.terminal(seats) for user in UNUSUAL}
    stranger = stage.terminal(seats, "stranger")
    stage.promise("S2.5")
    for client, user, password in (
        (people["Yoda"], "Yoda", ACCOUNTS["Yoda"]),
        (stranger, "Luke", ACCOUNTS["Luke"]),
    ):
        client.gives(user, password)
        client.sees_exactly(WRONG_PASSWORD)
        client.sees_prompt(PASSWORD)
    stage.promise("S2.1")
    yoda = people.pop("Yoda")
    yoda.types_hidden(UNUSUAL["Yoda"])
    yoda.sees_exactly(WELCOME)
    yoda.sees_prompt()
    for user, client in people.items():
        client.logs_in(user, UNUSUAL[user])


@scenario("S2.3", builds_on=BASE, seconds=1)
def a_file_that_others_have_edited(stage: Stage) -> None:
    """Blank lines, CRLF, spaces at the ends and no last newline: the four accounts work."""
    stage.server(attempts=3, accounts=EDITED)
    seats = stage.host("seats")
    people = {user: stage.terminal(seats) for user in IN_EDITED}
    for user, client in people.items():
        client.logs_in(user, IN_EDITED[user])


@scenario("S2.4", seconds=3)
def lines_that_cannot_be_accounts(stage: Stage) -> None:
    """Each fault alone, and all together: the server names the lines and does not start."""
    running = stage.server(attempts=3)
    files = {fault.replace(" ", "-"): file_with(line) for fault, line in FAULTY.items()}
    files["all-together"] = file_with(*FAULTY.values())
    refused = [
        # on a port that is taken: a server that listened first would say that instead
        (stage.server(accounts=text, folder=name, port=str(running.port), listens=False), numbers)
        for name, (text, numbers) in files.items()
    ]
    for server, numbers in refused:
        is_refused(server, numbers)
