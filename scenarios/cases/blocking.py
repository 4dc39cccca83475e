"""Blocking for 10 s after the set number of failures (SPEC S2).

Three scenarios last as long as a block does; each looks at several things meanwhile. All terminals
are open before the block begins, so that a slow machine has one line to answer in time, no more.
"""

import re
import time

from toom_scenarios import Broken, Client, Stage, scenario
from toom_scenarios.programs import WELCOME
from toom_scenarios.prompts import PASSWORD, USERNAME
from toom_scenarios.spec import BLOCK_PERIOD, BLOCKED, NOW_BLOCKED, WRONG_PASSWORD

BASE = "log_in_and_out"
WRONG = "not the password"
MARGIN = 1.0  # seconds before the end of the block: a busy host takes time for one line
GRACE = 0.3  # seconds after its end: clocks are read at different places
LASTING = 13.0  # seconds of a scenario that waits for the end of a block


def at_the_name(stage: Stage, *names: str, host: str = "seats") -> list[Client]:
    """Clients of one host that ask for the name; their programs start at the same time."""
    clients = [stage.client(name, host=stage.host(host)) for name in names]
    for client in clients:
        client.sees_prompt(USERNAME)
    return clients


def says(client: Client, user: str) -> Client:
    """At the name: give it, and be asked for the password."""
    client.types(user)
    client.sees_prompt(PASSWORD)
    return client


def at_the_password(stage: Stage, *, host: str = "seats", **users: str) -> list[Client]:
    """Clients of one host that need one more line, the password; a terminal's name and a user."""
    clients = at_the_name(stage, *users, host=host)
    return [says(client, user) for client, user in zip(clients, users.values(), strict=True)]


def fails(client: Client, *answers: str) -> None:
    """At the password: give a wrong one as often as there are answers, and see these."""
    for number, answer in enumerate(answers):
        if number:
            client.sees_prompt(PASSWORD)
        client.types_hidden(WRONG)
        client.sees_exactly(answer)


def gets_in(client: Client, password: str) -> None:
    """At the password: give the right one, and be let in."""
    client.types_hidden(password)
    client.sees_exactly(WELCOME)
    client.sees_prompt()


def is_refused(client: Client, password: str, *, by: float) -> None:
    """At the password, within a block that lasts at least to `by` (monotonic clock): give one."""
    client.types_hidden(password)
    answers = "|".join(re.escape(each) for each in (BLOCKED, WELCOME, WRONG_PASSWORD, NOW_BLOCKED))
    if client.sees(answers)[0] != BLOCKED and time.monotonic() > by:
        raise Broken("this machine is too busy: the block had run out before a line was answered")
    client.sees_exactly(BLOCKED, since=Client.start)
    client.ends(None)


def until(stage: Stage, moment: float, *, because: str) -> None:
    """Let time pass up to a moment of the monotonic clock."""
    stage.lets_pass(max(0.0, moment - time.monotonic()), because=because)


# --- while a block lasts ----------------------------------------------------------------------


@scenario("S2.11", "S2.12", builds_on=BASE, seconds=LASTING)
def an_account_is_blocked_for_ten_seconds(stage: Stage) -> None:
    """Three wrong passwords block Yoda and Leia; the right one is refused for 10 s, then it counts."""
    stage.server(attempts=3)
    yoda, leia, near_the_end, undisturbed = at_the_password(
        stage, yoda="Yoda", leia="Leia", near_the_end="Yoda", undisturbed="Leia"
    )
    right, wrong = at_the_name(stage, "right", "wrong")
    stage.promise("S2.11")
    began = time.monotonic()
    for client in (yoda, leia):
        fails(client, WRONG_PASSWORD, WRONG_PASSWORD, NOW_BLOCKED)
        client.ends(None)
    ends = time.monotonic() + BLOCK_PERIOD  # the latest end; the earliest is 10 s after `began`
    stage.promise("S2.12")
    is_refused(says(right, "Yoda"), stage.password("Yoda"), by=began + BLOCK_PERIOD)
    is_refused(says(wrong, "Yoda"), WRONG, by=began + BLOCK_PERIOD)
    stage.promise("S2.11")
    until(stage, began + BLOCK_PERIOD - MARGIN, because="the whole block, SPEC S2")
    is_refused(near_the_end, stage.password("Yoda"), by=began + BLOCK_PERIOD)
    until(stage, ends + GRACE, because="the end of the block, SPEC S2")
    gets_in(undisturbed, stage.password("Leia"))


@scenario("S2.13", "S2.15", "S2.17", builds_on=BASE, seconds=LASTING)
def how_a_block_ends(stage: Stage) -> None:
    """Yoda's last failure begins the block, Leia's tries do not lengthen it, Han's count is clear."""
    stage.server(attempts=2)
    yoda, yoda_later = at_the_password(stage, yoda_1="Yoda", yoda_2="Yoda")
    fails(yoda, WRONG_PASSWORD)
    yoda.sees_prompt(PASSWORD)
    first = time.monotonic()
    leia, *tries, leia_later, han, han_later = at_the_password(
        stage, leia_1="Leia", leia_2="Leia", leia_3="Leia", leia_4="Leia", han_1="Han", han_2="Han"
    )
    until(stage, first + 1.5 * MARGIN, because="the failure that blocks comes later")
    began = time.monotonic()
    fails(yoda, NOW_BLOCKED)
    for client in (leia, han):
        fails(client, WRONG_PASSWORD, NOW_BLOCKED)
    ends = time.monotonic() + BLOCK_PERIOD
    stage.promise("S2.13")
    is_refused(tries[0], stage.password("Leia"), by=began + BLOCK_PERIOD)
    until(stage, began + BLOCK_PERIOD - MARGIN, because="the whole block, SPEC S2")
    stage.promise("S2.17")
    is_refused(yoda_later, stage.password("Yoda"), by=began + BLOCK_PERIOD)
    stage.promise("S2.13")
    is_refused(tries[1], WRONG, by=began + BLOCK_PERIOD)
    until(stage, ends + GRACE, because="the end of the block, SPEC S2")
    gets_in(leia_later, stage.password("Leia"))
    stage.promise("S2.15")
    fails(han_later, WRONG_PASSWORD)
    han_later.sees_prompt(PASSWORD)
    gets_in(han_later, stage.password("Han"))


@scenario("S2.8", builds_on=BASE, seconds=LASTING)
def unknown_names_are_treated_alike(stage: Stage) -> None:
    """Sheev has no account, Han has one: their terminals show the same, word for word, all along, though Maul, who has none either, tries in between."""
    stage.server(attempts=2)
    han, sheev, maul, near_the_end, afterwards = at_the_password(
        stage, han="Han", sheev="Sheev", maul="Maul", near_the_end="Sheev", afterwards="Sheev"
    )
    while_blocked = at_the_name(stage, "han_blocked", "sheev_blocked")
    for client in (han, sheev, maul):
        fails(client, WRONG_PASSWORD)
    began = time.monotonic()
    for client in (han, sheev):
        client.sees_prompt(PASSWORD)
        fails(client, NOW_BLOCKED)
    ends = time.monotonic() + BLOCK_PERIOD
    assert sheev.ends(None) == han.ends(None)
    assert sheev.text(since=sheev.start) == han.text(since=han.start)
    for client, user in zip(while_blocked, ("Han", "Sheev"), strict=True):
        is_refused(says(client, user), WRONG, by=began + BLOCK_PERIOD)
    known, unknown = (client.text(since=client.start) for client in while_blocked)
    assert unknown == known
    until(stage, began + BLOCK_PERIOD - MARGIN, because="the whole block, SPEC S2")
    is_refused(near_the_end, WRONG, by=began + BLOCK_PERIOD)
    until(stage, ends + GRACE, because="the end of the block, SPEC S2")
    fails(afterwards, WRONG_PASSWORD, NOW_BLOCKED)


# --- what shows at once -----------------------------------------------------------------------


@scenario("S2.11", builds_on=BASE, seconds=2)
def one_failure_blocks_or_five(stage: Stage) -> None:
    """Where ATTEMPTS is 1 the first wrong password blocks; where it is 5, four do not."""
    stage.server(attempts=1)
    (hasty,) = at_the_password(stage, hasty="Yoda")
    fails(hasty, NOW_BLOCKED)
    hasty.ends(None)
    stage.server(attempts=5, host=stage.host("patient-server"))
    lucky, late = at_the_password(stage, lucky="Leia", late="Han")
    fails(lucky, *[WRONG_PASSWORD] * 4)
    lucky.sees_prompt(PASSWORD)
    gets_in(lucky, stage.password("Leia"))
    fails(late, *[WRONG_PASSWORD] * 4, NOW_BLOCKED)
    late.ends(None)


@scenario("S2.19", builds_on=BASE, seconds=1)
def clients_that_end_blocked_exit_with_1(stage: Stage) -> None:
    """Whoever is blocked by this failure, or was before, tells the shell so."""
    stage.server(attempts=1)
    now, before = at_the_password(stage, now="Yoda", before="Yoda")
    began = time.monotonic()
    fails(now, NOW_BLOCKED)
    now.ends(status=1)
    is_refused(before, stage.password("Yoda"), by=began + BLOCK_PERIOD)
    before.ends(status=1)


@scenario("S2.14", builds_on=BASE, seconds=1)
def failures_are_counted_across_connections(stage: Stage) -> None:
    """Yoda is logged in; one failure at a terminal that is closed then, one at another, and the third blocks."""
    stage.server(attempts=3)
    stage.client("owner", user="Yoda", host=stage.host("seats"))
    closed, waiting, last = at_the_password(stage, closed="Yoda", waiting="Yoda", last="Yoda")
    fails(closed, WRONG_PASSWORD)
    closed.kill()
    fails(waiting, WRONG_PASSWORD)
    waiting.sees_prompt(PASSWORD)
    fails(last, NOW_BLOCKED)


@scenario("S2.14", "S2.11", hosts=2, builds_on=BASE, seconds=2)
def blocking_from_another_address(stage: Stage) -> None:
    """A failure at one address and one at another block the account, at both and at a third."""
    stage.server(attempts=2)
    stage.hosts("here", "there", "third")
    here, there, third = (
        at_the_password(stage, host=name, **{name: "Yoda"})[0]
        for name in ("here", "there", "third")
    )
    stage.promise("S2.14")
    fails(here, WRONG_PASSWORD)
    here.sees_prompt(PASSWORD)
    began = time.monotonic()
    fails(there, NOW_BLOCKED)
    stage.promise("S2.11")
    there.ends(None)
    for elsewhere in (here, third):
        is_refused(elsewhere, stage.password("Yoda"), by=began + BLOCK_PERIOD)


@scenario("S2.15", builds_on=BASE, seconds=1)
def a_success_clears_the_failures(stage: Stage) -> None:
    """Yoda mistypes twice and gets in, today and tomorrow: never three failures on end."""
    stage.server(attempts=3)
    for client in at_the_password(stage, today="Yoda", tomorrow="Yoda"):
        fails(client, WRONG_PASSWORD, WRONG_PASSWORD)
        client.sees_prompt(PASSWORD)
        gets_in(client, stage.password("Yoda"))
        client.user = "Yoda"
        client.leaves()


@scenario("S2.16", builds_on=BASE, seconds=2)
def other_accounts_are_not_touched(stage: Stage) -> None:
    """Yoda is blocked; not so Han, who has failed as well, nor Leia at the same host, nor `yoda`; their success does not clear Rey's failure."""
    accounts = {"Yoda": "size#Matters", "yoda": "judge#me", "Han": "k3ssel", "Leia": "only-hope"}
    stage.server(attempts=2, accounts={**accounts, "Rey": "n0body"})
    yoda, namesake, han, leia, rey = at_the_password(
        stage, yoda="Yoda", namesake="yoda", han="Han", leia="Leia", rey="Rey"
    )
    for client in (han, rey):
        fails(client, WRONG_PASSWORD)
        client.sees_prompt(PASSWORD)
    fails(yoda, WRONG_PASSWORD, NOW_BLOCKED)
    for client, user in ((namesake, "yoda"), (han, "Han"), (leia, "Leia")):
        gets_in(client, accounts[user])
    fails(rey, NOW_BLOCKED)


@scenario("S2.18", builds_on=BASE, seconds=2)
def a_restart_forgets_failures_and_blocks(stage: Stage) -> None:
    """Yoda is blocked and Han has failed once; the server is started anew, and both begin anew."""
    server = stage.server(attempts=2)
    yoda, han = at_the_password(stage, yoda="Yoda", han="Han")
    fails(han, WRONG_PASSWORD)
    began = time.monotonic()
    fails(yoda, WRONG_PASSWORD, NOW_BLOCKED)
    server.stops()
    server.starts_again()
    yoda, han = at_the_password(stage, yoda_again="Yoda", han_again="Han")
    gets_in(yoda, stage.password("Yoda"))
    if time.monotonic() > began + BLOCK_PERIOD:
        raise Broken("this machine is too busy: the block would have run out by itself")
    fails(han, WRONG_PASSWORD)
    han.sees_prompt(PASSWORD)
    gets_in(han, stage.password("Han"))
