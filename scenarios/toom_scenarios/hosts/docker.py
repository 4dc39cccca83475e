"""Hosts as containers: for each stage a network of its own and a container for each host."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import IO, Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import IPAMConfig, IPAMPool, LogConfig
from requests.exceptions import RequestException

from ..errors import Broken
from ..timezone import time_zone
from . import boot, engine, owner, subnets
from .base import Machine, Network
from .container import ContainerMachine, epitaph
from .link import Link
from .stream import hijack
from .sweep import remove_container, remove_network

SERVER_HOST: Final = (
    "server"  # the host of this name gets the server's image, every other the client's
)
FOLDER: Final = "conference"  # working directory of the programs, in the home of the image's user
DISK: Final = "/toom-disk"  # where a small disk is mounted, with that folder on it
FIRST_ADDRESS: Final = 2  # in a stage's subnet; .1 is the engine's
MANY: Final = 50  # hosts that a stage's subnet has room for
SIDE_BY_SIDE: Final = 5  # containers made at once
NAME_LENGTH: Final = 40


class DockerNetwork:
    """The containers of one stage.

    Args:
        labels: by which everything of it is found again, what was half made too.
        images: of the server's host, and of every other.
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
    ) -> None:
        self._client = client
        self._api = client.api
        self._name = name
        self._labels = labels
        self._images = images
        self._lifetime = lifetime
        self._keep = keep
        self._network = ""
        self._subnet: IPv4Network | None = None
        self._lock: IO[str] | None = None
        self._links: list[Link] = []
        self._machines: list[ContainerMachine] = []
        self._addresses = itertools.count(FIRST_ADDRESS)
        self._touched = False

    def machine(self, name: str, disk: int | None = None) -> Machine:
        return self.machines([name], disk)[0]

    def machines(self, names: Sequence[str], disk: int | None = None) -> list[Machine]:
        if not names:
            return []
        self._touched = True
        if not self._network:
            self._make_network()
        addresses = [str(self._next_address()) for _ in names]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            made = list(workers.map(self._make_machine, names, addresses, itertools.repeat(disk)))
        self._machines += made
        return list(made)

    def _make_network(self) -> None:
        refused: APIError | None = None
        for subnet, lock in subnets.free_subnets(zlib.crc32(self._name.encode())):
            pools = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
            try:
                made = self._api.create_network(
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
            self._network, self._subnet, self._lock = made["Id"], subnet, lock
            return
        raise Broken(
            f"no subnet is left in {subnets.pool()} (TOOM_SUBNETS names another): {refused}"
        )

    def _next_address(self) -> IPv4Address:
        if self._subnet is None:
            raise Broken(f"{self._name} has no network")
        try:
            return self._subnet[next(self._addresses)]
        except IndexError as error:
            raise Broken(f"{self._name} has no room for another host") from error

    def _make_machine(self, name: str, address: str, disk: int | None) -> ContainerMachine:
        image = self._images[0] if name == SERVER_HOST else self._images[1]
        try:
            container = self._create(image, name, address, disk)
            link = self._start(container, name)
        except ImageNotFound as error:
            raise Broken(f"the engine has no image {image}: run `make image`") from error
        except (DockerException, RequestException) as error:
            raise Broken(f"host {name}: {error}") from error
        return ContainerMachine(self._client, container, name=name, address=address, link=link)

    def _create(self, image: str, name: str, address: str, disk: int | None) -> str:
        lifetime = 0.0 if self._keep else self._lifetime
        folder = FOLDER if disk is None else f"{DISK}/{FOLDER}"
        tmpfs = None if disk is None else {DISK: f"size={disk},mode=1777,exec"}
        made = self._api.create_container(
            image,
            boot.command(folder, lifetime=lifetime, stays=self._keep),
            stdin_open=True,
            name=f"{self._name}-{_plain(name)}",
            hostname=_plain(name),
            environment={"TZ": time_zone()},
            labels={**self._labels, owner.ROLE: name},
            host_config=self._api.create_host_config(
                network_mode=self._name,
                tmpfs=tmpfs,
                # what the agent says is for the runner, and would fill the engine's disk
                log_config=LogConfig(type=LogConfig.types.NONE),
            ),
            networking_config={
                "EndpointsConfig": {
                    self._name: self._api.create_endpoint_config(ipv4_address=address)
                }
            },
        )
        return str(made["Id"])

    def _start(self, container: str, name: str) -> Link:
        streams = "stream=1&stdin=1&stdout=1&stderr=1"
        stream, first = hijack(engine.address(), f"/containers/{container}/attach?{streams}")
        link = Link(name, stream, first=first, why_gone=lambda: epitaph(self._api, container))
        self._links.append(link)
        self._api.start(container)
        return link

    def running_server(self) -> None:
        return None

    def freeze(self) -> None:
        """Stop every program at once, the server's first; what they wrote can still be read."""
        servers = [each for each in self._machines if each.name == SERVER_HOST]
        others = [each for each in self._machines if each.name != SERVER_HOST]
        for group in (servers, others):
            for stopping in [each.freeze() for each in group]:
                stopping()

    def close(self) -> None:
        for link in self._links:
            link.close()
        self._links.clear()
        if not self._touched:
            return
        ours: dict[str, str | list[str] | bool] = {
            "label": [f"{key}={value}" for key, value in self._labels.items()]
        }
        try:
            left = self._api.containers(all=True, filters=ours)
            with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
                list(workers.map(lambda each: remove_container(self._api, each["Id"]), left))
            for network in self._api.networks(filters=ours):
                remove_network(self._api, network["Id"])
        except (DockerException, RequestException) as error:
            raise Broken(f"{self._name} cannot be removed: {error}") from error
        if self._lock is not None:
            self._lock.close()
        self._touched = False

    def keep(self) -> str:
        for link in self._links:
            link.close()
        names = ", ".join(f"{self._name}-{_plain(each.name)}" for each in self._machines)
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
        self._client = engine.connect()

    @property
    def addresses(self) -> int:
        return MANY

    def images(self) -> dict[str, str]:
        """The ids of the images behind their names: what was examined, even when the names move.

        Raises:
            Broken: the engine has one no more.
        """
        try:
            return {name: str(self._client.images.get(name).id) for name in self._images}
        except (DockerException, RequestException) as error:
            raise Broken(f"the images of the hosts: {error}") from error

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
        )


def _plain(name: str) -> str:
    """A name that may stand in a host name."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "host"
