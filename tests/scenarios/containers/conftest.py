"""Stages of containers, on whatever engine answers; the image is any of ours that it has."""

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from toom_scenarios import Stage
from toom_scenarios.engine import connect
from toom_scenarios.hosts.docker import DockerDriver

from .stages import setting


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


@pytest.fixture
def stage(tmp_path: Path, image: str) -> Iterator[Stage]:
    made = Stage("docker_test", tmp_path / "stage", setting(image, f"test-{os.getpid()}"))
    try:
        yield made
    finally:
        made.close(1_000_000)


@pytest.fixture
def shared(image: str) -> Iterator[tuple[DockerDriver, str]]:
    run = f"shared-{os.getpid()}"
    made = DockerDriver(run, images=(image, image), keep=False, reuse=True)
    try:
        yield made, run
    finally:
        made.close()
