"""What the user says about transfers: whose files are taken, how many, how fast (PROTOCOL 5.9).

Belongs here: judging an offer before the disk is touched. Does not: whether there is room (files).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from toom_protocol.transfer.reasons import Reason

CONTROLLERS: Final = (
    "rate",
    "cubic",
    "background",
)  # by name, so that none is loaded; PROTOCOL 5.6
_SIZE: Final = re.compile(r"([0-9]{1,15})([kMGT]?)", re.ASCII)
_UNITS: Final = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}  # bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """What the user of this client has said about files that come in.

    Attributes:
        accept: the names of those whose files are taken; None: everybody's (SPEC S12).
        max_file_size: bytes; None: any size.
        at_once: files on their way in at one time; None: any number, in turns (berths).
        congestion: which controller says how fast files go out; one of CONTROLLERS.
    """

    accept: frozenset[str] | None = None
    max_file_size: int | None = None
    at_once: int | None = None
    congestion: str = CONTROLLERS[0]

    def fault_in(self, presenter: str, size: int, under_way: int) -> Reason | None:
        """Say why an offer is refused; None when it is not.

        Args:
            size: of the file in bytes.
            under_way: files on their way in already.
        """
        if self.accept is not None and presenter not in self.accept:
            return Reason.NOT_ACCEPTED
        if self.max_file_size is not None and size > self.max_file_size:
            return Reason.TOO_LARGE
        if self.at_once is not None and under_way >= self.at_once:
            return Reason.TOO_MANY
        return None


def parse_accept(text: str) -> frozenset[str] | None:
    """Read `all`, `none`, or names with commas between.

    Raises:
        ValueError: an empty name, or one of the two words among names.
    """
    if text == "all":
        return None
    if text == "none":
        return frozenset()
    names = [name.strip() for name in text.split(",")]
    if not all(names) or {"all", "none"} & set(names):
        raise ValueError(f"{text!r} is neither all nor none nor a list of names: Yoda,Han")
    return frozenset(names)


def parse_number(text: str) -> int:
    """Read how many files may come at one time.

    Raises:
        ValueError: it is none, or less than one.
    """
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text)):
        raise ValueError(
            f"{text!r} is no number of files: give 1 or more (--accept none takes none)"
        )
    return int(text)


def parse_size(text: str) -> int:
    """Read a number of bytes: `500k`, `20M`, `4G`, in powers of 1000.

    Raises:
        ValueError: it is none.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no size: give a whole number of bytes, or of k, M, G, T: 500M"
        )
    return int(found[1]) * _UNITS[found[2]]
