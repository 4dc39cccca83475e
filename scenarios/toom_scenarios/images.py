"""The images that compose and the scenarios use, named after what they were built from.

Belongs here: their names, building them, and removing those of this checkout. Does not: the base
they stand on (see base_image.py), nor running them (see hosts/).

A tag is a hash over every file that goes into the images and over the base. Two checkouts with the
same content share an image; so each checkout marks what it uses with a second tag,
`<content>-in-<checkout>`, and an image goes when its last mark is taken away.
"""

import argparse
import fcntl
import hashlib
import os
import re
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import docker
import docker.errors
import requests.exceptions

from toom_scenarios.base_image import LOCAL_BASE, Base, ImageError, Say, ensure_base

ROLES: Final = ("server", "client", "scenarios")
SOURCES: Final = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "protocol",
    "server",
    "client",
    "scenarios",
    "containers",
)
CHECKOUT_LABEL: Final = "toom.checkout"  # on the stage that is left over; see the Dockerfile
PASSED_ON: Final = (
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)  # what a build inside a container must know of this machine
ENGINE_PATIENCE: Final = 10  # seconds until an engine that says nothing counts as absent
BUILD_PATIENCE: Final = 900  # seconds between two lines of a build; a slow network is no failure
LONGEST_RUN: Final = timedelta(hours=2)  # of scenarios; their images are not taken from under them
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
COULD_NOT_FIND_OUT: Final = 3  # exit status; CONTRACT

Lines = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Images:
    """The three images, by the names under which the engine has them."""

    server: str
    client: str
    scenarios: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working tree that images are built from."""

    root: Path

    @property
    def mark(self) -> str:
        """Tell this checkout from others on the same machine."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def project(self) -> str:
        """The name under which compose keeps this checkout's conference."""
        return f"toom-{self.mark}"

    def files(self) -> list[Path]:
        """Every file that can go into an image, in a fixed order."""
        found = []
        for source in SOURCES:
            path = self.root / source
            found += [path] if path.is_file() else sorted(path.rglob("*"))
        return [path for path in found if path.is_file() and not _left_out(path)]

    def content(self, base: Base) -> str:
        """Name what the images consist of."""
        content = hashlib.sha256(base.image_id.encode())
        for path in self.files():
            executable = os.access(path, os.X_OK)
            content.update(f"{path.relative_to(self.root)} {executable}\n".encode())
            content.update(hashlib.sha256(path.read_bytes()).digest())
        return content.hexdigest()[:12]


def images(say: Say | None = None) -> Images:
    """Name the images, and build first those that the engine lacks.

    Where `TOOM_SERVER_IMAGE` and its sisters stand in the environment (compose sets them for the
    service `scenarios`) those are taken as they are.

    Args:
        say: is told, line by line, what takes time; None: stderr.

    Raises:
        ImageError: there is no engine, or no image can be had; the text says what to do.
    """
    tell = say or _to_stderr
    given = _given(os.environ)
    if given:
        return given
    with closing(connected()) as client:
        checkout = this_checkout()
        with _turn(checkout):
            base = ensure_base(client, wanted=os.environ.get("BASE_IMAGE") or None, say=tell)
            built = _built(client, checkout, base, tell)
            write_env(checkout, base, built)
        return built


def connected() -> docker.DockerClient:
    """Reach the engine that `DOCKER_HOST` names, or the usual one.

    Raises:
        ImageError: none answers.
    """
    where = os.environ.get("DOCKER_HOST") or "the usual socket"
    try:
        _knock(where)
        client = docker.from_env(timeout=ENGINE_PATIENCE)
        client.ping()
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        OSError,
    ) as refusal:
        raise ImageError(
            f"no container engine answers at {where} ({_cause(refusal)}){_hint(refusal)}"
        ) from refusal
    return client


def _knock(where: str) -> None:
    """Try a local socket before the SDK does, which leaves its own open when nobody is there."""
    if where.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ENGINE_PATIENCE)
            line.connect(where.removeprefix("unix://"))


def this_checkout() -> Checkout:
    """Find the working tree that this module was started from.

    Raises:
        ImageError: the package is installed without its sources.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "Dockerfile").exists():
        raise ImageError(
            "images are built in a checkout; elsewhere name those that the engine has in "
            + ", ".join(_variable(role) for role in ROLES)
        )
    return Checkout(root)


def write_env(checkout: Checkout, base: Base, built: Images) -> None:
    """Tell compose, in an untracked `.env`, what it must know; replaced as a whole."""
    engine = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
    lines = [
        "# Written by make; docker compose reads it. Changes made here are lost.",
        f"BASE_IMAGE={base.name}",
        f"COMPOSE_PROJECT_NAME={checkout.project}",
        *(f"{_variable(role)}={getattr(built, role)}" for role in ROLES),
        *([f"TOOM_ENGINE_SOCKET={engine}"] if engine.startswith("/") else []),
    ]
    unfinished = checkout.root / f".env.{os.getpid()}"
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(checkout.root / ".env")


def remove(client: docker.DockerClient, checkout: Checkout, *, keep: str | None, say: Say) -> None:
    """Take this checkout's mark off its images, and away those that nobody marks any more.

    A mark that the engine will not give up, since a container is made of the image, stays and is
    tried again the next time.

    Args:
        keep: the content whose images stay, as do those that a run begun lately may still want;
            None: none stays.
    """
    ours = f"-in-{checkout.mark}"
    repositories = [f"toom-{role}" for role in ROLES] + ([LOCAL_BASE] if keep is None else [])
    for repository in repositories:
        for mark in sorted(_tags(client, repository)):
            content = mark.removesuffix(ours)
            if content in (mark, keep):
                continue
            if keep is not None and _lately_wanted(client, f"{repository}:{mark}"):
                continue
            others = _tags(client, repository) - {mark}
            if not any(other.startswith(f"{content}-in-") for other in others):
                _untag(client, f"{repository}:{content}", say)
            _untag(client, f"{repository}:{mark}", say)
    if keep is None:
        client.images.prune({"dangling": True, "label": [f"{CHECKOUT_LABEL}={checkout.mark}"]})


def _built(client: docker.DockerClient, checkout: Checkout, base: Base, say: Say) -> Images:
    content = checkout.content(base)
    names = {role: f"toom-{role}:{content}" for role in ROLES}
    for role, name in names.items():
        if not _is_ours(client, name):
            say(f"building {name} on {base.name}")
            started = time.monotonic()
            _build(client, checkout, base, role, name)
            say(f"{name} is there after {time.monotonic() - started:.0f} s")
        _mark(client, name, checkout)
    if base.name.startswith(f"{LOCAL_BASE}:"):
        _mark(client, base.name, checkout)
    remove(client, checkout, keep=content, say=_silent)
    return Images(**names)


def _build(
    client: docker.DockerClient, checkout: Checkout, base: Base, role: str, name: str
) -> None:
    arguments = {key: os.environ[key] for key in PASSED_ON if os.environ.get(key)}
    usual, client.api.timeout = client.api.timeout, BUILD_PATIENCE
    output: list[str] = []
    try:
        lines: Lines = client.api.build(
            path=str(checkout.root),
            tag=name,
            target=role,
            buildargs={**arguments, "BASE_IMAGE": base.name, "CHECKOUT": checkout.mark},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for line in lines:
            output += COLOUR.sub("", str(line.get("stream", ""))).splitlines()
            if "error" in line:
                raise ImageError(
                    "\n".join([f"{name} cannot be built: {line['error']}", *output[-15:]])
                )
    except (docker.errors.DockerException, requests.exceptions.RequestException) as refusal:
        raise ImageError(f"{name} cannot be built: {_cause(refusal)}") from refusal
    finally:
        client.api.timeout = usual


@contextmanager
def _turn(checkout: Checkout) -> Iterator[None]:
    """Let two runs in one checkout build one after the other: the second finds all done."""
    (checkout.root / "build").mkdir(exist_ok=True)
    with (checkout.root / "build" / ".images-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mark(client: docker.DockerClient, name: str, checkout: Checkout) -> None:
    repository, _, content = name.partition(":")
    client.images.get(name).tag(repository, tag=f"{content}-in-{checkout.mark}")


def _is_ours(client: docker.DockerClient, name: str) -> bool:
    """Tell whether the engine has the image as built here: a build by compose bears no mark."""
    try:
        tags = client.images.get(name).tags
    except docker.errors.ImageNotFound:
        return False
    return any(tag.startswith(f"{name}-in-") for tag in tags)


def _tags(client: docker.DockerClient, repository: str) -> set[str]:
    names = (name for image in client.images.list(name=repository) for name in image.tags)
    return {name.removeprefix(f"{repository}:") for name in names if name.startswith(repository)}


def _lately_wanted(client: docker.DockerClient, name: str) -> bool:
    """Tell whether a run may still be under way that began with this image; each run marks anew."""
    try:
        known = client.images.get(name).attrs
    except docker.errors.ImageNotFound:
        return False
    tagged = datetime.fromisoformat(
        known.get("Metadata", {}).get("LastTagTime") or known["Created"]
    )
    return datetime.now(tagged.tzinfo) - tagged < LONGEST_RUN


def _untag(client: docker.DockerClient, name: str, say: Say) -> None:
    """Remove a name; an image that a container still uses stays."""
    try:
        client.images.remove(name)
        say(f"removed {name}")
    except docker.errors.ImageNotFound:
        pass
    except docker.errors.APIError as refusal:
        say(f"{name} stays: {_cause(refusal)}")


def _given(environment: Mapping[str, str]) -> Images | None:
    names = {role: environment.get(_variable(role), "") for role in ROLES}
    return Images(**names) if all(names.values()) else None


def _variable(role: str) -> str:
    return f"TOOM_{role.upper()}_IMAGE"


def _left_out(path: Path) -> bool:
    """Tell what neither the images nor their names depend on, as .dockerignore has it."""
    inside = ("__pycache__" in path.parts, ".toom" in path.parts, path.suffix == ".pyc")
    return any(inside) or (path.parent.name == "server" and path.name.endswith("log.txt"))


def _cause(refusal: Exception) -> str:
    if isinstance(refusal, OSError) and refusal.strerror:
        return refusal.strerror
    return str(getattr(refusal, "explanation", None) or refusal).strip()[:200]


def _hint(refusal: Exception) -> str:
    """What to do about an engine that is there and lets us not in."""
    denied = isinstance(refusal, PermissionError) or "permission denied" in str(refusal).lower()
    return ": join the group docker, or use sudo" if denied else ""


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _silent(line: str) -> None:
    """Say nothing: what is superseded goes without a word."""
    del line


def main(argv: Sequence[str] | None = None) -> int:
    """Look after the images: build what is missing, show their names, or remove this checkout's."""
    parser = argparse.ArgumentParser("python -m toom_scenarios.images", description=main.__doc__)
    parser.add_argument("what", choices=("ensure", "engine", "remove"), nargs="?", default="ensure")
    what = parser.parse_args(argv).what
    try:
        if what == "ensure":
            built = images()
            sys.stdout.write("".join(f"{getattr(built, role)}\n" for role in ROLES))
        elif what == "engine":
            connected().close()
        else:
            with closing(connected()) as client:
                remove(client, this_checkout(), keep=None, say=_to_stderr)
    except ImageError as refusal:
        _to_stderr(str(refusal))
        return COULD_NOT_FIND_OUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
