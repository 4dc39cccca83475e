"""Sending files, peer to peer (SPEC S12, S5): films and any bytes, the way they take, the prompt beside them."""

from pathlib import Path

from toom_scenarios import Client, Host, Mark, Stage, scenario
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.prompts import COMMAND
from toom_scenarios.sockets import ESTABLISHED
from toom_scenarios.spec import BROADCAST_SENT
from toom_scenarios.transfers import (
    TOLD,
    Upload,
    caught,
    digest,
    fill,
    only_has,
    sends,
)
from toom_scenarios.videos import VideoError, decode, large_video, sample_video

BASE = "a_file_arrives"
LARGE = 180.0  # seconds for 50 MB: 2.5 Mbit/s, which any network has
FREIGHT = 8_000_000  # bytes whose way is followed through the network
ASIDE = FREIGHT // 10  # bytes that may pass elsewhere meanwhile: requests, heartbeats


def plays(stage: Stage, holder: Client, name: str) -> int:
    """Decode every frame of a file on somebody's disk; give their number."""
    copy = stage.folder / "seen" / f"{holder.name}-{name}"
    copy.parent.mkdir(exist_ok=True)
    holder.host.fetch(name, copy)
    try:
        report = decode(copy)
    except VideoError as fault:
        raise AssertionError(f"what {holder.name} received does not play: {fault}") from fault
    assert report.complete, f"{name}: {report.frames} frames, {report.stated} stated"
    copy.unlink()
    return report.frames


@scenario("S12.1", builds_on="log_in_and_out", seconds=1)
def a_file_arrives(stage: Stage) -> None:
    """Yoda sends Han a small file, and Han has it."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    yoda.host.put("notes.txt", "Do. Or do not.\n")
    sends(yoda, han, "notes.txt").received(within=20)
    assert han.file("Yoda_notes.txt").text() == "Do. Or do not.\n"


@scenario("S12.17", "S12.1", "S12.4", "S12.11", builds_on=BASE, seconds=2)
def a_video_from_one_terminal_to_another_and_back(stage: Stage) -> None:
    """Yoda sends a film to Obi-wan, who watches it to its end and sends it back: it is the same to the last byte."""
    source: Path = stage.video or sample_video()
    stage.server(attempts=3)
    yoda, obi = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan"})
    yoda.host.put(source.name, source)
    frames = []
    for presenter, audience, name in (
        (yoda, obi, source.name),
        (obi, yoda, f"Yoda_{source.name}"),
    ):
        stage.promise("S12.4")
        film = sends(presenter, audience, name)
        film.uploaded()
        in_time = film.is_there()
        film.received()
        stage.promise("S12.1")
        assert film.is_there(), f"{audience.name} has no {film.stored}"
        stage.promise("S12.4")
        assert in_time, f"{presenter.name} was told before {film.stored} was there"
        for told in (presenter, audience):
            told.sees_prompt()
        stage.promise("S12.17")
        frames.append(plays(stage, audience, film.stored))
        stage.promise("S12.11")
        film.arrives()
    assert frames[0] == frames[1]
    assert digest(yoda.host, f"Obi-wan_Yoda_{source.name}") == digest(yoda.host, source.name)
    stage.promise("S12.1")
    only_has(yoda, source.name, f"Obi-wan_Yoda_{source.name}")
    only_has(obi, f"Yoda_{source.name}")


@scenario("S12.1", builds_on=BASE, seconds=2)
def any_bytes_under_the_right_name(stage: Stage) -> None:
    """Yoda sends Han an empty file, one byte, binary data, names without extension and in capitals."""
    contents = {
        "empty": b"",
        "One.Byte": b"\n",
        "README": "Grüße\r\nnot the last line".encode(),
        "LECTURE.MP4": bytes(range(256)) * 3 + b"\x1a\r\n\0\0",
        "notes.tar.gz": stage.random.randbytes(100_001),
        "a;b'c\"%s$HOME": b"an odd name",
    }
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    for name, content in contents.items():
        yoda.host.put(name, content)
    uploads = [sends(yoda, han, name) for name in contents]
    for each in uploads:
        each.received()
        assert han.file(each.stored).bytes() == contents[each.name], f"{each.stored} differs"
    only_has(han, *(f"Yoda_{name}" for name in contents))
    only_has(yoda, *contents)


def goes_straight(presenter: Client, audience: Client, others: dict[str, Host]) -> None:
    """A file passes, from host to host, and hardly anything passes elsewhere meanwhile."""
    came, went = audience.host.received(), presenter.host.sent()
    before = {who: host.received() + host.sent() for who, host in others.items()}
    sends(presenter, audience, "film.bin").arrives()
    for who, host in others.items():
        passed = host.received() + host.sent() - before[who]
        assert passed < ASIDE, f"{passed} bytes passed at {who}, of a film of {FREIGHT}"
    assert audience.host.received() - came >= FREIGHT, "it did not come over the network"
    assert presenter.host.sent() - went >= FREIGHT, "it did not leave over the network"


@scenario("S12.2", hosts=2, builds_on=BASE)
def the_server_carries_no_byte(stage: Stage) -> None:
    """While a film passes from Yoda to Han, next to nothing passes at the server and at Luke. Han moves, and the next one finds him there."""
    server = stage.server(attempts=3)
    yoda, han, luke = stage.clients(yoda="Yoda", han="Han", luke="Luke")
    fill(yoda.host, "film.bin", FREIGHT)
    others = {"the server": server.host, "Luke's": luke.host}
    goes_straight(yoda, han, others)
    han.leaves()
    moved = stage.client("falcon", user="Han", udp_port=8123)
    goes_straight(yoda, moved, {**others, "Han's old host": han.host})


def obeys(client: Client, other: Client) -> None:
    """Commands are answered as ever."""
    client.types("BCM meanwhile")
    client.sees(BROADCAST_SENT)
    client.types("ATU")
    client.sees(f"{other.user}, .+")


@scenario("S12.3", "S12.9", hosts=2, builds_on=BASE)
def the_prompt_while_a_file_stands_still(stage: Stage) -> None:
    """Han's program is stopped in the middle of a film: Yoda has long had the prompt, and gives commands. Then Yoda's is, and Han does."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    stage.promise("S12.3")
    film = caught(yoda, han, "film.bin", stops=han)
    film.announced()
    yoda.sees_prompt()
    stage.promise("S12.9")
    obeys(yoda, han)
    film.goes_on(han)
    film.arrives()
    film = caught(yoda, han, "more.bin", stops=yoda)
    obeys(han, yoda)
    film.goes_on(yoda)
    film.arrives()


@scenario("S12.9", builds_on=BASE, seconds=4)
def a_large_video_while_commands_are_typed(stage: Stage) -> None:
    """Over 50 MB go from Yoda to Obi-wan, and both broadcast what they think of it."""
    source = large_video()
    server = stage.server(attempts=3)
    yoda, obi = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan"})
    yoda.host.put(source.name, source)
    film = sends(yoda, obi, source.name)
    for number in range(1, 6):
        for client in (yoda, obi):
            client.types(f"BCM meanwhile {number}")
            client.sees(BROADCAST_SENT)
    film.arrives(LARGE)
    assert len(server.file("messagelog.txt").lines()) == 10


def stands_again(client: Client, notice: str, since: Mark) -> None:
    """After a notice comes the prompt, and nothing between; what was typed before may follow it."""

    def told() -> bool:
        _, _, after = client.text(since=since).partition(notice)
        return after.lstrip("\n").startswith(COMMAND)

    assert wait_for(told, Deadline(5)), f"{client.name}: no prompt after {notice!r}"


@scenario("S5.11", builds_on=BASE, seconds=2)
def a_notice_and_a_line_that_is_being_typed(stage: Stage) -> None:
    """Han has typed half a broadcast when a file comes, Yoda when one has been uploaded: they finish the line, and it is said."""
    server = stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    yoda.host.put("notes.txt", "Size matters not.\n")
    notes = Upload(yoda, han, "notes.txt", (yoda.mark(), han.mark()))
    han.sends("BCM half of it before, ")
    yoda.sends("UPD Han notes.txt\rBCM mine, ")
    notes.received()
    stands_again(han, "Received notes.txt from Yoda", notes.since[1])
    notes.uploaded()
    stands_again(yoda, "notes.txt has been uploaded", notes.since[0])
    for client, rest in ((han, "half after"), (yoda, "too")):
        client.types(rest)
        client.sees(BROADCAST_SENT)
    said = [
        line.partition("; ")[2].partition("; ")[2] for line in server.file("messagelog.txt").lines()
    ]
    assert said == ["Han; half of it before, half after", "Yoda; mine, too"]


@scenario("S12.10", hosts=2, builds_on=BASE)
def several_transfers_at_once(stage: Stage) -> None:
    """One film stands still on its way from Yoda, one on its way to Yoda; small files pass both ways meanwhile, through the same port."""
    server = stage.server(attempts=3)
    here, *_ = stage.hosts("yoda", "han", "luke", "leia")
    before = {each.port for each in here.sockets("udp")}
    yoda, han, luke, leia = stage.clients(yoda="Yoda", han="Han", luke="Luke", leia="Leia")
    for client in (yoda, han):
        for name in ("notes.txt", "more.txt"):
            client.host.put(name, f"{name} of {client.user}\n")
    out = caught(yoda, luke, "for-luke.bin", stops=luke)
    back = caught(leia, yoda, "for-yoda.bin", stops=leia)
    pairs = ((yoda, han), (han, yoda))
    small = [sends(*pair, name) for name in ("notes.txt", "more.txt") for pair in pairs]
    for each in small:
        each.arrives(within=TOLD)
    ports = {each.port for each in here.sockets("udp")} - before
    peers = {each.peer_port for each in here.sockets("tcp") if each.state == ESTABLISHED}
    out.goes_on(luke)
    back.goes_on(leia)
    assert ports == {yoda.udp_port}, f"UDP ports of Yoda's host: {ports}"
    assert peers <= {server.port}, f"TCP connections of Yoda's host to the ports {peers}"
    out.arrives()
    back.arrives()
