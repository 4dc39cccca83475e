"""How far a client has heard each log, as text: `LOG NUMBER` (PROTOCOL 3.5). Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from toom_protocol.errors import MalformedMark

PER_MESSAGE: Final = 2000  # marks; with the longest numbers 86,000 bytes, so they fit a frame
_MARK: Final = re.compile(r"(0|[1-9][0-9]{0,17}) (0|[1-9][0-9]{0,17})", re.ASCII)


def format_marks(numbers: Mapping[int, int]) -> Iterator[tuple[str, ...]]:
    """Write the last number of each log, as many at a time as fit a message."""
    marks = [f"{log} {number}" for log, number in numbers.items()]
    for start in range(0, len(marks), PER_MESSAGE):
        yield tuple(marks[start : start + PER_MESSAGE])


def parse_marks(marks: Iterable[str]) -> dict[int, int]:
    """Read them.

    Raises:
        MalformedMark: one of them is none.
    """
    numbers = {}
    for mark in marks:
        found = _MARK.fullmatch(mark)
        if found is None:
            raise MalformedMark(f"no mark: {mark[:40]!r}")
        numbers[int(found[1])] = int(found[2])
    return numbers
