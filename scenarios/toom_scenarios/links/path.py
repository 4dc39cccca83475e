"""Ways between two hosts of a local stage, beside the switch that joins all of them.

While such a way is there, packets between the addresses of the two take it, and those to other
hosts take the switch as before. Belongs here: devices, routes. Does not: what happens to packets.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import Broken
from ..hosts.namespaces import Switch
from .counters import Counters
from .description import MTU, Link
from .emulator import Emulator
from .probe import Probed, probe

DEVICE: Final = "link0"
# Packets that a device holds for the emulator: half a second of 100 Mbit/s, so that a host that
# stalls makes packets late, which is counted, rather than losing them.
WAITING: Final = 4000
LIMIT: Final = 20.0  # seconds for a command
# No neighbours are looked for on such a device (addrgenmode none), and what TCP remembers of a
# destination (tcp_metrics) must not come from another link.
ROUTE: Final = """
ip link set {device} addrgenmode none
ip link set {device} mtu {mtu} txqueuelen {waiting} up
ip route replace {peer}/32 dev {device} src {own}
ip tcp_metrics flush all 2>/dev/null || true
"""


@dataclass(frozen=True, slots=True)
class End:
    """A host at one end: its name and its address."""

    name: str
    address: str


class LinkPath:
    """An emulated link that is up."""

    def __init__(self, switch: Switch, ends: Sequence[End], link: Link, emulator: Emulator) -> None:
        self.link = link
        self._switch = switch
        self._ends = ends
        self._emulator = emulator
        self._dropped = self._drops()

    def begin(self) -> None:
        """Count from here on."""
        self._dropped = self._drops()
        self._emulator.again()

    def counters(self) -> Counters:
        """What was counted since then."""
        return Counters.of(self._emulator.report(), self._drops() - self._dropped)

    def probed(self) -> Probed:
        """Measure what it does while nobody else uses it. What was counted is void."""
        return probe(self._switch, [(each.name, each.address) for each in self._ends], self.link)

    def _drops(self) -> int:
        """Packets that its devices had no room for."""
        drops = 0
        for end in self._ends:
            told = json.loads(_inside(self._switch, end, f"ip -j -s link show {DEVICE}"))
            drops += int(told[0]["stats64"]["tx"]["dropped"])
        return drops


@contextmanager
def linked(program: Path, switch: Switch, there: End, back: End, link: Link) -> Iterator[LinkPath]:
    """An emulated link between two hosts.

    Args:
        program: the emulator (see `build`).

    Raises:
        Broken: it cannot be made here.
    """
    ends = (there, back)
    emulator = Emulator(
        program, switch.enter(), [(switch.bound(each.name), DEVICE) for each in ends], link
    )
    try:
        _route(switch, there, back)
        _route(switch, back, there)
        yield LinkPath(switch, ends, link, emulator)
    finally:
        emulator.close()


@contextmanager
def paired(switch: Switch, there: End, back: End) -> Iterator[None]:
    """A pair of veth devices between two hosts: the kernel's own speed, and no switch."""
    other = switch.bound(back.name)
    pair = f"ip link add {DEVICE} type veth peer name {DEVICE} netns {other}"
    _inside(switch, there, pair)
    try:
        _route(switch, there, back)
        _route(switch, back, there)
        yield
    finally:
        _inside(switch, there, f"ip link del {DEVICE}")


def _route(switch: Switch, own: End, peer: End) -> None:
    words = {"device": DEVICE, "mtu": MTU, "waiting": WAITING}
    _inside(switch, own, ROUTE.format(**words, own=own.address, peer=peer.address))


def _inside(switch: Switch, end: End, script: str) -> str:
    done = subprocess.run(
        [*switch.enter(switch.bound(end.name)), "sh", "-ec", script],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise Broken(f"host {end.name}: {done.stderr.strip()}")
    return done.stdout
