"""Choosing where hosts come from, and making the driver for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import Broken
from .hosts.base import Driver
from .hosts.local import LocalDriver, find_mode
from .options import RunOptions


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the hosts of a run come from, and why."""

    on: str
    why: str
    local_mode: bool | None = None


def choose(asked: str | None) -> Choice:
    """Docker when an engine answers, else local; or what was asked for.

    Raises:
        Broken: Docker was asked for and no engine answers.
    """
    if asked == "compose":
        return Choice("compose", "asked for")
    if asked != "local":
        # The docker SDK takes 0.2 s to import: only where it is needed.
        from .engine import engine_answer

        found, told = engine_answer()
        if found:
            return Choice("docker", told if asked is None else f"asked for; {told}")
        if asked == "docker":
            raise Broken(f"--on docker: {told}")
        reason = told
    else:
        reason = "asked for"
    mode, why = find_mode()
    kind = (
        f"a network namespace for each host, as {why}"
        if mode is not None
        else f"all hosts share 127.0.0.1: {why}"
    )
    return Choice("local", f"{reason}; {kind}", mode)


def make_driver(options: RunOptions) -> Driver:
    """The driver of a run. On Docker a stage gets hosts of an earlier one, made new, unless
    TOOM_HOSTS=fresh.
    """
    if options.on == "local":
        return LocalDriver(options.local_mode, Path(options.scratch))
    if options.on == "docker":
        from .hosts.docker import DockerDriver

        if options.images is None:
            raise Broken("no images were named for the hosts")
        reuse = os.environ.get("TOOM_HOSTS") != "fresh"
        return DockerDriver(options.run, images=options.images, keep=options.keep, reuse=reuse)
    if options.on == "compose":
        from .hosts.compose import ComposeDriver

        return ComposeDriver()
    raise Broken(f"no hosts of the kind {options.on!r}")
