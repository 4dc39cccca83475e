"""Hosts that are up already: the services of the compose project that the runner is part of.

The conference there is other people's: its server keeps running, nothing is stopped or removed but
the runner's own terminals.

Source: CONTRACT, "The service `scenarios`"; labels `com.docker.compose.*`, which version 1 and 2
both set.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import docker
from docker.errors import DockerException, NotFound
from requests.exceptions import RequestException

from ..engine import address, connect
from ..errors import Broken, Unsupported
from . import boot
from .base import Carrier, Machine, Network
from .container import ContainerMachine, describe
from .docker import MANY, SERVER_HOST
from .link import Link
from .stream import READ_SIZE, Pieces, hijack

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
SERVER_PORT: Final = 4000  # CONTRACT: `4000 3`
FAR_AWAY: Final = 1000  # ports above those that people at the seats are told to use
LOOK_LIMIT: Final = 30.0  # seconds for a small command on a busy machine


class LogCarrier:
    """The output of a running container from now on, as a Carrier that takes no input."""

    def __init__(self, engine: str, container: Any) -> None:
        path = f"/containers/{container.id}/attach?stream=1&stdout=1&stderr=1"
        self._pieces = None if container.attrs["Config"]["Tty"] else Pieces()
        self._container = container
        self._stream, first = hijack(engine, path)
        self._waiting = self._cut(first)

    def fileno(self) -> int:
        return self._stream.fileno()

    def read(self) -> bytes:
        data, self._waiting = self._waiting, b""
        while not data:
            try:
                more = self._stream.recv(READ_SIZE)
            except BlockingIOError:
                raise
            except OSError as error:
                raise EOFError from error
            if not more:
                raise EOFError
            data = self._cut(more)
        return data

    def _cut(self, data: bytes) -> bytes:
        if self._pieces is None:
            return data
        return b"".join(piece for _, piece in self._pieces.feed(data))

    def write(self, data: bytes, within: float) -> None:
        del data, within
        raise BrokenPipeError("a running server's terminal takes no input")

    def exit_status(self) -> int | None:
        try:
            self._container.reload()
        except NotFound:
            return 0
        state = self._container.attrs["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def signal(self, number: signal.Signals) -> None:
        raise Unsupported(f"{number.name}: the server of a running conference is not stopped")

    def close(self) -> None:
        self._stream.close()


class ComposeMachine(ContainerMachine):
    """A service that people may sit at."""

    def udp_port(self, wanted: int) -> int:
        """A free port, away from those that people use."""
        tables = self.run(["cat", "/proc/net/udp", "/proc/net/udp6"], LOOK_LIMIT).output.decode()
        rows = (row.split() for row in tables.splitlines())
        taken = {
            int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and ":" in row[1]
        }
        return next(port for port in range(wanted + FAR_AWAY, 65536) if port not in taken)


class ComposeNetwork:
    """The services of a project."""

    def __init__(self, client: docker.DockerClient, project: str, lifetime: float) -> None:
        self._client = client
        self._project = project
        self._lifetime = lifetime
        self._links: list[Link] = []

    def _container(self, service: str) -> Any:
        labels: dict[str, str | list[str] | bool] = {
            "label": [f"{PROJECT}={self._project}", f"{SERVICE}={service}"]
        }
        found = self._client.containers.list(filters=labels)
        if not found:
            raise Broken(f"the conference {self._project} has no running service {service}")
        return found[0]

    def machine(self, name: str, disk: int | None = None) -> Machine:
        if disk is not None:
            raise Unsupported("needs a disk of its own: the hosts of a conference are as they are")
        try:
            container = self._container(name)
            shared = set(self._container(SERVER_HOST).attrs["NetworkSettings"]["Networks"])
            mine = container.attrs["NetworkSettings"]["Networks"]
            addresses = [str(mine[each]["IPAddress"]) for each in mine if each in shared]
            if not addresses:
                raise Broken(f"{name} shares no network with the server")
            link = self._agent(container, name)
        except (DockerException, RequestException) as error:
            raise Broken(f"{name}: {error}") from error
        return ComposeMachine(
            self._client,
            container.id,
            name=name,
            address=addresses[0],
            directory=link.directory(),
            link=link,
        )

    def _agent(self, container: Any, name: str) -> Link:
        """An agent beside what runs there already; it goes with us."""
        made = self._client.api.exec_create(
            container.id, boot.command(".", lifetime=self._lifetime, stays=False), stdin=True
        )
        begin = json.dumps({"Detach": False, "Tty": False}).encode()
        stream, first = hijack(address(), f"/exec/{made['Id']}/start", begin)
        api = self._client.api
        link = Link(name, stream, first=first, why_gone=lambda: describe(api, container.id))
        self._links.append(link)
        return link

    def machines(self, names: Sequence[str], disk: int | None = None) -> list[Machine]:
        return [self.machine(name, disk) for name in names]

    def running_server(self) -> tuple[int, Carrier]:
        return SERVER_PORT, LogCarrier(address(), self._container(SERVER_HOST))

    def freeze(self) -> None:
        """Nothing: the conference goes on."""

    def close(self) -> None:
        """Only the agents are ours."""
        for link in self._links:
            link.close()
        self._links.clear()

    def keep(self) -> str:
        return "the conference stays as it is"


class ComposeDriver:
    """Hosts of the compose project that this runner belongs to."""

    name = "compose"

    def __init__(self) -> None:
        self._client = connect()
        self._project = os.environ.get("COMPOSE_PROJECT_NAME") or self._own_project()

    def _own_project(self) -> str:
        try:
            own = self._client.containers.get(socket.gethostname())
            return str(own.labels[PROJECT])
        except (NotFound, KeyError) as error:
            raise Broken(
                "--on compose: not inside a compose project; name it in COMPOSE_PROJECT_NAME"
            ) from error

    @property
    def addresses(self) -> int:
        return MANY

    def network(self, stage: str, evidence: Path, lifetime: float) -> Network:
        del stage, evidence
        return ComposeNetwork(self._client, self._project, lifetime)

    def close(self) -> None:
        """Nothing: the hosts are not ours."""
