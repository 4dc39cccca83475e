"""`toom bench server`: its load, and the servers that it loads."""

import shutil
from pathlib import Path

import pytest

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, encode
from toom_scenarios.bench import peers
from toom_scenarios.bench.generator import COMPILERS, Generator, Talk
from toom_scenarios.errors import Broken

needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, COMPILERS)) or shutil.which("taskset") is None,
    reason="no C compiler or no taskset",
)
SHORT = {"warmup": 0.05, "seconds": 0.2}
WORDS = b"*1\r\n$4\r\nPING\r\n"


@needs_compiler
@pytest.mark.parametrize("framing", ["length", "lines"])
@pytest.mark.parametrize(("connections", "depth"), [(1, 1), (20, 16)])
def test_the_generator_counts_answers(
    tmp_path: Path, framing: str, connections: int, depth: int
) -> None:
    generator = Generator(tmp_path)
    port = peers.free_port()
    talks = [Talk(b"", WORDS)] * connections
    with generator.echo(framing, port, len(WORDS), 47):
        told = generator.load(framing, port, talks, depth=depth, **SHORT)
    assert told.per_second > 100
    assert 0 < told.p50 <= told.p99 < 1000


@needs_compiler
def test_a_server_that_hangs_up_breaks_the_load(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="generator: "):
        Generator(tmp_path).load("length", peers.free_port(), [Talk(b"", b"x")], depth=1, **SHORT)


def test_frames_are_those_of_the_protocol() -> None:
    """The runner builds its own; Toom's codec reads them alike."""
    text = peers.frame(peers.ROOM_MESSAGE, peers.number(3), b"hi")
    assert peers.log_in(5).startswith(PREFACE)
    assert len(text) == len(encode(7, m.RoomMessage(3, "hi"))) + 7  # a number of 8 bytes, not 1
    assert peers.frame(peers.BROADCAST, b"hi") == encode(7, m.Broadcast("hi"))


@needs_compiler
def test_our_server_under_the_load(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    generator = Generator(tmp_path)
    with peers.toom(tmp_path / "server", 3) as us:
        for talks in (us.broadcasts(4), us.rooms(3)):
            told = generator.load(us.framing, us.port, talks, depth=2, **SHORT)
            us.settle()
            assert told.per_second > 10
    logs = [tmp_path / "server" / "messagelog.txt"]
    logs += [tmp_path / "server" / f"SR_{room}_messagelog.txt" for room in (1, 2, 3)]
    assert all(path.read_text().endswith(f"; {peers.TEXT}\n") for path in logs)


def test_a_peer_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(Broken, match="apt-get install redis-server"), peers.redis(tmp_path):
        pass
    with pytest.raises(Broken, match="apt-get install gcc"):
        Generator(tmp_path)
