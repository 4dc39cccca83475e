"""Hosts as containers: for each stage a network that nobody else is on, and a container for each
host.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from .. import engine
from ..errors import Broken
from . import owner
from .base import Machine, Network
from .container import ContainerMachine
from .site import SIDE_BY_SIDE, Plan, Site, Tenement

SERVER_HOST: Final = (
    "server"  # the host of this name gets the server's image, every other the client's
)
MANY: Final = 50  # hosts that a stage's subnet has room for
NAME_LENGTH: Final = 40
LONGEST_RUN: Final = 7200  # seconds after which nobody can want a site any more


class DockerNetwork:
    """The hosts of one stage.

    Args:
        name: that its containers' names begin with.
        site: where they are; nobody else's as long as the stage lives.
        images: of the server's host, and of every other.
        keep: they outlive the runner, for a person.
        hand_back: takes the site for the next stage; None: it is closed with this one.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        site: Site,
        *,
        images: tuple[str, str],
        lifetime: float,
        keep: bool,
        hand_back: Callable[[Site], None] | None,
    ) -> None:
        self._client = client
        self._name = name
        self._site = site
        self._images = images
        self._lifetime = lifetime
        self._keep = keep
        self._hand_back = hand_back
        self._hosts: list[tuple[Tenement, ContainerMachine]] = []
        self._closed = False

    def machine(self, name: str, disk: int | None = None) -> Machine:
        return self.machines([name], disk)[0]

    def machines(self, names: Sequence[str], disk: int | None = None) -> list[Machine]:
        if not names:
            return []
        if self._closed:
            raise Broken(f"no host {names[0]}: the stage has ended")
        self._site.open()
        with ThreadPoolExecutor(SIDE_BY_SIDE) as workers:
            made = list(workers.map(lambda name: self._host(name, disk), names))
        self._hosts += made
        return [machine for _, machine in made]

    def _host(self, name: str, disk: int | None) -> tuple[Tenement, ContainerMachine]:
        plan = self._plan(name, disk)
        found = self._site.again(plan)
        if found is None:
            tenement = self._site.make(plan)
            directory = tenement.link.directory()
        else:
            tenement, directory = found
        return tenement, ContainerMachine(
            self._client,
            tenement.container,
            name=name,
            address=tenement.address,
            directory=directory,
            link=tenement.link,
        )

    def _plan(self, host: str, disk: int | None) -> Plan:
        lasting = self._hand_back is not None and disk is None
        is_server = host == SERVER_HOST
        return Plan(
            name=self._site.new_name() if lasting else f"{self._name}-{_plain(host)}",
            host=host,
            hostname="host" if lasting and not is_server else _plain(host),
            image=self._images[0] if is_server else self._images[1],
            lifetime=0.0 if self._keep else self._lifetime,
            disk=disk,
            lasting=lasting,
            stays=self._keep,
        )

    def running_server(self) -> None:
        return None

    def freeze(self) -> None:
        """Stop every program at once, the server's first; what they wrote can still be read.

        The server's stand still while its peers end, and end last: so it sees nobody leave, and the
        kernel, which must remember an end of each connection for a minute, does that at the peers'.
        """
        machines = [machine for _, machine in self._hosts]
        servers = [each for each in machines if each.name == SERVER_HOST]
        others = [each for each in machines if each.name != SERVER_HOST]
        for server in servers:
            server.halt()
        for group in (others, servers):
            for ending in [each.freeze() for each in group]:
                ending()

    def close(self) -> None:
        if self._closed:
            return
        if self._hand_back is None:
            self._site.close()
        else:
            # a program that is not known to have ended could speak to the next stage
            self._site.leave([tenement for tenement, machine in self._hosts if machine.is_frozen])
            self._hand_back(self._site)
        self._closed = True

    def keep(self) -> str:
        self._site.let_go()
        names = ", ".join(tenement.plan.name for tenement, _ in self._hosts)
        return f"docker exec -it NAME bash; NAME: {names}; `toom clean --all` removes them"


class DockerDriver:
    """Hosts from a container engine.

    Args:
        run: the run's name, for labels.
        images: of the server's host, and of every other.
        keep: hosts stay, for a person.
        reuse: a stage may get hosts of an earlier one, made new; `close` must be called.
    """

    name = "docker"

    def __init__(
        self, run: str, *, images: tuple[str, str], keep: bool, reuse: bool = False
    ) -> None:
        self._run = run
        self._images = images
        self._keep = keep
        self._reuse = reuse and not keep
        self._shared: list[Site] = []
        self._free: list[Site] = []
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
        name = f"toom-{self._run}-{_plain(stage)[:NAME_LENGTH]}"
        return DockerNetwork(
            self._client,
            name,
            self._shared_site() if self._reuse else self._site(name, stage, lifetime),
            images=self._images,
            lifetime=lifetime,
            keep=self._keep,
            hand_back=self._free.append if self._reuse else None,
        )

    def _shared_site(self) -> Site:
        """One that no stage has now."""
        if self._free:
            return self._free.pop()
        name = f"toom-{self._run}-{os.getpid()}-{len(self._shared) + 1}"
        self._shared.append(self._site(name, "several", LONGEST_RUN))
        return self._shared[-1]

    def _site(self, name: str, stage: str, lifetime: float) -> Site:
        labels = {
            owner.RUN: self._run,
            owner.SCENARIO: stage,
            owner.OWNER: owner.ourselves().label(),
            owner.LIFETIME: str(int(lifetime)),
            **({owner.KEPT: "yes"} if self._keep else {}),
        }
        return Site(self._client.api, name, labels)

    def close(self) -> None:
        while self._shared:
            self._shared.pop().close()
        self._free.clear()


def _plain(name: str) -> str:
    """A name that may stand in a host name."""
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-") or "host"
