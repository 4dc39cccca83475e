"""Hosts as containers: for each stage a network of its own and a container for each host."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import IPAMConfig, IPAMPool
from requests.exceptions import RequestException

from ..errors import Broken
from ..timezone import time_zone
from . import owner, subnets
from .base import Machine, Network
from .container import ContainerMachine, Seat, find_seat
from .engine import address, connect
from .sweep import remove_container, remove_network

SERVER_HOST: Final = (
    "server"  # the host of this name gets the server's image, every other the client's
)
FOLDER: Final = "conference"  # working directory of the programs, in the home of the image's user
MANY: Final = 50  # hosts that a stage's subnet has room for
SIDE_BY_SIDE: Final = 5  # containers made at once
STOP_LIMIT: Final = 1  # seconds; an idle container has nothing to finish
NAME_LENGTH: Final = 40


class DockerNetwork:
    """The containers of one stage.

    Args:
        labels: by which everything of it is found again, what was half made too.
        seats: what is known of the images, shared by all stages of the driver.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        *,
        name: str,
        labels: dict[str, str],
        images: tuple[str, str],
        lifetime: float,
        keep: bool,
        seats: dict[str, Seat],
    ) -> None:
        self._client = client
        self._seats = seats
        self._name = name
        self._labels = labels
        self._images = images
        self._lifetime = lifetime
        self._keep = keep
        self._network: Any = None
        self._lock: IO[str] | None = None
        self._machines: list[tuple[Any, ContainerMachine]] = []
        self._touched = False

    def machine(self, name: str) -> Machine:
        return self.machines([name])[0]

    def machines(self, names: Sequence[str]) -> list[Machine]:
        if not names:
            return []
        self._touched = True
        if self._network is None:
            self._network = self._make_network()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            made = list(workers.map(self._make_machine, names))
        self._machines += made
        return [machine for _, machine in made]

    def _make_network(self) -> Any:
        refused: APIError | None = None
        for subnet, lock in subnets.free_subnets(zlib.crc32(self._name.encode())):
            pools = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
            try:
                network = self._client.networks.create(
                    self._name, driver="bridge", internal=True, ipam=pools, labels=self._labels
                )
            except APIError as error:
                lock.close()
                if "overlap" not in str(error.explanation).lower():
                    raise Broken(f"network {self._name}: {error.explanation}") from error
                refused = error
                continue
            except (DockerException, RequestException) as error:
                lock.close()
                raise Broken(f"network {self._name}: {error}") from error
            self._lock = lock
            return network
        raise Broken(
            f"no subnet is left in {subnets.pool()} (TOOM_SUBNETS names another): {refused}"
        )

    def _make_machine(self, name: str) -> tuple[Any, ContainerMachine]:
        image = self._images[0] if name == SERVER_HOST else self._images[1]
        life = "infinity" if self._keep else str(int(self._lifetime))
        # it ends by itself, even if everybody who could remove it is dead
        idle = f"mkdir -p ~/{FOLDER}; exec sleep {life}"
        try:
            container = self._client.containers.run(
                image,
                ["sh", "-c", idle],
                detach=True,
                init=True,
                name=f"{self._name}-{_plain(name)}",
                hostname=_plain(name),
                network=self._name,
                environment={"TZ": time_zone()},
                labels={**self._labels, owner.ROLE: name},
            )
        except ImageNotFound as error:
            raise Broken(f"the engine has no image {image}: run `make image`") from error
        except (DockerException, RequestException) as error:
            raise Broken(f"host {name}: {error}") from error
        if image not in self._seats:
            self._seats[image] = find_seat(container, f"~/{FOLDER}")
        made = ContainerMachine(
            container, name=name, engine=address(), network=self._name, seat=self._seats[image]
        )
        return container, made

    def running_server(self) -> None:
        return None

    def freeze(self) -> None:
        """Stop every program at once, the server's first; what they wrote can still be read."""
        servers = [each for each in self._machines if each[1].name == SERVER_HOST]
        others = [each for each in self._machines if each[1].name != SERVER_HOST]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            for group in (servers, others):
                list(workers.map(_kill, group))

    def close(self) -> None:
        if not self._touched:
            return
        ours: dict[str, str | list[str] | bool] = {
            "label": [f"{key}={value}" for key, value in self._labels.items()]
        }
        try:
            left = self._client.containers.list(all=True, filters=ours, ignore_removed=True)
            with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
                list(workers.map(remove_container, left))
            for network in self._client.networks.list(filters=ours):
                remove_network(network)
        except (DockerException, RequestException) as error:
            raise Broken(f"{self._name} cannot be removed: {error}") from error
        if self._lock is not None:
            self._lock.close()
        self._touched = False

    def keep(self) -> str:
        names = ", ".join(str(container.name) for container, _ in self._machines)
        return f"docker exec -it NAME bash; NAME: {names}; `toom clean --all` removes them"


class DockerDriver:
    """Hosts from a container engine.

    Args:
        run: the run's name, for labels.
        images: of the server's host, and of every other.
    """

    name = "docker"

    def __init__(self, run: str, *, images: tuple[str, str], keep: bool) -> None:
        self._run = run
        self._images = images
        self._keep = keep
        self._seats: dict[str, Seat] = {}
        self._client = connect()

    @property
    def addresses(self) -> int:
        return MANY

    def network(self, stage: str, evidence: Path, lifetime: float) -> Network:
        del evidence  # it is collected at the end
        labels = {
            owner.RUN: self._run,
            owner.SCENARIO: stage,
            owner.OWNER: owner.ourselves().label(),
            owner.LIFETIME: str(int(lifetime)),
            **({owner.KEPT: "yes"} if self._keep else {}),
        }
        return DockerNetwork(
            self._client,
            name=f"toom-{self._run}-{_plain(stage)[:NAME_LENGTH]}",
            labels=labels,
            images=self._images,
            lifetime=lifetime,
            keep=self._keep,
            seats=self._seats,
        )


def _kill(host: tuple[Any, ContainerMachine]) -> None:
    container, machine = host
    try:
        container.kill()
    except APIError as error:
        if error.status_code not in (404, 409):  # it has ended already
            raise Broken(f"{machine.name}: {error}") from error
    machine.gone()


def _plain(name: str) -> str:
    """A name that may stand in a host name."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "host"
