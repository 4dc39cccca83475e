"""The container engine: where it is, whether one answers, and a connection to it.

Does not belong here: what is built or run there (see images.py, hosts/).
"""

from __future__ import annotations

import os
import socket
from typing import Final

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from .errors import Broken

ANSWER_LIMIT: Final = 10  # seconds that an engine is given to answer at all
CALL_LIMIT: Final = 60  # seconds for a call to a busy engine
DEFAULT_ENGINE: Final = "unix:///var/run/docker.sock"
TERMINAL_SCHEMES: Final = ("unix://", "tcp://")  # whose streams can be taken over


def address() -> str:
    """Of the engine, as in DOCKER_HOST."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE


def connect(timeout: int = CALL_LIMIT) -> docker.DockerClient:
    """A connection to the engine that the environment names.

    Raises:
        Broken: none answers.
    """
    try:
        _knock()
        client = docker.from_env(timeout=timeout)
        client.ping()
    except (DockerException, RequestException, OSError) as error:
        raise Broken(
            f"no container engine answers at {address()} ({root_cause(error)}){_hint(error)}"
        ) from error
    return client


def _hint(error: Exception) -> str:
    """What to do about an engine that is there and lets us not in."""
    denied = isinstance(error, PermissionError) or "permission denied" in str(error).lower()
    return ": join the group docker, or use sudo" if denied else ""


def _knock() -> None:
    """Try the engine's own socket first: the SDK leaves a refused one open."""
    scheme, _, path = address().partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_LIMIT)
            door.connect(path)


def engine_answer() -> tuple[bool, str]:
    """Whether an engine answers, and what it is or why not, in one line."""
    if not address().startswith(TERMINAL_SCHEMES) or os.environ.get("DOCKER_TLS_VERIFY"):
        return False, f"terminals need a unix:// or plain tcp:// engine, not {address()}"
    try:
        client = connect(ANSWER_LIMIT)
    except Broken as error:
        return False, str(error)
    try:
        return True, f"engine {client.version()['Version']} answers at {address()}"
    except (DockerException, RequestException) as error:
        return False, f"the engine at {address()} answers nonsense ({root_cause(error)})"
    finally:
        client.close()


def root_cause(error: BaseException) -> str:
    """The innermost reason, in one line: the SDK wraps it in three layers of its own."""
    seen = error
    while (deeper := seen.__cause__ or seen.__context__) is not None:
        seen = deeper
    text = seen.strerror if isinstance(seen, OSError) and seen.strerror else str(seen)
    return text.splitlines()[0] if text else type(seen).__name__
