"""Who is in the conference, and which rooms there are.

Belongs here: every rule about users and rooms. Does not: what is said (talk.py); sockets, files,
clocks, randomness (they come in as arguments); wording for clients (they get values).
"""

from collections.abc import Callable
from typing import Final, assert_never

from toom_protocol import messages as m
from toom_protocol.errors import MalformedMark, MalformedTimestamp
from toom_protocol.lines import ActiveUser
from toom_protocol.marks import parse_marks
from toom_protocol.timestamps import format_timestamp, parse_timestamp
from toom_server.accounts import Accounts
from toom_server.doorkeeper import Doorkeeper
from toom_server.entries import BROADCASTS, History, OriginEntry, RoomEntry
from toom_server.outcomes import FollowPlan, Instant, Outcome, ReadPlan, Session
from toom_server.reception import Reception
from toom_server.rooms import Rooms
from toom_server.roster import Roster
from toom_server.sessions import Sessions
from toom_server.tails import Additions
from toom_server.talk import Talk

LINES_PER_PART = 24 * 1024  # bytes of an answer in one frame; far below codec.MAX_FIELD
MAX_NAMES: Final = 120 * 1024  # bytes of the names of SRB: an answer that repeats them fits a frame
FIELD_HEAD: Final = 3  # bytes before each name on the wire; PROTOCOL 2.2


NewTicket = Callable[[], tuple[int, bytes]]  # a number of 32 bits and a secret key of 32 bytes


class Conference:
    """The state of the conference, changed by one request at a time (SPEC S13)."""

    def __init__(
        self,
        accounts: Accounts,
        attempts: int,
        history: History,
        new_ticket: NewTicket,
        sessions: Sessions | None = None,
    ) -> None:
        """Begin with what is remembered; no session can be resumed when `sessions` is None."""
        if sessions is not None:
            sessions.restore(history.runs)
        self._roster = Roster()
        self._reception = Reception(
            self._roster, accounts, Doorkeeper(attempts, accounts), sessions
        )
        self._rooms = Rooms(history.rooms, history.next_room_id)
        self.talk = Talk(history.last, self._rooms)
        """What is said."""
        self._new_ticket = new_ticket

    # --- who is in ----------------------------------------------------------------------------

    @property
    def accounts(self) -> Accounts:
        """Who may log in, at the moment."""
        return self._reception.accounts

    def use_accounts(self, accounts: Accounts) -> None:
        """Take other accounts from now on; who is logged in stays, failures and blocks too."""
        self._reception.use_accounts(accounts)

    def must_prove(self, session: Session, request: m.LogIn, now: float) -> bool:
        """Tell whether a password must be proved, which is slow, before `handle` gets it.

        Args:
            now: seconds, monotonic clock; a blocked account's password proves nothing.
        """
        return self._reception.must_prove(session, request, now)

    def leave(self, session: Session, at: Instant) -> Outcome:
        """Take a session out whose connection is gone (SPEC S3)."""
        return self._reception.leave(session, at)

    def expel(self, session: Session) -> None:
        """Take back a log-in that could not be written down, unless it is over already."""
        self._reception.expel(session)

    @property
    def generation(self) -> int:
        """Changes whenever somebody comes or goes."""
        return self._roster.generation

    @property
    def active_count(self) -> int:
        """How many are logged in."""
        return len(self._roster)

    def active_users(self) -> tuple[ActiveUser, ...]:
        """Give who is logged in, numbered from 1 without a hole (SPEC S3)."""
        return self._roster.users()

    def user_log(self) -> bytes:
        """Give what userlog.txt must say (SPEC S3)."""
        return b"".join(self._roster.lines())

    # --- requests -----------------------------------------------------------------------------

    def handle(self, session: Session, request: m.Request | m.Unknown, at: Instant) -> Outcome:
        """Decide about one request that is no message of somebody who is in.

        The state has changed when this returns; when it cannot be kept, call `undo`.
        """
        if isinstance(request, m.Ping):
            return Outcome((m.Pong(),))
        if isinstance(request, m.Unknown):
            return Outcome((m.Unsupported(request.kind),))
        if isinstance(request, m.LogIn):
            return self._reception.log_in(session, request, at)
        if isinstance(request, m.Resume):
            return self._reception.resume(session, request, at)
        if session.username is None:
            return Outcome((m.Refused("Log in first."),))
        return self._command(session, session.username, request, at)

    def undo(self, additions: Additions) -> None:
        """Take back what could not be kept: its numbers are free again (SPEC S13)."""
        self.talk.undo(additions.tails)
        for entry in reversed(additions.entries):
            match entry:
                case RoomEntry(room_id, members):
                    self._rooms.take_back(room_id, members)
                case OriginEntry():
                    pass  # `Replies` hears how the command was answered
                case _:
                    assert_never(entry)

    # --- commands -----------------------------------------------------------------------------

    def _command(self, session: Session, username: str, request: m.Request, at: Instant) -> Outcome:
        stamp = format_timestamp(at.local)
        match request:
            case m.LogOut():
                return self._reception.log_out(session, username, stamp)
            case m.ListActive():
                return self._list_active(username, stamp)
            case m.BuildRoom(usernames):
                return self._build_room(username, usernames, stamp)
            case m.ReadMessages(choice, since):
                return self._read_messages(username, choice, since, stamp)
            case m.Locate(audience):
                return self._locate(session, username, audience, stamp)
            case m.Keep(instance):
                return self._reception.keep(session, username, instance)
            case m.Follow(marks, rest):
                return self._follow(username, marks, rest)
            case m.LogIn() | m.Resume() | m.Ping() | m.Broadcast() | m.RoomMessage():
                raise AssertionError("answered before, or said")
            case _:
                assert_never(request)

    def _list_active(self, username: str, stamp: str) -> Outcome:
        """ATU: everybody else, in order of log-in (SPEC S7)."""
        replies: list[m.Reply] = []
        part = b""
        for line in self._roster.others(than=username):
            part += line
            if len(part) >= LINES_PER_PART:
                replies.append(m.ActiveLines(part))
                part = b""
        replies += [m.ActiveLines(part), m.End()] if part else [m.End()]
        count = len(self._roster) - 1
        return Outcome(tuple(replies), console=f"{username} asked ATU: {count} others, at {stamp}.")

    def _build_room(self, username: str, usernames: tuple[str, ...], stamp: str) -> Outcome:
        """SRB: all faults of the names first, then the twin, then the room (SPEC S8)."""
        names = tuple(dict.fromkeys(usernames))
        if sum(len(name.encode()) + FIELD_HEAD for name in names) > MAX_NAMES:
            return Outcome((m.Refused("There are too many names."),))
        unknown = tuple(name for name in names if name not in self.accounts)
        offline = tuple(n for n in names if n in self.accounts and n not in self._roster)
        if unknown or offline or username in names:
            return Outcome((m.RoomRefused(unknown, offline, int(username in names)),))
        if not names:
            return Outcome((m.Refused("A room needs at least one other user."),))
        members = (username, *names)
        if (twin := self._rooms.twin(members)) is not None:
            return Outcome((m.RoomExists(twin),))
        room_id = self._rooms.build(members)
        return Outcome(
            (m.RoomBuilt(room_id, members),),
            (RoomEntry(room_id, members),),
            console=f"{username} built SRB room {room_id} for {', '.join(members)} at {stamp}.",
        )

    def _read_messages(self, username: str, choice: m.LogChoice, since: str, stamp: str) -> Outcome:
        """RDM: nobody ever reads a room that they are not in (SPEC S10)."""
        try:
            later_than = parse_timestamp(since)
        except MalformedTimestamp:
            return Outcome((m.Refused("The timestamp is malformed."),))
        if choice is m.LogChoice.BROADCASTS:
            logs: tuple[int, ...] = (BROADCASTS,)
        else:
            logs = self._rooms.of(username)
        kind = "b" if choice is m.LogChoice.BROADCASTS else "s"
        return Outcome(
            read=ReadPlan(logs, later_than),
            console=f"{username} read RDM {kind} later than {since}, at {stamp}.",
        )

    def _follow(self, username: str, marks: tuple[str, ...], rest: m.Rest) -> Outcome:
        """Push: as with RDM, nobody ever hears a room that they are not in (SPEC S10)."""
        try:
            numbers = parse_marks(marks)
        except MalformedMark:
            return Outcome((m.Refused("A mark is malformed."),))
        return Outcome(read=FollowPlan((BROADCASTS, *self._rooms.of(username)), numbers, rest))

    def _locate(self, session: Session, username: str, audience: str, stamp: str) -> Outcome:
        """UPD's question; the audience hears who will come (SPEC S12, PROTOCOL 3.4, 7.4)."""
        there = self._roster.get(audience)
        if there is None:
            return Outcome((m.NotActive(audience),))
        if audience == username:
            return Outcome((m.Refused("You cannot send a file to yourself."),))
        ticket, key = self._new_ticket()
        target = there.session
        return Outcome(
            (m.Located(audience, *_whereabouts(target), ticket, key, target.public_key),),
            notice=(
                target,
                m.Expected(username, *_whereabouts(session), ticket, key, session.public_key),
            ),
            console=f"{username} asked UPD where {audience} is, at {stamp}.",
        )


def _whereabouts(session: Session) -> tuple[str, int]:
    return session.address, session.udp_port
