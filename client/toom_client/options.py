"""The arguments of `toom-client`: what may be said, and what is wrong with it (SPEC S1).

Belongs here: the options and their help. Does not: what their words mean (rules.py).
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from toom_client.berths import AT_ONCE
from toom_client.rules import CONTROLLERS, parse_accept, parse_number, parse_size

WRONG_USAGE: Final = 2  # exit status; CONTRACT
Value = TypeVar("Value")

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


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; argparse ends the program when they have no meaning."""
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
        help="files that may be on their way in at a time; more are refused (default: any number; "
        f"of one user {AT_ONCE} come at a time, the others wait)",
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


def port_of(what: str, text: str) -> int:
    """Give the number of a port; CannotStart says that it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise CannotStart(f"Invalid {what} port: {text}. It is an integer between 1 and 65535")
    return int(text)
