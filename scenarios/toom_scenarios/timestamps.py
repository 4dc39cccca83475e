"""The timestamps of SPEC S4: how they look, and which time one tells."""

from __future__ import annotations

from datetime import datetime
from typing import Final

AT: Final = (  # SPEC S4; exactly as written: no leading zero in the day
    r"(?:[1-9]|[12][0-9]|3[01]) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"[0-9]{4} (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
)


def time_of(text: str) -> datetime:
    """The time that a timestamp of SPEC S4 tells."""
    return datetime.strptime(text, "%d %b %Y %H:%M:%S")


def timestamp(at: datetime) -> str:
    """A time as SPEC S4 writes it."""
    return f"{at.day} {at:%b %Y %H:%M:%S}"
