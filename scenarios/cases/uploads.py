"""Files that are not sent (SPEC S12): users who are not there, files that are none, names that lead elsewhere."""

from collections.abc import Sequence

from toom_scenarios import ACCOUNTS, Client, Stage, scenario
from toom_scenarios.spec import INVALID_COMMAND
from toom_scenarios.transfers import only_has, sends

BASE = "log_in_and_out"
LONGEST = 200  # bytes of a name
SPECIAL = """
mkfifo pipe; ln -s /dev/zero zeros; ln -s nowhere dangling
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("door")' || true
[ "$(id -u)" = 0 ] || { echo mine > secret; chmod 000 secret; echo unreadable; }
"""


def refuses(client: Client, line: str) -> None:
    """One clear line, then the prompt."""
    reply = [told for told in client.asks(line) if told.strip()]
    assert len(reply) == 1, f"{line!r} is not refused by one line: {reply}"
    assert not reply[0].startswith("Sending "), f"{line!r} was sent"
    assert reply[0] != INVALID_COMMAND, f"{line!r} is no unknown command"


def nothing_came(presenter: Client, audience: Client) -> None:
    """A file that is sent now is the first that its audience hears of."""
    presenter.host.put("last.txt", b"after all\n")
    last = sends(presenter, audience, "last.txt")
    last.received()
    heard = [line for line in audience.lines(since=audience.start) if presenter.user in line]
    assert heard == [f"Received last.txt from {presenter.user}"], f"{audience.name} heard {heard}"
    only_has(audience, last.stored)


@scenario("S12.5", "S12.7", builds_on=BASE, seconds=1)
def users_who_are_not_there(stage: Stage) -> None:
    """Obi-wan never came, Luke has left, Grogu does not exist: Yoda is told so, whether there is such a file or not."""
    stage.server(attempts=3)
    yoda, luke = stage.clients(yoda="Yoda", luke="Luke")
    yoda.host.put("lecture1.mp4", b"not even a film")
    yoda.host.put("folder/inside.mp4", b"nor this")
    luke.leaves()
    for promise, names in (
        ("S12.5", ["lecture1.mp4"]),
        ("S12.7", ["missing.mp4", "folder"]),
    ):
        stage.promise(promise)
        for user in ("Obi-wan", "Luke", "Grogu", "luke"):
            for name in names:
                assert yoda.asks(f"UPD {user} {name}") == [f"{user} is offline"], (user, name)


@scenario("S12.6", builds_on=BASE, seconds=1)
def what_is_no_file_to_send(stage: Stage) -> None:
    """Yoda names files that are not there, a folder, a pipe, a device, a socket, and Yoda: each time one line, and Han hears of none."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    yoda.host.put("lecture1.mp4", b"not even a film")
    yoda.host.put("folder/inside.mp4", b"nor this")
    names = ["missing.mp4", "Lecture1.mp4", "folder", "pipe", "zeros", "dangling", "door"]
    if b"unreadable" in yoda.host.run(["sh", "-c", SPECIAL]).output:
        names.append("secret")  # root may read everything
    for name in names:
        refuses(yoda, f"UPD Han {name}")
    refuses(yoda, "UPD Yoda lecture1.mp4")
    nothing_came(yoda, han)


def exist(client: Client, names: Sequence[str]) -> None:
    for name in names:
        client.host.put(name, f"this is {name}\n")


@scenario("S12.8", builds_on=BASE, seconds=2)
def names_that_are_refused(stage: Stage) -> None:
    """Files that are there, but whose names lead elsewhere, are hidden, hold control characters or are too long; one of 200 bytes is sent."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    bad = [
        *("folder/inside.mp4", ".hidden", "a..b", "..b", "a..", "x" * (LONGEST + 1)),
        *("ü" * (LONGEST // 2 + 1), "be\x01ll", "two words"),
    ]
    exist(yoda, bad)
    for name in (*bad, "/etc/passwd", "../../etc/passwd", "./a..b", "..", "."):
        refuses(yoda, f"UPD Han {name}")
    nothing_came(yoda, han)
    good = ["x" * LONGEST, "ü" * (LONGEST // 2), "a.b.c", "-", "~"]
    exist(yoda, good)
    for each in [sends(yoda, han, name) for name in good]:
        each.received()
        assert each.is_there(), f"Han has no {each.stored}"


@scenario("S12.8", builds_on=BASE, seconds=1)
def a_presenter_whose_name_leads_elsewhere(stage: Stage) -> None:
    """`../Maul` sends an innocent file: at Han's, `../Maul_x.txt` would lie beside the folder, not in it."""
    maul = "../Maul"
    stage.server(attempts=3, accounts={**ACCOUNTS, maul: "d0uble-Blade"})
    sith, han = stage.clients(sith=maul, han="Han")
    sith.host.put("x.txt", b"at last we will reveal ourselves\n")
    around = ["ls", "-a", ".."]
    before = han.host.run(around).output
    upload = sends(sith, han, "x.txt")
    if sith.sees(".+")[0].startswith("Sending "):
        upload.fails()
    assert han.host.run(around).output == before, "something came to lie beside Han's folder"
    only_has(han)
