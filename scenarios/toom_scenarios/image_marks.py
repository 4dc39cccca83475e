"""The names that images have in the engine, and when an image goes.

Two checkouts with the same content share an image; so each marks what it uses with a second tag,
`<content>-in-<checkout>`, and an image goes when its last mark is taken away.
"""

from datetime import datetime, timedelta
from typing import Final

import docker
import docker.errors

from .base_image import LOCAL_BASE, Say
from .checkout import ROLES, Checkout
from .engine import root_cause

CHECKOUT_LABEL: Final = "toom.checkout"  # on the stage that is left over; see the Dockerfile
LONGEST_RUN: Final = timedelta(hours=2)  # of scenarios; their images are not taken from under them


def mark(client: docker.DockerClient, name: str, checkout: Checkout) -> None:
    """Say that this checkout uses the image."""
    repository, _, content = name.partition(":")
    client.images.get(name).tag(repository, tag=f"{content}-in-{checkout.mark}")


def is_ours(client: docker.DockerClient, name: str) -> bool:
    """Tell whether the engine has the image as built here: a build by compose bears no mark."""
    try:
        tags = client.images.get(name).tags
    except docker.errors.ImageNotFound:
        return False
    return any(tag.startswith(f"{name}-in-") for tag in tags)


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
        say(f"{name} stays: {root_cause(refusal)}")
