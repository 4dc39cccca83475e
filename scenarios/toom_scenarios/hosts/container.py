"""A host that is a container: files, commands and terminals in it, through its agent."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from ..deadline import Deadline, wait_for
from ..errors import Broken
from . import archive
from .agent import wire
from .agent_terminal import AgentTerminal, environment_of
from .base import CANNOT_EXECUTE, Completed, FileFound
from .link import Link

MOST_OUTPUT: Final = 64_000_000  # bytes that a command without a terminal may print
PASSING: Final = 1.0  # seconds that an engine may take to notice an end


class ContainerMachine:
    """One container.

    Args:
        client: of its engine.
        container: its id.
        directory: the working directory of its programs.
        link: to the agent in it.
    """

    def __init__(
        self, client: Any, container: str, *, name: str, address: str, directory: str, link: Link
    ) -> None:
        self._api = client.api
        self._container = container
        self.link = link
        self.name = name
        self.address = address
        self.directory = directory
        self.is_frozen = False  # every program is known to have ended

    def state(self) -> str:
        return describe(self._api, self._container)

    # --- programs

    def open(self, command: Sequence[str], environment: Mapping[str, str]) -> AgentTerminal:
        return AgentTerminal(self.link, command, environment)

    def run(self, command: Sequence[str], within: float) -> Completed:
        what = f"{self.name}: {' '.join(command)}"
        argv = [os.fsencode(word) for word in command]
        output = io.BytesIO()
        status = 0
        try:
            request = self.link.ask(wire.RUN, wire.pack(environment_of({}), *argv))
            with closing(request.answers(Deadline(within))) as answers:
                for kind, content in answers:
                    if kind == wire.EXIT:
                        status = int(wire.unpack(content)[0])
                    elif kind == wire.DATA:
                        output.write(content)
                    if output.tell() > MOST_OUTPUT:
                        raise Broken(f"{what}: it printed over {MOST_OUTPUT} bytes")
        except TimeoutError as error:
            raise Broken(f"{what}: it took over {within:.0f} s") from error
        except OSError as error:
            raise Broken(f"{what}: {error}") from error
        if status in CANNOT_EXECUTE:
            raise Broken(f"{what}: {output.getvalue().decode(errors='replace').strip()}")
        return Completed(status, output.getvalue())

    def halt(self) -> None:
        """Stop every program where it stands."""
        with suppress(OSError, Broken):  # a host that does not answer is ended by `freeze`
            self.link.ask(wire.STOP).done()

    def freeze(self) -> Callable[[], None]:
        """Begin to end every program. What is returned waits until they have ended; files can be
        read after that.
        """
        with suppress(Broken):  # an agent that has ended has taken everything with it
            request = self.link.ask(wire.FREEZE)

            def frozen() -> None:
                try:
                    request.done()
                    self.is_frozen = True
                except (OSError, Broken):
                    self._kill()

            return frozen
        return self._kill

    def _kill(self) -> None:
        try:
            self._api.kill(self._container)
        except APIError as error:
            if error.status_code not in (404, 409):  # it has ended already
                raise Broken(f"{self.name}: {error}") from error
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name}: {error}") from error

    # --- files

    @contextmanager
    def _trouble_with(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Broken(f"{self.name}: {name}: {error}") from error

    def write_file(self, name: str, content: bytes | Path) -> None:
        with self._trouble_with(name):
            request = self.link.ask(wire.WRITE, os.fsencode(name))
            with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as file:
                while data := file.read(wire.CHUNK):
                    request.send(wire.DATA, data)
            request.send(wire.END)
            request.done()

    def read_file(self, name: str) -> bytes:
        content = io.BytesIO()
        self._copy(name, content)
        return content.getvalue()

    def fetch_file(self, name: str, to: Path) -> None:
        with to.open("wb") as file:
            self._copy(name, file)

    def _copy(self, name: str, to: IO[bytes]) -> None:
        with self._trouble_with(name):
            for _, data in self.link.ask(wire.READ, os.fsencode(name)).answers():
                to.write(data)

    def remove_file(self, name: str) -> None:
        with self._trouble_with(name):
            self.link.ask(wire.REMOVE, os.fsencode(name)).done()

    def files(self) -> list[FileFound]:
        found = []
        with self._trouble_with(self.directory):
            for kind, content in self.link.ask(wire.LIST).answers():
                if kind == wire.FILE:
                    name, size, _, _ = wire.unpack(content)
                    found.append(FileFound(os.fsdecode(name), int(size)))
        return sorted(found, key=lambda each: each.name)

    def udp_port(self, wanted: int) -> int:
        return wanted

    def tcp_port(self, wanted: int) -> int:
        return wanted

    def collect(self, to: Path, largest: int | None) -> None:
        to.mkdir(parents=True, exist_ok=True)
        try:
            with self._trouble_with(self.directory):
                request = self.link.ask(wire.COLLECT, b"" if largest is None else b"%d" % largest)
                _receive(request.answers(), to)
        except Broken:
            if not self.link.is_lost:
                raise
            archive.unpack(self._archive(), to, largest)

    def _archive(self) -> Any:
        """What is left in a container whose agent has ended."""
        try:
            chunks, _ = self._api.get_archive(self._container, self.directory)
        except (DockerException, RequestException) as error:
            raise Broken(f"{self.name}: {self.directory}: {error}") from error
        return chunks


def _receive(answers: Iterator[tuple[int, bytes]], to: Path) -> None:
    """Write down the files that an agent has found."""
    for kind, content in answers:
        if kind != wire.FILE:
            continue
        name, size, digest, trouble = wire.unpack(content)
        place = _below(to, os.fsdecode(name))
        place.parent.mkdir(parents=True, exist_ok=True)
        if digest:
            told = f"{digest.decode()}  {place.name}  {int(size)} bytes\n"
            place.with_name(place.name + ".sha256").write_text(told)
        elif trouble:
            place.with_name(place.name + ".lost").write_bytes(trouble + b"\n")
        else:
            with place.open("wb") as file:
                for part, data in answers:
                    if part == wire.END:
                        break
                    file.write(data)


def _below(folder: Path, name: str) -> Path:
    """A place in a folder, whatever the name says."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute():
        raise Broken(f"a host has a file {name!r}")
    return folder.joinpath(*parts)


def describe(api: Any, container: str) -> str:
    """What the engine says of a container, in one line."""
    try:
        told = api.inspect_container(container)
    except NotFound:
        return "the container is removed"
    except (DockerException, RequestException) as error:
        return f"the engine does not say how the container is ({error})"
    state, limits = told["State"], told["HostConfig"]
    words = [
        f"container {told['Name'].lstrip('/')} of {told['Config']['Image']}: {state['Status']}"
    ]
    if not state["Running"]:
        words.append(f"exit status {state['ExitCode']}")
    words += ["killed for want of memory"] if state.get("OOMKilled") else []
    words += [str(state["Error"])] if state.get("Error") else []
    words.append(f"at most {limits.get('PidsLimit') or 'any number of'} processes")
    words.append(f"at most {limits['Memory']} bytes" if limits.get("Memory") else "any memory")
    return ", ".join(words)


def epitaph(api: Any, container: str) -> str:
    """The same of a container that has just ended."""

    def has_ended() -> bool:
        try:
            return not api.inspect_container(container)["State"]["Running"]
        except (DockerException, RequestException):
            return True

    wait_for(has_ended, Deadline(PASSING))
    return describe(api, container)
