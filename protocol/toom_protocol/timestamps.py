"""The one way in which times are written: `1 Jun 2022 16:01:20` (SPEC S4).

A timestamp is a naive `datetime` without microseconds: the server's local time, as people read it
in the logs. `strptime` is not used, because its month names follow the locale.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from toom_protocol.errors import MalformedTimestamp

MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

_FORM: Final = re.compile(
    r"([0-9]{1,2}) (" + "|".join(MONTHS) + r") ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})"
)


@lru_cache(maxsize=16)  # whoever writes many times in a second writes the same one
def format_timestamp(at: datetime) -> str:
    """Write a time as the logs and replies show it: no leading zero in the day.

    Source: SPEC S4.
    """
    return f"{at.day} {MONTHS[at.month - 1]} {at.year:04d} {at:%H:%M:%S}"


def parse_timestamp(text: str) -> datetime:
    """Read a time; a leading zero in the day is accepted, nothing else is.

    Raises:
        MalformedTimestamp: for every other text, and for days and hours that do not exist.
    Source: SPEC S4.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise MalformedTimestamp(f"not a timestamp: {text!r}")
    day, month, year, hour, minute, second = found.groups()
    try:
        return datetime(
            int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second)
        )
    except ValueError as exc:
        raise MalformedTimestamp(f"no such time: {text!r}") from exc
