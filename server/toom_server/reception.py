"""Who may come in, by a password or by a token, and who leaves (SPEC S2, S11; PROTOCOL 3.6). Pure.

Belongs here: what is asked of somebody at the door, and what follows for the list. Does not: how
passwords are proved (accounts.py), what those who are in may do (conference.py).
"""

from datetime import datetime
from logging import INFO, WARNING
from typing import Any, Final

from toom_protocol import messages as m
from toom_protocol.timestamps import format_timestamp
from toom_server.accounts import Accounts
from toom_server.doorkeeper import Doorkeeper
from toom_server.entries import OriginEntry
from toom_server.outcomes import Instant, Outcome, Session
from toom_server.roster import Roster
from toom_server.sessions import LONGEST_INSTANCE, Sessions

NAME_TOLD: Final = 64  # characters of a name in the log: whoever types it decides its length


class Reception:
    """Lets users in and out."""

    def __init__(
        self, roster: Roster, accounts: Accounts, doorkeeper: Doorkeeper, sessions: Sessions | None
    ) -> None:
        """Keep a roster; no session can be resumed when `sessions` is None."""
        self._roster = roster
        self._accounts = accounts
        self._doorkeeper = doorkeeper
        self._sessions = sessions
        self._last_login = datetime.min

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

    def expel(self, session: Session) -> None:
        """Take back a log-in that could not be written down, unless it is over already."""
        if session.username is not None:
            self._remove(session)

    def log_in(self, session: Session, request: m.LogIn, at: Instant) -> Outcome:
        """Let somebody in by their password (SPEC S2)."""
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
        if name in self._roster:
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
        self._roster.enter(name, session, self._last_login)
        stamp = format_timestamp(self._last_login)
        where = f"{session.address}, UDP port {session.udp_port}"
        return Outcome(
            (m.LoggedIn(name),),
            entered=True,
            console=f"{name} logged in from {where}, at {stamp}.",
            audit=_audit("login", session, name),
        )

    def log_out(self, session: Session, username: str, stamp: str) -> Outcome:
        """OUT (SPEC S11)."""
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
        self._roster.leave(session.username)
        session.username = None

    def keep(self, session: Session, username: str, instance: bytes) -> Outcome:
        """Give a token by which the session can be taken up again (PROTOCOL 3.6)."""
        if self._sessions is None:
            return Outcome((m.Unsupported(m.Keep.KIND),))
        if not 1 <= len(instance) <= LONGEST_INSTANCE:
            return Outcome((m.Refused("The instance is no instance."),))
        token, kept, is_known = self._sessions.keep(username, instance)
        session.replies = kept.replies
        began = OriginEntry(kept.replies.run, 0, None)
        return Outcome((m.Kept(token, int(is_known)),), (began,))

    def resume(self, session: Session, request: m.Resume, at: Instant) -> Outcome:
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
        there = self._roster.get(name)
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
            self._roster.move(name, session)  # stays where it is in the order
        audit = _audit("resumed", session, name)
        return Outcome((m.LoggedIn(name),), moved=moved, replaces=before, audit=audit)


def _take_over(session: Session, name: str, request: m.LogIn | m.Resume) -> None:
    """Let a connection speak for a user, and remember what it says of their client."""
    session.username, session.udp_port = name, request.udp_port
    session.public_key = request.public_key


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
