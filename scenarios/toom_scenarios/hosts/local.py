"""Hosts on this machine: a network namespace each where the OS allows it, 127.0.0.1 for all where
not.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..errors import Broken, Unsupported
from . import namespaces
from .base import Machine, Network
from .guardian import Guardian
from .local_machine import LocalMachine
from .ports import PortPool

MANY: Final = 10_000  # addresses: more than any machine can start hosts
LOOPBACK: Final = "127.0.0.1"


class LocalNetwork:
    """The hosts of one stage on this machine."""

    def __init__(self, evidence: Path, *, mode: bool | None, scratch: Path | None) -> None:
        self._evidence = evidence
        self._mode = mode
        self._closed = False
        self._switch: namespaces.Switch | None = None
        self._ports = PortPool() if mode is None else None
        self._guardian = Guardian() if mode is None else None
        self._scratch = tempfile.TemporaryDirectory(prefix="toom-", dir=scratch)

    def machine(self, name: str, disk: int | None = None) -> Machine:
        if self._closed:
            raise Broken(f"no host {name}: the stage has ended")
        folder = self._evidence / "hosts"
        if self._mode is None:
            if disk is not None:
                raise Unsupported("needs a disk of its own: here are no mount namespaces")
            return LocalMachine(
                name, LOOPBACK, folder, entry=(), ports=self._ports, guardian=self._guardian
            )
        try:
            if self._switch is None:
                self._switch = namespaces.Switch(Path(self._scratch.name), rootless=self._mode)
            bound, address = self._switch.connect(name)
            made = LocalMachine(
                name, address, folder, entry=self._switch.enter(bound), ports=None, guardian=None
            )
            if disk is not None:
                made.gets_disk(self._switch.mount_disk(made.directory, disk))
        except namespaces.NamespaceError as error:
            raise namespaces.broken(error) from error
        return made

    @property
    def switch(self) -> namespaces.Switch:
        """What joins its hosts, for who makes further ways between them.

        Raises:
            Broken: it has no host with a namespace yet.
        """
        if self._switch is None:
            raise Broken("there are no network namespaces to join")
        return self._switch

    def machines(self, names: Sequence[str], disk: int | None = None) -> list[Machine]:
        return [self.machine(name, disk) for name in names]

    def running_server(self) -> None:
        return None

    def freeze(self) -> None:
        """Nothing to do: terminals are closed one by one in no time."""

    def close(self) -> None:
        self._closed = True
        if self._switch is not None:
            self._switch.close()
            self._switch = None
        if self._guardian is not None:
            self._guardian.close()
        if self._ports is not None:
            self._ports.close()
        self._scratch.cleanup()
        homes = self._evidence / "hosts" / ".homes"
        if homes.is_dir() and not any(homes.iterdir()):
            homes.rmdir()

    def keep(self) -> str:
        return f"files stay in {self._evidence / 'hosts'}; the processes end with the runner"


class LocalDriver:
    """Hosts as processes of this machine.

    Args:
        mode: False: namespaces as root; True: rootless; None: no namespaces, all share 127.0.0.1.
        scratch: where temporary folders are made; default: where the system has them.
    """

    name = "local"

    def __init__(self, mode: bool | None, scratch: Path | None = None) -> None:
        self._mode = mode
        self._scratch = scratch

    @property
    def addresses(self) -> int:
        return 1 if self._mode is None else MANY

    def network(self, stage: str, evidence: Path, lifetime: float) -> Network:
        del stage, lifetime  # nothing outlives the runner here
        return LocalNetwork(evidence, mode=self._mode, scratch=self._scratch)

    def close(self) -> None:
        """Nothing: each stage removes what it has made."""


def find_mode() -> tuple[bool | None, str]:
    """Which kind of local hosts this machine allows, and the reason; see `LocalDriver`.

    The environment may ask for less: TOOM_LOCAL=rootless or TOOM_LOCAL=loopback.
    """
    wish = os.environ.get("TOOM_LOCAL", "")
    if wish == "loopback":
        return None, "TOOM_LOCAL=loopback"
    with tempfile.TemporaryDirectory(prefix="toom-") as folder:
        return namespaces.possible(Path(folder), only_rootless=wish == "rootless")
