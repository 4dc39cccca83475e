"""How fast and how much: congestion controllers, one interface, a table by name (PROTOCOL 5.6).

A controller hears what became of the packets and says three things: how fast they may leave, how
many may be out, how many may leave at one time. It decides neither which are lost (recovery) nor
when one leaves (presenter).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from toom_protocol.transfer.congestion.background import Background
from toom_protocol.transfer.congestion.control import CongestionControl, MakeControl
from toom_protocol.transfer.congestion.cubic import Cubic
from toom_protocol.transfer.congestion.rate import RateBased

__all__ = [
    "CONTROLLERS",
    "DEFAULT",
    "Background",
    "CongestionControl",
    "Cubic",
    "MakeControl",
    "RateBased",
]

CONTROLLERS: Final[Mapping[str, MakeControl]] = MappingProxyType(
    {"rate": RateBased, "cubic": Cubic, "background": Background}
)
"""What a user may choose by name."""

DEFAULT: Final = "rate"
