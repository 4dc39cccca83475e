"""The cases of `toom bench transfer`: which path, which file, who runs on it, and the goals.

Belongs here: values. Does not: running anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ...links.description import Bursts, Link
from .peers import AIOQUIC, BBR, CUBIC, NGTCP2, TLS, UFTP

LOCAL_SIZE: Final = 200_000_000  # bytes of the file
LINK_SIZE: Final = 100_000_000
SLOW_SIZE: Final = 20_000_000
FAST: Final = 100_000_000  # bits a second
SLOW: Final = 20_000_000
# File in a packet: 1424 bytes of a datagram whose IP packet has 1480. One measure for all, so that
# who sends smaller packets has less of it.
PAYLOAD: Final = 1424 / 1480
LIMIT: Final = 60.0  # seconds that a transfer may take
SECONDS: Final = 30  # of a case in which several share a link
SETTLED: Final = 8  # seconds after which flows of ours must share alike
QUEUE_AT_MOST: Final = 0.3  # of the buffer, on average, when alone


class Kind(Enum):
    """What two hosts are joined by."""

    LOOPBACK = "both ends on one host"
    BRIDGE = "the switch of the stage"
    VETH = "a pair of devices"
    LINK = "an emulated link"


@dataclass(frozen=True, slots=True)
class Case:
    """One transfer, ours and the peers' in turn.

    Attributes:
        key: what `--only` takes.
        size: bytes of the file.
        peers: by name.
        link: what the path does to packets, where it is emulated.
        ideal: the share of the ideal rate that is the goal.
        times: of a peer's speed, the goals by its name.
        ordinary: our clients have no right to a larger receive buffer than anybody.
    """

    key: str
    name: str
    kind: Kind
    size: int
    peers: tuple[str, ...]
    link: Link | None = None
    ideal: float | None = None
    times: dict[str, float] = field(default_factory=dict)
    ordinary: bool = False

    @property
    def ideal_rate(self) -> float:
        """Bits of the file a second that a perfect sender gets through; 0: no link says."""
        if self.link is None:
            return 0.0
        return self.link.there.rate * (1 - self.link.there.lost) * PAYLOAD


@dataclass(frozen=True, slots=True)
class Shared:
    """Several at once on one link.

    Attributes:
        size: bytes of the file: enough that no transfer comes to its end, though it has more than
            its part.
        ours: transfers of ours.
        gap: seconds between their starts.
        cubic: whether a flow of TCP CUBIC is there first.
    """

    key: str
    name: str
    link: Link
    size: int
    ours: int = 1
    gap: float = 0.0
    cubic: bool = False


def _link(percent: float, ideal: float, times: float, *, lossless: bool = False) -> Case:
    peers = (CUBIC, BBR, TLS, NGTCP2, UFTP, AIOQUIC) if lossless else (BBR, NGTCP2, UFTP)
    link = Link.of(FAST, 0.050, loss=percent / 100)
    name = f"100 Mbit/s, 50 ms, {percent:g} % lost"
    key = f"100M-{percent:g}"
    return Case(key, name, Kind.LINK, LINK_SIZE, peers, link, ideal, {BBR: times})


def _local(key: str, name: str, kind: Kind, times: dict[str, float]) -> Case:
    return Case(key, name, kind, LOCAL_SIZE, (CUBIC, BBR, TLS, NGTCP2, UFTP, AIOQUIC), times=times)


LAN: Final = {TLS: 0.8, CUBIC: 0.5, NGTCP2: 3.0, AIOQUIC: 30.0}
YARDSTICK: Final = _link(0, 0.96, 0.98, lossless=True)
CASES: Final = (
    _local("loopback", "loopback", Kind.LOOPBACK, {}),
    _local("veth", "veth pair", Kind.VETH, LAN),
    _local("bridge", "bridge", Kind.BRIDGE, LAN),
    Case(
        *("ordinary", "veth pair, receive buffer of anybody", Kind.VETH, LOCAL_SIZE, (TLS,)),
        times={TLS: 0.4},
        ordinary=True,
    ),
    YARDSTICK,
    _link(0.1, 0.96, 0.98),
    _link(1, 0.96, 1.0),
    _link(5, 0.94, 1.0),
    Case(
        *("20M-2", "20 Mbit/s, 200 ms, 2 % lost", Kind.LINK, SLOW_SIZE, (BBR, NGTCP2, UFTP)),
        *(Link.of(SLOW, 0.200, loss=0.02), 0.90, {BBR: 1.0}),
    ),
    Case(
        *("bursts", "100 Mbit/s, 50 ms, 1 % lost in bursts of 4", Kind.LINK, LINK_SIZE),
        *((BBR, NGTCP2), Link.of(FAST, 0.050, bursts=Bursts.of(0.01, 4))),
    ),
)
CLEAN: Final = Link.of(FAST, 0.050)
SHARED: Final = (
    Shared("two", "two of ours, 2 s apart", CLEAN, 300_000_000, ours=2, gap=2.0),
    Shared("four", "four of ours, 0.5 s apart", CLEAN, 220_000_000, ours=4, gap=0.5),
    Shared("cubic", "ours beside one TCP CUBIC", CLEAN, 400_000_000, gap=3.0, cubic=True),
)
