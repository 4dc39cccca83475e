"""What goes wrong while a file is on its way (SPEC S12, S11): people who leave or vanish, disks, names, files that change."""

from toom_scenarios import ACCOUNTS, Client, Host, Stage, scenario
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.transfers import (
    HIDDEN,
    PATIENCE,
    TOLD,
    all_caught,
    caught,
    digest,
    fill,
    only_has,
    sends,
)

BASE = "a_file_arrives"
VANISHING = 17.0  # seconds: those in which a silent peer is gone, and the log-ins
A_WHILE = 6.0  # seconds of silence after which a peer may come back
SMALL_DISK = 4_000_000  # bytes
BULK = 100_000  # bytes that are no notes about a transfer, but its data


@scenario("S11.4", "S12.12", hosts=2, builds_on=BASE, seconds=3)
def leaving_while_files_are_on_their_way(stage: Stage) -> None:
    """Yoda types OUT in the middle of sending a film to Han, Han in the middle of taking one from Luke: all three are told."""
    stage.server(attempts=3)
    yoda, han, luke = stage.clients(yoda="Yoda", han="Han", luke="Luke")
    for presenter, leaver in ((yoda, yoda), (luke, han)):
        stage.promise("S11.4")
        film = caught(presenter, han, "film.bin", stops=leaver)
        leaver.types("OUT")
        film.goes_on(leaver)
        film.fails()
        leaver.sees_exactly(f"Bye, {leaver.user}!", since=leaver.start)
        stage.promise("S12.12")
        only_has(han)


def grow_old(host: Host) -> None:
    """All that lies in the hidden folder becomes 25 hours old."""
    host.run(["sh", "-c", f"find {HIDDEN} -exec touch -h -d '25 hours ago' {{}} +"])


def hoard(host: Host) -> list[str]:
    """The hidden files that hold data, not notes."""
    return [f.name for f in host.files() if f.name.startswith(HIDDEN) and f.size > BULK]


@scenario("S12.12", "S12.13", hosts=2, builds_on=BASE, seconds=VANISHING)
def a_peer_that_is_killed(stage: Stage) -> None:
    """Han dies while Yoda sends him a film, Luke while he sends one to Leia. A day later Han's machine holds nothing of it."""
    server = stage.server(attempts=3)
    yoda, han, luke, leia = stage.clients(yoda="Yoda", han="Han", luke="Luke", leia="Leia")
    stage.promise("S12.12")
    to_han = caught(yoda, han, "film.bin", stops=han)
    han.kill()
    from_luke = caught(luke, leia, "film.bin", stops=luke)
    luke.kill()
    told = Deadline(TOLD)
    only_has(han)
    stage.promise("S12.13")
    grow_old(han.host)
    server.file("userlog.txt").waits_until(lambda text: "; Han; " not in text, within=TOLD)
    stage.client("han-again", user="Han", host=han.host, udp_port=8123)
    gone = wait_for(lambda: not hoard(han.host), Deadline(10))
    assert gone, f"after 25 hours there is still {hoard(han.host)}"
    stage.promise("S12.12")
    with stage.awaits_limit(because="a peer silent for 15 s is gone, SPEC S12"):
        to_han.fails_at_the_presenter(told.left())
        from_luke.fails_at_the_audience(told.left())
    for client in (yoda, leia):
        client.sees_prompt()
    only_has(leia)


@scenario("S12.14", hosts=2, builds_on=BASE, seconds=VANISHING)
def a_peer_that_falls_silent(stage: Stage) -> None:
    """Leia's program stands still for a while and goes on, Han's and Luke's do not wake any more: for Yoda they are gone after 15 s."""
    stage.server(attempts=3)
    yoda, han, luke, leia = stage.clients(yoda="Yoda", han="Han", luke="Luke", leia="Leia")
    to_han = caught(yoda, han, "to-han.bin", stops=han)
    from_luke = caught(luke, yoda, "from-luke.bin", stops=luke)
    told = Deadline(TOLD)
    to_leia = caught(yoda, leia, "to-leia.bin", stops=leia)
    stage.lets_pass(A_WHILE, because="who is silent for less than the 15 s of SPEC S12 is not gone")
    to_leia.goes_on(leia)
    to_leia.arrives()
    with stage.awaits_limit(because="a peer silent for 15 s is gone, SPEC S12"):
        to_han.fails_at_the_presenter(told.left())
        from_luke.fails_at_the_audience(told.left())
    only_has(yoda, "to-han.bin", "to-leia.bin")


CHANGES = """
truncate -s -"$1" shrinks.bin
head -c "$1" /dev/urandom >> grows.bin
head -c "$1" /dev/urandom > other; mv other replaced.bin
size=$(stat -c %s written.bin)
for place in 0 $((size - $1)); do
  head -c "$1" /dev/urandom | dd of=written.bin bs="$1" seek="$place" iflag=fullblock oflag=seek_bytes conv=notrunc
done
"""


@scenario("S12.11", "S12.12", hosts=2, builds_on=BASE, seconds=3)
def files_that_change_while_they_are_sent(stage: Stage) -> None:
    """Of four files on their way to Han one is cut, one grows, one is replaced, one is written to at both ends: Han gets what once stood on Yoda's disk, or nothing."""
    names = [
        "written.bin",
        "shrinks.bin",
        "grows.bin",
        "replaced.bin",
    ]  # the first has surely begun
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    stage.promise("S12.11")
    films = all_caught(yoda, han, names, stops=yoda)
    only_has(han)
    versions = {name: {digest(yoda.host, name)} for name in names}
    changed = yoda.host.run(["sh", "-ec", CHANGES, "sh", "50000"])
    assert changed.status == 0, changed.output
    films[0].goes_on(yoda)
    there = []
    for film in films:
        stage.promise("S12.12")
        if film.ends():
            stage.promise("S12.11")
            versions[film.name].add(digest(yoda.host, film.name))
            assert digest(han.host, film.stored) in versions[film.name], (
                f"{film.stored} is a mixture"
            )
            there.append(film.stored)
    only_has(han, *there)


@scenario("S12.12", builds_on=BASE, seconds=2)
def a_disk_that_is_full(stage: Stage) -> None:
    """Han's disk is too small for Yoda's film: both are told, Han's program lives on, and there is room for a note."""
    stage.server(attempts=3)
    stage.host("han", disk=SMALL_DISK)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    fill(yoda.host, "film.bin", 2 * SMALL_DISK)
    sends(yoda, han, "film.bin").fails()
    only_has(han)
    # unfinished data may wait there: somebody makes room
    han.host.run(["sh", "-c", f"find {HIDDEN} -type f -exec truncate -s 0 {{}} +"])
    yoda.host.put("note.txt", b"You need a bigger ship.\n")
    sends(yoda, han, "note.txt").arrives()


@scenario("S12.4", "S12.12", hosts=2, builds_on=BASE, seconds=2)
def a_folder_in_the_way(stage: Stage) -> None:
    """While a film is on its way to Han, a folder takes its name: nobody is told that it has arrived unless it has."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    stage.promise("S12.4")
    film = caught(yoda, han, "film.bin", stops=han)
    han.host.put(f"{film.stored}/mine.txt", b"I was here first\n")
    film.goes_on(han)
    if film.ends():
        film.arrives()
        return
    assert f"{film.name} has been uploaded" not in yoda.lines(since=film.since[0])
    assert not film.over()
    stage.promise("S12.12")
    for client in (yoda, han):
        client.sees_prompt()
    only_has(han, f"{film.stored}/mine.txt")
    film = sends(yoda, han, "film.bin")
    film.announced()
    film.fails()


LOOKS = """
echo looking
end=$(($(date +%s) + 30))
until [ "$seen" = "$2" ] || [ "$(date +%s)" -gt $end ]; do
  seen=$(sha256sum < "$1") && seen=${seen%% *} || seen=nothing
  echo $seen
done
"""


@scenario("S12.15", hosts=2, builds_on=BASE, seconds=3)
def an_existing_file_is_replaced(stage: Stage) -> None:
    """Han looks at a film without pause while a newer one comes: he sees the old or the new one, whole. Yoda breaks off the third: the second stays."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    fill(han.host, "Yoda_film.bin", 1_000_000)
    old = digest(han.host, "Yoda_film.bin")
    film = caught(yoda, han, "film.bin", stops=han)
    assert digest(han.host, film.stored) == old, "it was touched before its successor was there"
    new = digest(yoda.host, film.name)
    looks = stage.command(han.host, "sh", "-c", LOOKS, "sh", film.stored, str(new))
    looks.sees_exactly("looking")
    film.goes_on(han)
    film.arrives()
    looks.ends(0, within=TOLD)
    seen = set(looks.lines(since=looks.start)) - {"looking"}
    assert seen <= {old, new}, f"neither the old film nor the new one was seen: {seen}"
    film = caught(yoda, han, "film.bin", stops=yoda)
    yoda.types("OUT")
    film.goes_on(yoda)
    film.fails_at_the_audience()
    assert digest(han.host, film.stored) == new, "a film that broke off replaced a whole one"
    only_has(han, film.stored)


def is_refused(presenter: Client, audience: Client, name: str) -> None:
    """At once by the presenter's own program, in one line, or by the audience, and both are told."""
    second = sends(presenter, audience, name)
    if presenter.sees(".+")[0] == f"Sending {name} to {audience.user}":
        second.fails()


@scenario("S12.16", hosts=2, builds_on=BASE, seconds=2)
def two_files_for_one_name(stage: Stage) -> None:
    """`Yoda` sends Han x_film.bin, and `Yoda_x` film.bin; `Yoda` sends it twice: Han gets the first of each, and once."""
    names = {"yoda": "Yoda", "yoda-x": "Yoda_x"}
    stage.server(attempts=3, accounts={**ACCOUNTS, "Yoda_x": "clone?Of=Yoda7"})
    yoda, clone, han = stage.clients(**names, han="Han")
    clone.host.put("film.bin", b"this must not arrive")
    first = caught(yoda, han, "x_film.bin", stops=yoda)
    is_refused(clone, han, "film.bin")
    first.goes_on(yoda)
    first.arrives()
    fill(yoda.host, "twice.bin", 20_000_000)
    first = sends(yoda, han, "twice.bin")
    first.announced()
    is_refused(yoda, han, "twice.bin")
    arrived = "Received twice.bin from Yoda"
    han.sees_exactly(arrived, within=PATIENCE, since=first.since[1])
    yoda.sees_exactly("twice.bin has been uploaded", within=PATIENCE, since=first.since[0])
    assert digest(han.host, first.stored) == digest(yoda.host, first.name), "it is not whole"
    assert han.lines(since=first.since[1]).count(arrived) == 1, "it arrived twice"
    only_has(han, "Yoda_x_film.bin", "Yoda_twice.bin")
