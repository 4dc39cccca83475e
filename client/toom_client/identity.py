"""The key pair by which peers know this client for one session (PROTOCOL 5.8).

Belongs here: when it is drawn. Does not: what is done with it (toom_protocol.transfer.noise).
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toom_protocol.transfer.noise import KeyPair


class Identity:
    """Draws one pair, never written anywhere, and keeps it until the client ends.

    It stays the same over reconnects: tickets that were given out before still name it.
    """

    def __init__(self) -> None:
        self._drawing: asyncio.Future[KeyPair] | None = None

    def draw(self) -> None:
        """Begin, beside whatever the user does: to load the library takes 11 ms, the rest 0.1."""
        if self._drawing is None:
            self._drawing = asyncio.ensure_future(asyncio.to_thread(_draw))

    async def pair(self) -> KeyPair:
        """Give the pair, as soon as it is there."""
        self.draw()
        assert self._drawing is not None
        return await self._drawing


def _draw() -> KeyPair:
    from toom_protocol.transfer.noise import KEY_SIZE, KeyPair

    return KeyPair.from_bytes(secrets.token_bytes(KEY_SIZE))
