"""Passwords that have only a hash, proved beside the event loop (PROTOCOL 7.2).

Belongs here: the threads, and whose proof is under way. Does not: how a password is proved
(passwords.py), what follows (hub.py).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from toom_protocol.messages import LogIn
from toom_server.accounts import Accounts
from toom_server.connection import Connection

PROVERS: Final = 2  # passwords that are proved at a time; the others wait, and the loop goes on


class Proving:
    """At most one proof of each connection."""

    def __init__(self, accounts: Callable[[], Accounts]) -> None:
        """Ask those accounts that count at the moment."""
        self._accounts = accounts
        self._threads = ThreadPoolExecutor(PROVERS, thread_name_prefix="passwords")
        self._proofs: dict[Connection, asyncio.Future[None]] = {}

    def begin(self, connection: Connection, request: LogIn, then: Callable[[], None]) -> None:
        """Prove the password of a log-in; `then` is called in the event loop, unless it is dropped.

        Afterwards `Accounts.verify` knows the answer at once.
        """
        accounts = self._accounts()
        proof = asyncio.get_running_loop().run_in_executor(
            self._threads, accounts.prove, request.username, request.password
        )
        self._proofs[connection] = proof

        def proved(done: "asyncio.Future[None]") -> None:
            if done.cancelled():
                return
            done.result()
            if self._proofs.pop(connection, None) is None:
                return
            if self._accounts() is not accounts:  # they were read again meanwhile
                self.begin(connection, request, then)
            else:
                then()

        proof.add_done_callback(proved)

    def drop(self, connection: Connection) -> None:
        """Nobody waits for this one any more."""
        if (proof := self._proofs.pop(connection, None)) is not None:
            proof.cancel()  # it costs nothing any more, unless it has begun

    def close(self) -> None:
        """Begin no more of them; what has begun ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
