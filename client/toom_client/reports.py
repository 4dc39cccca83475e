"""How transfers end, as values, and a phrase for each reason.

Belongs here: what the terminal is told. Does not: whole sentences (wording), printing (console).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from toom_protocol.transfer.reasons import Reason


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The audience has verified and renamed the file that this client presented."""

    filename: str
    audience: str


@dataclass(frozen=True, slots=True)
class Received:
    """A file has come, was verified and stands under its final name."""

    filename: str  # as the presenter calls it
    presenter: str


@dataclass(frozen=True, slots=True)
class SendFailed:
    """A file that this client presented has not arrived."""

    filename: str
    audience: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiveFailed:
    """A file that was offered to this client is not here. The name is safe to print."""

    filename: str
    presenter: str
    reason: str


Report = Uploaded | Received | SendFailed | ReceiveFailed

_PHRASES: Final = {
    Reason.UNKNOWN: "for an unknown reason",
    Reason.GIVEN_UP: "it was given up",
    Reason.PEER_GONE: "the other side is gone",
    Reason.NO_ANSWER: "no answer",
    Reason.BAD_NAME: "the file name is not allowed",
    Reason.NAME_BUSY: "a file of this name is being received already",
    Reason.NAME_IS_DIRECTORY: "a directory has this name",
    Reason.NO_SPACE: "no space left",
    Reason.CANNOT_WRITE: "the file cannot be written",
    Reason.CANNOT_READ: "the file cannot be read",
    Reason.FILE_CHANGED: "the file changed while it was sent",
    Reason.DIGEST_MISMATCH: "the checksum does not match",
    Reason.UNSUPPORTED: "the versions do not fit",
    Reason.TOO_LARGE: "the file is too large",
    Reason.NOT_ACCEPTED: "files of this user are not accepted",
    Reason.TOO_MANY: "too many files are being received already",
    Reason.CANCELLED: "it was cancelled",
}


def phrase(reason: Reason) -> str:
    """The words for a reason, the same at both ends."""
    return _PHRASES[reason]
