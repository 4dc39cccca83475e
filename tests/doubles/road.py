"""Two hosts and a router between them, in network namespaces of ours, gone when they are left.

here ── router ── there        10.77.1.2 ── 10.77.1.1 | 10.77.2.1 ── 10.77.2.2
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Final

from toom_client.tickets import bind_udp

CLONE_NEWNET: Final = 0x40000000  # <linux/sched.h>
HERE: Final = "10.77.1.2"
THERE: Final = "10.77.2.2"
LIMIT: Final = 20.0  # seconds for a command


class NoNamespaces(Exception):
    """This machine, or this user, has none."""


class Road:
    """The network, until it is left."""

    def __init__(self) -> None:
        """Make it.

        Raises:
            NoNamespaces: the system refuses.
        """
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in ("here", "router", "there"):
                self._holders[name] = self._hold()
            self._lay()
        except (OSError, subprocess.SubprocessError) as fault:
            self.close()
            raise NoNamespaces(str(fault)) from fault

    def __enter__(self) -> Road:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the namespaces go, and with them what is in them."""
        for holder in self._holders.values():
            holder.communicate(timeout=LIMIT)

    def bind_udp(self, name: str) -> socket.socket:
        """Open a client's socket on a host."""
        made: list[socket.socket | OSError] = []

        def enter() -> None:  # a thread of its own, which ends with this: its namespace is its own
            try:
                with self._file(name).open("rb") as file:
                    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                made.append(bind_udp(0))
            except OSError as fault:
                made.append(fault)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(LIMIT)
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def narrow(self, host: str, device: str, mtu: int) -> None:
        """From now on a device takes no more bytes than that at a time."""
        self._do(host, f"link set {device} mtu {mtu}")

    def _hold(self) -> subprocess.Popen[bytes]:
        holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if holder.stdout is None or holder.stdout.readline() != b"ready\n":
            holder.communicate(timeout=LIMIT)
            raise OSError("unshare failed")
        return holder

    def _lay(self) -> None:
        for host, number in (("here", 1), ("there", 2)):
            pid = self._holders["router"].pid
            self._do(host, f"link add road type veth peer name {host} netns {pid}")
            self._do(host, f"addr add 10.77.{number}.2/24 dev road")
            self._do(host, "link set road up")
            self._do("router", f"addr add 10.77.{number}.1/24 dev {host}")
            self._do("router", f"link set {host} up")
            self._do(host, f"route add default via 10.77.{number}.1")
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        self._run("router", ["sh", "-c", forward])

    def _do(self, host: str, words: str) -> None:
        self._run(host, ["ip", *words.split()])

    def _run(self, host: str, command: list[str]) -> None:
        enter = ["nsenter", f"--net={self._file(host)}", *command]
        subprocess.run(enter, check=True, timeout=LIMIT, capture_output=True)

    def _file(self, host: str) -> Path:
        return Path(f"/proc/{self._holders[host].pid}/ns/net")


def why_not() -> str:
    """Why there is no such network here; empty where there is."""
    if os.geteuid():
        return "network namespaces need root here"
    try:
        Road().close()
    except NoNamespaces as fault:
        return f"no network namespaces: {fault}"
    return ""
