"""What this machine can do for a run, and what to do about what is missing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from .engine import engine_answer
from .hosts.local import find_mode
from .hosts.local_machine import programs_path

PACKAGES: Final = ("docker", "pexpect", "pytest", "xdist", "rich", "jinja2")
NO_PERMISSION: Final = (
    "join the group docker (`sudo usermod -aG docker $USER`, then log in anew) or use sudo;"
    " local hosts need neither"
)
OLDEST_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice` says what to do where it is not well."""

    what: str
    well: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """The whole examination."""

    rows: tuple[Finding, ...]
    docker: bool
    local: bool

    @property
    def can_run(self) -> bool:
        """Whether `toom run` works in some mode."""
        return self.docker or self.local

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        rows = [asdict(row) for row in self.rows]
        return {"schema": 1, "docker": self.docker, "local": self.local, "findings": rows}

    def as_lines(self) -> Iterator[str]:
        """For people."""
        for row in self.rows:
            yield f"{'ok ' if row.well else 'no '} {row.what}: {row.found}"
            if row.advice and not row.well:
                yield f"    {row.advice}"
        modes = [name for name, works in (("docker", self.docker), ("local", self.local)) if works]
        yield f"`toom run` works on {' and '.join(modes)}" if modes else "`toom run` cannot work"


def examine() -> Findings:
    """Look at everything, by trying it."""
    python, packages = _python(), _packages()
    programs, namespaces = _programs(), _namespaces()
    answers, told = engine_answer()
    engine = Finding(
        "container engine",
        answers,
        told,
        _advice_on_engine(told),
    )
    images = _images() if answers else Finding("images", False, "not looked for, without an engine")
    tools = python.well and packages.well
    rows = (_user(), python, packages, engine, images, namespaces, programs, _video())
    return Findings(rows, docker=tools and answers, local=tools and programs.well)


def _advice_on_engine(told: str) -> str:
    if "permission denied" in told.lower():
        return NO_PERMISSION
    return "start one, or name it in DOCKER_HOST; local hosts need none"


def _user() -> Finding:
    name = "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
    cores = len(os.sched_getaffinity(0))
    return Finding(
        "machine", True, f"{name}, {platform.system()} {platform.release()}, {cores} cores"
    )


def _python() -> Finding:
    return Finding(
        "python",
        sys.version_info >= OLDEST_PYTHON,
        f"{platform.python_version()} ({sys.executable})",
        "Python 3.11 or later is needed",
    )


def _packages() -> Finding:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    found = "all there" if not missing else f"missing: {', '.join(missing)}"
    return Finding("packages", not missing, found, "pip install 'toom[scenarios]'")


def _namespaces() -> Finding:
    mode, why = find_mode()
    if mode is None:
        return Finding(
            "local hosts",
            False,
            f"all share 127.0.0.1: {why}",
            "run as root or allow unprivileged user namespaces; without, what needs a second"
            " address is unsupported",
        )
    return Finding("local hosts", True, f"a network namespace each, as {why}")


def _programs() -> Finding:
    missing = [
        name
        for name in ("toom-server", "toom-client")
        if not shutil.which(name, path=programs_path())
    ]
    return Finding(
        "programs",
        not missing,
        "toom-server, toom-client" if not missing else f"not found: {', '.join(missing)}",
        "pip install . (or make scenarios); other programs: --implementation",
    )


def _images() -> Finding:
    import docker

    from .engine import connect

    wanted = _image_names()
    client = connect()
    try:
        missing = []
        for name in wanted:
            try:
                client.images.get(name)
            except docker.errors.ImageNotFound:
                missing.append(name)
    finally:
        client.close()
    if not wanted:
        return Finding(
            "images", False, "none built yet", "make image (a run on Docker does it by itself)"
        )
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(wanted)
    return Finding("images", not missing, found, "make image (a run on Docker does it by itself)")


def _image_names() -> list[str]:
    """From the environment, or from the `.env` that make writes into a checkout."""
    names = ("TOOM_SERVER_IMAGE", "TOOM_CLIENT_IMAGE")
    told = dict(os.environ)
    env = Path(__file__).resolve().parents[2] / ".env"
    if env.is_file():
        rows = (line.partition("=") for line in env.read_text().splitlines())
        told = {name: value for name, _, value in rows} | told
    return [told[name] for name in names if told.get(name)]


def _video() -> Finding:
    there = importlib.util.find_spec("av") is not None
    found = "PyAV makes and decodes videos" if there else "no PyAV"
    return Finding(
        "videos", there, found, "pip install av; without it no received video can be judged"
    )
