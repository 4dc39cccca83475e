"""Blocking for 10 s after the set number of failures (SPEC S2)."""

import time

from toom_scenarios import Broken, Client, Stage, scenario
from toom_scenarios.spec import BLOCK_PERIOD, BLOCKED, NOW_BLOCKED, WRONG_PASSWORD, user_line

MARGIN = 1.5  # seconds before the end of the block: a busy host takes time for one line


def fails(client: Client, user: str, answers: list[str]) -> None:
    """Give a wrong password as often as there are answers, and see these answers."""
    client.sees_prompt("Username: ")
    client.types(user)
    for answer in answers:
        client.sees_prompt("Password: ")
        client.types_hidden("not the password")
        client.sees_exactly(answer)


def waits_at_the_password(client: Client, user: str) -> Client:
    """Bring a client to where one line is all that it needs, so that a slow start costs no time."""
    client.sees_prompt("Username: ")
    client.types(user)
    client.sees_prompt("Password: ")
    return client


def is_still_blocked(client: Client, password: str, *, began: float) -> None:
    """Give the right password within the block, which began after `began` (monotonic clock)."""
    client.types_hidden(password)
    client.sees("(?:Your account is blocked|Welcome to).+")
    if time.monotonic() > began + BLOCK_PERIOD:
        raise Broken("this machine is too busy: the block had run out before a line was answered")
    client.sees_exactly(BLOCKED, since=Client.start)
    client.ends(status=1)


def until(stage: Stage, moment: float, *, because: str) -> None:
    """Let time pass up to a moment of the monotonic clock."""
    stage.lets_pass(max(0.0, moment - time.monotonic()), because=because)


@scenario(section="S2", part="blocking")
def blocking_after_the_set_number_of_failures(stage: Stage) -> None:
    """«After ATTEMPTS consecutive failures the account is blocked for 10 s, from every address: `Invalid Password. Your account has been blocked. Please try again later`, and the client exits.»"""
    server = stage.server(attempts=3)
    host, right = stage.host("yoda"), stage.password("Yoda")
    at_once = waits_at_the_password(stage.client("at-once", host=host), "Yoda")
    middle = waits_at_the_password(stage.client("middle", host=host), "Yoda")
    han = stage.client("han", host=host)
    first = stage.client("first", host=host)
    before = time.monotonic()
    fails(first, "Yoda", [WRONG_PASSWORD, WRONG_PASSWORD, NOW_BLOCKED])
    after = time.monotonic()  # the block began between these two
    is_still_blocked(at_once, right, began=before)
    first.ends(status=1)
    han.logs_in("Han", stage.password("Han"))  # other accounts are not touched
    until(stage, before + BLOCK_PERIOD - MARGIN, because="the whole block, SPEC S2")
    is_still_blocked(middle, right, began=before)
    until(stage, after + BLOCK_PERIOD, because="a try while blocked does not lengthen the block")
    later = stage.client("later", user="Yoda", host=host)
    server.file("userlog.txt").has_lines(
        [
            user_line(1, "Han", han.address, han.udp_port),
            user_line(2, "Yoda", later.address, later.udp_port),
        ]
    )
    later.leaves()


@scenario(section="S2", part="blocking", hosts=2)
def blocking_from_another_address(stage: Stage) -> None:
    """«Failures are counted per account across connections and addresses; a success clears them, and so does a block that has run out»"""
    server = stage.server(attempts=2)
    right = stage.password("Yoda")
    here, there = stage.client("here"), stage.client("there")
    early = waits_at_the_password(stage.client("early"), "Yoda")
    fails(here, "Yoda", [WRONG_PASSWORD])
    here.sees_prompt("Password: ")
    before = time.monotonic()
    fails(there, "Yoda", [NOW_BLOCKED])
    after = time.monotonic()  # the block began between these two
    is_still_blocked(here, right, began=before)
    there.ends(status=1)
    until(stage, before + BLOCK_PERIOD - MARGIN, because="the whole block, SPEC S2")
    is_still_blocked(early, right, began=before)
    until(stage, after + BLOCK_PERIOD, because="the end of the block, SPEC S2")
    once_more = stage.client("once-more", host=there.host)  # the count begins anew
    fails(once_more, "Yoda", [WRONG_PASSWORD])
    once_more.sees_prompt("Password: ")
    once_more.types_hidden(right)
    once_more.sees_exactly("Welcome to TOOM!")
    once_more.sees_prompt()
    server.file("userlog.txt").has_lines(
        [user_line(1, "Yoda", once_more.address, once_more.udp_port)]
    )


@scenario(section="S2", part="blocking", weight=0.5)
def unknown_names_are_treated_alike(stage: Stage) -> None:
    """«An unknown user gets the same treatment as a wrong password, counting and blocking included (in a bounded table), so that names cannot be probed.»"""
    server = stage.server(attempts=2)
    nobody = stage.client("nobody")
    again = waits_at_the_password(stage.client("again", host=nobody.host), "Sheev")
    before = time.monotonic()
    fails(nobody, "Sheev", [WRONG_PASSWORD, NOW_BLOCKED])
    is_still_blocked(again, "whatever", began=before)
    nobody.ends(status=1)
    server.file("userlog.txt").has_lines([])


@scenario(section="S2", part="blocking", weight=0.5)
def a_success_clears_the_failures(stage: Stage) -> None:
    """«After ATTEMPTS consecutive failures …; a success clears them»"""
    stage.server(attempts=2)
    for turn in ("first", "second"):
        yoda = stage.client(turn, host=stage.host("yoda"))
        fails(yoda, "Yoda", [WRONG_PASSWORD])
        yoda.sees_prompt("Password: ")
        yoda.types_hidden(stage.password("Yoda"))
        yoda.sees_exactly("Welcome to TOOM!")
        yoda.sees_prompt()
        yoda.user = "Yoda"
        yoda.leaves()
