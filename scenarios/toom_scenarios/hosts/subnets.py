"""Small networks from a pool of our own, so that the engine's pool is never used up.

Belongs here: choosing. A lock keeps runners of this machine apart; the engine itself refuses what
overlaps, which covers runners that cannot see the lock: then the next one is tried.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from ..errors import UsageError

POOL: Final = "10.213.0.0/16"  # TOOM_SUBNETS names another, where this one is in use
PREFIX_LENGTH: Final = 26  # 61 hosts a stage, 1024 stages


def pool() -> ipaddress.IPv4Network:
    """The pool that stages take their networks from."""
    told = os.environ.get("TOOM_SUBNETS", POOL)
    try:
        network = ipaddress.IPv4Network(told)
    except ValueError as error:
        raise UsageError(f"TOOM_SUBNETS: {error}") from error
    if network.prefixlen > PREFIX_LENGTH:
        raise UsageError(f"TOOM_SUBNETS: {told} is smaller than a /{PREFIX_LENGTH}")
    return network


def free_subnets(start: int) -> Iterator[tuple[ipaddress.IPv4Network, IO[str]]]:
    """Subnets that no other stage of this machine holds, each with its lock; close the lock to give
    it back.

    Args:
        start: where in the pool to begin, so that runners seldom try the same one first.
    """
    folder = Path(tempfile.gettempdir()) / f"toom-subnets-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    whole = pool()
    count = 2 ** (PREFIX_LENGTH - whole.prefixlen)
    size = 2 ** (32 - PREFIX_LENGTH)
    for step in range(count):
        number = (start + step) % count
        subnet = ipaddress.IPv4Network((int(whole.network_address) + number * size, PREFIX_LENGTH))
        lock = open(folder / str(subnet.network_address), "w")  # noqa: SIM115 - the caller holds it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        yield subnet, lock
