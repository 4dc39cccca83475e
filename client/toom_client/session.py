"""The session with the server; with `--reconnect` it outlasts its connections (PROTOCOL 3.6).

Belongs here: the connection of the moment, what is asked on it, and how to wait while it goes and
comes back. Does not: prompts and commands (conversation.py), how it is taken up (comeback.py).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from toom_client import wording
from toom_client.comeback import REPEATABLE, Comeback, NotYet
from toom_client.commands import Upload
from toom_client.link import Link, ServerGone
from toom_client.live import Feed
from toom_client.screen import Screen
from toom_protocol import messages as m


class Stopped(Exception):
    """A signal asks the client to end."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Session:
    """One user's, on one connection after the other."""

    def __init__(
        self,
        link: Link,
        screen: Screen,
        *,
        is_tty: bool,
        comeback: Comeback | None = None,
        feed: Feed | None = None,
    ) -> None:
        """Begin with a connection on which nobody is logged in.

        Args:
            is_tty: somebody sits there, who is told that there is no connection; a script waits.
            comeback: of `--reconnect`; without it the session ends with its connection (SPEC S11).
            feed: of `--live`.
        """
        self.username = ""  # until somebody is logged in
        self._link = link
        self._screen = screen
        self._is_tty = is_tty
        self._comeback = comeback
        self._feed = feed
        self._returning: asyncio.Task[None] | None = None  # while there is no connection
        self._asked = 0  # the id of the last request
        self._unanswered: tuple[int, m.Request] | None = None  # to be repeated
        self._stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def outlasts(self) -> bool:
        """Whether it goes on when its connection ends."""
        return self._comeback is not None

    @property
    def is_cut_off(self) -> bool:
        """Whether the connection has ended, and there is no other yet."""
        return self._link.gone.done()

    @property
    def is_stopped(self) -> bool:
        """Whether a signal came."""
        return self._stop.done()

    @property
    def may_come_back(self) -> bool:
        """Whether a lost connection is tried again.

        Not before the log-in, when the server has said that it ends it, or never spoke Toom.
        """
        was_meant = self._link.sent_away is not None or self._link.may_want_tls
        return self._comeback is not None and (bool(self.username) or not was_meant)

    def stop(self, status: int) -> None:
        """Have whatever is waited for end in `Stopped`: a signal came."""
        if not self._stop.done():
            self._stop.set_result(status)

    def close(self) -> None:
        """Try no more, and end the connection."""
        if self._returning is not None:
            self._returning.cancel()
        self._link.close()

    def say_end(self) -> str:
        """Word for the user why the connection has ended."""
        return wording.say_end(self._link.sent_away, may_want_tls=self._link.may_want_tls)

    # --- asking -------------------------------------------------------------------------------

    async def log_in(self, request: m.LogIn) -> m.Reply:
        """Ask to be let in."""
        return await self._link.ask_once(request)

    async def begin(self, username: str, password: str, public_key: bytes) -> list[str]:
        """Begin as somebody who is logged in.

        Returns:
            What the user is told that this server cannot do.
        """
        self.username = username
        missing = []
        try:
            if not await self._keep(username, password, public_key):
                self._comeback = None
                missing.append(wording.NO_RECONNECT)
            if not await self._follow(self._link):
                self._feed = None
                missing.append(wording.NO_LIVE)
        except ServerGone:  # the session has begun, and goes on like any other
            if self._comeback is None:
                raise
        return missing

    def ask(self, request: m.Request) -> AsyncIterator[m.Reply]:
        """Send a request on the connection that there is, and give its replies as they come."""
        self._asked = self._link.new_id()
        return self._link.ask(request, self._asked)

    def lost(self, command: m.Request | Upload) -> str:
        """Note that the answer to the last command is lost; give what the user is told of it."""
        if not isinstance(command, REPEATABLE):
            return wording.CUT_OFF
        self._unanswered = self._asked, command
        return wording.UNKNOWN

    async def _keep(self, username: str, password: str, public_key: bytes) -> bool:
        """Prepare to come back, if that is wanted; False: the server knows no such thing."""
        if self._comeback is None:
            return True
        return await self._comeback.keep(self._link, username, password, public_key)

    async def _follow(self, link: Link) -> bool:
        """Ask for what is said, if the user wants it; False: the server knows no such thing."""
        for request in self._feed.requests() if self._feed else ():
            async for reply in link.ask(request):
                if self._feed is None or isinstance(reply, m.Unsupported | m.Refused):
                    return False
                self._feed.answered(reply)
        return True

    # --- waiting ------------------------------------------------------------------------------

    async def is_connected(self) -> bool:
        """Whether there is a connection; what is piped waits for one, people are told."""
        if not self._link.gone.done() or self._comeback is None:
            return True
        self._come_back()
        if self._is_tty:
            self._comeback.hurry()
            return False
        await self.await_connection()
        return True

    async def wait_for(self, wanted: "asyncio.Future[Any]") -> bool:
        """Wait for something, while the connection may go and come back.

        Returns:
            Whether it is done; False: something else has happened.

        Raises:
            Stopped, ServerGone, NoWay: it will not be done.
        """
        ended = self._link.gone if self._returning is None else self._returning
        waiting: set[asyncio.Future[Any]] = {wanted, ended, self._stop}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return True
        if self._stop.done():
            raise Stopped(self._stop.result())
        if self._returning is not None:
            returned, self._returning = self._returning, None
            returned.result()
        elif not self.may_come_back:
            raise ServerGone(self._link.gone.result())
        else:
            self._come_back()
        return False

    async def await_connection(self) -> None:
        """Wait until there is a connection, where a lost one is tried again."""
        while self._comeback is not None and self._link.gone.done():
            if self._is_tty:
                self._comeback.hurry()
            await self.wait_for(asyncio.get_running_loop().create_future())

    # --- coming back --------------------------------------------------------------------------

    def _come_back(self) -> None:
        if self._returning is None:
            self._returning = asyncio.create_task(self._return())

    async def _return(self) -> None:
        """Try until the session goes on; what the user is told stands above the prompt."""
        assert self._comeback is not None
        self._link.close()
        waited = 0.0
        for pause in self._comeback.pauses():
            self._screen.now(wording.say_pause(pause, first=not waited))
            await self._comeback.pause(pause)
            waited += pause
            with contextlib.suppress(NotYet, ServerGone):
                link, may_repeat = await self._comeback.attempt(waited)
                try:
                    self._screen.now(wording.RECONNECTED)
                    await self._repeat(link, may_repeat=may_repeat)
                    if self.username:
                        await self._follow(link)
                except BaseException:
                    link.close()
                    raise
                self._link = link
                return

    async def _repeat(self, link: Link, *, may_repeat: bool) -> None:
        """Repeat the command whose answer was lost, if that does it only once."""
        if self._unanswered is None:
            return
        request_id, request = self._unanswered
        if not may_repeat:
            self._screen.now(wording.STILL_UNKNOWN)
        else:
            async for reply in link.ask(request, request_id):
                self._screen.now(wording.REPEATED)
                self._screen.now(wording.say_reply(reply))
        self._unanswered = None
