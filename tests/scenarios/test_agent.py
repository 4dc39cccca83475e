"""The agent of a host, without an engine: its language, and the real program over a socket."""

import ast
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.errors import Broken
from toom_scenarios.hosts import boot
from toom_scenarios.hosts.agent import wire
from toom_scenarios.hosts.stream import Pieces
from toom_scenarios.processes import process

from .agent_host import Host, agent_host, printed

KINDS = sorted(wire.NAMES)
messages = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2**32 - 1), st.binary(max_size=100))
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


@given(messages, st.lists(st.integers(0, 500)))
def test_messages_come_whole_however_they_are_cut(
    sent: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    stream = b"".join(wire.message(*each) for each in sent)
    got: list[tuple[int, int, bytes]] = []
    reader = wire.Messages()
    for piece in cut(stream, places):
        got += reader.feed(piece)
    assert got == sent


@given(st.lists(st.binary(max_size=30)), st.integers(0, 200))
def test_fields_are_unpacked_or_refused(fields: list[bytes], length: int) -> None:
    packed = wire.pack(*fields)
    assert wire.unpack(packed) == fields
    try:
        wire.unpack(packed[:length])
    except wire.Nonsense:
        assert length < len(packed)


@given(st.binary(min_size=9, max_size=200))
def test_noise_is_nonsense_or_waits_for_more(noise: bytes) -> None:
    try:
        list(wire.Messages().feed(noise))
    except wire.Nonsense:
        return


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50))),
    st.lists(st.integers(0, 300)),
)
def test_an_engines_pieces_come_whole(sent: list[tuple[int, bytes]], places: list[int]) -> None:
    heads = [
        bytes([number, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for number, data in sent
    ]
    got: list[tuple[int, bytes]] = []
    reader = Pieces()
    for piece in cut(b"".join(heads), places):
        got += reader.feed(piece)
    assert got == sent


def test_what_travels_into_a_host_needs_python_alone() -> None:
    folder = Path(wire.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} == {"__init__", *boot.MODULES}
    for name in boot.MODULES:
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.Import):
                assert {each.name for each in node.names} <= sys.stdlib_module_names, name
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module in sys.stdlib_module_names | {"collections.abc"}, name


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with agent_host(tmp_path) as made:
        yield made


def test_commands_tell_status_and_output(host: Host, tmp_path: Path) -> None:
    assert host.directory == str(tmp_path)
    done = host.run(["sh", "-c", "echo to stdout; echo to stderr >&2; exit 7"], 20)
    assert (done.status, done.output) == (7, b"to stdout\nto stderr\n")
    assert host.run(["sh", "-c", "kill -9 $$"], 20).status == -signal.SIGKILL
    assert len(host.run(["head", "-c", "5000000", "/dev/zero"], 20).output) == 5_000_000
    with pytest.raises(Broken, match="no-such-program"):
        host.run(["no-such-program"], 20)


def test_a_command_that_takes_too_long_is_ended(host: Host) -> None:
    with pytest.raises(Broken, match="took over 0 s"):
        host.run(["sh", "-c", "echo $$ > pid; exec cat /dev/zero >/dev/null"], 0.3)
    pid = int(host.read_file("pid"))
    assert wait_for(lambda: process(pid) is None, Deadline(20)), "it still runs"


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_000])
def test_files_travel_whole(host: Host, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    host.write_file("a folder/ä file", content)
    assert host.read_file("a folder/ä file") == content
    copy = tmp_path / "copy"
    host.fetch_file("a folder/ä file", copy)
    assert copy.read_bytes() == content
    assert ("a folder/ä file", size) in [(each.name, each.size) for each in host.files()]
    host.remove_file("a folder/ä file")
    for look in (host.read_file, host.remove_file):
        with pytest.raises(FileNotFoundError):
            look("a folder/ä file")


def test_a_program_at_a_terminal(host: Host) -> None:
    script = 'stty size; read line; echo "<$line>"; exit 3'
    terminal = host.open(["sh", "-c", script], {"TERM": "dumb"})
    assert b"24 250" in printed(terminal, b"250")
    terminal.write(b"hello\r", 5)
    assert printed(terminal, b"<hello>").count(b"hello") == 1, "typed once, and not echoed"
    assert wait_for(lambda: terminal.exit_status() is not None, Deadline(20))
    assert terminal.exit_status() == 3
    terminal.close()


def test_a_program_that_prints_without_end_holds_nobody_up(host: Host) -> None:
    endless = host.open(["yes"], {})
    assert host.run(["echo", "served"], 20).output == b"served\n"
    endless.signal(signal.SIGTERM)
    assert wait_for(lambda: endless.exit_status() is not None, Deadline(20))
    assert endless.exit_status() == -signal.SIGTERM
    endless.close()


def test_closing_a_terminal_ends_its_whole_session(host: Host) -> None:
    script = "trap '' HUP TERM; (exec sleep 600) & echo pid $!; exec sleep 600"
    terminal = host.open(["sh", "-c", script], {})
    pid = int(printed(terminal, b"\n").split()[1])
    terminal.close()
    assert wait_for(lambda: process(pid) is None, Deadline(20)), "a part of the session lives"


def test_the_agent_ends_with_the_runner(host: Host) -> None:
    terminal = host.open(["sh", "-c", "trap '' HUP; echo pid $$; exec cat"], {})
    pid = int(printed(terminal, b"\n").split()[1])
    host.link.close()
    assert host.agent.wait(20) == 0
    assert wait_for(lambda: process(pid) is None, Deadline(20)), "a program outlives the runner"


def test_an_agent_that_dies_breaks_the_harness(host: Host) -> None:
    terminal = host.open(["cat"], {})
    host.agent.kill()
    with pytest.raises(Broken, match="host host"):
        wait_for(lambda: terminal.exit_status(), Deadline(20))
    with pytest.raises(Broken):
        host.run(["true"], 5)
