"""The arguments of `toom-server`: what may be said, and what is wrong with it (SPEC S1)."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from toom_server.doorway import MOST
from toom_server.events import FORMATS, LEVELS
from toom_server.store import Durability

VALID_ATTEMPTS: Final = ("1", "2", "3", "4", "5")  # SPEC S1

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


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; argparse ends the program when they have no meaning."""
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


def check(options: argparse.Namespace) -> int:
    """Give the server's port.

    Raises:
        CannotStart: what is wrong, all of it.
    """
    faults = []
    if options.attempts not in VALID_ATTEMPTS:
        value = "(none)" if options.attempts is None else options.attempts
        faults.append(
            f"Invalid number of allowed failed consecutive attempt: {value}. "
            "The valid value of argument number is an integer between 1 and 5"
        )
    port = options.port or ""
    if not is_port(port):
        shown = options.port or "(none)"
        faults.append(f"Invalid server port: {shown}. It is an integer between 1 and 65535")
    if faults:
        raise CannotStart("\n".join(faults))
    return int(port)


def is_port(text: str) -> bool:
    """Whether a text is the number of a port."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535
