"""When the next packets may leave (PROTOCOL 5.6).

Belongs here: spreading what is sent over time by clock alone, without help of the kernel. Does not:
how fast (congestion), whether there is anything to send (presenter).

Source: RFC 9002 7.7.
"""

from __future__ import annotations

from typing import Final

CATCH_UP: Final = (0.002, 0.020)  # seconds of pacing made up after a late wake-up: least and most


def next_send(previous: float, *, now: float, count: int, rate: float, smoothed: float) -> float:
    """When to send again after `count` packets have left.

    A sender that woke up late makes up for what it missed, as nothing in the kernel goes on sending
    for it; but not for more than a quarter of a round trip, which would be a burst.

    Args:
        previous: seconds, when these packets were due.
        rate: packets a second.
        smoothed: seconds, the smoothed round trip.
    """
    least, most = CATCH_UP
    late = max(least, min(smoothed / 4, most))
    return max(previous, now - late) + count / rate
