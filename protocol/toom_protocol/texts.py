"""Which texts may be said and which words may be names: one judgement for both ends.

The client asks before it sends, the server asks again, because a client may be hostile.
"""

import unicodedata
from typing import Final

MAX_MESSAGE: Final = 8 * 1024  # bytes of UTF-8; SPEC S5
SURELY_SHORT: Final = MAX_MESSAGE // 4  # characters, each of at most four bytes
MAX_ACCOUNT_WORD: Final = 1024  # bytes of UTF-8 of a name or password; PROTOCOL 7.2


def has_control_character(text: str, *, allowed: str = "") -> bool:
    """Tell whether a text holds a control character (Unicode category Cc) that is not allowed."""
    if text.isprintable():  # the usual case, told at once
        return False
    return any(unicodedata.category(char) == "Cc" and char not in allowed for char in text)


def fault_of_message(text: str) -> str | None:
    """Say why a text cannot be a message, in a sentence for the user; None when it can.

    Source: SPEC S5.
    """
    if text.isprintable() and len(text) <= SURELY_SHORT and text.strip(" "):  # the usual case
        return None
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # lone surrogates: the bytes that were typed are not UTF-8
        return "The message is not valid UTF-8."
    if size > MAX_MESSAGE:
        return f"The message is too long: at most {MAX_MESSAGE} bytes are allowed."
    if has_control_character(text, allowed="\t"):
        return "The message holds a control character; only tabs are allowed."
    if not text.strip(" "):
        return "The message is empty."
    return None


def fault_of_account_word(word: str) -> str | None:
    """Say why a word cannot be a user name or a password in credentials.txt; None when it can.

    Source: SPEC S2, PROTOCOL 7.2.
    """
    if not word:
        return "it is empty"
    if has_control_character(word):
        return "it holds a control character"
    if len(word.encode()) > MAX_ACCOUNT_WORD:
        return f"it is longer than {MAX_ACCOUNT_WORD} bytes"
    return None
