"""Who may take a session up again on another connection, and by which token (PROTOCOL 3.6). Pure.

One session for each account: whoever logs in with the password, or leaves by OUT, ends the one
before. Tokens are kept as digests, so that nothing that is looked at by mistake can be used, and so
that looking one up takes no time that would tell something about it.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from toom_protocol.messages import Reply
from toom_server.records import RUN_SIZE
from toom_server.replies import Replies

LIFETIME: Final = 600.0  # seconds that a token is good for after its connection has ended
MOST_ENDED: Final = 10_000  # sessions whose user is gone; about 100 MB if each has 64 replies
TOKEN_SIZE: Final = 32  # bytes, random
LONGEST_INSTANCE: Final = 64  # bytes
DIGEST_SIZE: Final = 32  # bytes


@dataclass(eq=False, slots=True)
class Kept:
    """A session that can be taken up again.

    Attributes:
        digest: of the token; empty when there is none any more.
        ended: when the user was gone; seconds, monotonic clock; None: they are here.
    """

    username: str
    digest: bytes
    replies: Replies[Any]
    ended: float | None = None


class Sessions:
    """The sessions of all users: at most one for each account."""

    def __init__(self, new_token: Callable[[], bytes]) -> None:
        """Draw tokens with `new_token`: `TOKEN_SIZE` random bytes each."""
        self._new_token = new_token
        self._kept: dict[str, Kept] = {}
        self._restored: dict[bytes, Replies[Any]] = {}  # by run; of an earlier life of the server
        self._names: dict[bytes, str] = {}  # by digest of the token
        self._ended: dict[str, None] = {}  # whose user is gone, in the order in which they went

    def restore(self, runs: Mapping[bytes, Sequence[tuple[int, Reply]]]) -> None:
        """Remember what became of commands in an earlier life of the server."""
        for run, answered in runs.items():
            replies = self._restored[run] = Replies(run)
            for request_id, reply in answered:
                replies.restore(request_id, reply)

    def keep(self, username: str, instance: bytes) -> tuple[bytes, Kept, bool]:
        """Give a user who has logged in a token.

        Returns:
            The token; the session; whether what became of this instance's commands is known.
        """
        token = self._new_token()
        kept = self._kept.get(username)
        self._revoke(kept)
        run = _run(username, instance)
        is_known = kept is not None and kept.replies.run == run
        if kept is None or not is_known:
            is_known = run in self._restored
            replies = self._restored.pop(run, None) or Replies(run)
            kept = self._kept[username] = Kept(username, b"", replies)
        kept.digest = _digest(token)
        self._names[kept.digest] = username
        self.came(kept)
        return token, kept, is_known

    def find(self, token: bytes, now: float) -> Kept | None:
        """Give the session of a token, or None when it is not good (any more)."""
        digest = _digest(token)
        kept = self._kept.get(self._names.get(digest, ""))
        if kept is None or not hmac.compare_digest(kept.digest, digest):
            return None
        if kept.ended is not None and now - kept.ended > LIFETIME:
            self._revoke(kept)
            return None
        return kept

    def went(self, username: str, now: float) -> None:
        """The user's connection has ended; the token is good for `LIFETIME` more."""
        if (kept := self._kept.get(username)) is not None:
            kept.ended = now
            self._ended[username] = None
            if len(self._ended) > MOST_ENDED:
                self.forget(next(iter(self._ended)))

    def came(self, kept: Kept) -> None:
        """The user of a session is here again."""
        kept.ended = None
        self._ended.pop(kept.username, None)

    def revoke(self, usernames: Iterable[str]) -> None:
        """These tokens are good no longer; what became of commands stays known."""
        for username in usernames:
            self._revoke(self._kept.get(username))

    def forget(self, username: str) -> None:
        """There is nothing to take up again: the user has left by OUT."""
        self._ended.pop(username, None)
        self._revoke(self._kept.pop(username, None))

    def __iter__(self) -> Iterator[str]:
        """Give the names of who has a session."""
        return iter(tuple(self._kept))

    def _revoke(self, kept: Kept | None) -> None:
        if kept is not None:
            self._names.pop(kept.digest, None)
            kept.digest = b""


def _run(username: str, instance: bytes) -> bytes:
    """Name a run of a client; nobody else can give it, since names are proved by passwords."""
    return hashlib.blake2b(username.encode() + b"\0" + instance, digest_size=RUN_SIZE).digest()


def _digest(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=DIGEST_SIZE).digest()
