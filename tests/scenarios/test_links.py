"""Emulated links with real packets between hosts of a local stage."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toom_scenarios.compiler import COMPILERS
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.errors import Broken
from toom_scenarios.hosts.base import Machine
from toom_scenarios.hosts.local import LocalDriver, LocalNetwork, find_mode
from toom_scenarios.links.counters import MOST_LATE, UDP, Count, Counters, Flow, WayCount
from toom_scenarios.links.description import Link
from toom_scenarios.links.emulator import Emulator, build
from toom_scenarios.links.path import DEVICE, End, linked, paired
from toom_scenarios.links.probe import Probed
from toom_scenarios.processes import process

needs_compiler = pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C compiler")
PORT = 4000
SEND = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[2])): s.sendto(bytes(972), (sys.argv[1], 4000))
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("emulator"))


@pytest.fixture
def network(tmp_path: Path) -> Iterator[LocalNetwork]:
    mode, why = find_mode()
    if mode is None:
        pytest.skip(f"no network namespaces: {why}")
    made = LocalDriver(mode).network("links", tmp_path, 60)
    assert isinstance(made, LocalNetwork)
    try:
        yield made
    finally:
        made.close()


def ends(network: LocalNetwork) -> tuple[Machine, Machine, End, End]:
    here, there = network.machines(["here", "there"])
    if os.geteuid():
        pytest.skip("only root may make a TUN device here")
    return here, there, End("here", here.address), End("there", there.address)


def devices(machine: Machine) -> list[str]:
    shown = machine.run(["ip", "-o", "link"], 20).output.decode()
    return [line.split()[1].rstrip(":").partition("@")[0] for line in shown.splitlines()]


def has_delivered_all(now: Counters) -> bool:
    """Nothing is under way; `back` are words of a host on which nobody listens."""
    ways = (now.there, now.back)
    return 0 < now.sent == sum(way.fates["delivered"].packets for way in ways)


@needs_compiler
def test_packets_take_the_link_and_are_counted(network: LocalNetwork, program: Path) -> None:
    here, there, near, far = ends(network)
    link = Link.of(8_000_000, 0.04, queue=0.5, seed=3)  # 20 packets of 1000 bytes, one each ms
    with linked(program, network.switch, near, far, link) as path:
        probed = path.probed()
        assert 0.04 <= probed.rtt < 0.09
        assert probed.wanted_rate == 8_000_000
        assert 0 < probed.rate < 8_800_000
        path.begin()
        assert path.counters().of_protocol(UDP) == []
        assert here.run(["python3", "-c", SEND, there.address, "100"], 20).status == 0
        assert wait_for(lambda: has_delivered_all(path.counters()), Deadline(5))
        told = path.counters()
    [flow] = told.of_protocol(UDP, PORT)
    assert flow.way == 0
    assert (flow.source[0], flow.destination) == (here.address, (there.address, PORT))
    assert flow.largest == 1000
    fates = told.there.fates
    assert sum(each.packets for each in fates.values()) == 100
    assert fates["queue_full"].packets > 30  # the queue holds 20, and sending takes no 100 ms
    assert fates == flow.fates
    assert sum(flow.tenths) == fates["delivered"].bytes
    assert 10_000 < told.there.queue_most <= 20_000
    assert DEVICE not in devices(here) + devices(there)


@needs_compiler
def test_the_switch_is_used_again_afterwards(network: LocalNetwork, program: Path) -> None:
    here, there, near, far = ends(network)
    with paired(network.switch, near, far):
        assert DEVICE in devices(here)
        assert DEVICE in devices(there)
    with linked(program, network.switch, near, far, Link()) as path:
        assert DEVICE in devices(here)
        assert path.probed().rate == 0  # there is no limit to measure
    assert DEVICE not in devices(here)
    routes = here.run(["ip", "route", "get", there.address], 20).output.decode()
    assert "eth0" in routes


@needs_compiler
def test_an_emulator_that_cannot_begin_says_why(network: LocalNetwork, program: Path) -> None:
    _, _, near, far = ends(network)
    with pytest.raises(Broken, match="namespace .*nowhere"):
        Emulator(program, network.switch.enter(), [("/nowhere", DEVICE)] * 2, Link())
    with (
        linked(program, network.switch, near, far, Link()),
        pytest.raises(Broken, match=f"device {DEVICE}: "),
        linked(program, network.switch, near, far, Link()),
    ):
        pass


RUNNER = """
import sys, threading
from pathlib import Path
from toom_scenarios.hosts.local import LocalDriver, find_mode
from toom_scenarios.links.description import Link
from toom_scenarios.links.path import End, linked
network = LocalDriver(find_mode()[0]).network("links", Path(sys.argv[1]), 60)
here, there = network.machines(["here", "there"])
near, far = End("here", here.address), End("there", there.address)
with linked(Path(sys.argv[2]), network.switch, near, far, Link()) as path:
    print(path._emulator._process.pid, flush=True)
    threading.Event().wait(60)
"""


@needs_compiler
def test_nothing_is_left_of_a_runner_that_was_killed(tmp_path: Path, program: Path) -> None:
    mode, why = find_mode()
    if mode is None or os.geteuid():
        pytest.skip(f"no network namespaces with TUN devices: {why}")
    words = [sys.executable, "-c", RUNNER, str(tmp_path), str(program)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        emulator = int(runner.stdout.readline())
        assert process(emulator) is not None
        runner.send_signal(signal.SIGKILL)

    def is_gone() -> bool:
        found = process(emulator)
        return found is None or found.state == "Z"

    assert wait_for(is_gone, Deadline(10))
    assert not [
        each
        for each in Path("/proc").glob("[0-9]*/cmdline")
        if str(program).encode() in _bytes_of(each)
    ]


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


# --- what is made of the counters


def counters(*flows: Flow, sent: int = 1000, late: int = 0, overrun: int = 0) -> Counters:
    way = WayCount({}, 1.0, 0.0, 0.0)
    return Counters(way, way, flows, sent, late, 0.05, overrun, 100.0, True)


def flow(port: int, *tenths: int, way: int = 0) -> Flow:
    none = {"delivered": Count(0, 0)}
    return Flow(way, UDP, ("a", 1), ("b", port), 100.0, 101.0, 1500, none, tenths)


def test_a_host_that_stalls_is_told() -> None:
    assert counters(late=round(MOST_LATE * 1000)).trouble() == ""
    late = counters(late=round(MOST_LATE * 1000) + 1).trouble()
    assert late == "2.1 % of packets left over 1 ms late, up to 50 ms"
    assert counters(overrun=1).trouble() == "1 packets were lost in the emulator"


def test_an_idle_link_that_is_another_is_told() -> None:
    assert Probed(0.0505, 99e6, 0.05, 100e6).trouble() == ""
    assert Probed(0.0005, 0.0, 0.0, 0.0).trouble() == ""
    assert "round trip takes 52.00 ms, not 50" in Probed(0.052, 100e6, 0.05, 100e6).trouble()
    assert "round trip" in Probed(0.048, 100e6, 0.05, 100e6).trouble()
    assert "passes at 90.0 Mbit/s, not 100" in Probed(0.05, 90e6, 0.05, 100e6).trouble()


def test_shares_second_by_second() -> None:
    """A flow that has ended, or not begun, has nothing; before `since` nothing counts."""
    one = flow(1, *[9] * 5, *[30] * 10, *[10] * 10)
    two = flow(2, *[0] * 15, *[30] * 10, *[70] * 10)
    told = counters(one, two)
    assert told.shares([one, two], 100.5, 4) == [[1.0, 0.25, 0.0, 0.0], [0.0, 0.75, 1.0, 0.0]]
    assert told.of_protocol(UDP, 2) == [two]
    assert told.of_protocol(6) == []
