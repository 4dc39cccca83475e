"""A host of the stage, as a scenario sees it: a machine with files and terminals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from . import sockets
from .accounting import ANSWERS, FILES, on
from .deadline import Deadline
from .errors import Broken, UsageError
from .files import HostFile
from .hosts.base import Completed, FileFound, Machine

# Seconds between two looks at the kernel's table of sockets; each look walks all of a big table.
LOOK_INTERVAL: Final = 0.1
LOOK_LIMIT: Final = (
    1.0  # seconds that one command looks, since each command costs a container 0.1 s
)
# A row of /proc/net/tcp: local address:port, remote address:port, state; 0A is LISTEN (proc(5)).
AWAIT_LISTENER: Final = """
looks={looks}
until grep -qs ':{port} 0*:0000 0A' /proc/net/tcp /proc/net/tcp6; do
  looks=$((looks - 1)); [ $looks -gt 0 ] || exit 1
  sleep {interval}
done
"""
BYTE_LOOKS: Final = 100  # that one command takes at the counters of its network: about a second
# A row of /proc/net/dev: interface: bytes received, and more (proc(5)).
AWAIT_BYTES: Final = """
looks={looks}
while :; do
  sum=0
  while IFS=': ' read -r interface bytes rest; do
    case $bytes in *[!0-9]* | '') ;; *) sum=$((sum + bytes)) ;; esac
  done < /proc/net/dev
  [ $sum -gt {total} ] && exit 0
  looks=$((looks - 1)); [ $looks -gt 0 ] || exit 1
  sleep 0.01
done
"""
RECEIVED: Final = 0  # columns of /proc/net/dev
SENT: Final = 8
COMMAND_LIMIT: Final = 30.0  # seconds for a command without a terminal


class Host:
    """A machine: it stays up while terminals in it are opened, closed and killed.

    Attributes:
        name: unique in the stage.
        address: its IP address, as its peers see it.
        directory: the working directory of its programs; a path inside the host.

    Args:
        put: is told of each file that is put there: its name, and its size in bytes.
    """

    def __init__(
        self, machine: Machine, *, slowness: float, put: Callable[[str, int], None] | None = None
    ) -> None:
        self._machine = machine
        self._slowness = slowness
        self._put = put
        self.name = machine.name
        self.address = machine.address
        self.directory = machine.directory

    def file(self, name: str) -> HostFile:
        """A file by its name, whether it is there or not."""
        return HostFile(self._machine, name, slowness=self._slowness)

    @on(FILES)
    def files(self) -> list[FileFound]:
        """Every file under the working directory, hidden ones too, with sizes, in order of name."""
        return self._machine.files()

    @on(FILES)
    def put(self, name: str, content: bytes | str | Path) -> None:
        """Write a file: bytes, text, or a copy of a file of this machine."""
        if isinstance(content, Path) and not content.is_file():
            raise UsageError(f"no file {content}")
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UsageError(f"{name}: outside of the working directory of {self.name}")
        data = content.encode() if isinstance(content, str) else content
        if self._put is not None:
            self._put(name, data.stat().st_size if isinstance(data, Path) else len(data))
        self._machine.write_file(name, data)

    @on(FILES)
    def remove(self, name: str) -> None:
        """Delete a file."""
        self._machine.remove_file(name)

    def sha256(self, name: str) -> str:
        """The digest of a file, computed outside the programs under test."""
        return self.file(name).sha256

    def fetch(self, name: str, to: Path) -> None:
        """Copy a file to this machine."""
        self.file(name).fetch(to)

    @on(FILES)
    def run(self, command: Sequence[str], *, within: float = COMMAND_LIMIT) -> Completed:
        """Run a command to its end, without a terminal: a look from inside the network."""
        return self._machine.run(command, within)

    def now(self) -> datetime:
        """The host's local time, to the second."""
        told = self.run(["date", "+%Y-%m-%d %H:%M:%S"])
        try:
            return datetime.fromisoformat(told.output.decode().strip())
        except ValueError as error:
            raise Broken(f"{self.name}: date says {told.output!r}") from error

    def comes_to_listen(self, port: int, *, within: float = LOOK_LIMIT) -> bool:
        """Wait a little, inside the host, until something listens on this TCP port."""
        looks = max(1, int(within / LOOK_INTERVAL))
        script = AWAIT_LISTENER.format(looks=looks, interval=LOOK_INTERVAL, port=f"{port:04X}")
        return self.run(["sh", "-c", script], within=within + COMMAND_LIMIT).status == 0

    def listens(self, port: int) -> bool:
        """Whether something listens on this TCP port; asked of the kernel, so that the program
        notices nothing.
        """
        return any(
            each.port == port and each.state == sockets.LISTENING for each in self.sockets("tcp")
        )

    def sockets(self, kind: sockets.Kind) -> list[sockets.Socket]:
        """Every socket of a kind in it, with its port and its peer's; asked of the kernel."""
        told = self.run(["cat", *sockets.TABLES[kind]]).output.decode()
        return sockets.parse(told)

    def received(self) -> int:
        """Bytes that have come in over its network, asked of the kernel."""
        return self._traffic(RECEIVED)

    def sent(self) -> int:
        """Bytes that have gone out over its network, asked of the kernel."""
        return self._traffic(SENT)

    def _traffic(self, column: int) -> int:
        rows = self.run(["cat", "/proc/net/dev"]).output.decode().splitlines()
        return sum(int(row.split(":")[1].split()[column]) for row in rows if ":" in row)

    @on(ANSWERS)
    def comes_to_receive(self, total: int, *, within: float = COMMAND_LIMIT) -> bool:
        """Wait, inside the host, until `received` is over a total: it tells within 20 ms."""
        deadline = Deadline(within)
        script = AWAIT_BYTES.format(looks=BYTE_LOOKS, total=total)
        while self.run(["sh", "-c", script]).status:
            if deadline.passed():
                return False
        return True

    @property
    def machine(self) -> Machine:
        """What carries it; for the runner, not for scenarios."""
        return self._machine
