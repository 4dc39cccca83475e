"""The composition root of `toom-server`: arguments, files, clock and signals (SPEC S1)."""

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from logging import ERROR, INFO, WARNING
from pathlib import Path
from typing import TYPE_CHECKING, Final

from toom_server.accounts import Accounts, BadCredentials
from toom_server.checkup import examine
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.disk import best_disk
from toom_server.doorway import MOST, Doorway
from toom_server.events import FORMATS, LEVELS, listen, tell
from toom_server.file_store import FileStore
from toom_server.hub import Hub
from toom_server.line_writer import LineWriter
from toom_server.sessions import TOKEN_SIZE, Sessions
from toom_server.store import DirectoryInUse, Durability

if TYPE_CHECKING:
    import ssl

    from toom_server.entrance import Entrance

WRONG_USAGE: Final = 2  # exit status; CONTRACT
FOUND_FAULTS: Final = 1  # of --check
INTERRUPTED: Final = 130  # exit status after Ctrl-C, as shells expect
VALID_ATTEMPTS: Final = ("1", "2", "3", "4", "5")  # SPEC S1
STANDARD_STREAMS: Final = (0, 1, 2)
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
# Descriptors that are left for files when all others are connections: logs, a few at a time, and
# what the interpreter opens.
OWN_DESCRIPTORS: Final = 64
LOGS_SHARE: Final = 16  # of all descriptors a sixteenth stays with logs that are written to,
MOST_LOGS: Final = 256  # at most so many: rooms that are busy at one time
# Allocations between two looks for cycles of garbage, and looks between two deeper ones. The server
# makes none for each message, and what it has at its start stays: by default the interpreter would
# look through everything several times a second.
GARBAGE: Final = (50_000, 20, 100)
KEY_BYTES: Final = 32  # of a transfer's secret key; PROTOCOL 3.4

_EXAMPLES = """examples:
  toom-server 4000 3                      logs and credentials.txt in this directory
  toom-server 4000 3 --directory /srv/toom
  toom-server --check --directory /srv/toom         are the accounts and logs there in order?
  toom-server 4000 3 --log-format json --metrics 9100
  toom-server 4000 3 --tls                          clients need --tls too
  toom-server hash --in-place credentials.txt       hashes instead of passwords

signals: TERM ends it, HUP has it read credentials.txt again
"""


class CannotStart(Exception):
    """The server must not start; the text is for the user."""


def run() -> None:
    """Entry point."""
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop; give the exit status."""
    _open_what_is_closed()
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["hash"]:
        from toom_server import hashing

        return hashing.main(argv[1:])
    options = _parse(argv)
    if options.credentials is None:
        options.credentials = options.directory / "credentials.txt"
    try:
        if options.check:
            return _check_directory(options)
        port = _check_arguments(options)
        complaints = LineWriter(sys.stderr)
        listen(complaints, options.log_level, options.log_format)
        try:
            return _start(options, port)
        finally:
            complaints.close()
    except CannotStart as exc:
        print(exc, file=sys.stderr)  # noqa: T201
        return WRONG_USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_what_is_closed() -> None:
    """Put something in the place of closed standard streams, before sockets take their numbers."""
    for handle in STANDARD_STREAMS:
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="toom-server",
        description="The conference server of Toom.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("port", metavar="SERVER_PORT", nargs="?", help="TCP port, 1 to 65535")
    parser.add_argument(
        "attempts",
        metavar="ATTEMPTS",
        nargs="?",
        help="failed log-ins that block an account, 1 to 5",
    )
    parser.add_argument("--directory", type=Path, default=Path(), help="where all files lie")
    parser.add_argument(
        "--credentials", type=Path, help="accounts (default: credentials.txt in the directory)"
    )
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument(
        "--tls", action="store_true", help="encrypt connections (clients too need --tls)"
    )
    parser.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="for --tls (default: one that is made at the first start, in .toom/)",
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="of that certificate")
    parser.add_argument(
        "--per-address",
        type=_count,
        metavar="N",
        help="connections from one address at a time (default: as many as there are descriptors)",
    )
    parser.add_argument(
        "--durability",
        choices=[str(each) for each in Durability],
        default=str(Durability.DISK),
        help="what a reply promises: it outlasts a loss of power (disk), the death of the server "
        "(system), the same without a journal (none)",
    )
    parser.add_argument(
        "--log-level",
        choices=LEVELS,
        default="info",
        help="of the log on stderr",
    )
    parser.add_argument(
        "--metrics",
        metavar="[HOST:]PORT",
        help="tell metrics (Prometheus) and health over HTTP there (default host: 127.0.0.1)",
    )
    parser.add_argument(
        "--check", action="store_true", help="look through the directory, change nothing, and end"
    )
    parser.add_argument(
        "--log-format", choices=FORMATS, default="text", help="of the log: for people, for machines"
    )
    options, surplus = parser.parse_known_args(argv)
    if surplus and options.attempts is None:  # such as `-x`, which looks like an option
        options.attempts, *surplus = surplus
    if surplus:
        parser.error(f"too many arguments: {' '.join(surplus)}")
    return options


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MOST}")
    return int(text)


def _check_arguments(options: argparse.Namespace) -> int:
    faults = []
    if options.attempts not in VALID_ATTEMPTS:
        value = "(none)" if options.attempts is None else options.attempts
        faults.append(
            f"Invalid number of allowed failed consecutive attempt: {value}. "
            "The valid value of argument number is an integer between 1 and 5"
        )
    port = options.port or ""
    if not _is_port(port):
        shown = options.port or "(none)"
        faults.append(f"Invalid server port: {shown}. It is an integer between 1 and 65535")
    if faults:
        raise CannotStart("\n".join(faults))
    return int(port)


def _start(options: argparse.Namespace, port: int) -> int:
    directory: Path = options.directory
    descriptors = _allow_many_descriptors()
    logs = min(MOST_LOGS, descriptors // LOGS_SHARE)
    most = max(1, descriptors - logs - OWN_DESCRIPTORS)
    accounts = _load_accounts(options.credentials)
    if not accounts:  # SPEC S2 refuses bad lines alone; SIGHUP has accounts read later
        tell(WARNING, "found", what=_no_accounts(options.credentials))
    listener = _listen(options.host, port)
    upkeep = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
    durability = Durability(options.durability)
    store = FileStore(directory, durability=durability, upkeep=upkeep.submit, open_logs=logs)
    try:
        history = store.load()
    except (DirectoryInUse, OSError) as exc:
        raise CannotStart(f"Cannot use the directory {directory}: {exc.strerror}") from exc
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    for warning in history.warnings:
        tell(WARNING, "found", what=warning)
    sessions = Sessions(lambda: secrets.token_bytes(TOKEN_SIZE))
    conference = Conference(accounts, int(options.attempts), history, _new_ticket, sessions)
    encryption = _encryption(options, store)
    doorway = Doorway(most, options.per_address)
    hub = Hub(conference, store, LineWriter(sys.stdout), doorway)
    reread = partial(_reread, conference, options.credentials)
    with asyncio.Runner(loop_factory=_new_event_loop) as runner, _told(options.metrics, hub):
        told: dict[str, object] = {"accounts": len(accounts), "encrypted": "no"}
        if encryption is not None:
            told |= {"encrypted": "yes", "fingerprint": encryption[1]}
        context = encryption[0] if encryption is not None else None
        status = runner.run(_serve(listener, hub, reread, context, told))
    upkeep.shutdown(wait=True)
    store.close()
    return status


def _reread(conference: Conference, path: Path) -> None:
    """SIGHUP: take the accounts as the file has them now, or keep those of before.

    A file without accounts would lock everybody out. It is one that is just being written, far more
    likely than one that is meant.
    """
    try:
        accounts = _load_accounts(path)
        if not accounts and conference.accounts:
            raise CannotStart(_no_accounts(path))
    except CannotStart as exc:
        tell(ERROR, "accounts-not-reread", why=str(exc).replace("\n", "; "))
        return
    conference.use_accounts(accounts)
    tell(INFO, "accounts-reread", accounts=len(accounts))


def _check_directory(options: argparse.Namespace) -> int:
    """`--check`: say what is wrong with the accounts and the logs; nothing is changed."""
    complaints = []
    try:
        if count := len(_load_accounts(options.credentials)):
            print(f"{options.credentials.name}: {count} accounts")  # noqa: T201
        else:
            complaints.append(_no_accounts(options.credentials))
    except CannotStart as exc:
        complaints += str(exc).splitlines()
    for found in examine(options.directory):
        if found.fault:
            complaints.append(found.text)
        else:
            print(found.text)  # noqa: T201
    for line in complaints:
        print(line, file=sys.stderr)  # noqa: T201
    return FOUND_FAULTS if complaints else 0


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535


@contextlib.contextmanager
def _told(where: str | None, hub: Hub) -> Iterator[None]:
    """Tell metrics and health over HTTP while the server runs, where that was asked for."""
    if where is None:
        yield
        return
    host, _, port = where.rpartition(":")
    if not _is_port(port):
        raise CannotStart(f"Invalid metrics port: {port}. It is an integer between 1 and 65535")
    try:
        from toom_server.metrics import telling
    except ImportError as exc:
        hint = "pip install 'toom[metrics]'"
        raise CannotStart(f"--metrics needs the library prometheus-client: {hint}") from exc
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(telling(hub, host.strip("[]") or "127.0.0.1", int(port)))
        except OSError as exc:
            raise CannotStart(f"Cannot tell metrics on {where}: {_why(exc)}") from exc
        yield


def _no_accounts(path: Path) -> str:
    return f"{path.name}: there is no account in it, so nobody can log in"


def _load_accounts(path: Path) -> Accounts:
    try:
        return Accounts.parse(path.read_bytes())
    except OSError as exc:
        raise CannotStart(f"Cannot read the accounts in {path}: {exc.strerror}") from exc
    except BadCredentials as exc:
        lines = (f"{path.name}, line {bad.number}: {bad.reason}" for bad in exc.lines)
        raise CannotStart("\n".join(lines)) from exc


def _allow_many_descriptors() -> int:
    """Use all the file descriptors that the system grants: each connection takes one (SPEC S1).

    Returns:
        How many there are.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    granted, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return granted


def _listen(host: str, port: int) -> socket.socket:
    """Take the address; nobody can connect before the files are in order and the server serves."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as exc:
        raise CannotStart(f"Cannot listen on {host} port {port}: {_why(exc)}") from exc
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():  # who is accepted has them from the listener
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def _why(fault: OSError) -> str:
    """Say in the system's words what went wrong; Python has wrapped them in its own."""
    if fault.errno is not None and fault.errno > 0:  # those of host names are negative
        return os.strerror(fault.errno)
    return str(fault.strerror or fault)


def _new_ticket() -> tuple[int, bytes]:
    return secrets.randbits(32), secrets.token_bytes(KEY_BYTES)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    """Use uvloop where it is installed, asyncio's own loop elsewhere."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _encryption(
    options: argparse.Namespace, store: FileStore
) -> "tuple[ssl.SSLContext, str] | None":
    """What encrypts connections, and the fingerprint that clients see; None: nothing does."""
    if not options.tls:
        if options.tls_certificate or options.tls_key:
            raise CannotStart("--tls-certificate and --tls-key need --tls")
        return None
    if bool(options.tls_certificate) != bool(options.tls_key):
        raise CannotStart("--tls-certificate and --tls-key are given both or not at all")
    from toom_server import tls

    try:
        if options.tls_certificate:
            certificate, key = options.tls_certificate, options.tls_key
        else:
            certificate, key = tls.own_certificate(options.directory / ".toom")
            store.shelter(tls.keeper(certificate, key))
        return tls.context(certificate, key), tls.fingerprint(certificate)
    except tls.CannotEncrypt as exc:
        raise CannotStart(str(exc)) from exc


async def _serve(
    listener: socket.socket,
    hub: Hub,
    reread: Callable[[], None],
    encryption: "ssl.SSLContext | None",
    about: Mapping[str, object],
) -> int:
    loop = asyncio.get_running_loop()
    hub.use_disk(best_disk(loop))
    stop: asyncio.Future[int] = loop.create_future()
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, INTERRUPTED)):
        loop.add_signal_handler(number, _stop_with, stop, status)
    loop.add_signal_handler(signal.SIGHUP, reread)
    try:
        server = await _open(listener, hub, encryption)
    except OSError as exc:  # another server has taken the port since
        raise CannotStart(f"Cannot listen on {listener.getsockname()}: {_why(exc)}") from exc
    address = "{}:{}".format(*listener.getsockname()[:2])
    tell(INFO, "listening", address=address, **about)
    sweeping = asyncio.create_task(hub.sweep())
    status = await stop
    tell(INFO, "stopping")
    sweeping.cancel()
    server.close()
    await hub.close()
    return status


async def _open(
    listener: socket.socket, hub: Hub, encryption: "ssl.SSLContext | None"
) -> "asyncio.Server | Entrance":
    """Let clients in; OSError says why not."""
    if encryption is None:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(hub), sock=listener, backlog=BACKLOG)
    from toom_server.entrance import Entrance

    entrance = Entrance(hub, encryption)
    entrance.open(listener, BACKLOG)
    return entrance


def _stop_with(stop: "asyncio.Future[int]", status: int) -> None:
    if not stop.done():
        stop.set_result(status)
