"""Who is in the conference, in order of log-in (SPEC S3, S7). Pure.

Belongs here: the list, and its lines. Does not: who may come in (reception.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from toom_protocol.lines import ActiveUser, format_active_user
from toom_server.outcomes import Session


@dataclass(slots=True)
class Active:
    """A user who is in."""

    session: Session
    at: datetime
    rest: bytes  # of the line in userlog.txt, behind the sequence number; made once


class Roster:
    """The users who are in, by name."""

    def __init__(self) -> None:
        self._active: dict[str, Active] = {}  # in order of log-in
        self.generation = 0  # changes whenever somebody comes or goes
        self._listed: tuple[int, list[bytes]] = (0, [])  # generation; the lines then

    def __len__(self) -> int:
        """How many are in."""
        return len(self._active)

    def __contains__(self, name: object) -> bool:
        """Whether somebody is in."""
        return name in self._active

    def get(self, name: str) -> Active | None:
        """Give somebody who is in."""
        return self._active.get(name)

    def enter(self, name: str, session: Session, at: datetime) -> None:
        """Add somebody, at the end."""
        self._active[name] = _active(session, name, at)
        self.generation += 1

    def move(self, name: str, session: Session) -> None:
        """Have somebody go on in another session, at their place in the order."""
        self._active[name] = _active(session, name, self._active[name].at)
        self.generation += 1

    def leave(self, name: str) -> None:
        """Take somebody out."""
        del self._active[name]
        self.generation += 1

    def users(self) -> tuple[ActiveUser, ...]:
        """Give who is in, numbered from 1 without a hole (SPEC S3)."""
        return tuple(
            ActiveUser(number, who.at, name, who.session.address, who.session.udp_port)
            for number, (name, who) in enumerate(self._active.items(), start=1)
        )

    def lines(self) -> list[bytes]:
        """Give the lines of userlog.txt, renumbered only when somebody has come or gone since."""
        generation, lines = self._listed
        if generation != self.generation:
            lines = [b"%d%b" % (n, who.rest) for n, who in enumerate(self._active.values(), 1)]
            self._listed = (self.generation, lines)
        return lines

    def others(self, than: str) -> Iterator[bytes]:
        """Yield the lines of everybody else, in order of log-in (SPEC S7)."""
        for name, line in zip(self._active, self.lines(), strict=True):
            if name != than:
                yield line


def _active(session: Session, name: str, at: datetime) -> Active:
    user = ActiveUser(0, at, name, session.address, session.udp_port)
    rest = format_active_user(user).removeprefix("0") + "\n"
    return Active(session, at, rest.encode())
