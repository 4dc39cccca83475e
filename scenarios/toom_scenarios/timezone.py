"""The runner's time zone, in a form that needs no zone files in a host."""

from __future__ import annotations

import time


def time_zone() -> str:
    """A POSIX TZ string for the offset in force now, e.g. `<+02>-02:00`. Its sign is the opposite
    of the usual.
    """
    offset = time.localtime().tm_gmtoff
    hours, minutes = divmod(abs(offset) // 60, 60)
    ahead = offset >= 0
    name = f"{'+' if ahead else '-'}{hours:02}" + (f"{minutes:02}" if minutes else "")
    return f"<{name}>{'-' if ahead else '+'}{hours:02}:{minutes:02}"
