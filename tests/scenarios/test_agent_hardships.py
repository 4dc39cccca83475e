"""What programs and files can do to a host's agent, without an engine."""

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from toom_scenarios import Broken
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.hosts.agent import fresh, wire
from toom_scenarios.hosts.agent_terminal import AgentTerminal
from toom_scenarios.processes import process

from .agent_host import Host, agent_host, printed

ODD_NAME = os.fsdecode(b"caf\xe9 \n .txt")
EVERY_BYTE = bytes(range(256))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with agent_host(tmp_path) as made:
        yield made


def test_bytes_that_are_no_text_pass_both_ways(host: Host) -> None:
    host.write_file("bytes", EVERY_BYTE)
    shows = host.open(["sh", "-c", "stty raw; cat bytes; echo end"], {})
    assert EVERY_BYTE in printed(shows, b"end")
    shows.close()
    reads = host.open(["sh", "-c", "stty raw; echo ready; head -c 256 > typed; echo end"], {})
    printed(reads, b"ready")
    reads.write(EVERY_BYTE, 20)
    printed(reads, b"end")
    reads.close()
    assert host.read_file("typed") == EVERY_BYTE


def status_of(terminal: AgentTerminal) -> object:
    assert wait_for(lambda: terminal.exit_status() is not None, Deadline(20))
    return terminal.exit_status()


def test_a_program_that_reads_nothing_and_one_that_is_gone(host: Host) -> None:
    deaf = host.open(["sleep", "60"], {})
    with pytest.raises(TimeoutError):
        deaf.write(b"x\n" * 100_000, 0.5)
    assert host.run(["echo", "served"], 20).output == b"served\n"
    deaf.close()
    gone = host.open(["true"], {})
    printed(gone, b"nothing")
    with pytest.raises(BrokenPipeError):
        gone.write(b"hello\r", 20)
    gone.close()
    gone.close()


def test_what_cannot_be_executed_says_so_as_a_shell_does(host: Host) -> None:
    host.write_file("text", b"no program")
    for command, status in (("no-such-program", 127), ("./text", 126)):
        terminal = host.open([command], {})
        assert command.encode() in printed(terminal, b"\n")
        assert status_of(terminal) == status
        terminal.close()


def test_a_signal_at_once_meets_the_program_and_not_the_agent(host: Host) -> None:
    """Also where the new process is not yet the program."""
    for _ in range(30):
        terminal = host.open(["sleep", "60"], {})
        terminal.signal(signal.SIGTERM)
        assert status_of(terminal) == -signal.SIGTERM
        terminal.close()


def test_output_without_end_is_held_up_until_somebody_reads(host: Host) -> None:
    terminal = host.open(["sh", "-c", "echo $$ > pid; exec yes"], {})
    printed(terminal, b"y")
    pid = int(wait_for(lambda: host.read_file("pid"), Deadline(20)) or b"0")

    def written() -> int:
        told = Path(f"/proc/{pid}/io").read_text()
        return int(told.split("wchar: ")[1].split()[0])

    def is_held_up() -> bool:
        before = written()
        return host.run(["true"], 20).status == 0 and written() == before

    assert wait_for(is_held_up, Deadline(20)), "it prints on, and somebody keeps it all"
    assert written() < 2 * wire.WINDOW
    taken = 0
    while taken < 3 * wire.WINDOW:
        taken += len(printed(terminal, b"y"))
    terminal.close()
    assert process(pid) is None


def test_a_command_leaves_a_child_that_holds_its_output_open(host: Host) -> None:
    done = host.run(["sh", "-c", "sleep 60 & echo $!"], 20)
    assert done.status == 0
    os.kill(int(done.output), signal.SIGKILL)


def test_too_much_output_breaks_the_harness_and_not_the_host(host: Host) -> None:
    with pytest.raises(Broken, match="it printed over"):
        host.run(["cat", "/dev/zero"], 60)
    assert host.run(["echo", "served"], 20).output == b"served\n"


def test_files_with_odd_names_and_without_content(host: Host, tmp_path: Path) -> None:
    host.write_file(ODD_NAME, b"x")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    assert [each.name for each in host.files()] == sorted([ODD_NAME, "fifo", "link"])
    assert host.read_file(ODD_NAME) == b"x"
    for name in ("fifo", "folder", "link", "folder/none"):
        with pytest.raises(FileNotFoundError):
            host.read_file(name)
    with pytest.raises(Broken, match="File exists|Not a directory"):
        host.write_file(f"{ODD_NAME}/below", b"x")
    assert b"cpu " in host.read_file("/proc/stat"), "a file that has no size"


def test_thousands_of_files_and_a_large_one(host: Host, tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number:04}").write_bytes(b"x")
    film = tmp_path.parent / "film"
    film.write_bytes(os.urandom(1_000_000) * 30)
    host.write_file("film", film)
    assert len(host.files()) == 3001
    copy = tmp_path.parent / "copy"
    host.fetch_file("film", copy)
    assert copy.read_bytes() == film.read_bytes()


def test_the_directory_is_collected_whatever_it_holds(host: Host, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    for name, data in (("large", content), ("a/b/small", b"small"), ("shut", b"shut")):
        host.write_file(name, data)
    (tmp_path / "shut").chmod(0)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    evidence = tmp_path.parent / "evidence"
    host.collect(evidence, 299_999)
    found = sorted(str(path.relative_to(evidence)) for path in evidence.rglob("*.*"))
    assert found == ["large.sha256"]
    digest = hashlib.sha256(content).hexdigest()
    assert (evidence / "large.sha256").read_text() == f"{digest}  large  300000 bytes\n"
    assert (evidence / "a/b/small").read_bytes() == b"small"
    assert (evidence / "shut").read_bytes() == b"shut"
    assert not (evidence / "link").exists()
    host.collect(evidence, None)
    assert (evidence / "large").read_bytes() == content


def test_only_a_host_of_ones_own_is_stopped_or_made_new(host: Host) -> None:
    for kind, content in ((wire.STOP, b""), (wire.FREEZE, b""), (wire.RESET, wire.pack(60))):
        with pytest.raises(PermissionError):
            host.link.ask(kind, content).done()


def test_everything_ends_when_its_time_is_over(tmp_path: Path) -> None:
    with agent_host(tmp_path, lifetime=1) as host:
        terminal = host.open(["sh", "-c", "trap '' HUP; echo pid $$; exec sleep 60"], {})
        pid = int(printed(terminal, b"\n").split()[1])
        assert host.agent.wait(20) == 0
        assert wait_for(lambda: process(pid) is None, Deadline(20))


def test_a_kept_host_outlives_its_runner_and_is_held_up_by_no_output(tmp_path: Path) -> None:
    with agent_host(tmp_path, lifetime=0, stays=True) as host:
        terminal = host.open(["sh", "-c", "echo $$; yes | head -c 3000000; touch end; cat"], {})
        pid = int(printed(terminal, b"\n").split()[0])
        host.link.close()
        assert wait_for((tmp_path / "end").exists, Deadline(20))
        assert process(pid) is not None
        assert host.agent.poll() is None
    assert wait_for(lambda: process(pid) is None, Deadline(20))


@pytest.mark.parametrize("home", ["", "/proc/nowhere"])
def test_a_user_without_a_home_works_elsewhere(tmp_path: Path, home: str) -> None:
    name = f"toom-{tmp_path.name}-{os.getpid()}"
    with agent_host(tmp_path, folder=name, environment={"HOME": home}) as host:
        host.write_file("file", b"x")
        assert host.directory in (str(tmp_path / name), f"/tmp/{name}")
        host.run(["rm", "-r", host.directory], 20)


def test_wiping_leaves_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("x")
    place = tmp_path / "place"
    (place / "shut" / "deep").mkdir(parents=True)
    (place / "shut" / "deep" / ".hidden").write_text("x")
    (place / "out").symlink_to(kept)
    (place / "away").symlink_to(tmp_path)
    (place / "shut").chmod(0)
    fresh.wipe(os.fsencode(place))
    assert list(place.iterdir()) == []
    assert kept.exists()


def test_no_disk_is_wiped() -> None:
    """This machine's own disk can be written to: nothing is known of what was left there."""
    with pytest.raises(PermissionError, match="a disk can be written to"):
        list(fresh.written_to())
