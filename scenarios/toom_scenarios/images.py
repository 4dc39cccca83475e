"""The images that compose and the scenarios use: building those that the engine lacks.

Does not belong here: the base they stand on (base_image.py), what goes into them and gives them
their names (checkout.py), when one is removed (image_marks.py), running them (hosts/).
"""

import argparse
import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import docker
import docker.errors
import requests.exceptions

from toom_scenarios.base_image import LOCAL_BASE, Base, ImageError, Say, ensure_base
from toom_scenarios.checkout import (
    ROLES,
    Checkout,
    Images,
    given_images,
    this_checkout,
    write_env,
)
from toom_scenarios.engine import connect, root_cause
from toom_scenarios.errors import Broken
from toom_scenarios.image_marks import is_ours, mark, remove

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
BUILD_PATIENCE: Final = 900  # seconds between two lines of a build; a slow network is no failure
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
COULD_NOT_FIND_OUT: Final = 3  # exit status; CONTRACT

Lines = Iterator[dict[str, Any]]


def images(say: Say | None = None) -> Images:
    """Name the images, and build first those that the engine lacks.

    Where `TOOM_SERVER_IMAGE` and its sisters stand in the environment (compose sets them for the
    service `scenarios`) those are taken as they are.

    Args:
        say: is told, line by line, what takes time; None: stderr.

    Raises:
        Broken: there is no engine, or no image can be had; the text says what to do.
    """
    tell = say or _to_stderr
    given = given_images(os.environ)
    if given:
        return given
    with closing(connect()) as client:
        checkout = this_checkout()
        with _turn(checkout):
            base = ensure_base(client, wanted=os.environ.get("BASE_IMAGE") or None, say=tell)
            built = _built(client, checkout, base, tell)
            write_env(checkout, base, built)
        return built


def _built(client: docker.DockerClient, checkout: Checkout, base: Base, say: Say) -> Images:
    content = checkout.content(base)
    names = {role: f"toom-{role}:{content}" for role in ROLES}
    for role, name in names.items():
        if not is_ours(client, name):
            say(f"building {name} on {base.name}")
            started = time.monotonic()
            _build(client, checkout, base, role, name)
            say(f"{name} is there after {time.monotonic() - started:.0f} s")
        mark(client, name, checkout)
    if base.name.startswith(f"{LOCAL_BASE}:"):
        mark(client, base.name, checkout)
    remove(client, checkout, keep=content, say=lambda _: None)
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
        raise ImageError(f"{name} cannot be built: {root_cause(refusal)}") from refusal
    finally:
        client.api.timeout = usual


@contextmanager
def _turn(checkout: Checkout) -> Iterator[None]:
    """Let two runs in one checkout build one after the other: the second finds all done."""
    (checkout.root / "build").mkdir(exist_ok=True)
    with (checkout.root / "build" / ".images-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


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
            connect().close()
        else:
            with closing(connect()) as client:
                remove(client, this_checkout(), keep=None, say=_to_stderr)
    except Broken as refusal:
        _to_stderr(str(refusal))
        return COULD_NOT_FIND_OUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
