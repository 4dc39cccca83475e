"""Containers on a network of their own: making them, having them back, removing them.

To make and to remove a container costs an engine a third of a second of work, which is more than
what most stages do in it. So a host that was left in order waits at its site for the next stage:
its agent has ended every program, and makes it new (agent/fresh.py), or says that it cannot. It can
where programs write into memory alone, on a disk that is read-only.

Does not belong here: what happens in a container (container.py), and which one a stage gets
(docker.py).
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from docker.errors import DockerException, ImageNotFound
from docker.types import LogConfig
from requests.exceptions import RequestException

from .. import engine
from ..errors import Broken
from ..timezone import time_zone
from . import boot, owner
from .agent import wire
from .container import epitaph
from .link import Link
from .segment import Segment
from .stream import hijack
from .sweep import remove_container, remove_network

FOLDER: Final = "conference"  # working directory of the programs, in the home of the image's user
DISK: Final = "/toom-disk"  # where a small disk is mounted, with that folder on it
MEMORY: Final = "/toom-memory"  # where the home lies in a host that can be made new
WRITTEN_TO: Final = (MEMORY, "/tmp", "/var/tmp")  # by the programs in such a host
ANYBODY: Final = "mode=1777,exec"  # may write there, and execute what is there
SIDE_BY_SIDE: Final = 5  # containers made or removed at once
MOST_IDLE: Final = 6  # hosts that wait at a site


@dataclass(frozen=True, slots=True)
class Plan:
    """A container to be made.

    Attributes:
        name: for the engine.
        host: how the scenario calls it.
        lifetime: seconds; 0: no end.
        disk: bytes that its working directory has room for; None: no limit.
        lasting: it can be made new for another stage.
        stays: it outlives the runner.
    """

    name: str
    host: str
    hostname: str
    image: str
    lifetime: float
    disk: int | None = None
    lasting: bool = False
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Tenement:
    """A container that is up, with its address and the link to its agent."""

    plan: Plan
    container: str
    address: str
    link: Link


class Site:
    """One network and its containers.

    Args:
        api: the engine's, of the SDK.
        name: of the network.
        labels: by which everything of it is found again.
    """

    def __init__(self, api: Any, name: str, labels: dict[str, str]) -> None:
        self._api = api
        self.name = name
        self._labels = {**labels, owner.SITE: name}
        self._segment: Segment | None = None
        self._touched = False
        self._links: dict[str, Link] = {}  # by container
        self._idle: list[Tenement] = []
        self._turn = threading.Lock()
        self._numbers = itertools.count(1)

    def open(self) -> None:
        """Make the network, when there is none. Raises Broken."""
        self._touched = True
        if self._segment is None:
            self._segment = Segment(self._api, self.name, self._labels)

    def new_name(self) -> str:
        """For a container that several stages will have."""
        return f"{self.name}-host-{next(self._numbers)}"

    # --- one container

    def make(self, plan: Plan) -> Tenement:
        """A new container. Raises Broken."""
        if self._segment is None:
            raise Broken(f"{self.name} is not open")
        address = self._segment.take_address()
        try:
            container = self._create(plan, address)
            link = self._start(container, plan.host)
        except ImageNotFound as error:
            raise Broken(f"the engine has no image {plan.image}: run `make image`") from error
        except (DockerException, RequestException) as error:
            raise Broken(f"host {plan.host}: {error}") from error
        return Tenement(plan, container, address, link)

    def _create(self, plan: Plan, address: str) -> str:
        folder, environment, mounts = FOLDER, {"TZ": time_zone()}, {}
        if plan.disk is not None:
            folder = f"{DISK}/{FOLDER}"
            mounts = {DISK: f"size={plan.disk},{ANYBODY}"}
        elif plan.lasting:
            environment["HOME"] = f"{MEMORY}/home"
            mounts = dict.fromkeys(WRITTEN_TO, ANYBODY)
        made = self._api.create_container(
            plan.image,
            boot.command(folder, lifetime=plan.lifetime, stays=plan.stays),
            stdin_open=True,
            name=plan.name,
            hostname=plan.hostname,
            environment=environment,
            labels={**self._labels, owner.ROLE: plan.host},
            host_config=self._api.create_host_config(
                network_mode=self.name,
                tmpfs=mounts,
                read_only=plan.lasting,
                # what the agent says is for the runner, and would fill the engine's disk
                log_config=LogConfig(type=LogConfig.types.NONE),
            ),
            networking_config={
                "EndpointsConfig": {
                    self.name: self._api.create_endpoint_config(ipv4_address=address)
                }
            },
        )
        return str(made["Id"])

    def _start(self, container: str, host: str) -> Link:
        streams = "stream=1&stdin=1&stdout=1&stderr=1"
        stream, first = hijack(engine.address(), f"/containers/{container}/attach?{streams}")
        link = Link(host, stream, first=first, why_gone=lambda: epitaph(self._api, container))
        self._links[container] = link
        self._api.start(container)
        return link

    # --- having it back

    def again(self, plan: Plan) -> tuple[Tenement, str] | None:
        """A container that waits here, made new, and its working directory; None: none does."""
        while (waiting := self._fitting(plan)) is not None:
            with suppress(Broken, OSError):
                request = waiting.link.ask(wire.RESET, wire.pack(int(plan.lifetime)))
                directory = request.done().decode()
                waiting.link.name = plan.host
                return waiting, directory
        return None

    def _fitting(self, plan: Plan) -> Tenement | None:
        with self._turn:
            for waiting in self._idle if plan.lasting else ():
                if waiting.plan.image == plan.image:
                    self._idle.remove(waiting)
                    return waiting
        return None

    def leave(self, in_order: Sequence[Tenement]) -> None:
        """The end of a stage: of those that were left in order some wait, all others are removed.

        Raises:
            Broken: the engine does not do it.
        """
        room = MOST_IDLE - len(self._idle)
        lasting = [each for each in in_order if each.plan.lasting and not each.link.is_lost]
        self._idle += lasting[:room]
        self._remove_others({each.container for each in self._idle})
        if self._segment is not None:
            self._segment.keep_only({each.address for each in self._idle})

    def close(self) -> None:
        """Remove everything. May be called twice. Raises Broken."""
        self._idle.clear()
        self._remove_others(set())
        if not self._touched:
            return
        try:
            for network in self._api.networks(filters=self._ours()):
                remove_network(self._api, network["Id"])
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name} cannot be removed: {error}") from error
        if self._segment is not None:
            self._segment.unlock()
        self._segment, self._touched = None, False

    def let_go(self) -> None:
        """Leave everything as it is, for a person."""
        for link in self._links.values():
            link.close()

    def _ours(self) -> dict[str, list[str]]:
        return {"label": [f"{key}={value}" for key, value in self._labels.items()]}

    def _remove_others(self, stay: set[str]) -> None:
        """By its labels, since something may be half made.

        The engine ends them, and our links to them are closed after that: a container that ends by
        itself while it is removed may leave an end in the network for which nobody can be found.
        """
        if not self._touched:
            return
        try:
            found = {each["Id"] for each in self._api.containers(all=True, filters=self._ours())}
            with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
                list(workers.map(lambda each: remove_container(self._api, each), found - stay))
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name} cannot be removed: {error}") from error
        finally:
            for container in self._links.keys() - stay:
                self._links.pop(container).close()
