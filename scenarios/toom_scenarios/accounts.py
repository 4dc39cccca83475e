"""The sample accounts of a stage, and the text of credentials.txt.

Each stage gets its own file; no program knows these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CREDENTIALS: Final = "credentials.txt"  # SPEC S2
ACCOUNTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Yoda": "size#Matters=Not1",
        "Obi-wan": "high!Ground22",
        "Luke": "two_Suns;set3",
        "Han": "kessel<12parsecs",
        "Leia": "Only*Hope4",
    }
)


def credentials(accounts: Mapping[str, str]) -> str:
    """The content of credentials.txt (SPEC S2): a line for each account."""
    return "".join(f"{user} {password}\n" for user, password in accounts.items())
