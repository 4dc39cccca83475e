"""Why a transfer ends without its file, as a number on the wire (PROTOCOL 5.3)."""

from __future__ import annotations

import enum


class Reason(enum.IntEnum):
    """Why a transfer ends without its file. Only the number travels; words are the client's."""

    UNKNOWN = 0
    GIVEN_UP = 1
    PEER_GONE = 2
    NO_ANSWER = 3
    BAD_NAME = 4
    NAME_BUSY = 5
    NAME_IS_DIRECTORY = 6
    NO_SPACE = 7
    CANNOT_WRITE = 8
    CANNOT_READ = 9
    FILE_CHANGED = 10
    DIGEST_MISMATCH = 11
    UNSUPPORTED = 12
    TOO_LARGE = 13
    NOT_ACCEPTED = 14
    TOO_MANY = 15
    CANCELLED = 16

    @classmethod
    def _missing_(cls, _value: object) -> Reason:
        return cls.UNKNOWN  # a later version's reason is still a failure
