"""The image that all others stand on, and where it comes from.

An ordinary Python image where a registry answers; where none does, a small Debian made from the
packages of the machine's own mirror. Belongs here: finding out which, and making the second one.
Does not: what is built on top (see images.py).
"""

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import docker
import docker.errors
import requests.exceptions

from toom_scenarios.errors import Broken

REGISTRY_BASE: Final = "python:3.12-slim"  # as in the Dockerfile; a test compares the two
LOCAL_BASE: Final = "toom-base"
REGISTRY_PATIENCE: Final = 10  # seconds a registry has to answer; CONTRACT
BOOTSTRAP_LIMIT: Final = 900  # seconds; 40 is usual, and a slow mirror deserves patience
CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES: Final = ("ca-certificates", "iproute2", "procps", "python3", "python3-venv")
COMPONENTS: Final = {"debian": "main", "ubuntu": "main,universe"}  # python3-venv is in universe
CHUNK: Final = 1 << 20  # bytes handed to the engine at once
NOT_NEEDED: Final = (
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
)

Say = Callable[[str], None]


class ImageError(Broken):
    """No image can be had; the text tells the user why and what to do."""


@dataclass(frozen=True, slots=True)
class Base:
    """An image to build on, present in the engine."""

    name: str
    image_id: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where this machine's own packages come from."""

    address: str
    suite: str
    distribution: str


def ensure_base(client: docker.DockerClient, *, wanted: str | None, say: Say) -> Base:
    """Have a base image in the engine and name it.

    Args:
        wanted: the image the user asked for, or None for the ordinary one.

    Raises:
        ImageError: neither a registry nor this machine's packages can give one.
    """
    if wanted and not wanted.startswith(f"{LOCAL_BASE}:"):
        return _present(client, wanted) or _pulled(client, wanted, say)
    local = f"{LOCAL_BASE}:{recipe_hash()}"
    found = _present(client, REGISTRY_BASE) or _present(client, local)
    if found:
        return found
    if registry_answers(client, say):
        return _pulled(client, REGISTRY_BASE, say)
    return _bootstrapped(client, local, say)


def registry_answers(client: docker.DockerClient, say: Say) -> bool:
    """Ask, through the engine, whether the ordinary base can be fetched, and say what came."""
    say(f"asking for {REGISTRY_BASE} (at most {REGISTRY_PATIENCE} s)")
    asked = time.monotonic()
    try:
        with _patience(client, REGISTRY_PATIENCE):
            client.images.get_registry_data(REGISTRY_BASE)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as refusal:
        waited = time.monotonic() - asked
        say(f"no image registry answered within {waited:.1f} s ({_brief(refusal)})")
        return False
    say(f"a registry answered after {time.monotonic() - asked:.1f} s")
    return True


def recipe_hash() -> str:
    """Name what a base made here consists of, so that it is made again only when that changes."""
    recipe = hashlib.sha256()
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    for part in (*PACKAGES, *NOT_NEEDED, platform.machine(), release.get("VERSION_CODENAME", "")):
        recipe.update(part.encode() + b"\n")
    if CA_BUNDLE.exists():
        recipe.update(CA_BUNDLE.read_bytes())
    return recipe.hexdigest()[:12]


def this_mirror() -> Mirror:
    """Read the machine's own package sources, in whatever form they stand, by asking apt.

    Raises:
        ImageError: this is no Debian-like machine, or it has no mirror that can be reached by HTTP.
    """
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    distribution, suite = release.get("ID", "unknown"), release.get("VERSION_CODENAME", "")
    if distribution not in COMPONENTS or not shutil.which("apt-get"):
        raise ImageError(
            f"no image registry answers, and a base image can be made from packages only on Debian "
            f"or Ubuntu (this is {distribution}). Bring one: on a machine with a registry "
            f"`docker save {REGISTRY_BASE}`, here `docker load`; or name one that the engine has: "
            f"`make image BASE_IMAGE=…`"
        )
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    for line in targets.stdout.splitlines():
        address, _, rest = line.partition(" ")
        if rest == f"{suite} main" and address.startswith(("http://", "https://")):
            return Mirror(address, suite, distribution)
    raise ImageError(
        f"no image registry answers, and apt's sources name no HTTP mirror of {suite!r} main to "
        f"make a base image from"
    )


def _bootstrapped(client: docker.DockerClient, name: str, say: Say) -> Base:
    mirror = this_mirror()
    if os.geteuid() != 0:
        raise ImageError(
            "no image registry answers, and making a base image from packages needs root: "
            "run `sudo make image` once"
        )
    _need_debootstrap(say)
    say(f"making {name} from {mirror.distribution} {mirror.suite} packages (about a minute, once)")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="toom-base-") as directory:
        root = Path(directory) / "root"
        _debootstrap(root, mirror, say)
        if CA_BUNDLE.exists():
            shutil.copyfile(CA_BUNDLE, root / CA_BUNDLE.relative_to("/"))
        _import(client, root, name)
    say(f"{name} is there after {time.monotonic() - started:.0f} s")
    base = _present(client, name)
    if base is None:
        raise ImageError(f"the engine took {name} but does not show it")
    return base


def _need_debootstrap(say: Say) -> None:
    if shutil.which("debootstrap"):
        return
    say("installing the Debian package debootstrap")
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-yqq", "debootstrap"]):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=BOOTSTRAP_LIMIT,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
    if done.returncode:
        raise ImageError(f"`apt-get install debootstrap` failed: {done.stderr.strip()[-400:]}")


def _debootstrap(root: Path, mirror: Mirror, say: Say) -> None:
    command = [
        "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        f"--components={COMPONENTS[mirror.distribution]}", mirror.suite, str(root), mirror.address,
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as bootstrap:
        assert bootstrap.stdout is not None
        last, shown, give_up = "", time.monotonic(), time.monotonic() + BOOTSTRAP_LIMIT
        for line in bootstrap.stdout:
            last = line.strip()
            if time.monotonic() > give_up:
                bootstrap.kill()
            if time.monotonic() - shown > 5:  # seconds: often enough to see that it lives
                say(f"  {last.removeprefix('I: ')}")
                shown = time.monotonic()
    if bootstrap.returncode:
        raise ImageError(f"debootstrap ended with {bootstrap.returncode}: {last}")


def _import(client: docker.DockerClient, root: Path, name: str) -> None:
    for unneeded in NOT_NEEDED:
        shutil.rmtree(root / unneeded, ignore_errors=True)
        (root / unneeded).mkdir(parents=True, exist_ok=True)
    repository, _, tag = name.partition(":")
    changes = [
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"ENV PIP_CERT={CA_BUNDLE}",
        'CMD ["python3"]',
    ]
    with tempfile.TemporaryFile(dir=root.parent) as archive:
        with tarfile.open(fileobj=archive, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            tar.add(root, arcname=".", filter=_no_devices)
        archive.seek(0)
        with _patience(client, BOOTSTRAP_LIMIT):
            client.api.import_image_from_stream(
                iter(lambda: archive.read(CHUNK), b""),
                repository=repository,
                tag=tag,
                changes=changes,
            )


def _no_devices(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out device nodes: the engine brings its own."""
    return None if member.isdev() and not member.isfifo() else member


def _pulled(client: docker.DockerClient, name: str, say: Say) -> Base:
    say(f"fetching {name}")
    try:
        with _patience(client, BOOTSTRAP_LIMIT):
            client.images.pull(name)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as refusal:
        raise ImageError(f"{name} cannot be fetched: {_brief(refusal)}") from refusal
    base = _present(client, name)
    if base is None:
        raise ImageError(f"the engine fetched {name} but does not show it")
    return base


def _present(client: docker.DockerClient, name: str) -> Base | None:
    try:
        image = client.images.get(name)
    except docker.errors.ImageNotFound:
        return None
    return Base(name, str(image.id))


@contextmanager
def _patience(client: docker.DockerClient, seconds: int) -> Iterator[None]:
    """Give the engine another time to answer than it has by default."""
    usual = client.api.timeout
    client.api.timeout = seconds
    try:
        yield
    finally:
        client.api.timeout = usual


def _brief(refusal: Exception) -> str:
    """Say in a few words what an engine's error means."""
    text = str(getattr(refusal, "explanation", None) or refusal)
    return text.strip().rsplit(": ", maxsplit=1)[-1][:120]
