"""Removing what dead runs have left in the engine: containers and networks with our labels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import docker
from docker.errors import APIError, NotFound

from ..engine import connect
from . import owner


def sweep(
    client: docker.DockerClient, *, dry_run: bool = False, kept_too: bool = False
) -> Iterator[str]:
    """Remove containers, then networks, whose owner is proved dead. Says what went, and why."""
    now = _time(client.info()["SystemTime"])

    def runs(name: str) -> bool | None:
        try:
            return bool(client.containers.get(name).status == "running")
        except NotFound:
            return None

    def proof(labels: dict[str, str], created: str) -> str:
        if labels.get(owner.KEPT):
            return "it was kept, and is not wanted any more" if kept_too else ""
        return owner.is_dead(labels, (now - _time(created)).total_seconds(), runs)

    everything: dict[str, str | list[str] | bool] = {"label": owner.RUN}
    for container in client.containers.list(all=True, filters=everything, ignore_removed=True):
        if why := proof(container.labels, container.attrs["Created"]):
            if not dry_run:
                remove_container(client.api, str(container.id))
            yield f"{_verb(dry_run)} container {container.name}: {why}"
    for network in client.networks.list(filters=everything):
        if why := proof(network.attrs["Labels"], network.attrs["Created"]):
            if dry_run or remove_network(client.api, str(network.id)):
                yield f"{_verb(dry_run)} network {network.name}: {why}"
            else:
                yield f"network {network.name} stays, the engine does not let go of it: {why}"


def clean(*, dry_run: bool, kept_too: bool) -> Iterator[str]:
    """`toom clean`.

    Raises:
        Broken: no engine answers.
    """
    client = connect()
    try:
        lines = list(sweep(client, dry_run=dry_run, kept_too=kept_too))
        yield from lines or ["nothing is left over in the engine"]
        kept: dict[str, str | list[str] | bool] = {"label": owner.KEPT}
        if not kept_too and client.containers.list(all=True, filters=kept, ignore_removed=True):
            yield "stages of `toom run --keep` stay; `toom clean --all` removes them"
    finally:
        client.close()


def remove_container(api: Any, container: str) -> None:
    """Kill and remove, with its anonymous volumes; somebody else may be quicker."""
    try:
        api.remove_container(container, force=True, v=True)
    except APIError as error:
        if error.status_code not in (404, 409):  # 409: a removal is in progress
            raise


def remove_network(api: Any, network: str) -> bool:
    """Remove a network of ours, with whatever end the engine still counts in it.

    Returns:
        False: the engine refused. A container is only just going, or the engine counts one that is
        no more, until it is started anew (moby#42119).
    """
    try:
        try:
            api.remove_network(network)
        except APIError as error:
            if error.status_code != 403:  # it has ends
                raise
            for end in api.inspect_network(network).get("Containers") or {}:
                api.disconnect_container_from_network(end, network, force=True)
            api.remove_network(network)
    except APIError as error:
        if error.status_code not in (403, 404):
            raise
        return bool(error.status_code == 404)
    return True


def _verb(dry_run: bool) -> str:
    return "would remove" if dry_run else "removed"


def _time(text: str) -> datetime:
    """An engine's time, which has nine decimals of a second: Python takes six."""
    whole, point, rest = text.partition(".")
    return datetime.fromisoformat(whole + rest.lstrip("0123456789") if point else text)
