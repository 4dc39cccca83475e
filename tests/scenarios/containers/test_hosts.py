"""Hosts as containers, on whatever engine answers. The image is any of ours that the engine has."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from toom_scenarios import Broken, Stage
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.hosts import owner
from toom_scenarios.hosts.container import ContainerMachine
from toom_scenarios.hosts.docker import DockerDriver
from toom_scenarios.hosts.sweep import sweep
from toom_scenarios.timezone import time_zone

from ..stories import HEAD, WAITS
from .stages import NOTES_WHO_LEAVES, STAYS, left, setting

ROLE_ONE = f"{owner.ROLE}=one"
pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("engine")]


def test_hosts_files_and_terminals(stage: Stage, tmp_path: Path) -> None:
    one, two = stage.hosts("one", "two")
    assert one.address != two.address
    one.put("a/b.txt", "text\n")
    one.put("big", b"x" * 2_000_000)
    assert [(each.name, each.size) for each in one.files()] == [("a/b.txt", 5), ("big", 2_000_000)]
    assert one.file("a/b.txt").lines() == ["text"]
    one.fetch("big", tmp_path / "big")
    assert (tmp_path / "big").stat().st_size == 2_000_000
    terminal = stage.command(one, "sh", "-c", "tty; stty size; read x; echo got $x; kill -TERM $$")
    terminal.sees("/dev/pts/.*")
    terminal.sees("24 250")
    terminal.types("hello")
    assert terminal.lines()[:1] != ["hello"]
    terminal.sees("got hello")
    terminal.ends(-signal.SIGTERM)
    with pytest.raises(Broken, match="no-such-program"):
        stage.command(two, "no-such-program").sees("anything")
    loose = stage.command(two, "sh", "-c", "trap '' HUP TERM; sleep 777 & echo ready; sleep 777")
    loose.sees("ready")
    loose.close()
    assert (
        b"sleep 777" not in two.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).output
    )
    two.put("leftover", "x")
    two.remove("leftover")
    assert not two.file("leftover").exists()


def test_the_evidence_is_collected_and_everything_removed(
    tmp_path: Path, image: str, client: docker.DockerClient
) -> None:
    run = f"evidence-{os.getpid()}"
    stage = Stage("evidence", tmp_path / "stage", setting(image, run))
    stage.host("yoda").put("video", b"x" * 2_000_000)
    stage.host("yoda").put("log", "line\n")
    stage.host("yoda").run(["chmod", "0", "log"])
    stage.close(1_000_000)
    folder = tmp_path / "stage" / "hosts" / "yoda"
    assert sorted(path.name for path in folder.iterdir()) == ["log", "video.sha256"]
    assert left(client, run) == ([], [])


def test_what_a_host_shows_of_itself(stage: Stage, image: str) -> None:
    yoda = stage.host("yoda")
    user = yoda.run(["sh", "-c", "id -u; echo $HOME; pwd; echo $TZ; ps -o comm= -p 1"])
    number, home, folder, zone, first = user.output.decode().split()
    assert number != "0"
    assert folder == yoda.directory == f"{home}/conference"
    assert zone == time_zone()
    assert first.startswith("python3")
    assert re.fullmatch(
        rf"container toom-\S+-yoda of {image}: running, .+ processes, .+ memory",
        yoda.machine.state(),
    )


def test_nothing_in_a_host_can_touch_its_agent(stage: Stage) -> None:
    host = stage.host("host")
    script = "kill -9 1; kill -STOP 1; for file in 3 4 5 6 7 8; do echo x >/proc/1/fd/$file; done"
    host.run(["sh", "-c", script])
    assert host.run(["echo", "alive"]).output == b"alive\n"


def test_a_small_disk_is_full_when_it_is_full(stage: Stage) -> None:
    host = stage.host("small", disk=200_000)
    host.put("log", "before\n")
    fill = stage.command(host, "sh", "-c", "dd if=/dev/zero of=big bs=1000 count=1000; echo end")
    fill.sees(r".*No space left on device")
    fill.sees("end")
    assert 100_000 < host.file("big").size <= 200_000
    with pytest.raises(Broken, match="No space"):
        host.put("more", b"x" * 300_000)
    assert host.run(["sh", "-c", "test -O . && id -u"]).status == 0, "its user owns the directory"


def test_the_server_sees_none_of_its_peers_end(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage("frozen", tmp_path / "stage", setting(image, f"frozen-{os.getpid()}"))
    try:
        server, one = stage.hosts("server", "one")
        stage.command(server, "python3", "-c", NOTES_WHO_LEAVES).sees("up")
        stage.command(one, "python3", "-c", STAYS, server.address, "60").sees("connected")
        server.file("log").comes_to(["came"], within=20)
        freeze = ContainerMachine.freeze

        def leave_time_after_it(machine: ContainerMachine) -> Callable[[], None]:
            ending = freeze(machine)

            def end() -> None:
                ending()
                wait_for(lambda: server.file("log").lines() != ["came"], Deadline(1))

            return end

        monkeypatch.setattr(ContainerMachine, "freeze", leave_time_after_it)
    finally:
        stage.close(None)
    assert (tmp_path / "stage/hosts/server/log").read_text() == "came\n"


def test_a_container_that_dies_is_no_fault_of_the_program(
    tmp_path: Path, image: str, client: docker.DockerClient
) -> None:
    run = f"dead-{os.getpid()}"
    stage = Stage("dead", tmp_path / "stage", setting(image, run))
    try:
        one, two = stage.hosts("one", "two")
        one.put("log", "before\n")
        terminal = stage.command(one, "sh", "-c", "echo up; exec cat")
        other = stage.command(two, "cat")
        terminal.sees("up")
        [container] = client.containers.list(filters={"label": [f"{owner.RUN}={run}", ROLE_ONE]})
        container.kill()
        with pytest.raises(Broken, match="exited, exit status 137"):
            terminal.sees("anything")
        with pytest.raises(Broken):
            one.run(["true"])
        with pytest.raises(Broken):
            other.sees("anything")
    finally:
        stage.close(None)
    assert (tmp_path / "stage/hosts/one/log").read_text() == "before\n"
    assert left(client, run) == ([], [])


def test_a_kept_host_outlives_its_runner(
    tmp_path: Path, image: str, client: docker.DockerClient
) -> None:
    run = f"kept-{os.getpid()}"
    kept = DockerDriver(run, images=(image, image), keep=True).network("kept", tmp_path, 60.0)
    try:
        program = "trap '' HUP; echo up; while echo on; do read -t 0.01 x; done"
        terminal = kept.machine("one").open(["bash", "-c", program], {})
        assert wait_for(lambda: select.select([terminal], [], [], 1)[0], Deadline(20))
        assert "docker exec -it NAME bash" in kept.keep()
        [container] = client.containers.list(filters={"label": f"{owner.RUN}={run}"})
        look = container.exec_run(["pgrep", "-f", "echo on"])
        assert look.exit_code == 0, "its programs go on"
    finally:
        kept.close()
    assert left(client, run) == ([], [])


def test_what_a_dead_run_left_is_swept_and_what_lives_is_not(
    tmp_path: Path, image: str, client: docker.DockerClient
) -> None:
    living = Stage("living", tmp_path / "living", setting(image, f"living-{os.getpid()}"))
    try:
        living.host("one")
        (tmp_path / "case.py").write_text(HEAD + WAITS.format(0, 600))
        runner = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "toom_scenarios",
                "run",
                "case.py",
                "--on",
                "docker",
                "--report",
                "r",
            ],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "TOOM_SERVER_IMAGE": image,
                "TOOM_CLIENT_IMAGE": image,
                "TOOM_SCENARIOS_IMAGE": image,
            },
            start_new_session=True,
        )
        timeline = tmp_path / "r" / "it_waits_0" / "timeline.txt"
        assert wait_for(
            lambda: timeline.is_file() and "sleep" in timeline.read_text(), Deadline(40)
        )
        os.killpg(runner.pid, signal.SIGKILL)  # its worker too, which would tidy up
        runner.wait()
        Path(json.loads((tmp_path / "r" / "run.json").read_text())["scratch"]).rmdir()
        its = f"-{runner.pid}-"  # part of the names of all that it has made
        assert wait_for(
            lambda: not client.containers.list(filters={"name": its, "status": "running"}),
            Deadline(40),
        ), "containers outlive their runner"
        said = "\n".join(sweep(client, dry_run=True))
        assert re.search(rf"would remove container toom-\S+{its}", said)
        list(sweep(client))
        assert its not in "\n".join(str(each.name) for each in client.containers.list(all=True))
        assert its not in "\n".join(str(each.name) for each in client.networks.list())
        assert left(client, f"living-{os.getpid()}") != ([], [])
    finally:
        living.close(None)
    assert left(client, f"living-{os.getpid()}") == ([], [])
