"""What the tests of containers make, and what they look for afterwards."""

from pathlib import Path

import docker

from toom_scenarios import Stage
from toom_scenarios.hosts import owner
from toom_scenarios.hosts.docker import DockerDriver
from toom_scenarios.implementation import TOOM
from toom_scenarios.stage import Setting

NOTES_WHO_LEAVES = """
import socket
with socket.create_server(("", 4000)) as door:
    print("up", flush=True)
    line, _ = door.accept()
    open("log", "a").write("came\\n")
    while line.recv(100):
        pass
    open("log", "a").write("left\\n")
"""
STAYS = """
import socket, sys
with socket.create_connection((sys.argv[1], 4000), float(sys.argv[2])) as line:
    print("connected", flush=True)
    line.recv(100)
"""


def driver(image: str, run: str) -> DockerDriver:
    return DockerDriver(run, images=(image, image), keep=False)


def setting(image: str, run: str) -> Setting:
    return Setting(driver(image, run), TOOM, seed=1, slowness=3.0, video=None, lifetime=60.0)


def containers_of(client: docker.DockerClient, run: str) -> set[str]:
    return {
        str(each.id) for each in client.containers.list(filters={"label": f"{owner.RUN}={run}"})
    }


def one_stage(driver: DockerDriver, place: Path) -> Stage:
    return Stage(place.name, place, Setting(driver, TOOM, 1, 3.0, None, 60.0))


def left(client: docker.DockerClient, run: str) -> tuple[list[str | None], list[str | None]]:
    ours: dict[str, str | list[str] | bool] = {"label": f"{owner.RUN}={run}"}
    containers = client.containers.list(all=True, filters=ours, ignore_removed=True)
    return [each.name for each in containers], [
        each.name for each in client.networks.list(filters=ours)
    ]
