"""How a client takes its session up again after its connection has ended: `--reconnect`.

Belongs here: when to try, and what to say to the server (PROTOCOL 3.6). Does not: what the user is
told (wording.py), when it begins and what comes after it (session.py).
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from toom_client import wording
from toom_client.link import Link, ServerGone
from toom_protocol import messages as m

FIRST_PAUSE: Final = 1.0  # seconds; twice as long each time,
LONGEST_PAUSE: Final = 30.0  # up to this
# Seconds for which "already logged in" may be this client's own dead connection, which a server
# notices after 15 s at the latest (SPEC S3).
RECLAIM: Final = 20.0
REPEATABLE: Final = (m.Broadcast, m.RoomMessage, m.BuildRoom)  # what the server does only once


class NotYet(Exception):
    """It may go better the next time."""


class NoWay(Exception):
    """It will never go; the text is for the user."""


def pauses(chance: Callable[[], float]) -> Iterator[float]:
    """Yield the seconds between two attempts, for ever.

    Args:
        chance: gives numbers from 0 to 1, so that not all clients of a server come back at once.
    """
    pause = FIRST_PAUSE
    while True:
        yield pause * (1 + chance()) / 2
        pause = min(2 * pause, LONGEST_PAUSE)


class Comeback:
    """What one run of a client needs for it; the password is kept in memory."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Link]],
        udp_port: int,
        instance: bytes,
        *,
        chance: Callable[[], float] = random.random,
        pause: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            connect: gives a new connection; raises NotYet or NoWay.
            chance: as for `pauses`.
            pause: waits for so many seconds; for tests.
        """
        self._connect = connect
        self._udp_port = udp_port
        self._instance = instance
        self._chance = chance
        self._pause = pause or self._wait
        self._impatient = asyncio.Event()
        self._name, self._password = "", ""
        self._token = self._public_key = b""

    async def keep(self, link: Link, name: str, password: str, public_key: bytes) -> bool:
        """Ask for a token after a log-in; False: the server knows no such thing."""
        self._name, self._password, self._public_key = name, password, public_key
        await self._keep(link)
        return bool(self._token)

    def pauses(self) -> Iterator[float]:
        """Yield the seconds between two attempts, for ever; all begins anew with each call."""
        return pauses(self._chance)

    async def pause(self, seconds: float) -> None:
        """Let some time pass before an attempt, less when the user waits."""
        self._impatient.clear()
        await self._pause(seconds)

    def hurry(self) -> None:
        """Try at once: the user waits."""
        self._impatient.set()

    async def attempt(self, waited: float) -> tuple[Link, bool]:
        """Try once, after having waited so many seconds in all.

        Before `keep` was called there is no session to take up; a connection is enough.

        Returns:
            The connection on which the session goes on; whether a command of before may be
            repeated on it, which the server does not do twice then.

        Raises:
            NotYet, NoWay: it does not go on.
        """
        link = await self._connect()
        try:
            return link, await self._take_up(link, waited)
        except ServerGone as exc:
            link.close()
            raise NotYet(str(exc)) from exc
        except BaseException:
            link.close()
            raise

    async def _take_up(self, link: Link, waited: float) -> bool:
        if not self._name:
            await link.greeting()
            return False
        if self._token:
            resume = m.Resume(self._token, self._udp_port, public_key=self._public_key)
            reply = await link.ask_once(resume)
            if isinstance(reply, m.LoggedIn):
                return True
            if reply != m.LoginFailed(m.LoginFault.NO_SESSION):
                raise self._judge(reply, waited)
            self._token = b""  # it is another server, or a long time has passed
        request = m.LogIn(
            self._name,
            self._password,
            self._udp_port,
            instance=self._instance,
            public_key=self._public_key,
        )
        reply = await link.ask_once(request)
        if not isinstance(reply, m.LoggedIn):
            raise self._judge(reply, waited)
        return await self._keep(link)

    async def _keep(self, link: Link) -> bool:
        reply = await link.ask_once(m.Keep(self._instance))
        if not isinstance(reply, m.Kept):
            return False
        self._token = reply.token
        return bool(reply.remembers)

    def _judge(self, reply: m.Reply, waited: float) -> NotYet | NoWay:
        """Say what a refusal means."""
        match reply:
            case m.LoginFailed(m.LoginFault.ALREADY) if waited >= RECLAIM:
                return NoWay(wording.say_login_fault(reply.fault, self._name))
            case m.LoginFailed(m.LoginFault.BLOCKED | m.LoginFault.ALREADY) | m.NotStored():
                return NotYet(type(reply).__name__)
            case m.LoginFailed(fault):
                return NoWay(wording.say_login_fault(fault, self._name))
            case _:
                return NoWay(wording.say_reply(reply))

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._impatient.wait()
