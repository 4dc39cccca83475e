"""Choices and reasons that messages carry, as numbers (PROTOCOL 3.1, 3.2, 3.3)."""

from enum import IntEnum


class LoginFault(IntEnum):
    """Why a log-in was refused (SPEC S2)."""

    WRONG = 1  # unknown name or wrong password; the same on purpose
    NOW_BLOCKED = 2  # this failure has blocked the account
    BLOCKED = 3  # the account was blocked before
    ALREADY = 4  # right password, but the account is in use
    NO_SESSION = 5  # the token of `Resume` is not known (any more); log in with the password


class RoomFault(IntEnum):
    """Why a room message was refused (SPEC S9)."""

    NO_SUCH_ROOM = 1
    NOT_A_MEMBER = 2


class LogChoice(IntEnum):
    """Which messages RDM reads (SPEC S10)."""

    BROADCASTS = 1
    ROOMS = 2


class Rest(IntEnum):
    """From where a client follows the logs that it has not named (PROTOCOL 3.5)."""

    LATER = 0  # another `Follow` comes, which names more of them
    BEGINNING = 1
    END = 2


class Cause(IntEnum):
    """Why the server ends a connection."""

    NO_LOG_IN = 1  # nobody has logged in for `LOGIN_LIMIT`; PROTOCOL 2.4
    FULL = 2  # the system grants the server no more connections
    TOO_MANY = 3  # there are as many from this address as the server was told to take
