"""What an emulated link has counted: packets and bytes by fate, queues, flows, and itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

TCP: Final = 6
UDP: Final = 17
TENTHS: Final = 10  # in a second
# Of packets that left over a millisecond late: a host on which more do is no longer the link that
# it claims to be. A tenth of a percent is what quiet hosts have.
MOST_LATE: Final = 0.02
FATES: Final = ("delivered", "queue_full", "lost", "lost_in_burst")


@dataclass(frozen=True, slots=True)
class Count:
    """Packets, and bytes of IP packets."""

    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class WayCount:
    """One way.

    Attributes:
        fates: what became of packets, by the names of FATES.
        seconds: from the first packet to the last.
        queue_mean: bytes, over that time.
        queue_most: bytes.
    """

    fates: Mapping[str, Count]
    seconds: float
    queue_mean: float
    queue_most: float

    @property
    def lost(self) -> int:
        """Packets lost on the wire."""
        return self.fates["lost"].packets + self.fates["lost_in_burst"].packets


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets of one way with the same protocol, addresses and ports.

    Attributes:
        way: 0: there, 1: back.
        first: when its first packet came, in seconds of the monotonic clock.
        last: the same of its last.
        largest: bytes of its largest packet.
        tenths: bytes delivered in each tenth of a second since the counters began.
    """

    way: int
    protocol: int
    source: tuple[str, int]
    destination: tuple[str, int]
    first: float
    last: float
    largest: int
    fates: Mapping[str, Count]
    tenths: Sequence[int]


@dataclass(frozen=True, slots=True)
class Counters:
    """Everything since the emulator began to count.

    Attributes:
        late: packets that left over a millisecond late.
        latest: seconds that the latest one was.
        overrun: packets lost where no link loses any: in the emulator or before it.
        began: when it began to count, in seconds of the monotonic clock.
        realtime: whether the system let it go first whenever it had something to do.
    """

    there: WayCount
    back: WayCount
    flows: Sequence[Flow]
    sent: int
    late: int
    latest: float
    overrun: int
    began: float
    realtime: bool

    @classmethod
    def of(cls, told: Mapping[str, Any], overrun: int = 0) -> Self:
        """From the emulator's report.

        Args:
            overrun: packets that a full device has dropped.
        """
        there, back = map(_way, told["ways"])
        return cls(
            there,
            back,
            [_flow(each) for each in told["flows"]],
            told["sent"],
            told["late"],
            told["latest"],
            told["no_room"] + told["refused"] + overrun,
            told["began"],
            told["realtime"],
        )

    def trouble(self) -> str:
        """Why these packets did not see the link that was described; "": they did."""
        if self.late > MOST_LATE * self.sent:
            share = 100 * self.late / self.sent
            return f"{share:.1f} % of packets left over 1 ms late, up to {self.latest * 1e3:.0f} ms"
        if self.overrun:
            return f"{self.overrun} packets were lost in the emulator"
        return ""

    def of_protocol(self, protocol: int, *ports: int) -> list[Flow]:
        """Flows of UDP or TCP; only those from or to one of the ports, where some are given."""
        return [
            flow
            for flow in self.flows
            if flow.protocol == protocol
            and (not ports or flow.source[1] in ports or flow.destination[1] in ports)
        ]

    def shares(self, flows: Sequence[Flow], since: float, seconds: int) -> list[list[float]]:
        """For each flow its share of what these flows got together, second by second.

        Args:
            since: when the first second begins, by the monotonic clock.
            seconds: how many are wanted.
        """
        start = max(0, round((since - self.began) * TENTHS))
        edges = [start + TENTHS * second for second in range(seconds)]
        sums = [[sum(flow.tenths[at : at + TENTHS]) for at in edges] for flow in flows]
        whole = [sum(each) or 1 for each in zip(*sums, strict=True)]
        return [[part / all_ for part, all_ in zip(row, whole, strict=True)] for row in sums]


def _fates(packets: Sequence[int], sizes: Sequence[int]) -> dict[str, Count]:
    return {name: Count(*each) for name, *each in zip(FATES, packets, sizes, strict=True)}


def _way(told: Mapping[str, Any]) -> WayCount:
    packets, sizes = ([told[name][kind] for name in FATES] for kind in ("packets", "bytes"))
    return WayCount(_fates(packets, sizes), told["seconds"], told["queue_mean"], told["queue_most"])


def _flow(told: Mapping[str, Any]) -> Flow:
    return Flow(
        told["way"],
        told["protocol"],
        (told["source"], told["source_port"]),
        (told["destination"], told["destination_port"]),
        told["first"],
        told["last"],
        told["largest"],
        _fates(told["packets"], told["bytes"]),
        told["tenths"],
    )
