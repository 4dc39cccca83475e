"""A host on this machine: a directory, a home and, where the OS allows it, a network namespace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..digest import keep_or_describe
from ..errors import Broken
from ..timezone import time_zone
from . import namespaces
from .base import Completed, FileFound
from .guardian import Guardian
from .ports import PortPool
from .pty import PtyCarrier, die_with_parent


def programs_path() -> str:
    """Where programs are looked for: beside the running interpreter first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def host_environment(home: Path, more: Mapping[str, str] = {}) -> dict[str, str]:  # noqa: B006 - never changed
    """The environment of a login in a host: nothing of the runner's but the path to programs and
    the language.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("LANG", "LC_ALL", "LD_LIBRARY_PATH")
    }
    return {
        "LANG": "C.UTF-8",
        **kept,
        "PATH": programs_path(),
        "HOME": str(home),
        "TERM": "dumb",
        "TZ": time_zone(),
        **more,
    }


class LocalMachine:
    """A directory, a home and, where possible, a network namespace.

    Args:
        entry: the command that enters its namespace; empty where it has none.
        ports: the pool for hosts that share an address; None where each has its own.
    """

    def __init__(
        self,
        name: str,
        address: str,
        folder: Path,
        *,
        entry: Sequence[str],
        ports: PortPool | None,
        guardian: Guardian | None,
    ) -> None:
        self.name = name
        self.address = address
        self._path = folder / name
        self._path.mkdir(parents=True)
        self.directory = str(self._path)
        self._home = folder / ".homes" / name
        self._home.mkdir(parents=True)
        self._entry = list(entry)
        self._ports = ports
        self._guardian = guardian
        self._mapped: dict[tuple[str, int], int] = {}

    def gets_disk(self, place: Path) -> None:
        """Its working directory is, from now on, at another place for the runner than for it."""
        self._path = place

    def state(self) -> str:
        return f"{' '.join(self._entry) or 'no namespace'}, address {self.address}"

    def _argv(self, command: Sequence[str]) -> list[str]:
        program = shutil.which(command[0], path=programs_path())
        if program is None:
            raise Broken(f"program {command[0]!r} cannot be found or executed")
        whole = [program, *command[1:]]
        return (
            [*self._entry, *namespaces.inside_command(self.directory, whole)]
            if self._entry
            else whole
        )

    def start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program without a terminal, in the working directory, with pipes to all three.

        Raises:
            Broken: it cannot be found or executed.
        """
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self._argv(command),
            cwd=self.directory,
            env=host_environment(self._home),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
            preexec_fn=None if self._entry else die_with_parent,  # as in `run`
        )

    def open(self, command: Sequence[str], environment: Mapping[str, str]) -> PtyCarrier:
        return PtyCarrier(
            self._argv(command),
            environment=host_environment(self._home, environment),
            directory=self.directory,
            wrapped=bool(self._entry),
            guardian=self._guardian,
        )

    def run(self, command: Sequence[str], within: float) -> Completed:
        process = subprocess.Popen(
            self._argv(command),
            cwd=self.directory,
            env=host_environment(self._home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # In a stage it ends with the stage, however the runner ends; without this call the
            # kernel need not copy the runner to start it.
            preexec_fn=None if self._entry else die_with_parent,
        )
        try:
            output, _ = process.communicate(timeout=within)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Broken(f"{' '.join(command)} took over {within:.0f} s in {self.name}") from error
        return Completed(process.returncode, output)

    def _at(self, name: str) -> Path:
        return self._path / name

    def write_file(self, name: str, content: bytes | Path) -> None:
        place = self._at(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, place)
        else:
            place.write_bytes(content)

    def read_file(self, name: str) -> bytes:
        return self._at(name).read_bytes()

    def fetch_file(self, name: str, to: Path) -> None:
        shutil.copyfile(self._at(name), to)

    def remove_file(self, name: str) -> None:
        self._at(name).unlink()

    def files(self) -> list[FileFound]:
        found = []
        for folder, _, names in os.walk(self._path):
            for name in names:
                place = Path(folder, name)
                try:
                    size = place.lstat().st_size
                except FileNotFoundError:  # a program may rename or remove while we look
                    continue
                found.append(FileFound(str(place.relative_to(self._path)), size))
        return sorted(found, key=lambda each: each.name)

    def _copy_files(self, to: Path) -> None:
        for found in self.files():
            place = self._at(found.name)
            if place.is_file() and not place.is_symlink():
                copy = to / found.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(place, copy)

    def _mapped_port(self, kind: str, wanted: int) -> int:
        if self._ports is None:
            return wanted
        if (kind, wanted) not in self._mapped:
            self._mapped[kind, wanted] = self._ports.take()
        return self._mapped[kind, wanted]

    def udp_port(self, wanted: int) -> int:
        return self._mapped_port("udp", wanted)

    def tcp_port(self, wanted: int) -> int:
        return self._mapped_port("tcp", wanted)

    def collect(self, to: Path, largest: int | None) -> None:
        if self._path != Path(self.directory):
            self._copy_files(to)
        # Else the directory already lies in the evidence.
        if largest is not None:
            for place in to.rglob("*"):
                keep_or_describe(place, largest)
        if not any(self._home.iterdir()):
            self._home.rmdir()
