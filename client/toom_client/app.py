"""The composition root of `toom-client`: arguments, sockets, terminal and signals (SPEC S1)."""

import argparse
import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

from toom_client import tickets
from toom_client.comeback import Comeback, NotYet, NoWay
from toom_client.conversation import INTERRUPTED, Conversation
from toom_client.identity import Identity
from toom_client.keyboard import Keyboard
from toom_client.link import Link, request_ids
from toom_client.live import Feed
from toom_client.rules import (
    AT_ONCE,
    CONTROLLERS,
    Rules,
    parse_accept,
    parse_number,
    parse_size,
)
from toom_client.screen import Screen
from toom_client.transfers import Report, Transfers, bind_udp
from toom_client.wording import say_report
from toom_protocol.messages import Expected, Posted, Reply

if TYPE_CHECKING:
    import ssl

    from toom_client.tracing import Traces

STDIN: Final = 0
STDOUT: Final = 1
WRONG_USAGE: Final = 2  # exit statuses; CONTRACT
UNREACHABLE: Final = 1
CONNECT_TIMEOUT: Final = 10.0  # seconds
LAST_WORDS: Final = 2.0  # seconds that the terminal has to take the last lines
NEEDED: Final = ("cryptography", "blake3")  # packages that are loaded when a transfer needs them
MISSING: Final = 1  # exit status
Value = TypeVar("Value")
INSTANCE_BYTES: Final = 16  # random; tells the connections of one run from others; PROTOCOL 3.1

_EXAMPLES = """examples:
  toom-client 127.0.0.1 4000 8000         a server on this host
  toom-client server 4000 8000            a server by its name
  toom-client server 4000 8000 --tls      a server that was started with --tls
  toom-client server 4000 8000 --accept Yoda,Luke --max-file-size 2G    whose files, how large
  toom-client server 4000 8000 --live     what others say is shown as they say it
  toom-client server 4000 8000 --live --reconnect    and goes on after the network was away
  toom-client server 4000 8000 --manage   one command more, TRF: list, pause, cancel, retry
  toom-client server 4000 8000 --trace traces    what each transfer does, packet by packet (qlog)
"""


class CannotStart(Exception):
    """The client must not start; the text is for the user."""

    def __init__(self, text: str, status: int = WRONG_USAGE) -> None:
        super().__init__(text)
        self.status = status


class Stranger(CannotStart):
    """The server is not the one that it was; trying again makes it no better."""


def run() -> NoReturn:
    """Entry point.

    The process ends without the interpreter's tidying up, a tenth of what a short visit costs: the
    screen is written and every file is closed or swept by then, and nothing waits in a buffer.
    """
    os._exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the client until the user or the server ends it; give the exit status."""
    options = _parse(sys.argv[1:] if argv is None else argv)
    _open_what_is_closed()
    try:
        _look_for_packages()
        server_port = _port("server", options.server_port)
        udp_port = _port("UDP", options.udp_port)
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


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="toom-client",
        description="A seat in a conference of Toom. Files that come, as NAME_file, and those that "
        "go lie in the directory it is started in.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("server", metavar="SERVER_IP", help="address or name of the server")
    parser.add_argument("server_port", metavar="SERVER_PORT", help="its TCP port")
    parser.add_argument("udp_port", metavar="CLIENT_UDP_PORT", help="where files come and go")
    parser.add_argument(
        "--tls",
        action="store_true",
        help="encrypt the connection; the server's certificate is remembered when first seen",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="show broadcasts and messages of your rooms as they come, above the prompt",
    )
    parser.add_argument(
        "--reconnect",
        action="store_true",
        help="when the connection is lost, try again until it is back, and go on; nothing that was "
        "typed is done twice (the password stays in memory)",
    )
    parser.add_argument(
        "--manage",
        action="store_true",
        help="one command more: TRF lists the transfers of this client; TRF pause N, continue N, "
        "cancel N and retry N do so with one of them",
    )
    parser.add_argument(
        "--accept",
        metavar="all|none|NAME,…",
        default=None,
        type=_read_by(parse_accept),
        help="whose files are taken (default: all)",
    )
    parser.add_argument(
        "--max-file-size",
        metavar="SIZE",
        type=_read_by(parse_size),
        help="the largest file that is taken: bytes, or 500k, 20M, 4G (default: any size)",
    )
    parser.add_argument(
        "--congestion",
        choices=CONTROLLERS,
        default=CONTROLLERS[0],
        help="how files are sent: rate, the quickest; cubic, as TCP does; background, which gives "
        "way to others (default: %(default)s)",
    )
    parser.add_argument(
        "--max-transfers",
        metavar="N",
        type=_read_by(parse_number),
        default=AT_ONCE,
        help="files that may be on their way in at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--trace",
        metavar="DIR",
        type=Path,
        help="write for each transfer a file in qlog into this directory, made if it is missing: a "
        "sixth of what the files have, their names, but no keys and nothing of what is in them",
    )
    parser.add_argument(
        "--log",
        metavar="FILE",
        type=Path,
        help="append what a developer may want to know of transfers to this file, a line of "
        "key=value each; no contents and no keys",
    )
    parser.add_argument(
        "--plain", action="store_true", help="exactly the plain dialogue (always so today)"
    )
    return parser.parse_args(argv)


def _read_by(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Have argparse tell what a parser says about a word that it cannot read."""

    def read(text: str) -> Value:
        try:
            return parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return read


def _port(what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise CannotStart(f"Invalid {what} port: {text}. It is an integer between 1 and 65535")
    return int(text)


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
    new_link = _links(options, screen, transfers, feed)
    connect = partial(_connect, options.server, server_port, new_link, _encryption(options))
    link = await connect()
    transfers.start()
    keyboard = Keyboard(STDIN, screen, loop)
    try:
        instance = secrets.token_bytes(INSTANCE_BYTES)
        comeback = None
        if options.reconnect:
            comeback = Comeback(partial(_connect_again, connect), udp_port, instance)
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


def _encryption(options: argparse.Namespace) -> "ssl.SSLContext | None":
    """What encrypts the connection, if it is to be; whose certificate it is, `_recognise` asks."""
    if not options.tls:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


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


def _links(
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


async def _connect_again(connect: Callable[[], Awaitable[Link]]) -> Link:
    """Connect once more; what is wrong may pass, but for another server in its place."""
    try:
        return await connect()
    except Stranger as exc:
        raise NoWay(str(exc)) from exc
    except CannotStart as exc:
        raise NotYet(str(exc)) from exc


async def _connect(
    server: str, port: int, new_link: Callable[[], Link], encryption: "ssl.SSLContext | None"
) -> Link:
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


def _why(fault: OSError | UnicodeError) -> str:
    """Say in the system's words what went wrong; asyncio has wrapped them in its own."""
    number = getattr(fault, "errno", None)
    if number and number > 0:
        return os.strerror(number)
    return getattr(fault, "strerror", None) or str(fault) or "it ended the connection"
