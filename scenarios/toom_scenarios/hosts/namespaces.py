"""A private network of this machine: a switch and hosts, each in a network namespace of its own.

One shell holds the stage: it is process 1 of a pid namespace and reads a pipe of ours. When the
pipe ends, however the runner ended, the shell ends, the kernel kills every process in the pid
namespace, and the network is gone with the last of them. Nothing is made in the machine's own
namespaces.

Source: pid_namespaces(7), network_namespaces(7), user_namespaces(7).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..deadline import Deadline, wait_for
from ..errors import Broken
from ..processes import children
from .pty import die_with_parent

TOOLS: Final = ("unshare", "nsenter", "ip", "env", "sh")
PREFIX: Final = (
    "10.44.0"  # the stage's own network: nobody outside can see it, so all stages use the same
)
PREFIX_LENGTH: Final = 16
SETUP_LIMIT: Final = 20.0  # seconds for a command that makes or connects a namespace

HOLD = """
ip link set lo up
ip link add switch type bridge
ip link set switch up
trap '' CHLD
echo ready
exec cat >/dev/null
"""
CONNECT = """
: > "$1"
unshare --net="$1" ip -batch - <<END
link set lo up
link add eth0 type veth peer name $2 netns 1
addr add $3 dev eth0
link set eth0 up
END
ip link set "$2" master switch up
"""


class NamespaceError(Exception):
    """The kernel or a tool refused."""


def _unshare(rootless: bool) -> list[str]:
    user = ["--user", "--map-root-user"] if rootless else []
    return ["unshare", *user, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]


class Switch:
    """The holder of a stage's namespaces and the switch between its hosts.

    Args:
        folder: for the files that namespaces are bound to; they are empty to everybody outside.
        rootless: inside an unprivileged user namespace.

    Raises:
        NamespaceError: this machine does not allow it.
    """

    def __init__(self, folder: Path, *, rootless: bool) -> None:
        self._folder = folder
        self._rootless = rootless
        self._hosts = 0
        self._holder = subprocess.Popen(
            [*_unshare(rootless), "sh", "-ec", HOLD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        words = self._holder.stdout
        if words is None or words.readline() != b"ready\n":
            refused = self._last_words()
            self.close()
            raise NamespaceError(refused or "unshare failed")
        self._first = self._first_process()

    def _last_words(self) -> str:
        self._holder.kill()
        _, errors = self._holder.communicate(timeout=SETUP_LIMIT)
        return errors.decode(errors="replace").strip().replace("\n", "; ")

    def _first_process(self) -> int:
        born = wait_for(lambda: children(self._holder.pid), Deadline(SETUP_LIMIT))
        if not born:
            self.close()
            raise NamespaceError("unshare has no child")
        return born[0]

    def connect(self, name: str) -> tuple[str, str]:
        """Make a host. Returns its namespace's file and its address."""
        self._hosts += 1
        number = self._hosts + 1  # .1 is left to a future gateway
        address = (
            f"{PREFIX}.{number}" if number < 255 else f"10.44.{number // 250}.{number % 250 + 1}"
        )
        bound = self.bound(name)
        words = [bound, f"port{number}", f"{address}/{PREFIX_LENGTH}"]
        self._do(["sh", "-ec", CONNECT, "sh", *words])
        return bound, address

    def bound(self, name: str) -> str:
        """The file to which a host's namespace is bound, for processes of the stage."""
        return str(self._folder / f"net-{name}")

    def mount_disk(self, directory: str, size: int) -> Path:
        """Give a directory a disk of its own, which nobody outside sees and which is gone with the
        stage.

        Args:
            size: bytes.

        Returns:
            Where the runner finds it.
        """
        self._do(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", directory])
        return Path(f"/proc/{self._first}/root{directory}")

    def _do(self, command: Sequence[str]) -> None:
        """A command in the stage, beside its hosts."""
        done = subprocess.run(
            [*self.enter(), *command], capture_output=True, timeout=SETUP_LIMIT, check=False
        )
        if done.returncode:
            raise NamespaceError(done.stderr.decode(errors="replace").strip().replace("\n", "; "))

    def enter(self, bound: str = "") -> list[str]:
        """The command that enters the stage, or one host of it; the program's argv follows."""
        user = ["--user", "--preserve-credentials"] if self._rootless else []
        inside = ["nsenter", "--target", str(self._first), *user, "--mount", "--pid"]
        # Outside the stage the file is empty: what is bound to it is reached through its process 1.
        net = f"--net=/proc/{self._first}/root{bound}" if bound else "--net"
        return [*inside, net, "--"]

    def close(self) -> None:
        """End every process of the stage; the namespaces go with them."""
        if self._holder.stdin is not None and not self._holder.stdin.closed:
            self._holder.stdin.close()
        self._holder.kill()
        self._holder.wait(SETUP_LIMIT)
        for pipe in (self._holder.stdout, self._holder.stderr):
            if pipe is not None:
                pipe.close()
        for bound in self._folder.glob("net-*"):
            bound.unlink(missing_ok=True)


def inside_command(directory: str, command: Sequence[str]) -> list[str]:
    """A program behind `nsenter`: the keyboard's signals as usual, in its directory (entering loses
    both).
    """
    return ["env", f"--chdir={directory}", "--default-signal=INT,QUIT,TSTP", *command]


def possible(folder: Path, *, only_rootless: bool = False) -> tuple[bool | None, str]:
    """Try it, since nothing else tells.

    Returns:
        (False, …): works as root; (True, …): works rootless; (None, why not).
    """
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return None, f"{', '.join(missing)} not found (util-linux, iproute2, coreutils)"
    why = ""
    for rootless in (True,) if only_rootless or os.geteuid() else (False, True):
        try:
            switch = Switch(folder, rootless=rootless)
        except NamespaceError as error:
            why = why or str(error)
            continue
        try:
            bound, _ = switch.connect("trial")
            tried = subprocess.run(
                [*switch.enter(bound), *inside_command("/", ["true"])],
                capture_output=True,
                timeout=SETUP_LIMIT,
                check=False,
            )
            if tried.returncode == 0:
                return rootless, "root" if not rootless else "an unprivileged user namespace"
            why = why or tried.stderr.decode(errors="replace").strip()
        except NamespaceError as error:
            why = why or str(error)
        finally:
            switch.close()
    return None, why


def broken(error: NamespaceError) -> Broken:
    """The same trouble in the middle of a run, where it worked before."""
    return Broken(f"network namespaces: {error}")
