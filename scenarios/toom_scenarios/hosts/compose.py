"""Hosts that are up already: the services of the compose project that the runner is part of.

The conference there is other people's: its server keeps running, nothing is stopped or removed but
the runner's own terminals.

Source: CONTRACT, "The service `scenarios`"; labels `com.docker.compose.*`, which version 1 and 2
both set.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import docker
from docker.errors import DockerException, NotFound
from requests.exceptions import RequestException

from ..errors import Broken, Unsupported
from .base import Carrier, Machine, Network
from .container import ContainerMachine, find_seat
from .docker import MANY, SERVER_HOST
from .engine import address, connect
from .exec_terminal import READ_SIZE, hijack

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
SERVER_PORT: Final = 4000  # CONTRACT: `4000 3`
FAR_AWAY: Final = 1000  # ports above those that people at the seats are told to use
FRAME_HEAD: Final = (
    8  # bytes before each piece of a container's output without a TTY: stream, 0 0 0, length
)


class LogCarrier:
    """The output of a running container from now on, as a Carrier that takes no input."""

    def __init__(self, engine: str, container: Any) -> None:
        path = f"/containers/{container.id}/attach?stream=1&stdout=1&stderr=1"
        self._framed = not container.attrs["Config"]["Tty"]
        self._container = container
        self._stream, self._waiting = hijack(engine, path, b"")

    def fileno(self) -> int:
        return self._stream.fileno()

    def read(self) -> bytes:
        if not self._waiting:
            try:
                self._waiting = self._stream.recv(READ_SIZE)
            except BlockingIOError:
                raise
            except OSError as error:
                raise EOFError from error
            if not self._waiting:
                raise EOFError
        elif self._framed:
            self._waiting += self._more()
        data = self._unframed() if self._framed else self._waiting
        if not self._framed:
            self._waiting = b""
        if not data:
            raise BlockingIOError
        return data

    def _more(self) -> bytes:
        try:
            return self._stream.recv(READ_SIZE)
        except BlockingIOError:
            return b""

    def _unframed(self) -> bytes:
        data = b""
        while len(self._waiting) >= FRAME_HEAD:
            size = int.from_bytes(self._waiting[4:FRAME_HEAD], "big")
            if len(self._waiting) < FRAME_HEAD + size:
                break
            data += self._waiting[FRAME_HEAD : FRAME_HEAD + size]
            self._waiting = self._waiting[FRAME_HEAD + size :]
        return data

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
        tables = self.run(["cat", "/proc/net/udp", "/proc/net/udp6"], 0).output.decode()
        rows = (row.split() for row in tables.splitlines())
        taken = {
            int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and ":" in row[1]
        }
        return next(port for port in range(wanted + FAR_AWAY, 65536) if port not in taken)


class ComposeNetwork:
    """The services of a project."""

    def __init__(self, client: docker.DockerClient, project: str) -> None:
        self._client = client
        self._project = project

    def _container(self, service: str) -> Any:
        labels: dict[str, str | list[str] | bool] = {
            "label": [f"{PROJECT}={self._project}", f"{SERVICE}={service}"]
        }
        found = self._client.containers.list(filters=labels)
        if not found:
            raise Broken(f"the conference {self._project} has no running service {service}")
        return found[0]

    def machine(self, name: str) -> Machine:
        try:
            container = self._container(name)
            shared = set(self._container(SERVER_HOST).attrs["NetworkSettings"]["Networks"])
            networks = [
                each for each in container.attrs["NetworkSettings"]["Networks"] if each in shared
            ]
            if not networks:
                raise Broken(f"{name} shares no network with the server")
            return ComposeMachine(
                container,
                name=name,
                engine=address(),
                network=networks[0],
                seat=find_seat(container),
            )
        except (DockerException, RequestException) as error:
            raise Broken(f"{name}: {error}") from error

    def machines(self, names: Sequence[str]) -> list[Machine]:
        return [self.machine(name) for name in names]

    def running_server(self) -> tuple[int, Carrier]:
        return SERVER_PORT, LogCarrier(address(), self._container(SERVER_HOST))

    def freeze(self) -> None:
        """Nothing: the conference goes on."""

    def close(self) -> None:
        """Nothing: the hosts are not ours."""

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
        del stage, evidence, lifetime
        return ComposeNetwork(self._client, self._project)
