"""Video, peer to peer (SPEC S12): what arrives is compared from outside, and it must play."""

from pathlib import Path

from toom_scenarios import Client, Mark, Stage, scenario
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.spec import BROADCAST_SENT
from toom_scenarios.videos import VideoError, decode, large_video, sample_video

SMALL = 60.0  # seconds that a small film may take, on a busy host
UNDER_WAY = 1_000_000  # bytes after which a large film is surely on its way, and not yet there
LARGE = 180.0  # seconds for 50 MB: 2.5 Mbit/s, which any network has


def film(stage: Stage) -> Path:
    """The user's own video, or the sample."""
    return stage.video or sample_video()


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


def sends(presenter: Client, audience: Client, name: str) -> tuple[Mark, Mark]:
    """UPD, up to the prompt that comes at once; where both stood before, since notices may follow."""
    before = presenter.mark(), audience.mark()
    presenter.types(f"UPD {audience.user} {name}")
    presenter.sees_exactly(f"Sending {name} to {audience.user}")
    presenter.sees_prompt()
    return before


def arrives(
    presenter: Client, audience: Client, name: str, before: tuple[Mark, Mark], within: float
) -> None:
    """Both are told, and what arrived is byte-identical."""
    audience.sees_exactly(f"Received {name} from {presenter.user}", within=within, since=before[1])
    presenter.sees_exactly(f"{name} has been uploaded", within=within, since=before[0])
    received, sent = f"{presenter.user}_{name}", name
    assert audience.host.sha256(received) == presenter.host.sha256(sent), (
        f"{received} is not {sent}"
    )


def nothing_else_is_there(client: Client, *names: str) -> None:
    """Outside the hidden folder, the working directory holds exactly these files."""
    there = [found.name for found in client.host.files() if not found.name.startswith(".toom/")]
    assert sorted(there) == sorted(names), f"{client.name}'s directory holds {there}"


def is_under_way(audience: Client, before: int) -> None:
    """Wait until a file is coming in, whatever the program does with it."""
    enough = before + UNDER_WAY
    coming = wait_for(lambda: audience.host.received() > enough, Deadline(SMALL))
    assert coming, f"less than {UNDER_WAY} bytes came to {audience.name} in {SMALL} s"


@scenario(section="S12", part="upd", weight=2)
def a_video_from_one_terminal_to_another_and_back(stage: Stage) -> None:
    """«The received file is byte-identical … **It is video, and it must be seen**: what arrives must play.»"""
    source = film(stage)
    name = source.name
    stage.server(attempts=3)
    yoda, obi = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan"})
    yoda.host.put(name, source)
    arrives(yoda, obi, name, sends(yoda, obi, name), SMALL)
    for told in (yoda, obi):
        told.sees_prompt()
    frames = plays(stage, obi, f"Yoda_{name}")
    arrives(obi, yoda, f"Yoda_{name}", sends(obi, yoda, f"Yoda_{name}"), SMALL)
    assert plays(stage, yoda, f"Obi-wan_Yoda_{name}") == frames
    assert yoda.host.sha256(f"Obi-wan_Yoda_{name}") == yoda.host.sha256(name)
    nothing_else_is_there(yoda, name, f"Obi-wan_Yoda_{name}")
    nothing_else_is_there(obi, f"Yoda_{name}")


@scenario(section="S12", part="upd")
def several_transfers_at_once(stage: Stage) -> None:
    """«several transfers, both ways, run at once, all over the one UDP port that each client announced»"""
    small, large = film(stage), large_video()
    stage.server(attempts=3)
    yoda, han, luke = stage.clients(yoda="Yoda", han="Han", luke="Luke")
    pairs = [(yoda, han, large), (yoda, luke, small), (han, yoda, small), (luke, han, small)]
    for presenter, audience, source in pairs:
        presenter.host.put(f"for-{audience.name}.mp4", source)
    under_way = []
    for presenter, audience, source in pairs:
        name, already = f"for-{audience.name}.mp4", audience.host.received()
        under_way.append((presenter, audience, name, sends(presenter, audience, name)))
        if source is large:
            is_under_way(audience, already)
    for presenter, audience, name, before in reversed(under_way):
        arrives(presenter, audience, name, before, LARGE)
        plays(stage, audience, f"{presenter.user}_{name}")
    nothing_else_is_there(han, "for-yoda.mp4", "Yoda_for-han.mp4", "Luke_for-han.mp4")


@scenario(section="S12", part="upd")
def a_large_video_while_commands_are_typed(stage: Stage) -> None:
    """«Sending and receiving go on beside the prompt: both users can go on typing commands»"""
    source = large_video()
    name = source.name
    server = stage.server(attempts=3)
    yoda, obi = stage.clients(**{"yoda": "Yoda", "obi-wan": "Obi-wan"})
    yoda.host.put(name, source)
    before = sends(yoda, obi, name)
    for number in range(1, 6):
        for client in (yoda, obi):
            client.types(f"BCM meanwhile {number}")
            client.sees(BROADCAST_SENT)
    arrives(yoda, obi, name, before, LARGE)
    plays(stage, obi, f"Yoda_{name}")
    assert len(server.file("messagelog.txt").lines()) == 10
    nothing_else_is_there(obi, f"Yoda_{name}")


@scenario(section="S12", part="upd")
def uploads_that_are_refused(stage: Stage) -> None:
    """«Offline or unknown user: `Obi-wan is offline`; no such file, a directory …, oneself: one clear line. Each time the prompt returns and nothing is sent. The user is checked before the file.»"""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    for name in ("lecture1.mp4", "folder/inside.mp4", ".hidden", "a..b"):
        yoda.host.put(name, b"not even a film")
    assert yoda.asks("UPD Obi-wan lecture1.mp4") == ["Obi-wan is offline"]
    assert yoda.asks("UPD Grogu lecture1.mp4") == ["Grogu is offline"]
    assert yoda.asks("UPD Obi-wan missing.mp4") == ["Obi-wan is offline"]
    for line in (
        *("UPD Han missing.mp4", "UPD Han folder", "UPD Yoda lecture1.mp4", "UPD Han .hidden"),
        *(
            "UPD Han ../../etc/passwd",
            "UPD Han folder/inside.mp4",
            "UPD Han a..b",
            "UPD Han two words",
        ),
        "UPD Han " + "x" * 201,
    ):
        reply = yoda.asks(line)
        assert len(reply) == 1, f"{line!r} is not refused by one line: {reply}"
        assert not reply[0].startswith("Sending "), f"{line!r} was sent"
    assert han.asks("ATU")  # a barrier: whatever was sent would have come by now
    nothing_else_is_there(han)


@scenario(section="S12", part="upd", weight=0.5)
def an_existing_file_is_replaced(stage: Stage) -> None:
    """«An existing `presenter_filename` is replaced, atomically, only by a verified file»"""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    han.host.put("Yoda_notes.bin", b"old")
    for content in (b"", b"x", stage.random.randbytes(100_000)):
        yoda.host.put("notes.bin", content)
        arrives(yoda, han, "notes.bin", sends(yoda, han, "notes.bin"), SMALL)
        assert han.file("Yoda_notes.bin").bytes() == content
    nothing_else_is_there(han, "Yoda_notes.bin")


@scenario(section="S12", part="upd", weight=0.5)
def a_peer_that_vanishes(stage: Stage) -> None:
    """«a broken or refused transfer says so on both terminals that still live … and leaves nothing in the audience's directory, except inside the hidden folder `.toom/` … A peer silent for 15 s is gone.»"""
    source = large_video()
    name = source.name
    stage.server(attempts=3)
    yoda, han, luke, leia = stage.clients(yoda="Yoda", han="Han", luke="Luke", leia="Leia")
    starts = []
    for presenter, audience, gone in ((yoda, han, han), (luke, leia, luke)):
        presenter.host.put(name, source)
        already = audience.host.received()
        starts.append(sends(presenter, audience, name))
        is_under_way(audience, already)
        gone.kill()
    (yodas, _), (_, leias) = starts
    yoda.sees(rf"Transfer of {name} to Han failed: .+", within=20, since=yodas)
    leia.sees(rf"Transfer of {name} from Luke failed: .+", within=20, since=leias)
    nothing_else_is_there(han)
    nothing_else_is_there(leia)


@scenario(section="S11", part="upd", weight=0.5)
def leaving_while_files_are_on_their_way(stage: Stage) -> None:
    """«Files still on their way are given up, and both sides are told as in S12.»"""
    source = large_video()
    name = source.name
    stage.server(attempts=3)
    yoda, han, luke = stage.clients(yoda="Yoda", han="Han", luke="Luke")
    for presenter in (yoda, luke):
        presenter.host.put(name, source)
    already = han.host.received()
    yodas, hans = sends(yoda, han, name)
    is_under_way(han, already)
    yoda.types("OUT")
    yoda.sees(rf"Transfer of {name} to Han failed: .+", since=yodas)
    yoda.sees_exactly("Bye, Yoda!", since=yodas)
    yoda.ends(status=0)
    han.sees(rf"Transfer of {name} from Yoda failed: .+", within=20, since=hans)
    already = han.host.received()
    lukes, hans = sends(luke, han, name)
    is_under_way(han, already)
    han.types("OUT")
    han.sees(rf"Transfer of {name} from Luke failed: .+", since=hans)
    han.sees_exactly("Bye, Han!", since=hans)
    luke.sees(rf"Transfer of {name} to Han failed: .+", within=20, since=lukes)
    nothing_else_is_there(han)
