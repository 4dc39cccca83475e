"""Hosts as containers, on whatever engine answers. The image is any of ours that the engine has."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from toom_scenarios import Broken, Stage
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.hosts import owner
from toom_scenarios.hosts.docker import DockerDriver
from toom_scenarios.hosts.engine import connect
from toom_scenarios.hosts.sweep import sweep
from toom_scenarios.implementation import TOOM
from toom_scenarios.stage import Setting

from .test_cli import HEAD, WAITS

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.usefixtures("engine")]


@pytest.fixture(scope="module")
def client(engine: None) -> Iterator[docker.DockerClient]:
    found = connect()
    yield found
    found.close()


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> str:
    for each in client.images.list(name="toom-client"):
        if each.tags:
            return each.tags[0]
    pytest.skip("the engine has no image of ours: `make image`")


def driver(image: str, run: str) -> DockerDriver:
    return DockerDriver(run, images=(image, image), keep=False)


def setting(image: str, run: str) -> Setting:
    return Setting(driver(image, run), TOOM, seed=1, slowness=3.0, video=None, lifetime=60.0)


@pytest.fixture
def stage(tmp_path: Path, image: str) -> Iterator[Stage]:
    made = Stage("docker_test", tmp_path / "stage", setting(image, f"test-{os.getpid()}"))
    try:
        yield made
    finally:
        made.close(1_000_000)


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
    stage.close(1_000_000)
    folder = tmp_path / "stage" / "hosts" / "yoda"
    assert sorted(path.name for path in folder.iterdir()) == ["log", "video.sha256"]
    assert left(client, run) == ([], [])


def left(client: docker.DockerClient, run: str) -> tuple[list[str], list[str]]:
    ours = {"label": f"{owner.RUN}={run}"}
    containers = client.containers.list(all=True, filters=ours, ignore_removed=True)
    return [each.name for each in containers], [
        each.name for each in client.networks.list(filters=ours)
    ]


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
        )
        timeline = tmp_path / "r" / "it_waits_0" / "timeline.txt"
        assert wait_for(
            lambda: timeline.is_file() and "sleep" in timeline.read_text(), Deadline(40)
        )
        runner.kill()
        runner.wait()
        said = "\n".join(sweep(client, dry_run=True))
        assert "would remove container" in said
        assert "it-waits-0" in said
        list(sweep(client))
        assert "it-waits-0" not in "\n".join(each.name for each in client.containers.list(all=True))
        assert "it-waits-0" not in "\n".join(each.name for each in client.networks.list())
        assert left(client, f"living-{os.getpid()}") != ([], [])
    finally:
        living.close(None)
    assert left(client, f"living-{os.getpid()}") == ([], [])
