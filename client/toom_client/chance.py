"""What nobody can foretell, for the handshake and for paths (PROTOCOL 5.8, 5.12).

Belongs here: drawing it. Does not: what it is for (the engines, which are pure and are given it).
"""

from __future__ import annotations

import os

from toom_protocol.transfer.frames import CHALLENGE_SIZE
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import KEY_SIZE


def fresh_challenge() -> bytes:
    """What an address must repeat to prove itself."""
    return os.urandom(CHALLENGE_SIZE)


def fresh_keys() -> KeyPair:
    """Keys for one handshake alone."""
    return KeyPair.from_bytes(os.urandom(KEY_SIZE))
