"""How the client reaches its server: over TCP, with TLS or without (PROTOCOL 2.6).

Belongs here: connections, whose they are, and why there is none. Does not: what is said on them
(link.py), when a lost one is tried again (comeback.py).
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from toom_client.comeback import NotYet, NoWay
from toom_client.link import Link
from toom_client.options import CannotStart

if TYPE_CHECKING:
    import ssl

UNREACHABLE: Final = 1  # exit status; CONTRACT
CONNECT_TIMEOUT: Final = 10.0  # seconds


class Stranger(CannotStart):
    """The server is not the one that it was; trying again makes it no better."""


def encryption_of(*, tls: bool) -> "ssl.SSLContext | None":
    """What encrypts the connection, if it is to be; whose certificate it is, `_recognise` asks."""
    if not tls:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def connect(
    server: str, port: int, new_link: Callable[[], Link], encryption: "ssl.SSLContext | None"
) -> Link:
    """Connect; CannotStart says why not."""
    loop = asyncio.get_running_loop()
    where = f"the server at {server} port {port}"
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, link = await loop.create_connection(new_link, server, port, ssl=encryption)
    except TimeoutError:
        text = (
            f"Cannot reach the server at {server} port {port}: no answer in {CONNECT_TIMEOUT:g} s"
        )
        raise CannotStart(text, UNREACHABLE) from None
    except (OSError, UnicodeError) as exc:
        text = f"Cannot reach {where}: {_why(exc)}"
        if encryption is not None and type(exc).__module__ == "ssl":
            what = "it speaks none, or another version; was it started with --tls?"
            text = f"Cannot reach {where} with TLS: {what}"
        raise CannotStart(text, UNREACHABLE) from exc
    if encryption is not None:
        _recognise(link, server, port)
    return link


async def connect_again(connect: Callable[[], Awaitable[Link]]) -> Link:
    """Connect once more; what is wrong may pass, but for another server in its place."""
    try:
        return await connect()
    except Stranger as exc:
        raise NoWay(str(exc)) from exc
    except CannotStart as exc:
        raise NotYet(str(exc)) from exc


def _recognise(link: Link, server: str, port: int) -> None:
    """Refuse a server that shows another certificate than before (PROTOCOL 2.6)."""
    from toom_client import pins

    seen, file = pins.fingerprint(link.certificate), pins.usual_file()
    try:
        if pins.check(file, f"{server}:{port}", seen):
            print(f"{server}:{port} is {seen}; remembered in {file}", file=sys.stderr)  # noqa: T201
    except pins.Changed as exc:
        link.close()
        raise Stranger(str(exc), UNREACHABLE) from exc
    except OSError as exc:
        link.close()
        text = f"Cannot remember the server's certificate in {file}: {exc.strerror}"
        raise CannotStart(text, UNREACHABLE) from exc


def _why(fault: OSError | UnicodeError) -> str:
    """Say in the system's words what went wrong; asyncio has wrapped them in its own."""
    number = getattr(fault, "errno", None)
    if number and number > 0:
        return os.strerror(number)
    return getattr(fault, "strerror", None) or str(fault) or "it ended the connection"
