"""The socket on which the server listens, and how many descriptors it may have (SPEC S1, S3)."""

import contextlib
import os
import resource
import socket
from typing import Final

from toom_server.options import CannotStart

BACKLOG: Final = 1024  # connections that wait to be accepted
# A peer whose cable was pulled is noticed by the kernel after 7 s, which leaves 3 s of the 10 that
# are promised to a busy host: probes 3 and 5 s after its last word, the end 7 s after that, or
# after the first byte that it does not acknowledge (tcp(7)).
KEEPALIVE: Final = {
    socket.TCP_KEEPIDLE: 3,  # seconds
    socket.TCP_KEEPINTVL: 2,  # seconds
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 7000,  # milliseconds
}


def allow_many_descriptors() -> int:
    """Use all the file descriptors that the system grants: each connection takes one (SPEC S1).

    Returns:
        How many there are.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    granted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return granted


def take_address(host: str, port: int) -> socket.socket:
    """Take the address; nobody can connect before the files are in order and the server serves."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as exc:
        raise CannotStart(f"Cannot listen on {host} port {port}: {why_not(exc)}") from exc
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():  # who is accepted has them from the listener
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def why_not(fault: OSError) -> str:
    """Say in the system's words what went wrong; Python has wrapped them in its own."""
    if fault.errno is not None and fault.errno > 0:  # those of host names are negative
        return os.strerror(fault.errno)
    return str(fault.strerror or fault)
