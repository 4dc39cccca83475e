"""The composition root of `toom-server`: arguments, files, clock and signals (SPEC S1)."""

import argparse
import asyncio
import contextlib
import gc
import os
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
from toom_server.checkup import examine, why_no_store
from toom_server.conference import Conference
from toom_server.connection import Connection
from toom_server.disk import best_disk
from toom_server.doorway import Doorway
from toom_server.events import listen, tell
from toom_server.file_store import FileStore
from toom_server.hub import Hub
from toom_server.line_writer import LineWriter
from toom_server.listener import BACKLOG, allow_many_descriptors, take_address, why_not
from toom_server.options import CannotStart, check, is_port, parse
from toom_server.sessions import TOKEN_SIZE, Sessions
from toom_server.store import DirectoryInUse, Durability

if TYPE_CHECKING:
    import ssl

    from toom_server.entrance import Entrance

WRONG_USAGE: Final = 2  # exit status; CONTRACT
FOUND_FAULTS: Final = 1  # of --check
INTERRUPTED: Final = 130  # exit status after Ctrl-C, as shells expect
STANDARD_STREAMS: Final = (0, 1, 2)
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
    options = parse(argv)
    if options.credentials is None:
        options.credentials = options.directory / "credentials.txt"
    try:
        if options.check:
            return _check_directory(options)
        port = check(options)
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


def _start(options: argparse.Namespace, port: int) -> int:
    directory: Path = options.directory
    descriptors = allow_many_descriptors()
    logs = min(MOST_LOGS, descriptors // LOGS_SHARE)
    most = max(1, descriptors - logs - OWN_DESCRIPTORS)
    accounts = _load_accounts(options.credentials)
    if not accounts:  # SPEC S2 refuses bad lines alone; SIGHUP has accounts read later
        tell(WARNING, "found", what=_no_accounts(options.credentials))
    listener = take_address(options.host, port)
    upkeep = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
    durability = Durability(options.durability)
    store = FileStore(directory, durability=durability, upkeep=upkeep.submit, open_logs=logs)
    try:
        history = store.load()
    except (DirectoryInUse, OSError) as exc:
        raise CannotStart(f"Cannot use the directory {directory}: {why_no_store(exc)}") from exc
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


@contextlib.contextmanager
def _told(where: str | None, hub: Hub) -> Iterator[None]:
    """Tell metrics and health over HTTP while the server runs, where that was asked for."""
    if where is None:
        yield
        return
    host, _, port = where.rpartition(":")
    if not is_port(port):
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
            raise CannotStart(f"Cannot tell metrics on {where}: {why_not(exc)}") from exc
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
        raise CannotStart(f"Cannot listen on {listener.getsockname()}: {why_not(exc)}") from exc
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
