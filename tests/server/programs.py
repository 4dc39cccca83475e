"""The server as a program: started, awaited, ended."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

SERVER: Final = (sys.executable, str(Path(__file__).parents[2] / "server" / "server.py"))
PATIENCE: Final = 20.0  # seconds that a program may take on a busy host


class Serving(NamedTuple):
    """A server that is up."""

    process: subprocess.Popen[str]
    port: int
    said: str  # the line that it is up


def start(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a server that ends by itself."""
    return subprocess.run(
        [*SERVER, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextlib.contextmanager
def serving(directory: Path, *more: str) -> Iterator[Serving]:
    """A server with the account `Yoda jedi`, ended by SIGTERM."""
    (directory / "credentials.txt").write_text("Yoda jedi\n")
    with subprocess.Popen(
        [*SERVER, port := free_port(), "3", *more],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield Serving(server, int(port), wait_for_listening(server))
            server.terminate()
            assert server.wait(PATIENCE) == 0
        finally:
            server.kill()


def free_port() -> str:
    with socket.create_server(("0.0.0.0", 0)) as sock:
        return str(sock.getsockname()[1])


def wait_for_listening(server: subprocess.Popen[str]) -> str:
    """Read what it says on stderr up to the line that it is up; give that."""
    assert server.stderr is not None
    while "event=listening" not in (line := server.stderr.readline()):
        assert line, "the server has ended"
    return line
