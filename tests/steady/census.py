"""What a run has left behind, by proof that it is the run's own.

Belongs here: looking, and removing what was found. A container or a network is a run's by its
label; a process by its environment, its working directory or its ancestry; a file by the folder for
temporary files that the run alone was given. Whatever else is new may be anybody's and is only
noted.
"""

import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from docker.errors import DockerException
from requests.exceptions import RequestException

from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.engine import connect
from toom_scenarios.errors import Broken
from toom_scenarios.hosts import owner
from toom_scenarios.hosts.sweep import remove_container, remove_network
from toom_scenarios.processes import Process, process, processes

MARK: Final = "TOOM_STEADY"  # the environment variable that a run's processes inherit
GRACE: Final = 5.0  # seconds after the end of a run in which the kernel and the engine tidy up
PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
NAMESPACES: Final = Path("/run/netns")  # where ip-netns(8) binds named ones
# Folders of lock files that runs of a machine share; they stay by design (subnets.py, ports.py).
POOLS: Final = (f"toom-subnets-{os.getuid()}", f"toom-ports-{os.getuid()}")
WORDS_SHOWN: Final = 100  # characters of a command


@contextmanager
def adopting() -> Iterator[None]:
    """Become the parent of whatever our runs orphan: so nothing hides by cutting its ancestry."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Footing:
    """What the run was given, and what was there before it.

    Attributes:
        marker: the value of `MARK`, unique.
        folder: everything of the run lies in it, its report too.
        scratch: its folder for temporary files.
        children: of ours, before it.
        around: of everybody's, before it.
    """

    marker: str
    folder: Path
    scratch: Path
    children: frozenset[int]
    around: frozenset[str]


@dataclass(slots=True)
class Found:
    """What is left over."""

    processes: list[Process] = field(default_factory=list)
    in_engine: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)

    def words(self) -> list[str]:
        """A line for each."""
        return [
            *(f"process {each.pid}: {_command(each.pid)}" for each in self.processes),
            *self.in_engine,
            *(f"temporary file {path.name}" for path in self.files),
            *(f"mount {place}" for place in self.mounts),
        ]


def before(marker: str, folder: Path, scratch: Path) -> Footing:
    """Look around before a run."""
    return Footing(marker, folder, scratch, frozenset(_children()), frozenset(_around()))


def after(footing: Footing, run: str) -> Found:
    """Look for what the run has left, and give it time to go.

    Args:
        run: the run's own name, as on its labels; "" when it made no stage in an engine.

    Raises:
        Broken: the engine cannot be asked.
    """
    last = Found()

    def nothing() -> bool:
        nonlocal last
        last = _look(footing, run)
        return not last.words()

    wait_for(nothing, Deadline(GRACE))
    return last


def remove(found: Found, footing: Footing, run: str) -> None:
    """End and remove what was found: the next run must not suffer from it."""

    def gone() -> bool:
        _reap(footing.children)
        return not any(_same(each) for each in found.processes)

    for each in found.processes:
        if _same(each):
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
    wait_for(gone, Deadline(GRACE))
    for place in found.mounts:
        subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    if found.in_engine:
        with _engine(run) as (containers, networks):
            for container in containers:
                remove_container(container.client.api, str(container.id))
            for network in networks:
                remove_network(network.client.api, str(network.id))


def _same(seen: Process) -> bool:
    """Whether this very process lives, and not another one that has its number now."""
    now = process(seen.pid)
    return now is not None and now.started == seen.started and now.state != "Z"


def beside(footing: Footing) -> list[str]:
    """What is new around the run: named namespaces, mounts, temporary files. Anybody's."""
    return sorted(_around() - footing.around)


def _look(footing: Footing, run: str) -> Found:
    _reap(footing.children)
    found = Found(
        processes=list(_processes(footing)),
        files=list(_files(footing.scratch)),
        mounts=[place for place in _mounts() if str(footing.folder) in place],
    )
    if run:
        with _engine(run) as (containers, networks):
            found.in_engine = [f"container {each.name} ({each.status})" for each in containers]
            found.in_engine += [f"network {each.name}" for each in networks]
    return found


def _processes(footing: Footing) -> Iterator[Process]:
    for each in processes():
        if each.pid == os.getpid() or each.state == "Z":
            continue
        adopted = each.parent == os.getpid() and each.pid not in footing.children
        if adopted or _bears(each.pid, footing):
            yield each


def _bears(pid: int, footing: Footing) -> bool:
    """Whether a process shows the mark, or works in the run's folder."""
    place = Path("/proc", str(pid))
    try:
        environment = (place / "environ").read_bytes().split(b"\0")
        directory = os.readlink(place / "cwd")
    except OSError:  # it has just gone, or is another user's
        return False
    if f"{MARK}={footing.marker}".encode() in environment:
        return True
    folder = str(footing.folder)
    # hosts on this machine get an environment of their own, with a home in the report
    home = f"HOME={folder}/".encode()
    return f"{directory}/".startswith(f"{folder}/") or any(v.startswith(home) for v in environment)


def _children() -> list[int]:
    """Those that live: who has ended already is reaped with the next run's."""
    return [each.pid for each in _orphans() if each.state != "Z"]


def _reap(known: frozenset[int]) -> None:
    """Take the status of orphans that have ended, as any parent must.

    The first process of a pid namespace ends when the last of its members has been reaped: so this
    goes on until nobody new has ended. Who is left out here is one more row of /proc for every
    later run to read.
    """
    while ended := [each.pid for each in _orphans() if each.state == "Z" and each.pid not in known]:
        for pid in ended:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _orphans() -> list[Process]:
    return [each for each in processes() if each.parent == os.getpid()]


def _files(scratch: Path) -> Iterator[Path]:
    """What lies in the folder for temporary files, but for the pools of locks."""
    for path in sorted(scratch.iterdir()) if scratch.is_dir() else ():
        pool = path.name in POOLS and path.is_dir()
        if not pool or any(lock.stat().st_size for lock in path.iterdir()):
            yield path


def _mounts() -> list[str]:
    rows = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    return [row.split()[1].replace("\\040", " ") for row in rows]


def _around() -> set[str]:
    engine = ("/var/lib/docker", "/run/docker", "/var/lib/containerd")
    return {
        *(f"mount {place}" for place in _mounts() if not place.startswith(engine)),
        *(f"temporary file {path}" for path in Path(tempfile.gettempdir()).glob("toom-*")),
        *(f"namespace {path.name}" for path in NAMESPACES.glob("*")),
    }


@contextmanager
def _engine(run: str) -> Iterator[tuple[list[Any], list[Any]]]:
    """The containers and the networks that bear the run's label."""
    ours: dict[str, str | list[str] | bool] = {"label": f"{owner.RUN}={run}"}
    client = connect()
    try:
        yield (
            client.containers.list(all=True, filters=ours, ignore_removed=True),
            client.networks.list(filters=ours),
        )
    except (DockerException, RequestException) as error:
        raise Broken(f"the engine cannot be asked what is left of run {run}: {error}") from error
    finally:
        client.close()


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "(it has ended meanwhile)"
    return words.decode(errors="replace").strip()[:WORDS_SHOWN]
