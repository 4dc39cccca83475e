"""`toom-server hash`: make hashes of passwords, one by one or for a whole credentials.txt."""

import argparse
import contextlib
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
INTERRUPTED: Final = 130  # exit status after Ctrl-C, as shells expect
STDOUT: Final = 1
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
    if options.file is None and options.in_place:
        parser.error("--in-place needs a file")
    try:
        return _one() if options.file is None else _whole(options.file, options.in_place)
    except KeyboardInterrupt:
        return INTERRUPTED


def _whole(path: Path, in_place: bool) -> int:
    """Hash every password of a file."""
    try:
        content = path.read_bytes()
        Accounts.parse(content)  # it must be one that a server starts with
        made = _migrated(content.decode("utf-8-sig"))
        if not in_place:
            return _say(made)
        _replace(path.resolve(), made)
    except OSError as exc:
        return _complain(f"{path}: {exc.strerror}")
    except BadCredentials as exc:
        return _complain(*(f"{path.name}, line {bad.number}: {bad.reason}" for bad in exc.lines))
    return 0


def _one() -> int:
    """Ask twice at a terminal; take one line from whatever else."""
    try:
        if sys.stdin.isatty():
            password = getpass.getpass("Password: ")
            if getpass.getpass("Once more: ") != password:
                return _complain("The two are not the same.")
        else:
            password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
        password.encode()
    except EOFError:
        return _complain("No password was given.")
    except UnicodeError:
        return _complain("The password is not valid UTF-8.")
    fault = "it holds a space" if " " in password else fault_of_account_word(password)
    if fault:
        return _complain(f"This cannot be a password: {fault}.")
    return _say(new_hash(password) + "\n")


def _say(text: str) -> int:
    """Print what was asked for; give the exit status."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as exc:
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)  # for the rest, which is tried at the end
        return _complain(f"stdout: {exc.strerror}")
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
    """Put new content in place of the file, at once, with its mode and, if it may, its owner."""
    before = path.stat()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        for owner in ((-1, before.st_gid), (before.st_uid, -1)):
            with contextlib.suppress(OSError):
                os.chown(name, *owner)
        os.chmod(name, before.st_mode & 0o7777)  # after chown, which may clear bits of it
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _complain(*lines: str) -> int:
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201
    return WRONG_USAGE
