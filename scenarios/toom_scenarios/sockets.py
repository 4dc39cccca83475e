"""A host's sockets, as its kernel lists them.

Belongs here: reading /proc/net/tcp and /proc/net/udp. Does not: running the command that fetches
them (host.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["tcp", "udp"]
TABLES: Final = {
    "tcp": ("/proc/net/tcp", "/proc/net/tcp6"),
    "udp": ("/proc/net/udp", "/proc/net/udp6"),
}
ESTABLISHED: Final = 1  # states of proc(5), tcp_states.h
LISTENING: Final = 10
HEXADECIMAL: Final = 16
ROW: Final = re.compile(  # `sl local_address rem_address st …`, an address as `hex:hex port`
    r"\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{2}) .*"
)


@dataclass(frozen=True, slots=True)
class Socket:
    """A row of a table.

    Attributes:
        port: its own.
        peer_port: that of the other end; 0 when there is none.
        state: a number of the kernel's.
    """

    port: int
    peer_port: int
    state: int


def parse(table: str) -> list[Socket]:
    """The rows of one table or of several; whatever else stands there is left out.

    Source: proc(5).
    """
    found = (ROW.fullmatch(line) for line in table.splitlines())
    return [Socket(*(int(word, HEXADECIMAL) for word in row.groups())) for row in found if row]
