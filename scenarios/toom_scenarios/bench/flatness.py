"""Whether a series of samples is flat. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import linear_regression, median
from typing import Final

MINUTE: Final = 60.0  # seconds
FIFTHS: Final = 5
ENOUGH: Final = 10  # samples, two for each fifth


def slope(at: Sequence[float], values: Sequence[float]) -> float:
    """What the second half grows by in a minute: the line that fits it best.

    Args:
        at: seconds.
    """
    half = len(values) // 2
    return linear_regression(at[half:], values[half:]).slope * MINUTE


def growth(values: Sequence[float]) -> float:
    """How much more the last fifth's median is than the second fifth's, in %; the first is growing
    up.
    """
    fifth = len(values) // FIFTHS
    before, after = median(values[fifth : 2 * fifth]), median(values[-fifth:])
    return 100 * (after / before - 1)
