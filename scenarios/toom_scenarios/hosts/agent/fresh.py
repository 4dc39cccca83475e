"""A host as it was at first: its working directory, and the way back to it.

Belongs here: every place where programs of an ordinary user can have left something. That is known
only of a host whose own disk is read-only, so that they wrote into memory; no other is made new.
"""

from __future__ import annotations

import os
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

IN_MEMORY: Final = (b"tmpfs", b"mqueue")
THE_KERNELS: Final = (b"proc", b"sysfs", b"devpts", b"cgroup", b"cgroup2")
SHARED_MEMORY: Final = ("shm", "sem", "msg")  # of System V: it outlives programs


def settle(folder: bytes) -> None:
    """Make the working directory where it may be made, and go there.

    Args:
        folder: absolute, `.` for where we are, or a name in the user's home.
    """
    home = os.environb.get(b"HOME", b"/")
    places = [os.path.join(home, folder), os.path.join(b"/tmp", folder)]
    for place in [b"."] if folder == b"." else places:
        try:
            os.makedirs(place, exist_ok=True)
            os.chdir(place)
        except OSError as error:
            trouble = error
        else:
            if folder == b"." or os.access(b".", os.W_OK):
                return
            trouble = PermissionError(13, "not writable", place)
    raise trouble


def make_new() -> None:
    """Remove all that ended programs have left.

    Raises:
        OSError: something may be left, or may have been changed.
    """
    if os.geteuid() == 0:
        raise PermissionError(1, "programs ran as root: they may have changed anything")
    for kind in SHARED_MEMORY:
        with open(f"/proc/sysvipc/{kind}", "rb") as file:
            if len(file.readlines()) > 1:
                raise OSError(16, f"shared memory is left: {kind}")
    if taken := sorted(ports_taken()):
        raise OSError(98, f"the kernel still remembers connections of {taken}")
    os.chdir("/")
    for place in list(written_to()):
        wipe(place)


def ports_taken() -> Iterator[int]:
    """TCP ports that a server might want, and that one without SO_REUSEADDR could not have: for a
    minute after it has closed a connection there.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range", "rb") as file:
        first, last = map(int, file.read().split())  # what clients are given is nobody's wish
    for table in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), open(f"/proc/net/{table}", "rb") as file:
            for row in file.readlines()[1:]:
                port = int(row.split()[1].rpartition(b":")[2], 16)
                if not first <= port <= last:
                    yield port


def written_to() -> Iterator[bytes]:
    """The file systems that an ordinary user's programs can have written to.

    Raises:
        PermissionError: they can have written to a disk.
    """
    with open("/proc/self/mounts", "rb") as file:
        mounts = [line.split()[1:4] for line in file]
    for place, kind, options in mounts:
        if kind in THE_KERNELS or b"ro" in options.split(b","):
            continue
        if kind not in IN_MEMORY:
            raise PermissionError(1, f"a disk can be written to: {os.fsdecode(place)}")
        if os.path.isdir(place) and os.access(place, os.W_OK):
            yield place


def wipe(place: bytes) -> None:
    """Empty a folder. Raises OSError: it cannot be emptied."""
    for name in os.listdir(place):
        path = os.path.join(place, name)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            wipe(path)
            os.rmdir(path)
        else:
            os.unlink(path)
