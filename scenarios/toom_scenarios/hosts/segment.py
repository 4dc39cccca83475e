"""A network of the engine's, with a subnet that nobody else has."""

from __future__ import annotations

import threading
import zlib
from ipaddress import IPv4Network
from typing import IO, Any, Final

from docker.errors import APIError, DockerException
from docker.types import IPAMConfig, IPAMPool
from requests.exceptions import RequestException

from ..errors import Broken
from . import subnets

FIRST_ADDRESS: Final = 2  # in a subnet; .1 is the engine's


class Segment:
    """One network, made at once.

    Args:
        api: the engine's, of the SDK.

    Raises:
        Broken: it cannot be made.
    """

    def __init__(self, api: Any, name: str, labels: dict[str, str]) -> None:
        self._api = api
        self.name = name
        self._taken: set[str] = set()
        self._turn = threading.Lock()
        self._subnet, self._lock = self._make(labels)

    def _make(self, labels: dict[str, str]) -> tuple[IPv4Network, IO[str]]:
        refused: APIError | None = None
        for subnet, lock in subnets.free_subnets(zlib.crc32(self.name.encode())):
            pools = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
            try:
                self._api.create_network(
                    self.name, driver="bridge", internal=True, ipam=pools, labels=labels
                )
            except APIError as error:
                lock.close()
                if "overlap" not in str(error.explanation).lower():
                    raise Broken(f"network {self.name}: {error.explanation}") from error
                refused = error
                continue
            except (DockerException, RequestException) as error:
                lock.close()
                raise Broken(f"network {self.name}: {error}") from error
            return subnet, lock
        raise Broken(
            f"no subnet is left in {subnets.pool()} (TOOM_SUBNETS names another): {refused}"
        )

    def take_address(self) -> str:
        """The first that nobody has. Raises Broken."""
        with self._turn:
            for number in range(FIRST_ADDRESS, self._subnet.num_addresses - 1):
                address = str(self._subnet[number])
                if address not in self._taken:
                    self._taken.add(address)
                    return address
        raise Broken(f"network {self.name} has no room for another host")

    def keep_only(self, addresses: set[str]) -> None:
        """Nobody has any other one any more."""
        with self._turn:
            self._taken = addresses

    def unlock(self) -> None:
        """The network is removed: others may have its subnet."""
        self._lock.close()
