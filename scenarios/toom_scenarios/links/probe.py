"""What an idle link really does: round trips of small packets, and the rate of a burst.

Run as a program inside a stage it opens a socket in each of two namespaces, so that one clock sees
both ends: `probe.py NAMESPACE ADDRESS NAMESPACE ADDRESS PACKETS SIZE`, JSON on stdout. It imports
nothing of ours, to start quickly.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..hosts.namespaces import Switch
    from .description import Link

CLONE_NEWNET: Final = 0x40000000  # setns(2)
PORT: Final = 9  # discard
SO_TIMESTAMPNS: Final = 35  # socket(7); the kernel tells when a packet came
TIMESPEC: Final = struct.Struct("@qq")
ECHOES: Final = 7
SILENCE: Final = 1.5  # seconds after which a packet counts as lost: longer than any link's RTT here
HEADERS: Final = 28  # bytes of IPv4 and UDP
BURST: Final = 60  # packets at most; the queue must have room for them
BURSTS: Final = 5
LIMIT: Final = 60.0  # seconds
# What an idle link may be off by before nothing it shows is believed.
RTT_OFF: Final = 0.001  # seconds
RATE_OFF: Final = 0.03


@dataclass(frozen=True, slots=True)
class Probed:
    """What was measured, beside what was described.

    Attributes:
        rtt: seconds, the least of several.
        rate: bits a second of a burst, the median of several; 0: there is no limit to measure.
    """

    rtt: float
    rate: float
    wanted_rtt: float
    wanted_rate: float

    def trouble(self) -> str:
        """Why this is not the link that was described; "": it is."""
        if not -RTT_OFF <= self.rtt - self.wanted_rtt <= RTT_OFF:
            return (
                f"an idle round trip takes {self.rtt * 1e3:.2f} ms, not {self.wanted_rtt * 1e3:g}"
            )
        if self.wanted_rate and abs(self.rate / self.wanted_rate - 1) > RATE_OFF:
            return f"a burst passes at {self.rate / 1e6:.1f} Mbit/s, not {self.wanted_rate / 1e6:g}"
        return ""


def probe(switch: Switch, ends: Sequence[tuple[str, str]], link: Link) -> Probed:
    """Measure a link between two hosts, by name and address.

    Raises:
        Broken: nothing comes through.
    """
    from ..errors import Broken
    from .description import MTU

    packets = min(BURST, link.there.queue // MTU) if link.there.rate else 0
    words = [word for name, address in ends for word in (switch.bound(name), address)]
    done = subprocess.run(
        [*switch.enter(), sys.executable, __file__, *words, str(packets), str(MTU)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise Broken(f"the emulated link does not carry packets: {last}")
    told = json.loads(done.stdout)
    return Probed(told["rtt"], told["rate"], link.rtt, link.there.rate)


def _socket(namespace: str, address: str) -> socket.socket:
    there = os.open(namespace, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(there, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns", namespace)
    os.close(there)
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, PORT))
    made.settimeout(SILENCE)
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return made


def _round_trip(near: socket.socket, far: socket.socket) -> float | None:
    began = time.monotonic()
    near.send(b"there")
    try:
        far.recv(HEADERS)
        far.send(b"back")
        near.recv(HEADERS)
    except TimeoutError:  # the link may lose packets
        return None
    return time.monotonic() - began


def _burst(near: socket.socket, far: socket.socket, packets: int, size: int) -> float:
    """Bits a second between the first and the last that come."""
    for number in range(packets):
        near.send(struct.pack("!I", number).ljust(size - HEADERS, b"."))
    seen: list[tuple[int, float]] = []
    try:
        while not seen or seen[-1][0] < packets - 1:
            data, told, _, _ = far.recvmsg(size, socket.CMSG_SPACE(TIMESPEC.size))
            seconds, nanoseconds = TIMESPEC.unpack(told[0][2])
            seen.append((struct.unpack_from("!I", data)[0], seconds + nanoseconds / 1e9))
    except TimeoutError:
        pass
    if len(seen) < 2:
        return 0.0
    (first, began), (last, ended) = seen[0], seen[-1]
    return float((last - first) * size * 8 / (ended - began))


def main(words: Sequence[str]) -> None:
    """Measure, and tell."""
    namespaces, addresses = words[0:4:2], words[1:4:2]
    near, far = map(_socket, namespaces, addresses)
    near.connect((addresses[1], PORT))
    far.connect((addresses[0], PORT))
    trips = [trip for _ in range(ECHOES) if (trip := _round_trip(near, far)) is not None]
    packets = int(words[4])
    bursts = [_burst(near, far, packets, int(words[5])) for _ in range(BURSTS if packets else 0)]
    rate = median(bursts) if bursts else 0.0  # one that stalls on its way is not the link's fault
    print(json.dumps({"rtt": min(trips), "rate": rate}))  # noqa: T201 - the result


if __name__ == "__main__":
    main(sys.argv[1:])
