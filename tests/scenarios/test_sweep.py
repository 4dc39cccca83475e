"""Removing networks from an engine that does not always let go of them."""

from typing import Any

import pytest
from docker.errors import APIError

from toom_scenarios.hosts.sweep import remove_network


class Answer:
    def __init__(self, status: int) -> None:
        self.status_code, self.reason, self.url = status, "", ""


class Engine:
    """An engine that answers removals with these statuses, one after another; 204: done."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.parted: list[str] = []

    def remove_network(self, network: str) -> None:
        if (status := self.statuses.pop(0)) != 204:
            raise APIError("refused", Answer(status))  # type: ignore[arg-type]

    def inspect_network(self, network: str) -> dict[str, Any]:
        return {"Containers": {"an-end": {}}}

    def disconnect_container_from_network(self, end: str, network: str, *, force: bool) -> None:
        self.parted.append(end)


@pytest.mark.parametrize(
    ("statuses", "gone", "parted"),
    [
        ((204,), True, []),
        ((404,), True, []),  # somebody else was quicker
        ((403, 204), True, ["an-end"]),
        ((403, 404), True, ["an-end"]),
        ((403, 403), False, ["an-end"]),  # it counts an end that is no more
    ],
)
def test_only_what_is_gone_is_called_removed(
    statuses: tuple[int, ...], gone: bool, parted: list[str]
) -> None:
    engine = Engine(*statuses)
    assert remove_network(engine, "network") is gone
    assert engine.parted == parted


def test_what_the_engine_cannot_do_is_told() -> None:
    with pytest.raises(APIError):
        remove_network(Engine(500), "network")
