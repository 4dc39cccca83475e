"""Names and units that stand in rows, and by which the picture finds them."""

from __future__ import annotations

from typing import Final

OURS: Final = "ours"
OF_IDEAL: Final = "of ideal"
OF_BUFFER: Final = "of buffer"
OF_ALL: Final = "of all"
MBIT: Final = "Mbit/s"
