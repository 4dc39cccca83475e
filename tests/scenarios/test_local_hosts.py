import signal
from pathlib import Path

import pytest

from toom_scenarios import Broken, Stage, Unsupported
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.hosts.guardian import Guardian
from toom_scenarios.hosts.local import LocalDriver, find_mode
from toom_scenarios.hosts.namespaces import possible
from toom_scenarios.hosts.ports import PortPool
from toom_scenarios.processes import in_session

from .conftest import setting, shell

LISTEN = "import socket; s = socket.create_server(('', 4000)); print('up', flush=True); s.accept()"
CALL = (
    "import socket, sys; s = socket.create_connection((sys.argv[1], 4000), 2); "
    "print(s.getsockname()[0])"
)

SEND = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100): s.sendto(bytes(1000), (sys.argv[1], 4000))
"""
DAEMON = """
import os, time
read, write = os.pipe()
if os.fork():
    os.read(read, 1)
    print("up", flush=True)
    os._exit(0)
os.setsid()
os.write(write, b"!")
time.sleep(600)
"""


def test_hosts_have_addresses_and_reach_each_other(networked_stage: Stage) -> None:
    one, two = networked_stage.hosts("one", "two")
    assert one.address != two.address
    listener = networked_stage.command(one, "python3", "-c", LISTEN)
    listener.sees("up")
    assert one.listens(4000)
    assert not two.listens(4000)
    caller = networked_stage.command(two, "python3", "-c", CALL, one.address)
    caller.sees_exactly(two.address)
    listener.ends(0)


def test_what_passes_between_hosts_is_counted_at_both_and_nowhere_else(
    networked_stage: Stage,
) -> None:
    one, two, three = networked_stage.hosts("one", "two", "three")
    came, went, elsewhere = two.received(), one.sent(), three.received()
    assert not two.comes_to_receive(came + 100_000, within=0.1)
    networked_stage.command(one, "python3", "-c", SEND, two.address).ends(0)
    assert two.comes_to_receive(came + 100_000)
    assert one.sent() - went > 100_000
    assert three.received() - elsewhere < 20_000  # a switch that does not know two yet tells all


def test_stages_use_the_same_addresses_and_never_meet(
    networked_stage: Stage, tmp_path: Path
) -> None:
    mode, _ = find_mode()
    other = Stage("other", tmp_path / "other", setting(mode))
    try:
        here, there = networked_stage.host("host"), other.host("host")
        assert here.address == there.address
        networked_stage.command(here, "python3", "-c", LISTEN).sees("up")
        assert not there.listens(4000)
        other.command(there, "python3", "-c", LISTEN).sees("up")
    finally:
        other.close(None)


def test_files_of_a_host(bare_stage: Stage, tmp_path: Path) -> None:
    host = bare_stage.host("host")
    host.put("a/b.txt", "text\nmore")
    assert host.file("a/b.txt").lines() == ["text", "more"]
    assert [(each.name, each.size) for each in host.files()] == [("a/b.txt", 9)]
    (tmp_path / "local").write_bytes(b"\0\xff")
    host.put("copy", tmp_path / "local")
    host.fetch("copy", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"\0\xff"
    assert host.sha256("copy") == "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8"
    host.remove("copy")
    assert not host.file("copy").exists()


def test_a_file_is_compared_line_by_line_and_the_difference_shown(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    host.put("log", "1; Yoda\n2; Han\n")
    host.file("log").has_lines([r"1; Yoda", r"2; \w+"])
    with pytest.raises(
        AssertionError, match=r"(?s)has not the lines.*\nwanted 2; Leia\nseen   2; Han"
    ):
        host.file("log").has_lines(["1; Yoda", "2; Leia"])
    with pytest.raises(AssertionError, match="has no file nothing.txt"):
        host.file("nothing.txt").lines()


def test_waiting_for_a_file_ends_when_it_is_right(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    host.put("log", "one\ntwo\n")
    shell(bare_stage, "read x; echo two > log; read y").types("")
    host.file("log").comes_to(["two"], within=5)


def test_hosts_that_share_an_address_get_ports_of_their_own(bare_stage: Stage) -> None:
    one, two = bare_stage.hosts("one", "two")
    assert one.address == two.address == "127.0.0.1"
    assert one.machine.udp_port(8000) == one.machine.udp_port(8000)
    assert one.machine.udp_port(8000) != two.machine.udp_port(8000)
    assert bare_stage._setting.driver.addresses == 1


def test_two_runners_never_take_the_same_port() -> None:
    one, two = PortPool(), PortPool()
    try:
        assert not {one.take() for _ in range(5)} & {two.take() for _ in range(5)}
    finally:
        one.close()
        two.close()


def test_a_guardian_ends_what_was_entrusted_and_nothing_else(bare_stage: Stage) -> None:
    terminals = [shell(bare_stage, "echo $$; trap '' HUP; sleep 60 & wait") for _ in range(3)]
    kept, ended, released = (int(terminal.sees(r"\d+")[0]) for terminal in terminals)
    guardian = Guardian()
    guardian.entrust(ended)
    guardian.entrust(released)
    guardian.release(released)
    guardian.close()
    assert wait_for(lambda: not in_session(ended), Deadline(5))
    assert in_session(kept)
    assert in_session(released)


def test_a_host_is_gone_with_its_stage(tmp_path: Path) -> None:
    mode, why = find_mode()
    if mode is None:
        pytest.skip(why)
    stage = Stage("gone", tmp_path / "gone", setting(mode))
    try:
        stage.command(stage.host("host"), "python3", "-c", DAEMON).sees("up")
        inside = "for p in /proc/[0-9]*; do echo ${p#/proc/}; done"
        assert len(stage.host("host").run(["sh", "-c", inside]).output.split()) >= 3
    finally:
        stage.close(None)
    with pytest.raises(Broken):
        stage.host("other")


def test_a_signal_stops_a_program_and_lets_it_go_on(networked_stage: Stage) -> None:
    terminal = shell(networked_stage, "echo ready; while read x; do echo got $x; done")
    terminal.sees("ready")
    terminal.kill(signal.SIGSTOP)
    terminal.types("hello")
    with pytest.raises(AssertionError):
        terminal.sees("got hello", within=0.3)
    terminal.kill(signal.SIGCONT)
    terminal.sees("got hello")
    terminal.sends_eof()
    terminal.ends(0)


def test_the_end_of_a_stopped_program_is_seen(networked_stage: Stage) -> None:
    terminal = shell(networked_stage, "echo ready; while read x; do echo got $x; done")
    terminal.sees("ready")
    terminal.kill(signal.SIGSTOP)
    terminal.types("hello")
    with pytest.raises(AssertionError):
        terminal.sees("got hello", within=0.3)
    terminal.kill(signal.SIGKILL)
    terminal.ends(-signal.SIGKILL)


def test_rootless_hosts_have_addresses_too(tmp_path: Path) -> None:
    mode, why = possible(tmp_path, only_rootless=True)
    if mode is None:
        pytest.skip(why)
    stage = Stage("rootless", tmp_path / "rootless", setting(mode))
    try:
        one, two = stage.hosts("one", "two")
        stage.command(one, "python3", "-c", LISTEN).sees("up")
        stage.command(two, "python3", "-c", CALL, one.address).sees_exactly(two.address)
    finally:
        stage.close(None)


@pytest.mark.parametrize("rootless", [False, True])
def test_a_small_disk_is_full_when_it_is_full_and_is_kept_as_evidence(
    tmp_path: Path, rootless: bool
) -> None:
    mode, why = possible(tmp_path, only_rootless=rootless)
    if mode is None:
        pytest.skip(why)
    stage = Stage("disk", tmp_path / "disk", setting(mode))
    try:
        host, other = stage.host("small", disk=200_000), stage.host("other")
        host.put("log", "before\n")
        fill = stage.command(host, "sh", "-c", "dd if=/dev/zero of=big bs=1000 count=1000; pwd")
        fill.sees(r".*No space left on device")
        fill.sees_exactly(host.directory)
        assert 100_000 < host.file("big").size <= 200_000
        stage.command(other, "dd", "if=/dev/zero", "of=big", "bs=1000", "count=1000").ends(0)
    finally:
        stage.close(1000)
    folder = tmp_path / "disk" / "hosts" / "small"
    assert sorted(path.name for path in folder.iterdir()) == ["big.sha256", "log"]
    assert (folder / "log").read_text() == "before\n"


def test_there_is_no_disk_of_its_own_without_namespaces(bare_stage: Stage) -> None:
    with pytest.raises(Unsupported, match="needs a disk of its own"):
        bare_stage.host("small", disk=200_000)


def test_a_host_says_how_it_is(networked_stage: Stage, bare_stage: Stage) -> None:
    assert "address 10.44.0.2" in networked_stage.host("one").machine.state()
    assert bare_stage.host("two").machine.state() == "no namespace, address 127.0.0.1"


def test_the_driver_says_how_many_addresses_there_are() -> None:
    assert LocalDriver(None).addresses == 1
    assert LocalDriver(False).addresses > 100
