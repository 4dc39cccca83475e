"""What every kind of host must offer: the small doors behind `Host`, `Terminal` and `Stage`.

Belongs here: the contracts that local.py, docker.py and compose.py fulfil. Does not: anything that
scenarios call.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

ROWS: Final = 24
COLUMNS: Final = 250  # wide enough that no program thinks of wrapping a prompt or a log line
CANNOT_EXECUTE: Final = (
    126,
    127,
)  # statuses by which a shell (and env, nsenter) says "not executable", "not found"
INPUT_CHUNK: Final = 1024  # bytes written at once; a terminal's input queue holds about 4 KiB


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran in a host without a terminal."""

    status: int
    output: bytes


@dataclass(frozen=True, slots=True)
class FileFound:
    """A file in a host's working directory; its name is relative, with `/` for folders."""

    name: str
    size: int


class Carrier(Protocol):
    """A program at the other end of a TTY."""

    def fileno(self) -> int:
        """Becomes readable when there is output, or the end of it."""

    def read(self) -> bytes:
        """What has been printed.

        Raises:
            BlockingIOError: nothing yet.
            EOFError: nothing any more.
        """

    def write(self, data: bytes, within: float) -> None:
        """Type.

        Raises:
            TimeoutError: the program reads nothing and the terminal's queue is full.
            BrokenPipeError: nobody is there.
        """

    def exit_status(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""

    def signal(self, number: signal.Signals) -> None:
        """Signal the program, not what carries it."""

    def close(self) -> None:
        """End the whole session inside the host. May be called twice."""


class Machine(Protocol):
    """A machine of the stage. It stays up until the stage ends."""

    name: str
    address: str
    directory: str

    def open(self, command: Sequence[str], environment: Mapping[str, str]) -> Carrier:
        """Start a program at a new TTY, in the working directory.

        Raises:
            Broken: it cannot be found or executed.
        """

    def run(self, command: Sequence[str], within: float) -> Completed:
        """Run a command to its end, without a terminal."""

    def write_file(self, name: str, content: bytes | Path) -> None:
        """Put a file into the working directory, owned by the user the programs run as."""

    def read_file(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    def fetch_file(self, name: str, to: Path) -> None:
        """Copy a file out, whatever its size. Raises FileNotFoundError."""

    def remove_file(self, name: str) -> None:
        """Raises FileNotFoundError."""

    def files(self) -> list[FileFound]:
        """Every file under the working directory, hidden ones too, by name."""

    def udp_port(self, wanted: int) -> int:
        """The port to use where a scenario wants this one; differs where hosts share an address."""

    def tcp_port(self, wanted: int) -> int:
        """The same for TCP."""

    def state(self) -> str:
        """How it is, for a report: one line, from outside."""

    def collect(self, to: Path, largest: int | None) -> None:
        """Copy the working directory into the evidence; of files over `largest` bytes only size and
        digest.
        """


class Network(Protocol):
    """The machines of one stage. Nothing else can reach them."""

    def machine(self, name: str, disk: int | None = None) -> Machine:
        """A new machine, up and connected.

        Args:
            disk: bytes that its working directory has room for; None: as many as there are.

        Raises:
            Unsupported: no machine here has a disk of its own.
        """

    def machines(self, names: Sequence[str], disk: int | None = None) -> list[Machine]:
        """Several at once, where that is quicker than one by one. Each has a disk of its own."""

    def running_server(self) -> tuple[int, Carrier] | None:
        """The port and the console of a server that is up already; None where the stage starts its
        own.
        """

    def freeze(self) -> None:
        """Stop every program at once, where that is possible; the server's first."""

    def close(self) -> None:
        """Remove everything. May be called twice, and before anything was made."""

    def keep(self) -> str:
        """Leave everything up. Returns how a person gets in."""


class Driver(Protocol):
    """A way to have hosts at all."""

    name: str

    @property
    def addresses(self) -> int:
        """How many hosts with addresses of their own a stage may have."""

    def network(self, stage: str, evidence: Path, lifetime: float) -> Network:
        """A network for a stage.

        Args:
            stage: the scenario's name, for labels.
            evidence: the scenario's folder.
            lifetime: seconds after which nothing of it may live any more.
        """

    def close(self) -> None:
        """After the last stage: remove what stages have shared. May be called twice."""
