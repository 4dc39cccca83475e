"""The texts that SPEC.md quotes, as scenarios look for them, and what a log must hold in the end.

Written from the specification, never taken from a program: an oracle that imports the program can
never disagree with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from .errors import ExpectationFailed
from .files import HostFile
from .timestamps import AT as AT
from .timestamps import time_of as time_of
from .timestamps import timestamp as timestamp

LONG_AGO: Final = "1 Jan 2001 00:00:00"

WRONG_PASSWORD: Final = "Invalid Password. Please try again"  # SPEC S2, as the rest
NOW_BLOCKED: Final = "Invalid Password. Your account has been blocked. Please try again later"
BLOCKED: Final = "Your account is blocked due to multiple login failures. Please try again later"
BLOCK_PERIOD: Final = 10.0  # seconds; SPEC S2

INVALID_COMMAND: Final = "Error. Invalid command!"  # SPEC S5
NOBODY_ELSE: Final = "no other active user"  # SPEC S7
NO_SUCH_ROOM: Final = "The separate room does not exist"  # SPEC S9
NOT_A_MEMBER: Final = "You are not in this separate room chat"
NO_NEW_MESSAGE: Final = "no new message"  # SPEC S10
BAD_TIMESTAMP: Final = "Invalid timestamp. The format is: 1 Jun 2022 16:01:20"


def next_second(text: str) -> datetime:
    """The first moment that is later than a timestamp, to the second."""
    return datetime.fromtimestamp(time_of(text).timestamp() + 1)


@dataclass(frozen=True, slots=True)
class Said:
    """One message, as its sender's terminal acknowledged it."""

    number: int
    at: str
    user: str
    text: str

    @property
    def log_line(self) -> str:
        """Its line in the log (SPEC S6)."""
        return f"{self.number}; {self.at}; {self.user}; {self.text}"

    @property
    def read_line(self) -> str:
        """Its line in the answer to RDM (SPEC S10)."""
        return f"#{self.number}; {self.user}: {self.text} at {self.at}."


@dataclass(slots=True)
class Talk:
    """What was said in one log, noted at the terminals, to be compared with the file."""

    said: list[Said] = field(default_factory=list)

    def add(self, reply: re.Match[str], user: str, text: str) -> Said:
        """Note an acknowledgement whose match has the groups `number` and `at`."""
        new = Said(int(reply["number"]), reply["at"], user, text)
        self.said.append(new)
        return new

    def check(self, file: HostFile) -> None:
        """Compare the file with what was noted, line by line, and its order with SPEC S4."""
        file.has_lines([re.escape(said.log_line) for said in self.said])
        times = [time_of(said.at) for said in self.said]
        if times != sorted(times):
            raise ExpectationFailed(f"{file.name}: timestamps go backwards", file.text())
        numbers = [said.number for said in self.said]
        if numbers != list(range(1, len(numbers) + 1)):
            raise ExpectationFailed(f"{file.name}: numbers are {numbers}, not 1, 2, 3 …")


BROADCAST_SENT: Final = rf"Broadcast message, #(?P<number>[0-9]+) broadcast at (?P<at>{AT})\."
BROADCAST_ON_CONSOLE: Final = r'{user} broadcasted BCM #{number} "{text}" at {at}\.'
ROOM_BUILT: Final = (
    r"Separate chat room has been created, room ID: (?P<room>[0-9]+), "
    r"users in this room: (?P<users>.+)"
)


def room_message_sent(room: int) -> str:
    """The reply to SRM, as a pattern (SPEC S9)."""
    return rf"Separate room message, #(?P<number>[0-9]+) sent to room {room} at (?P<at>{AT})\."


def room_exists(room: int) -> str:
    """The reply to SRB for members who have a room already (SPEC S8)."""
    return f"a separate room (ID: {room}) already created for these users"


def active_line(name: str, address: str, udp_port: int) -> str:
    """A line of ATU, as a pattern (SPEC S7)."""
    return rf"{re.escape(name)}, {re.escape(address)}, {udp_port}, active since (?P<at>{AT})\."


def user_line(sequence: int, name: str, address: str, udp_port: int) -> str:
    """A line of userlog.txt, as a pattern (SPEC S3)."""
    return rf"{sequence}; (?P<at>{AT}); {re.escape(name)}; {re.escape(address)}; {udp_port}"


def room_log(room: int) -> str:
    """The name of a room's log (SPEC S8)."""
    return f"SR_{room}_messagelog.txt"
