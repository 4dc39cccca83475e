"""Who is in the conference, which rooms there are, and what may be said.

Belongs here: every rule about users, rooms and messages. Does not: sockets, files, clocks,
randomness (they come in as arguments), wording for clients (they get values).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from logging import INFO, WARNING
from typing import Any, Final, assert_never

from toom_protocol import messages as m
from toom_protocol.errors import MalformedMark, MalformedTimestamp
from toom_protocol.lines import ActiveUser, format_active_user
from toom_protocol.marks import parse_marks
from toom_protocol.texts import fault_of_message
from toom_protocol.timestamps import format_timestamp, parse_timestamp
from toom_server.accounts import Accounts
from toom_server.doorkeeper import Doorkeeper
from toom_server.entries import BROADCASTS, Entry, History, OriginEntry, PostEntry, RoomEntry
from toom_server.outcomes import FollowPlan, Outcome, ReadPlan, Session
from toom_server.sessions import LONGEST_INSTANCE, Sessions

LINES_PER_PART = 24 * 1024  # bytes of an answer in one frame; far below codec.MAX_FIELD
MAX_NAMES: Final = 120 * 1024  # bytes of the names of SRB: an answer that repeats them fits a frame
NAME_TOLD: Final = 64  # characters of a name in the log: whoever types it decides its length
FIELD_HEAD: Final = 3  # bytes before each name on the wire; PROTOCOL 2.2


_new: Final = tuple.__new__  # three times quicker than a named tuple's own


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on the server's two clocks."""

    monotonic: float  # seconds; for blocks
    local: datetime  # local time without microseconds; for timestamps


@dataclass(slots=True)
class _Active:
    session: Session
    at: datetime
    rest: bytes  # of the line in userlog.txt, behind the sequence number; made once


@dataclass(slots=True)
class _End:
    """Where a log goes on."""

    number: int = 0
    at: datetime = datetime.min


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
        self._accounts = accounts
        self._sessions = sessions
        if sessions is not None:
            sessions.restore(history.runs)
        self._doorkeeper = Doorkeeper(attempts, accounts)
        self._new_ticket = new_ticket
        self._active: dict[str, _Active] = {}  # in order of log-in
        self._last_login = datetime.min
        self.generation = 0  # changes whenever somebody comes or goes
        self._listed: tuple[int, list[bytes]] = (0, [])  # generation; the lines of userlog.txt then
        self._rooms = dict(history.rooms)
        self._room_of_members = {frozenset(who): key for key, who in history.rooms.items()}
        self._ends = {log: _End(last.number, last.at) for log, last in history.last.items()}
        self._next_room_id = history.next_room_id

    @property
    def accounts(self) -> Accounts:
        """Who may log in, at the moment."""
        return self._accounts

    def must_prove(self, session: Session, request: m.LogIn, now: float) -> bool:
        """Tell whether a password must be proved, which is slow, before `handle` gets it.

        Args:
            now: seconds, monotonic clock; a blocked account's password proves nothing.
        """
        if session.username is not None or self._doorkeeper.is_blocked(request.username, now=now):
            return False
        return self._accounts.must_prove(request.username, request.password)

    def use_accounts(self, accounts: Accounts) -> None:
        """Take other accounts from now on; who is logged in stays, failures and blocks too."""
        if self._sessions is not None:  # a token must not outlive the password that it stands for
            before = self._accounts
            changed = [name for name in self._sessions if not accounts.has_same(name, before)]
            self._sessions.revoke(changed)
        self._accounts = accounts
        self._doorkeeper.know(accounts)

    @property
    def active_count(self) -> int:
        """How many are logged in."""
        return len(self._active)

    def active_users(self) -> tuple[ActiveUser, ...]:
        """Give who is logged in, numbered from 1 without a hole (SPEC S3)."""
        return tuple(
            ActiveUser(number, who.at, name, who.session.address, who.session.udp_port)
            for number, (name, who) in enumerate(self._active.items(), start=1)
        )

    def user_log(self) -> bytes:
        """Give what userlog.txt must say (SPEC S3)."""
        return b"".join(self._user_lines())

    def _user_lines(self) -> list[bytes]:
        """Give its lines, renumbered only when somebody has come or gone since."""
        generation, lines = self._listed
        if generation != self.generation:
            lines = [b"%d%b" % (n, who.rest) for n, who in enumerate(self._active.values(), 1)]
            self._listed = (self.generation, lines)
        return lines

    def handle(
        self, session: Session, request_id: int, request: m.Request, at: Instant
    ) -> Outcome | PostEntry:
        """Decide about one request; the state has changed when this returns.

        When what it returns cannot be kept, call `undo` with the entries.

        Returns:
            What follows; of a message that was accepted only itself: outcomes.py says what follows.
        """
        # Messages first: there are more of them than of all else.
        if isinstance(request, m.Broadcast):
            log = BROADCASTS
        elif isinstance(request, m.RoomMessage):
            log = request.room_id
        else:
            return self._handle_other(session, request_id, request, at)
        username = session.username
        if username is None:
            return Outcome((m.Refused("Log in first."),))
        if isinstance(request, m.RoomMessage) and (fault := self._fault_of_room(username, log)):
            return Outcome((m.RoomMessageRefused(fault),))
        if complaint := fault_of_message(request.text):
            return Outcome((m.Refused(complaint),))
        end = self._ends.get(log)
        if end is None:
            end = self._ends[log] = _End()
        end.number += 1
        if end.at < at.local:  # neither number nor time ever goes backwards in a log (SPEC S4)
            end.at = at.local
        return _new(PostEntry, (log, end.number, end.at, username, request.text, request_id))

    def _handle_other(
        self, session: Session, request_id: int, request: m.Request, at: Instant
    ) -> Outcome:
        if isinstance(request, m.Ping):
            return Outcome((m.Pong(),))
        if isinstance(request, m.LogIn):
            return self._log_in(session, request, at)
        if isinstance(request, m.Resume):
            return self._resume(session, request, at)
        if session.username is None:
            return Outcome((m.Refused("Log in first."),))
        return self._command(session, session.username, request_id, request, at)

    def leave(self, session: Session, at: Instant) -> Outcome:
        """Take a session out whose connection is gone (SPEC S3)."""
        if (username := session.username) is None:
            return Outcome()
        self._remove(session)
        if self._sessions is not None:
            self._sessions.went(username, at.monotonic)
        return Outcome(
            left=True,
            console=f"{username} is gone at {format_timestamp(at.local)}.",
            audit=_audit("gone", session, username),
        )

    def undo(self, entries: list[Entry]) -> None:
        """Take back entries that could not be kept: their numbers are free again (SPEC S13)."""
        for entry in reversed(entries):
            match entry:
                case PostEntry(log=log, number=number):
                    self._ends[log].number = number - 1
                case RoomEntry(room_id, members):
                    del self._rooms[room_id]
                    del self._room_of_members[frozenset(members)]
                    self._next_room_id = room_id
                case OriginEntry():
                    pass  # `Replies` hears how the command was answered
                case _:
                    assert_never(entry)

    def expel(self, session: Session) -> None:
        """Take back a log-in that could not be written down, unless it is over already."""
        if session.username is not None:
            self._remove(session)

    # --- log-in and log-out (SPEC S2, S11) ----------------------------------------------------

    def _log_in(self, session: Session, request: m.LogIn, at: Instant) -> Outcome:
        name = request.username
        audit = _audit("login-refused", session, name)
        if why := _fault_of_entry(session, request):
            return Outcome((m.Refused(why),))
        if self._doorkeeper.is_blocked(name, now=at.monotonic):
            return Outcome((m.LoginFailed(m.LoginFault.BLOCKED),), audit=audit)
        if not self._accounts.verify(name, request.password):
            blocked = self._doorkeeper.count_failure(name, now=at.monotonic)
            fault = m.LoginFault.NOW_BLOCKED if blocked else m.LoginFault.WRONG
            return Outcome((m.LoginFailed(fault),), audit=audit | {"blocked": blocked})
        if name in self._active:
            return Outcome((m.LoginFailed(m.LoginFault.ALREADY),), audit=audit)
        if self._sessions is not None:
            self._sessions.revoke((name,))  # the password ends the session before
            session.replies = None  # of whoever was here before
        return self._enter(session, name, request, at)

    def _enter(
        self, session: Session, name: str, request: m.LogIn | m.Resume, at: Instant
    ) -> Outcome:
        """Let a user in."""
        self._doorkeeper.clear(name)
        self._last_login = max(self._last_login, at.local)
        _take_over(session, name, request)
        self._active[name] = _active(session, name, self._last_login)
        self.generation += 1
        stamp = format_timestamp(self._last_login)
        where = f"{session.address}, UDP port {session.udp_port}"
        return Outcome(
            (m.LoggedIn(name),),
            entered=True,
            console=f"{name} logged in from {where}, at {stamp}.",
            audit=_audit("login", session, name),
        )

    def _log_out(self, session: Session, username: str, stamp: str) -> Outcome:
        self._remove(session)
        if self._sessions is not None:
            self._sessions.forget(username)
        return Outcome(
            (m.LoggedOut(),),
            left=True,
            console=f"{username} logged out at {stamp}.",
            audit=_audit("logout", session, username),
        )

    def _remove(self, session: Session) -> None:
        assert session.username is not None
        del self._active[session.username]
        self.generation += 1
        session.username = None

    # --- sessions that go on elsewhere (PROTOCOL 3.6) --------------------------------------------

    def _keep(self, session: Session, username: str, instance: bytes) -> Outcome:
        if self._sessions is None:
            return Outcome((m.Unsupported(m.Keep.KIND),))
        if not 1 <= len(instance) <= LONGEST_INSTANCE:
            return Outcome((m.Refused("The instance is no instance."),))
        token, kept, is_known = self._sessions.keep(username, instance)
        session.replies = kept.replies
        began = OriginEntry(kept.replies.run, 0, None)
        return Outcome((m.Kept(token, int(is_known)),), (began,))

    def _resume(self, session: Session, request: m.Resume, at: Instant) -> Outcome:
        """Go on with a session: no second log-in while its user is here, else a log-in by token."""
        if self._sessions is None:
            return Outcome((m.Unsupported(m.Resume.KIND),))
        if why := _fault_of_entry(session, request):
            return Outcome((m.Refused(why),))
        kept = self._sessions.find(request.token, at.monotonic)
        if kept is None:
            audit = _audit("resume-refused", session, "")
            return Outcome((m.LoginFailed(m.LoginFault.NO_SESSION),), audit=audit)
        name = kept.username
        there = self._active.get(name)
        if there is None and self._doorkeeper.is_blocked(name, now=at.monotonic):
            audit = _audit("login-refused", session, name)
            return Outcome((m.LoginFailed(m.LoginFault.BLOCKED),), audit=audit)
        session.replies = kept.replies
        self._sessions.came(kept)
        if there is None:
            return self._enter(session, name, request, at)
        before, there.session = there.session, session
        before.username = None  # what comes from it now is a stranger's
        _take_over(session, name, request)
        moved = (session.address, session.udp_port) != (before.address, before.udp_port)
        if moved:
            self._active[name] = _active(session, name, there.at)  # stays where it is in the order
            self.generation += 1
        audit = _audit("resumed", session, name)
        return Outcome((m.LoggedIn(name),), moved=moved, replaces=before, audit=audit)

    # --- commands -----------------------------------------------------------------------------

    def _command(
        self, session: Session, username: str, request_id: int, request: m.Request, at: Instant
    ) -> Outcome:
        stamp = format_timestamp(at.local)
        match request:
            case m.LogOut():
                return self._log_out(session, username, stamp)
            case m.ListActive():
                return self._list_active(username, stamp)
            case m.BuildRoom(usernames):
                return self._build_room(username, request_id, usernames, stamp)
            case m.ReadMessages(choice, since):
                return self._read_messages(username, choice, since, stamp)
            case m.Locate(audience):
                return self._locate(session, username, audience, stamp)
            case m.Keep(instance):
                return self._keep(session, username, instance)
            case m.Follow(marks, rest):
                return self._follow(username, marks, rest)
            case m.LogIn() | m.Resume() | m.Ping() | m.Broadcast() | m.RoomMessage():
                raise AssertionError("answered before")
            case _:
                assert_never(request)

    def _list_active(self, username: str, stamp: str) -> Outcome:
        """ATU: everybody else, in order of log-in (SPEC S7)."""
        replies: list[m.Reply] = []
        part = b""
        for name, line in zip(self._active, self._user_lines(), strict=True):
            if name != username:
                part += line
            if len(part) >= LINES_PER_PART:
                replies.append(m.ActiveLines(part))
                part = b""
        replies += [m.ActiveLines(part), m.End()] if part else [m.End()]
        count = len(self._active) - 1
        return Outcome(tuple(replies), console=f"{username} asked ATU: {count} others, at {stamp}.")

    def _build_room(
        self, username: str, request_id: int, usernames: tuple[str, ...], stamp: str
    ) -> Outcome:
        """SRB: all faults of the names first, then the twin, then the room (SPEC S8)."""
        names = tuple(dict.fromkeys(usernames))
        if sum(len(name.encode()) + FIELD_HEAD for name in names) > MAX_NAMES:
            return Outcome((m.Refused("There are too many names."),))
        unknown = tuple(name for name in names if name not in self._accounts)
        offline = tuple(n for n in names if n in self._accounts and n not in self._active)
        if unknown or offline or username in names:
            return Outcome((m.RoomRefused(unknown, offline, int(username in names)),))
        if not names:
            return Outcome((m.Refused("A room needs at least one other user."),))
        members = (username, *names)
        if (twin := self._room_of_members.get(frozenset(members))) is not None:
            return Outcome((m.RoomExists(twin),))
        room_id = self._next_room_id
        self._next_room_id += 1
        self._rooms[room_id] = members
        self._room_of_members[frozenset(members)] = room_id
        return Outcome(
            (m.RoomBuilt(room_id, members),),
            (RoomEntry(room_id, members, username, request_id),),
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
            logs = self._rooms_of(username)
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
        return Outcome(read=FollowPlan((BROADCASTS, *self._rooms_of(username)), numbers, rest))

    def _rooms_of(self, username: str) -> tuple[int, ...]:
        return tuple(key for key in sorted(self._rooms) if username in self._rooms[key])

    def _locate(self, session: Session, username: str, audience: str, stamp: str) -> Outcome:
        """UPD's question; the audience hears who will come (SPEC S12, PROTOCOL 3.4, 7.4)."""
        there = self._active.get(audience)
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

    def _fault_of_room(self, username: str, room_id: int) -> m.RoomFault | None:
        """Why somebody may not speak in a room (SPEC S9)."""
        members = self._rooms.get(room_id)
        if members is None:
            return m.RoomFault.NO_SUCH_ROOM
        return None if username in members else m.RoomFault.NOT_A_MEMBER


def _active(session: Session, name: str, at: datetime) -> _Active:
    user = ActiveUser(0, at, name, session.address, session.udp_port)
    rest = format_active_user(user).removeprefix("0") + "\n"
    return _Active(session, at, rest.encode())


def _take_over(session: Session, name: str, request: m.LogIn | m.Resume) -> None:
    """Let a connection speak for a user, and remember what it says of their client."""
    session.username, session.udp_port = name, request.udp_port
    session.public_key = request.public_key


def _whereabouts(session: Session) -> tuple[str, int]:
    return session.address, session.udp_port


def _fault_of_entry(session: Session, request: m.LogIn | m.Resume) -> str | None:
    """Say what is wrong with a request to be let in, whoever asks."""
    if session.username is not None:
        return "You are logged in already."
    if request.version != m.VERSION:
        return f"This server speaks version {m.VERSION} of Toom."
    if not 1 <= request.udp_port <= 65535:
        return "The UDP port is out of range."
    if len(request.public_key) not in (0, m.PUBLIC_KEY_SIZE):
        return f"The public key must have {m.PUBLIC_KEY_SIZE} bytes."
    return None


def _audit(event: str, session: Session, name: str) -> dict[str, Any]:
    level = WARNING if event.endswith("-refused") else INFO
    told = {"account": name[:NAME_TOLD], "address": session.address}
    return {"level": level, "event": event, **told}
