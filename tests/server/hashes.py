"""Hashes of passwords that are made in no time."""

import base64
import hashlib


def phc(cost: int, block: int, parallel: int, salt: bytes, made: bytes) -> str:
    words = (base64.b64encode(each).decode().rstrip("=") for each in (salt, made))
    return f"$scrypt$ln={cost},r={block},p={parallel}${'$'.join(words)}"


def quick(password: str) -> str:
    """A hash that is made in no time."""
    made = hashlib.scrypt(password.encode(), salt=b"salt", n=16, r=8, p=1, dklen=32)
    return phc(4, 8, 1, b"salt", made)
