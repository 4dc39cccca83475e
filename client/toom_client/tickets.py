"""What the server says about a peer, and the UDP socket on which peers are met (PROTOCOL 5).

Belongs here: addresses, ports, the socket's options. Does not: what is sent (transfers).
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Final

from toom_protocol.messages import Expected, Located
from toom_protocol.transfer.packets import KEY_SIZE

MAX_PORT: Final = 65535
SO_RCVBUFFORCE: Final = 33  # Linux; root may go past net.core.rmem_max with it
SO_SNDBUFFORCE: Final = 32
SOCKET_BUFFER: Final = 4 * 1024 * 1024  # bytes; 1700 datagrams, 60 ms at 300 Mbit/s

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the server gave both ends of one transfer."""

    number: int
    key: bytes = field(repr=False)  # secret
    peer: str  # the other's user name, vouched for by the server
    address: str
    udp_port: int
    public_key: bytes = b""  # by which the peer proves who it is; PROTOCOL 5.8

    def peer_address(self) -> Address | None:
        """Where the peer's datagrams go to and come from; None where the ticket is of no use."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address):  # a server that listens on both says so
            mapped = address.ipv4_mapped
            if mapped is None:
                return None
            address = mapped
        keys = (self.key, self.public_key)
        usable = 0 < self.udp_port <= MAX_PORT and all(len(key) == KEY_SIZE for key in keys)
        return (str(address), self.udp_port) if usable else None


def of(word: Located | Expected) -> Ticket:
    """Give the ticket that the server's word tells of."""
    where = word.address, word.udp_port
    return Ticket(word.ticket, word.key, word.username, *where, word.public_key)


def bind_udp(port: int) -> socket.socket:
    """Open the client's UDP socket on every address of this host, with large buffers.

    Raises:
        OSError: the port is taken, not allowed or out of range.
    """
    if not 0 <= port <= MAX_PORT:
        raise OSError(errno.EINVAL, f"no such port: {port}")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        for force, usual in (
            (SO_RCVBUFFORCE, socket.SO_RCVBUF),
            (SO_SNDBUFFORCE, socket.SO_SNDBUF),
        ):
            try:
                sock.setsockopt(socket.SOL_SOCKET, force, SOCKET_BUFFER)
            except OSError:
                sock.setsockopt(socket.SOL_SOCKET, usual, SOCKET_BUFFER)
        sock.bind(("", port))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
