"""Who else carries the file: the peers of `toom bench transfer`.

Each is started at both ends for one transfer. Belongs here: which there are, what each needs, how
it is run. Does not: the clock on emulated links (rounds.py), programs of ours at the ends (ends.py,
quic.py).
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from ...deadline import Deadline, wait_for
from ...errors import Broken
from ...links.counters import TCP, UDP
from ...processes import end_session
from .course import SOURCE, THERE, Course, Took
from .ends import READY

# The hash at both ends of the peers that are ours: the one that our transfer verifies with, which
# is BLAKE3 as soon as the project has it.
HASH: Final = "blake3" if importlib.util.find_spec("blake3") else "sha256"
PORT: Final = 9000
STARTS: Final = 20.0  # seconds until a program must listen
FAREWELL: Final = 5.0  # seconds
WORDS_SHOWN: Final = 300  # characters of what a program said last
CONTROLS: Final = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
CUBIC: Final = "TCP CUBIC"
BBR: Final = "TCP BBR"
TLS: Final = "TLS 1.3"
NGTCP2: Final = "ngtcp2 BBR"
UFTP: Final = "UFTP"
AIOQUIC: Final = "aioquic"
QUIC: Final = "quic"
SEALED: Final = ("tls", QUIC)  # kinds that need a certificate
TARGET: Final = "arrived.bin"
TARGETS: Final = "arrived"  # a folder, for those that choose the name
NGTCP2_PROGRAMS: Final = ("gtlsclient", "gtlsserver", "openssl")
# What UFTP is told to send, in kbit/s: it paces at a fixed rate, so it is told nine tenths of what
# the path has. Where no link says, more than it can do.
UFTP_SHARE: Final = 0.9
UFTP_MOST: Final = 10_000_000
UFTP_BLOCK: Final = 1440  # bytes of the file in a packet of 1492


@dataclass(frozen=True, slots=True)
class Errand:
    """One transfer.

    Attributes:
        to: the host at the far end; that of the near end where both are one.
        within: seconds that it may take.
        rate: bits a second of the path; 0: not known.
    """

    course: Course
    to: str
    within: float
    rate: int = 0

    @property
    def address(self) -> str:
        """Of the far end."""
        return self.course.machine(self.to).address


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to carry a file that is not ours.

    Attributes:
        protocol: of its packets.
        missing: what to install; "": it is all here.
        carry: does an errand; None: it took too long.
        once: it is slow, and carries the file in the first round only.
    """

    name: str
    protocol: int
    missing: Callable[[], str]
    carry: Callable[[Errand], Took | None]
    once: bool = False


# --- programs of ours at both ends


def _program_of(kind: str) -> list[str]:
    return [sys.executable, "-m", f"{__package__}.{'quic' if kind == QUIC else 'ends'}"]


def _ours(kind: str, congestion: str = "") -> Callable[[Errand], Took | None]:
    def carry(errand: Errand) -> Took | None:
        course = errand.course
        target = f"{course.machine(errand.to).directory}/{TARGET}"
        source = f"{course.machine(THERE).directory}/{SOURCE}"
        where = (errand.address, str(PORT))
        keys = certificate(course.scratch) if kind in SEALED else ()
        with _receiver(errand, kind, where, target, keys):
            sender = course.machine(THERE).start(
                [*_program_of(kind), "send", kind, *where, source, HASH, congestion]
            )
            told = _ended(sender, errand.within)
        if told is None:
            course.remove(errand.to, TARGET)
            return None
        course.check_and_remove(errand.to, TARGET)
        words = json.loads(told)
        return Took(words["began"], words["ended"])

    return carry


@contextmanager
def _receiver(
    errand: Errand, kind: str, where: Sequence[str], target: str, keys: Sequence[str] = ()
) -> Iterator[None]:
    words = ["receive", kind, *where, target, HASH, *keys]
    process = errand.course.machine(errand.to).start([*_program_of(kind), *words])
    try:
        assert process.stdout is not None
        if process.stdout.readline() != f"{READY}\n".encode():
            raise Broken(f"the receiver of {kind} has ended: {_last_words(process)}")
        yield
    finally:
        _end(process)


@contextmanager
def flood(errand: Errand, congestion: str) -> Iterator[int]:
    """A TCP flow that never ends, for as long as it is wanted. Gives the port that it goes to."""
    where = (errand.address, str(PORT))
    with _receiver(errand, "flood", where, "-"):
        sender = errand.course.machine(THERE).start(
            [*_program_of("flood"), "send", "flood", *where, "-", HASH, congestion]
        )
        try:
            yield PORT
        finally:
            _end(sender)


def _needs_control(name: str) -> Callable[[], str]:
    def missing() -> str:
        there = CONTROLS.read_text().split() if CONTROLS.exists() else []
        return "" if name in there else f"sudo modprobe tcp_{name}"

    return missing


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate and its key, made once."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    if not made.exists():
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=bench"]
        done = subprocess.run(
            [*command, "-keyout", str(key), "-out", str(made)],
            capture_output=True,
            text=True,
            check=False,
            timeout=STARTS,
        )
        if done.returncode:
            raise Broken(f"openssl: {done.stderr[-WORDS_SHOWN:].strip()}")
    return str(made), str(key)


# --- processes


def _ended(process: subprocess.Popen[bytes], within: float) -> str | None:
    """What a program has printed when it has ended; None: it has not, in time.

    Raises:
        Broken: it did not do its work.
    """
    try:
        output, errors = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        _end(process)
        return None
    if process.returncode:
        told = (errors or output).decode(errors="replace").strip()
        raise Broken(f"a peer ended with status {process.returncode}: {told[-WORDS_SHOWN:]}")
    return output.decode()


def _last_words(process: subprocess.Popen[bytes]) -> str:
    process.kill()
    _, errors = process.communicate()
    return errors.decode(errors="replace").strip()[-WORDS_SHOWN:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program behind nsenter, and what it has started."""
    end_session(process.pid)
    process.wait(FAREWELL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


# --- programs of others


def _needs_program(package: str, *names: str) -> Callable[[], str]:
    def missing() -> str:
        return "" if all(map(_program, names)) else f"sudo apt-get install {package}"

    return missing


def _needs_module(name: str) -> Callable[[], str]:
    def missing() -> str:
        return "" if importlib.util.find_spec(name) else "pip install 'toom[bench]'"

    return missing


def _ngtcp2(errand: Errand) -> Took | None:
    """The server is at the near end, since its client fetches. It hashes nothing."""
    course = errand.course
    near, far = course.machine(THERE), course.machine(errand.to)
    address, port = near.address, str(PORT)
    certificate_file, key = certificate(course.scratch)
    quiet = ["-q", "--no-quic-dump", "--no-http-dump", "--cc=bbr"]
    server = [_program("gtlsserver") or "", *quiet, "-d", near.directory, address, port]
    fetch = ["gtlsclient", *quiet, "--exit-on-all-streams-close", f"--download={TARGETS}"]
    fetch += [address, port, f"https://{address}:{port}/{SOURCE}"]
    course.make(errand.to, TARGETS)
    with _listening(errand, THERE, [*server, key, certificate_file]):
        began = monotonic()
        told = _ended(far.start(fetch), errand.within)
        ended = monotonic()
    return _arrived(errand, began, ended, told)


def _uftp(errand: Errand) -> Took | None:
    """At a fixed rate; it hashes nothing."""
    course = errand.course
    near, far = course.machine(THERE), course.machine(errand.to)
    rate = round(errand.rate * UFTP_SHARE / 1000) if errand.rate else UFTP_MOST
    course.make(errand.to, TARGETS)
    daemon = ["uftpd", "-d", "-x", "0", "-t", "-p", str(PORT), "-I", far.address]
    daemon += ["-D", f"{far.directory}/{TARGETS}"]
    send = ["uftp", "-x", "0", "-p", str(PORT), "-I", near.address, "-R", str(rate)]
    send += ["-b", str(UFTP_BLOCK), "-M", far.address, "-P", far.address, "-H", far.address, SOURCE]
    with _listening(errand, errand.to, daemon):
        began = monotonic()
        told = _ended(near.start(send), errand.within)
        ended = monotonic()
    return _arrived(errand, began, ended, told)


def _arrived(errand: Errand, began: float, ended: float, told: str | None) -> Took | None:
    if told is None:
        errand.course.remove(errand.to, TARGETS)
        return None
    errand.course.check_and_remove(errand.to, f"{TARGETS}/{SOURCE}")
    return Took(began, ended)


@contextmanager
def _listening(errand: Errand, host: str, command: Sequence[str]) -> Iterator[None]:
    """A program that is silent, and listens on a UDP port."""
    process = errand.course.machine(host).start(command)
    try:
        ready = wait_for(
            lambda: process.poll() is not None or errand.course.has_udp_port(host, PORT),
            Deadline(STARTS),
        )
        if not ready or process.poll() is not None:
            raise Broken(f"{command[0]} does not listen: {_last_words(process)}")
        yield
    finally:
        _end(process)


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


PEERS: Final = (
    Peer(CUBIC, TCP, _needs_control("cubic"), _ours("tcp", "cubic")),
    Peer(BBR, TCP, _needs_control("bbr"), _ours("tcp", "bbr")),
    Peer(TLS, TCP, _needs_program("openssl", "openssl"), _ours("tls", "cubic")),
    Peer(NGTCP2, UDP, _needs_program("ngtcp2-client ngtcp2-server", *NGTCP2_PROGRAMS), _ngtcp2),
    Peer(UFTP, UDP, _needs_program("uftp", "uftp", "uftpd"), _uftp),
    Peer(AIOQUIC, UDP, _needs_module("aioquic"), _ours(QUIC), once=True),
)
