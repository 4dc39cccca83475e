"""What SPEC promises of a conference, as a program of its own (SPEC S2 to S4, S6 to S11, S13).

It is compared with the server, so nothing in it is taken from there: it is written from SPEC alone,
and answers in the words that a user reads.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
BROADCASTS: Final = 0  # the log beside those of the rooms, which count from 1
BLOCK: Final = 10.0  # seconds; SPEC S2


def stamp(at: datetime) -> str:
    return f"{at.day} {MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S}"


@dataclass
class User:
    """Somebody who is logged in."""

    name: str
    at: datetime
    address: str
    port: int


@dataclass
class Said:
    """A message."""

    number: int
    at: datetime
    name: str
    text: str

    def line(self) -> str:
        return f"{self.number}; {stamp(self.at)}; {self.name}; {self.text}"

    def told(self) -> str:
        return f"#{self.number}; {self.name}: {self.text} at {stamp(self.at)}."


@dataclass
class Model:
    """The conference, and what lies in its directory."""

    passwords: dict[str, str]
    attempts: int
    active: list[User] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    blocked_until: dict[str, float] = field(default_factory=dict)
    rooms: dict[int, tuple[str, ...]] = field(default_factory=dict)
    logs: dict[int, list[Said]] = field(default_factory=lambda: {BROADCASTS: []})
    latest_login: datetime = datetime.min

    # --- who is in (S2, S3, S7, S11) ---------------------------------------------------------

    def log_in(self, user: User, password: str, now: float) -> str:
        """Let somebody try to come in; `now` is a moment of the monotonic clock, in seconds."""
        name = user.name
        if name in self.blocked_until:
            if now < self.blocked_until[name]:
                return (
                    "Your account is blocked due to multiple login failures. Please try again later"
                )
            del self.blocked_until[name]
            self.failures.pop(name, None)
        if self.passwords.get(name) != password:
            self.failures[name] = self.failures.get(name, 0) + 1
            if self.failures[name] < self.attempts:
                return "Invalid Password. Please try again"
            self.blocked_until[name] = now + BLOCK
            return "Invalid Password. Your account has been blocked. Please try again later"
        if any(each.name == name for each in self.active):
            return f"{name} is already logged in."
        self.failures.pop(name, None)
        user.at = self.latest_login = max(self.latest_login, user.at)
        self.active.append(user)
        return "Welcome to TOOM!"

    def leave(self, name: str) -> None:
        self.active = [user for user in self.active if user.name != name]

    def others(self, name: str) -> list[str]:
        return [
            f"{user.name}, {user.address}, {user.port}, active since {stamp(user.at)}."
            for user in self.active
            if user.name != name
        ] or ["no other active user"]

    # --- what is said (S6, S8, S9, S10) -------------------------------------------------------

    def say(self, log: int, name: str, text: str, at: datetime) -> Said:
        before = self.logs[log][-1] if self.logs[log] else Said(0, datetime.min, "", "")
        latest = max([at, *(said.at for said in self.logs[log])])
        said = Said(before.number + 1, latest, name, text)
        self.logs[log].append(said)
        return said

    def broadcast(self, name: str, text: str, at: datetime) -> str:
        said = self.say(BROADCASTS, name, text, at)
        return f"Broadcast message, #{said.number} broadcast at {stamp(said.at)}."

    def build_room(self, name: str, named: list[str]) -> str:
        names = list(dict.fromkeys(named))
        faults = [f"{each} does not exist" for each in names if each not in self.passwords]
        there = {user.name for user in self.active}
        known = [each for each in names if each in self.passwords]
        faults += [f"{each} is offline" for each in known if each not in there]
        if name in names:
            faults.append("you cannot name yourself, you are a member anyway")
        if faults:
            return "The separate room has not been created: " + ", ".join(faults)
        members = (name, *names)
        for room, who in self.rooms.items():
            if set(who) == set(members):
                return f"a separate room (ID: {room}) already created for these users"
        room = max(self.logs) + 1
        self.rooms[room] = members
        self.logs[room] = []
        return (
            f"Separate chat room has been created, room ID: {room}, "
            f"users in this room: {', '.join(members)}"
        )

    def say_in_room(self, room: int, name: str, text: str, at: datetime) -> str:
        if room not in self.rooms:
            return "The separate room does not exist"
        if name not in self.rooms[room]:
            return "You are not in this separate room chat"
        said = self.say(room, name, text, at)
        return f"Separate room message, #{said.number} sent to room {room} at {stamp(said.at)}."

    def read_broadcasts(self, since: datetime) -> list[str]:
        new = [said.told() for said in self.logs[BROADCASTS] if said.at > since]
        return new or ["no new message"]

    def read_rooms(self, name: str, since: datetime) -> list[str]:
        lines = []
        for room in sorted(self.rooms):
            new = [said.told() for said in self.logs[room] if said.at > since]
            if name in self.rooms[room] and new:
                lines += [f"room-{room}:", *new]
        return lines or ["no new message"]

    # --- what lies in the directory (S3, S6, S9, S13) ------------------------------------------

    def files(self) -> dict[str, str]:
        lines = {
            "messagelog.txt" if log == BROADCASTS else f"SR_{log}_messagelog.txt": [
                each.line() for each in said
            ]
            for log, said in self.logs.items()
        }
        lines["userlog.txt"] = [
            f"{number}; {stamp(user.at)}; {user.name}; {user.address}; {user.port}"
            for number, user in enumerate(self.active, start=1)
        ]
        return {name: "".join(f"{line}\n" for line in each) for name, each in lines.items()}

    def restart(self) -> None:
        self.active, self.failures, self.blocked_until = [], {}, {}
        self.latest_login = datetime.min

    def forget_rooms(self) -> None:
        """The hidden folder is gone: rooms are lost, messages never, and no ID comes again."""
        self.rooms = {}

    def shorten(self, log: int, count: int) -> None:
        del self.logs[log][count:]
