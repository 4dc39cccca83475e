"""The container engine: whether one answers, and getting ready for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import docker
from docker.errors import DockerException

ANSWER_LIMIT: Final = 10  # seconds that an engine is given to answer at all
CALL_LIMIT: Final = 60  # seconds for a call to a busy engine


def connect(timeout: int = CALL_LIMIT) -> docker.DockerClient:
    """A connection to the engine that the environment names.

    Raises:
        DockerException: none answers.
    """
    client = docker.from_env(timeout=timeout)
    client.ping()
    return client


def engine_answer() -> tuple[bool, str]:
    """Whether an engine answers, and what it is or why not, in one line."""
    try:
        client = connect(ANSWER_LIMIT)
        try:
            version = client.version()
            return True, f"engine {version['Version']} answers"
        finally:
            client.close()
    except (DockerException, OSError) as error:
        return False, f"no container engine answers ({_short(error)})"


def _short(error: BaseException) -> str:
    while error.__cause__ is not None or error.__context__ is not None:
        deeper = error.__cause__ or error.__context__
        if deeper is None or not str(deeper):
            break
        error = deeper
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def prepare(say: Callable[[str], None]) -> None:
    """Before a run: sweep what dead runs left."""
    del say
