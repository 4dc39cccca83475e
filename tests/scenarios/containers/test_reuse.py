"""Hosts as containers that serve one stage after another."""

import os
from pathlib import Path

import docker
import pytest

from toom_scenarios.hosts.docker import DockerDriver

from .stages import NOTES_WHO_LEAVES, STAYS, containers_of, left, one_stage

LEAVES_THINGS = """
echo home > ~/.history; mkdir -p a/b; ln -s a c; echo x > a/b/file; chmod 500 a
for place in /tmp /var/tmp /dev/shm; do echo x > $place/thing; done
echo x > /usr/thing; echo x > /thing
nohup setsid sleep 666 >/dev/null 2>&1 &
"""
LEAVES_SHARED_MEMORY = "import ctypes; print(ctypes.CDLL(None).shmget(77, 100, 0o1600) >= 0)"
LOOKS = (
    "find ~ /tmp /var/tmp /dev/shm /usr/thing /thing -type f; ps -eo args; wc -l /proc/sysvipc/*"
)
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("engine")]


def test_a_host_is_as_new_in_the_next_stage(
    shared: tuple[DockerDriver, str], tmp_path: Path, client: docker.DockerClient
) -> None:
    driver, run = shared
    first = one_stage(driver, tmp_path / "first")
    host = first.host("yoda")
    fresh = host.run(["sh", "-c", LOOKS]).output
    host.run(["sh", "-c", LEAVES_THINGS])
    first.command(host, "sh", "-c", "trap '' HUP TERM; echo up; exec cat").sees("up")
    assert host.run(["sh", "-c", LOOKS]).output != fresh
    first.close(None)
    assert (tmp_path / "first/hosts/yoda/a/b/file").read_text() == "x\n"
    [waiting] = containers_of(client, run)
    second = one_stage(driver, tmp_path / "second")
    try:
        han, luke = second.hosts("han", "luke")
        assert waiting in containers_of(client, run), "no host of the first stage is used again"
        assert len(containers_of(client, run)) == 2
        for each in (han, luke):
            assert each.run(["sh", "-c", LOOKS]).output == fresh
            assert each.files() == []
        second.command(han, "sh", "-c", "pwd; exec cat").sees_exactly(han.directory)
    finally:
        second.close(None)
    assert len(containers_of(client, run)) == 2
    driver.close()
    assert left(client, run) == ([], [])


def test_a_host_that_cannot_be_made_new_is_replaced(
    shared: tuple[DockerDriver, str], tmp_path: Path, client: docker.DockerClient
) -> None:
    driver, run = shared
    first = one_stage(driver, tmp_path / "first")
    told = first.host("yoda").run(["python3", "-c", LEAVES_SHARED_MEMORY])
    assert told.output == b"True\n"
    first.close(None)
    [tainted] = containers_of(client, run)
    second = one_stage(driver, tmp_path / "second")
    assert second.host("yoda").run(["echo", "x"]).output == b"x\n"
    second.close(None)
    [clean] = containers_of(client, run)
    assert clean != tainted


BINDS = """
import socket, sys
door = socket.socket()
door.bind(("", 4000))
door.listen()
print("up", flush=True)
line, _ = door.accept()
if sys.argv[1] == "closes":
    line.close()
print("came", flush=True)
line.recv(100) if sys.argv[1] == "holds" else sys.stdin.read()
"""


@pytest.mark.parametrize(("server_does", "is_used_again"), [("holds", True), ("closes", False)])
def test_a_server_finds_its_port_free_on_a_host_of_an_earlier_stage(
    shared: tuple[DockerDriver, str],
    tmp_path: Path,
    client: docker.DockerClient,
    server_does: str,
    is_used_again: bool,
) -> None:
    """Without SO_REUSEADDR, which the programs of others may not set."""
    driver, run = shared
    used = []
    for number in (1, 2):
        stage = one_stage(driver, tmp_path / str(number))
        try:
            server, seat = stage.hosts("server", "seat")
            door = stage.command(server, "python3", "-c", BINDS, server_does)
            door.sees("up")
            stage.command(seat, "python3", "-c", STAYS, server.address, "60").sees("connected")
            door.sees("came")
            used.append(containers_of(client, run))
        finally:
            stage.close(None)
    assert (used[0] == used[1]) == is_used_again


def test_a_server_gets_a_host_of_its_own_image(
    image: str, tmp_path: Path, client: docker.DockerClient
) -> None:
    servers = [tag for each in client.images.list(name="toom-server") for tag in each.tags]
    if not servers:
        pytest.skip("the engine has no server's image of ours: `make image`")
    run = f"images-{os.getpid()}"
    driver = DockerDriver(run, images=(servers[0], image), keep=False, reuse=True)
    try:
        assert set(driver.images()) == {servers[0], image}
        for name, wanted in (("han", image), ("server", servers[0]), ("luke", image)):
            stage = one_stage(driver, tmp_path / name)
            assert f" of {wanted}: " in stage.host(name).machine.state()
            stage.close(None)
        assert len(containers_of(client, run)) == 2
    finally:
        driver.close()


def test_a_stage_that_was_not_stopped_in_order_leaves_no_host(
    shared: tuple[DockerDriver, str], tmp_path: Path, client: docker.DockerClient
) -> None:
    driver, run = shared
    network = driver.network("torn", tmp_path, 60.0)
    network.machine("yoda")
    network.close()
    assert containers_of(client, run) == set()


def test_stages_at_the_same_time_are_on_networks_of_their_own(
    shared: tuple[DockerDriver, str], tmp_path: Path
) -> None:
    driver, _ = shared
    one, other = one_stage(driver, tmp_path / "one"), one_stage(driver, tmp_path / "other")
    try:
        here, there = one.host("here"), other.host("there")
        hear = one.command(here, "python3", "-c", NOTES_WHO_LEAVES)
        hear.sees("up")
        call = other.command(there, "python3", "-c", STAYS, here.address, "2")
        call.sees(r".*(unreachable|timed out|refused).*", within=60)
        assert here.address != there.address
    finally:
        one.close(None)
        other.close(None)
