"""`toom-server hash`: make hashes of passwords, one by one or for a whole credentials.txt."""

import argparse
import getpass
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from toom_protocol.texts import fault_of_account_word
from toom_server.accounts import Accounts, BadCredentials
from toom_server.passwords import is_hash, new_hash

WRONG_USAGE: Final = 2  # exit status; CONTRACT
EXAMPLES: Final = """examples:
  toom-server hash                            ask for a password, print its hash
  toom-server hash credentials.txt            print the file with every password hashed
  toom-server hash --in-place credentials.txt
"""


def main(argv: Sequence[str]) -> int:
    """Do what the command line asks; give the exit status."""
    parser = argparse.ArgumentParser(
        prog="toom-server hash",
        description="Make hashes of passwords for credentials.txt.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a credentials.txt")
    parser.add_argument("--in-place", action="store_true", help="replace the file, at once")
    options = parser.parse_args(argv)
    if options.file is None:
        if options.in_place:
            parser.error("--in-place needs a file")
        return _one()
    try:
        content = options.file.read_bytes()
        Accounts.parse(content)  # it must be one that a server starts with
        made = _migrated(content.decode("utf-8-sig"))
        if options.in_place:
            _replace(options.file, made)
        else:
            sys.stdout.write(made)
    except OSError as exc:
        return _complain(f"{options.file}: {exc.strerror}")
    except BadCredentials as exc:
        return _complain(
            *(f"{options.file.name}, line {bad.number}: {bad.reason}" for bad in exc.lines)
        )
    return 0


def _one() -> int:
    """Ask twice at a terminal; take one line from whatever else."""
    try:
        if sys.stdin.isatty():
            password = getpass.getpass("Password: ")
            if getpass.getpass("Once more: ") != password:
                return _complain("The two are not the same.")
        else:
            password = sys.stdin.readline().rstrip("\r\n")
    except (EOFError, KeyboardInterrupt):
        return _complain("No password was given.")
    except UnicodeDecodeError:
        return _complain("The password is not valid UTF-8.")
    fault = "it holds a space" if " " in password else fault_of_account_word(password)
    if fault:
        return _complain(f"This cannot be a password: {fault}.")
    print(new_hash(password))  # noqa: T201 - what was asked for
    return 0


def _migrated(text: str) -> str:
    """The same accounts, every password hashed; blank lines go."""
    lines = []
    for line in text.split("\n"):
        username, _, password = line.rstrip(" \r").partition(" ")
        if username:
            lines.append(f"{username} {password if is_hash(password) else new_hash(password)}\n")
    return "".join(lines)


def _replace(path: Path, text: str) -> None:
    """Put new content in the place of the file, at once, with its mode."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode & 0o7777)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _complain(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201
    return WRONG_USAGE
