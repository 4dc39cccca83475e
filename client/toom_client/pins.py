"""Which certificate each server has shown (PROTOCOL 2.6): the first is believed, another refused.

As ssh does it, since a classroom has no authority that could sign for its server. Belongs here:
the file of pins and the judgement. Does not: TLS itself.
"""

import base64
import errno
import fcntl
import hashlib
import os
import re
from pathlib import Path
from typing import Final

FILE: Final = "known_servers"
_LINE: Final = re.compile(r"(\S+) (SHA256:[A-Za-z0-9+/]{43})")


class Changed(Exception):
    """The server shows another certificate than before; the text is for the user."""


def fingerprint(certificate: bytes) -> str:
    """Give what is remembered of a certificate in DER: `SHA256:` and 43 characters."""
    digest = hashlib.sha256(certificate).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def usual_file() -> Path:
    """Give where pins are kept: in `$XDG_CONFIG_HOME/toom`, or `~/.config/toom`."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "toom" / FILE


def check(file: Path, server: str, seen: str) -> bool:
    """Compare a fingerprint with the one that is remembered; remember the first.

    Args:
        server: its name and port, as one word.

    Returns:
        Whether it was seen for the first time.

    Raises:
        Changed: another one is remembered.
        OSError: it cannot be remembered, or what is remembered cannot be read.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+", encoding="utf-8") as pins:
        fcntl.flock(pins, fcntl.LOCK_EX)  # two clients may meet a server in the same moment
        try:
            lines = pins.read().splitlines()
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "it is not valid UTF-8") from None
        for found in map(_LINE.fullmatch, lines):
            if found is None or found[1] != server:
                continue
            if found[2] == seen:
                return False
            raise Changed(
                f"The certificate of {server} has changed: it was {found[2]}, it is {seen}. "
                "Somebody may be on the path. If the server really has a new one, remove its line "
                f"from {file}"
            )
        pins.write(f"{server} {seen}\n")
    return True
