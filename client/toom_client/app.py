"""The composition root of `toom-client`: sockets, files, terminal and signals (SPEC S1)."""

import argparse
import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from toom_client import tickets
from toom_client.comeback import Comeback
from toom_client.connecting import connect, connect_again, encryption_of
from toom_client.conversation import INTERRUPTED, Conversation
from toom_client.identity import Identity
from toom_client.keyboard import Keyboard
from toom_client.link import Link, request_ids
from toom_client.live import Feed
from toom_client.options import CannotStart, parse, port_of
from toom_client.rules import Rules
from toom_client.screen import Screen
from toom_client.transfers import Report, Transfers, bind_udp
from toom_client.wording import say_report
from toom_protocol.messages import Expected, Posted, Reply

if TYPE_CHECKING:
    from toom_client.tracing import Traces

STDIN: Final = 0
STDOUT: Final = 1
LAST_WORDS: Final = 2.0  # seconds that the terminal has to take the last lines
NEEDED: Final = ("cryptography", "blake3")  # packages that are loaded when a transfer needs them
MISSING: Final = 1  # exit status
INSTANCE_BYTES: Final = 16  # random; tells the connections of one run from others; PROTOCOL 3.1


def run() -> NoReturn:
    """Entry point.

    The process ends without the interpreter's tidying up, a tenth of what a short visit costs: the
    screen is written and every file is closed or swept by then, and nothing waits in a buffer.
    """
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client until the user or the server ends it; give the exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    _open_what_is_closed()
    try:
        _look_for_packages()
        server_port = port_of("server", options.server_port)
        udp_port = port_of("UDP", options.udp_port)
        traces, log = _traces(options.trace), _log(options.log)
        udp = _bind(udp_port)
        with udp:
            return asyncio.run(_converse(options, server_port, udp_port, udp, traces, log))
    except CannotStart as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return exc.status
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_what_is_closed() -> None:
    """Put something in the place of a closed stdin or stdout, before a socket takes its number."""
    for handle in (STDIN, STDOUT):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _look_for_packages() -> None:
    """Say at once what is missing, not in the middle of a conversation.

    Nothing is loaded; `PathFinder` is there in any case, importlib.util would take a millisecond.
    """
    for package in NEEDED:
        if PathFinder.find_spec(package) is None:
            text = (
                f"The Python package {package} is missing: run `make setup` in the checkout of Toom"
                f", or install it with `pip install {package}`."
            )
            raise CannotStart(text, MISSING)


def _traces(directory: Path | None) -> "Traces | None":
    if directory is None:
        return None
    from toom_client.tracing import Traces

    try:
        return Traces(directory)
    except OSError as exc:
        raise CannotStart(f"Cannot write traces into {directory}: {exc.strerror}") from exc


def _log(path: Path | None) -> Callable[[str], None] | None:
    """Give what writes a line for developers; a disk that refuses later ends nothing."""
    if path is None:
        return None
    try:
        file = path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError as exc:
        raise CannotStart(f"Cannot write the log {path}: {exc.strerror}") from exc

    def write(line: str) -> None:
        with suppress(OSError):
            file.write(f"at={datetime.now(UTC).isoformat(timespec='milliseconds')} {line}\n")

    return write


def _bind(port: int) -> socket.socket:
    try:
        return bind_udp(port)
    except OSError as exc:
        raise CannotStart(f"Cannot use UDP port {port}: {exc.strerror}") from exc


def _working_directory() -> Path:
    """Name the directory in a way that holds when it is moved."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() may say what it was
    except OSError as exc:
        raise CannotStart(f"Cannot use the working directory: {exc.strerror}") from exc
    return Path()


async def _converse(
    options: argparse.Namespace,
    server_port: int,
    udp_port: int,
    udp: socket.socket,
    traces: "Traces | None",
    log: Callable[[str], None] | None,
) -> int:
    loop = asyncio.get_running_loop()
    directory = _working_directory()
    screen = Screen(STDOUT)

    def tell(report: Report) -> None:  # called by the transfers' thread
        loop.call_soon_threadsafe(screen.notice, say_report(report))

    accept, congestion = options.accept, options.congestion
    rules = Rules(accept, options.max_file_size, options.max_transfers, congestion)
    transfers = Transfers(udp, directory, report=tell, log=log, rules=rules, traces=traces)
    feed = Feed() if options.live else None
    new_link = links(options, screen, transfers, feed)
    reach = partial(connect, options.server, server_port, new_link, encryption_of(tls=options.tls))
    link = await reach()
    transfers.start()
    keyboard = Keyboard(STDIN, screen, loop)
    try:
        instance = secrets.token_bytes(INSTANCE_BYTES)
        comeback = None
        if options.reconnect:
            comeback = Comeback(partial(connect_again, reach), udp_port, instance)
        conversation = Conversation(
            screen,
            keyboard,
            link,
            transfers,
            directory,
            identity=Identity(),
            comeback=comeback,
            feed=feed,
            manages=options.manage,
        )
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, conversation.stop, 128 + number)
        return await conversation.run(udp_port, instance)
    finally:
        keyboard.close()
        link.close()
        transfers.close()
        screen.close(LAST_WORDS)


def links(
    options: argparse.Namespace, screen: Screen, transfers: Transfers, feed: Feed | None
) -> Callable[[], Link]:
    """Give what makes a connection, each with the same ears."""

    def hear(message: Expected | Posted | Reply) -> None:
        if isinstance(message, Expected):
            transfers.expect(tickets.of(message))  # which passes over who has no key (PROTOCOL 5.8)
        elif feed is None:
            return
        elif isinstance(message, Posted):
            screen.notice(*feed.news(message))
        else:
            feed.sent(message)

    ids = request_ids() if options.reconnect else None
    is_behind = (lambda: screen.is_behind) if options.live else (lambda: False)
    return lambda: Link(hear, ids, is_behind)
