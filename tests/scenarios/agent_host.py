"""A host whose agent is a process of this machine, over a socket: no engine, no container."""

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.hosts import boot
from toom_scenarios.hosts.agent_terminal import AgentTerminal
from toom_scenarios.hosts.container import ContainerMachine
from toom_scenarios.hosts.link import Link


class _NoEngine:
    api = None


class Host(ContainerMachine):
    """Its agent is not the first process of all, so it ends the programs that it has started."""

    def __init__(self, link: Link, agent: "subprocess.Popen[bytes]") -> None:
        super().__init__(
            _NoEngine,
            "none",
            name="host",
            address="127.0.0.1",
            directory=link.directory(),
            link=link,
        )
        self.agent = agent


@contextmanager
def agent_host(
    cwd: Path,
    *,
    folder: str = ".",
    lifetime: float = 60,
    stays: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Host]:
    ours, its = socket.socketpair()
    command = boot.command(folder, lifetime=lifetime, stays=stays)
    with its:
        agent = subprocess.Popen(
            command,
            stdin=its.fileno(),
            stdout=its.fileno(),
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
    link = Link("host", ours, in_pieces=False)
    try:
        yield Host(link, agent)
    finally:
        link.close()
        if stays:
            agent.terminate()
        agent.wait(20)


def printed(terminal: AgentTerminal, until: bytes) -> bytes:
    """What is printed, up to and with some bytes; the end counts as everything."""
    seen = b""

    def more() -> bool:
        nonlocal seen
        try:
            seen += terminal.read()
        except BlockingIOError:
            return False
        except EOFError:
            return True
        return until in seen

    assert wait_for(more, Deadline(20)), f"{until!r} is not in {seen[-200:]!r}"
    return seen
