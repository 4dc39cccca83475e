"""Who made something in the container engine, and whether that process is proved dead.

Belongs here: labels and the proof. A runner may sit in a container, on another pid namespace or
another machine than the one that cleans up after it: what cannot be proved dead is left alone.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from ..processes import process

RUN: Final = "toom.run"
SCENARIO: Final = "toom.scenario"
ROLE: Final = "toom.role"
SITE: Final = "toom.site"
OWNER: Final = "toom.owner"
LIFETIME: Final = (
    "toom.lifetime"  # seconds from its creation after which nobody can want it any more
)
KEPT: Final = "toom.kept"
SKEW: Final = 30.0  # seconds of doubt about an engine's own times


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, named so that no other one on any machine can be taken for it."""

    pid: int
    started: int
    pid_namespace: str
    boot: str
    host: str

    def label(self) -> str:
        """For `OWNER`."""
        return json.dumps(asdict(self), sort_keys=True)


def ourselves() -> Owner:
    """This process."""
    own = process(os.getpid())
    return Owner(
        pid=os.getpid(),
        started=own.started if own else 0,
        pid_namespace=os.readlink("/proc/self/ns/pid"),
        boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        host=socket.gethostname(),
    )


def is_dead(
    labels: Mapping[str, str],
    age: float,
    container_runs: Callable[[str], bool | None],
    us: Owner | None = None,
) -> str:
    """The proof that an owner is gone, in words; "" when there is none.

    Args:
        labels: of the thing it made.
        age: of that thing, in seconds, by the engine's clock.
        container_runs: whether the engine runs a container of that name or id; None: it knows none.
        us: who asks.
    """
    us = us or ourselves()
    try:
        owner = Owner(**json.loads(labels[OWNER]))
    except (KeyError, TypeError, ValueError):
        return ""
    if (owner.boot, owner.pid_namespace) == (us.boot, us.pid_namespace):
        found = process(owner.pid)
        if found is None or found.started != owner.started or found.state == "Z":
            return f"process {owner.pid} is gone"
        return ""
    if container_runs(owner.host) is False:
        return f"container {owner.host} has ended"
    try:
        lifetime = float(labels[LIFETIME])
    except (KeyError, ValueError):
        return ""
    return f"it is {age:.0f} s old" if age > lifetime + SKEW else ""
