"""A host that is a container: files, commands and terminals in it, through the engine."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from ..errors import Broken
from ..timezone import time_zone
from .archive import first_file, packed, unpack
from .base import CANNOT_EXECUTE, Completed, FileFound
from .exec_terminal import ExecCarrier, entry_command

FIRST_LOOK: Final = "mkdir -p {0} && cd {0} && pwd && id -u && id -g"
FILES: Final = 'find . ! -type d -exec stat -c "%s %n" {} + 2>/dev/null || true'
SETUP_LIMIT: Final = 30.0  # seconds for a small command in a container on a busy machine
NOT_RUNNING: Final = 409  # what the engine answers to an exec in a container that has ended


class ContainerMachine:
    """One container of a stage.

    Args:
        container: the SDK's object, started.
        engine: its address, as in DOCKER_HOST.
        network: the name of the stage's network, on which its address counts.
        folder: of the programs, in the user's home, made when it is not there; "": the image's own.
    """

    def __init__(
        self, container: Any, *, name: str, engine: str, network: str, folder: str
    ) -> None:
        self._container = container
        self._api = container.client.api
        self._engine = engine
        self._numbers = itertools.count(1)
        self._up = True
        self.name = name
        container.reload()
        self.address = str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])
        self.directory = ""
        where = f"~/{folder}" if folder else "."
        told = self.run(["sh", "-c", FIRST_LOOK.format(where)], SETUP_LIMIT)
        words = told.output.decode(errors="replace").split()
        if told.status or len(words) != 3:
            raise Broken(f"{name}: no directory {where}: {told.output.decode(errors='replace')}")
        self.directory = words[0]
        self._user, self._group = int(words[1]), int(words[2])

    # --- terminals

    def open(self, command: Sequence[str], environment: Mapping[str, str]) -> ExecCarrier:
        pid_file = f"/tmp/.toom-terminal-{next(self._numbers)}"
        try:
            made = self._api.exec_create(
                self._container.id,
                entry_command(pid_file, command),
                stdin=True,
                tty=True,
                environment={"TERM": "dumb", "TZ": time_zone(), **environment},
                workdir=self.directory,
            )
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name}: no terminal: {error}") from error
        return ExecCarrier(self, self._engine, made["Id"], pid_file)

    def exec_status(self, exec_id: str) -> int | None:
        try:
            told = self._api.exec_inspect(exec_id)
        except NotFound:
            return None
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name}: {error}") from error
        return None if told["Running"] or told["ExitCode"] is None else int(told["ExitCode"])

    def is_up(self) -> bool:
        return self._up

    def gone(self) -> None:
        """It was stopped: nothing can be run in it any more, files can still be read."""
        self._up = False

    # --- commands

    def run(self, command: Sequence[str], within: float) -> Completed:
        del within  # the engine's answers have a limit of their own (engine.CALL_LIMIT)
        try:
            made = self._api.exec_create(
                self._container.id,
                list(command),
                environment={"TZ": time_zone()},
                workdir=self.directory or None,
            )
            output = self._api.exec_start(made["Id"])
            status = self.exec_status(made["Id"])
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name}: {' '.join(command)}: {error}") from error
        if status in CANNOT_EXECUTE:
            raise Broken(f"{self.name}: {output.decode(errors='replace').strip()}")
        return Completed(-1 if status is None else status, output or b"")

    # --- files

    def _path(self, name: str) -> str:
        return f"{self.directory}/{name}"

    def write_file(self, name: str, content: bytes | Path) -> None:
        with packed(name, content, self._user, self._group) as stream:
            try:
                self._api.put_archive(self._container.id, self.directory, stream)
            except (DockerException, RequestException) as error:
                raise Broken(f"{self.name}: {name} cannot be written: {error}") from error

    def _archive(self, path: str) -> Any:
        try:
            chunks, _ = self._api.get_archive(self._container.id, path)
        except NotFound as error:
            raise FileNotFoundError(path) from error
        except APIError as error:
            if error.status_code == 404 or "not found" in str(error.explanation):
                raise FileNotFoundError(path) from error
            raise Broken(f"{self.name}: {path}: {error}") from error
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name}: {path}: {error}") from error
        return chunks

    def read_file(self, name: str) -> bytes:
        content = io.BytesIO()
        if not first_file(self._archive(self._path(name)), content):
            raise FileNotFoundError(name)
        return content.getvalue()

    def fetch_file(self, name: str, to: Path) -> None:
        chunks = self._archive(self._path(name))
        with to.open("wb") as out:
            if not first_file(chunks, out):
                raise FileNotFoundError(name)

    def remove_file(self, name: str) -> None:
        if self.run(["rm", "--", self._path(name)], SETUP_LIMIT).status:
            raise FileNotFoundError(name)

    def files(self) -> list[FileFound]:
        found = []
        for row in self.run(["sh", "-c", FILES], SETUP_LIMIT).output.decode().splitlines():
            size, _, name = row.partition(" ")
            found.append(FileFound(name.removeprefix("./"), int(size)))
        return sorted(found, key=lambda each: each.name)

    def udp_port(self, wanted: int) -> int:
        return wanted

    def tcp_port(self, wanted: int) -> int:
        return wanted

    def collect(self, to: Path, largest: int | None) -> None:
        to.mkdir(parents=True, exist_ok=True)
        unpack(self._archive(self.directory), to, largest)
