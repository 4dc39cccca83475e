"""A host that is a container: files, commands and terminals in it, through the engine."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from ..deadline import Deadline, wait_for
from ..errors import Broken
from ..timezone import time_zone
from .archive import first_file, packed, unpack
from .base import CANNOT_EXECUTE, Completed, FileFound
from .exec_terminal import ExecCarrier, entry_command, in_directory

FIRST_LOOK: Final = "mkdir -p {0} && cd {0} && pwd && id -u && id -g"
FILES: Final = 'find . ! -type d -exec stat -c "%s %n" {} + 2>/dev/null || true'
SETUP_LIMIT: Final = 30.0  # seconds for a small command in a container on a busy machine
NOT_RUNNING: Final = 409  # what the engine answers to an exec in a container that has ended


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the programs of a container run, and the numbers of the user they run as."""

    directory: str
    user: int
    group: int


def execute(container: Any, command: Sequence[str]) -> Completed:
    """Run a command in a container, to its end, without a terminal."""
    api = container.client.api
    try:
        made = api.exec_create(container.id, list(command), environment={"TZ": time_zone()})
        output = api.exec_start(made["Id"]) or b""
        status = api.exec_inspect(made["Id"])["ExitCode"]
    except (DockerException, RequestException) as error:
        raise Broken(f"{container.name}: {' '.join(command)}: {error}") from error
    if status in CANNOT_EXECUTE:
        raise Broken(f"{container.name}: {output.decode(errors='replace').strip()}")
    return Completed(-1 if status is None else int(status), output)


def find_seat(container: Any, folder: str = ".") -> Seat:
    """Ask a container; every other one of the same image would say the same."""
    told = execute(container, ["sh", "-c", FIRST_LOOK.format(folder)])
    words = told.output.decode(errors="replace").split()
    if told.status or len(words) != 3:
        raise Broken(f"{container.name}: no directory {folder}: {told.output.decode()}")
    return Seat(words[0], int(words[1]), int(words[2]))


class ContainerMachine:
    """One container of a stage.

    Args:
        container: the SDK's object, started.
        engine: its address, as in DOCKER_HOST.
        network: the name of the stage's network, on which its address counts.
        seat: where its programs run, and as whom.
    """

    def __init__(self, container: Any, *, name: str, engine: str, network: str, seat: Seat) -> None:
        self._container = container
        self._api = container.client.api
        self._engine = engine
        self._numbers = itertools.count(1)
        self._up = True
        self.name = name
        container.reload()
        self.address = str(container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"])
        self.directory = seat.directory
        self._seat = seat

    # --- terminals

    def open(self, command: Sequence[str], environment: Mapping[str, str]) -> ExecCarrier:
        pid_file = f"/tmp/.toom-terminal-{next(self._numbers)}"
        try:
            made = self._api.exec_create(
                self._container.id,
                entry_command(pid_file, self.directory, command),
                stdin=True,
                tty=True,
                environment={"TERM": "dumb", "TZ": time_zone(), **environment},
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
        return execute(self._container, in_directory(self.directory, command))

    # --- files

    def _path(self, name: str) -> str:
        return f"{self.directory}/{name}"

    def write_file(self, name: str, content: bytes | Path) -> None:
        with packed(name, content, self._seat.user, self._seat.group) as stream:
            try:
                if not wait_for(lambda: self._put(stream), Deadline(SETUP_LIMIT)):
                    raise Broken(f"{self.name}: no directory {self.directory}")
            except (DockerException, RequestException) as error:
                raise Broken(f"{self.name}: {name} cannot be written: {error}") from error

    def _put(self, stream: IO[bytes]) -> bool:
        """False while the directory is not there: the container makes it as it starts."""
        stream.seek(0)
        try:
            return bool(self._api.put_archive(self._container.id, self.directory, stream))
        except NotFound:
            return False

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
