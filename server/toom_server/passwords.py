"""Passwords as hashes that are slow on purpose, in credentials.txt instead of the words themselves.

Belongs here: the form of a hash, making and checking one. Does not: who has which (accounts.py).

Source: the PHC string format (`$scrypt$ln=14,r=8,p=5$salt$hash`, base64 without padding), RFC 7914
(scrypt), RFC 9106 (Argon2).
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

PREFIXES: Final = ("$scrypt$", "$argon2id$")
LOG_COST: Final = 14  # N = 2^14 with r = 8 takes 16 MiB
BLOCK: Final = 8
PARALLEL: Final = 5  # with these two as slow as OWASP's Password Storage Cheat Sheet (2024) asks
SALT_SIZE: Final = 16  # bytes
HASH_SIZE: Final = 32  # bytes
MOST_MEMORY: Final = 1 << 30  # bytes that a hash of the file may ask for
# Bytes that computing one may fill in all, which is what time goes with: few log-ins are proved at
# a time. As many as the largest scrypt takes with p=1, seconds, and as the strongest Argon2id in
# wide use takes (libsodium's `SENSITIVE`: 1 GiB four times).
MOST_SCRYPT_WORK: Final = MOST_MEMORY
MOST_ARGON2_WORK: Final = 4 * MOST_MEMORY
MOST_LANES: Final = 64  # threads that one Argon2 hash may take at a time; advice is 1 to 8
KIB: Final = 1024  # bytes; what Argon2 counts memory in
LEAST_ARGON2: Final = (8, 4)  # bytes of salt and hash; RFC 9106, section 3.1
_SCRYPT: Final = re.compile(
    r"\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,2}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_ARGON2: Final = re.compile(
    r"\$argon2id\$(?:v=(?:16|19)\$)?m=([1-9]\d{0,9}),t=([1-9]\d{0,8}),p=([1-9]\d{0,6})"
    r"\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)


def is_hash(word: str) -> bool:
    """Tell whether a password of credentials.txt is meant as a hash of one."""
    return word.startswith(PREFIXES)


def fault_of_hash(word: str) -> str | None:
    """Say why a hash cannot be used; None when it can."""
    if word.startswith("$argon2id$"):
        return _fault_of_argon2(word)
    found = _SCRYPT.fullmatch(word)
    if found is None or not all(map(_is_base64, found.groups()[3:])):
        return "its hash is not `$scrypt$ln=…,r=…,p=…$salt$hash`"
    cost, block, parallel = map(int, found.groups()[:3])
    if 128 * block << cost > MOST_MEMORY:
        return "its hash asks for more than 1 GiB"
    if (128 * block << cost) * parallel > MOST_SCRYPT_WORK:
        most = MOST_SCRYPT_WORK // (128 * block << cost)
        return f"its hash has p={parallel}, which takes too long: at most {most} with this ln and r"
    if cost >= 16 * block:
        return f"its hash has ln={cost}, which must be below 16 times r"  # RFC 7914, section 6
    return None


def _fault_of_argon2(word: str) -> str | None:
    try:
        import argon2

        argon2.extract_parameters(word)
    except ImportError:
        return "its hash needs the library argon2-cffi: pip install 'toom[argon2]'"
    except ValueError:
        return "its hash is no Argon2id hash"
    found = _ARGON2.fullmatch(word)
    if found is None or not all(map(_is_base64, found.groups()[3:])):
        return "its hash is no Argon2id hash"
    memory, passes, lanes = map(int, found.groups()[:3])
    if memory * KIB > MOST_MEMORY:
        return "its hash asks for more than 1 GiB"
    if memory * KIB * passes > MOST_ARGON2_WORK:
        most = MOST_ARGON2_WORK // (memory * KIB)
        return f"its hash has t={passes}, which takes too long: at most {most} with this m"
    if lanes > MOST_LANES:
        return f"its hash has p={lanes}, which takes too many threads: at most {MOST_LANES}"
    if memory < 8 * lanes:
        return f"its hash has m={memory}, which must be 8 times p or more"  # RFC 9106, section 3.1
    sizes = (len(_read(text)) for text in found.groups()[3:])
    if any(size < least for size, least in zip(sizes, LEAST_ARGON2, strict=True)):
        return "its hash has a salt or a hash that is too short"
    return None


def new_hash(password: str) -> str:
    """Hash a password with a fresh salt."""
    salt = secrets.token_bytes(SALT_SIZE)
    made = _scrypt(password, salt, LOG_COST, BLOCK, PARALLEL, HASH_SIZE)
    parameters = f"ln={LOG_COST},r={BLOCK},p={PARALLEL}"
    return f"$scrypt${parameters}${_written(salt)}${_written(made)}"


def matches(word: str, password: str) -> bool:
    """Tell whether a password has this hash; it takes as long as it was made to.

    A hash without fault fits nothing while its memory cannot be had.
    """
    if word.startswith("$argon2id$"):
        return _has_argon2_hash(word, password)
    found = _SCRYPT.fullmatch(word)
    if found is None:
        return False
    cost, block, parallel = map(int, found.groups()[:3])
    salt, expected = (_read(each) for each in found.groups()[3:])
    try:
        made = _scrypt(password, salt, cost, block, parallel, len(expected))
    except (ValueError, MemoryError):
        return False
    return hmac.compare_digest(made, expected)


def _has_argon2_hash(word: str, password: str) -> bool:
    import argon2

    try:
        words = password.encode(errors="surrogatepass")
        return argon2.PasswordHasher().verify(word, words)
    except (argon2.exceptions.Argon2Error, ValueError, MemoryError):
        return False


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int, size: int) -> bytes:
    memory = 128 * block * ((1 << cost) + parallel + 2)  # what OpenSSL counts
    return hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=salt,
        n=1 << cost,
        r=block,
        p=parallel,
        maxmem=memory + KIB,
        dklen=size,
    )


def _written(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _is_base64(text: str) -> bool:
    """Whether letters of base64 are whole bytes, and no bit is left over."""
    return len(text) % 4 != 1 and _written(_read(text)) == text


def _read(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
