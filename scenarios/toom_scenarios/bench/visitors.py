"""Users who come and go, write and read, each after a pause of its own (for `toom bench soak`).

Belongs here: what one of them does next, and what must be answered. Does not: how many there are,
how long it goes on, what is made of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from random import Random
from typing import Final

from ..errors import Broken
from ..timestamps import timestamp
from . import wire
from .crowd import Client, enter
from .ledger import BROADCASTS, Ledger, text

RECENT: Final = timedelta(seconds=2)  # RDM asks for what is later than that long ago
RDM_BROADCASTS, RDM_ROOMS = 1, 2  # PROTOCOL 3.1
SHORTEST, LONGEST = 0.5, 1.5  # times the mean pause
REMEMBERED: Final = 20  # errors whose words are kept


class Act(StrEnum):
    """What a visitor can do."""

    BROADCAST = "BCM"
    ROOM_MESSAGE = "SRM"
    READ = "RDM"
    LIST = "ATU"
    LEAVE = "OUT"
    ENTER = "log-in"  # again, after OUT


# Of 200; who leaves comes again. Reading costs a thousand times the bytes of writing: it is rare.
WEIGHTS: Final = {Act.BROADCAST: 120, Act.ROOM_MESSAGE: 60, Act.READ: 4, Act.LIST: 1, Act.LEAVE: 15}


@dataclass(slots=True)
class Visit:
    """What all visitors share.

    Attributes:
        pause: seconds between an answer and the next question, on average.
        entered: hears of each connection that takes the place of an earlier one.
        unanswered: questions under way; `settled` is set when there are none and it is over.
    """

    port: int
    pause: float
    random: Random
    entered: Callable[[int, Client], None]
    ledger: Ledger = field(default_factory=Ledger)
    done: Counter[Act] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    error_count: int = 0
    unanswered: int = 0
    slowest: float = 0.0
    is_over: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    returning: set[asyncio.Task[None]] = field(default_factory=set)

    def end(self) -> None:
        """Nobody asks anything more."""
        self.is_over = True
        self._look()

    def began(self) -> None:
        self.unanswered += 1

    def ended(self, act: Act, seconds: float) -> None:
        self.unanswered -= 1
        self.done[act] += 1
        self.slowest = max(self.slowest, seconds)
        self._look()

    def gave_up(self) -> None:
        """A question will have no answer."""
        self.unanswered -= 1
        self._look()

    def failed(self, why: str) -> None:
        """Something went otherwise than promised."""
        self.error_count += 1
        if len(self.errors) < REMEMBERED:
            self.errors.append(why)

    def _look(self) -> None:
        if self.is_over and not self.unanswered:
            self.settled.set()


class Visitor:
    """One user."""

    def __init__(self, visit: Visit, index: int, room: int, client: Client) -> None:
        """Begin to visit, on a connection that is logged in."""
        self._visit, self._index, self._room = visit, index, room
        self._client = client
        self._written = 0
        self._is_lost = False
        self._loop = asyncio.get_running_loop()
        self._asked = 0.0
        self._rest()

    def _rest(self) -> None:
        if not self._visit.is_over:
            pause = self._visit.pause * self._visit.random.uniform(SHORTEST, LONGEST)
            self._loop.call_later(pause, self._act)

    def _act(self) -> None:
        if self._visit.is_over or self._is_lost:
            return
        (act,) = self._visit.random.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))
        self._visit.began()
        self._asked = self._loop.time()
        match act:
            case Act.BROADCAST | Act.ROOM_MESSAGE:
                self._write(act)
            case Act.READ:
                since = timestamp(datetime.now() - RECENT).encode()
                choice = self._visit.random.choice((RDM_BROADCASTS, RDM_ROOMS))
                self._ask(act, wire.frame(wire.READ_MESSAGES, wire.number(choice), since), wire.END)
            case Act.LIST:
                self._ask(act, wire.frame(wire.LIST_ACTIVE), wire.END)
            case Act.LEAVE:
                out = wire.frame(wire.LOG_OUT)
                self._ask(act, out, wire.LOGGED_OUT, lambda _: self._return())

    def _write(self, act: Act) -> None:
        self._written += 1
        said = text(self._index, self._written).encode()
        if act is Act.BROADCAST:
            log, kind, request = BROADCASTS, wire.BROADCAST_SENT, wire.frame(wire.BROADCAST, said)
        else:
            log, kind = self._room, wire.ROOM_MESSAGE_SENT
            request = wire.frame(wire.ROOM_MESSAGE, wire.number(log), said)
        self._ask(act, request, kind, partial(self._acknowledged, log, self._written))

    def _acknowledged(self, log: int, count: int, answer: bytes) -> None:
        self._visit.ledger.note(log, wire.first_number(answer), self._index, count)
        self._rest()

    def _ask(
        self,
        act: Act,
        question: bytes,
        wanted: int,
        answered: Callable[[bytes], None] | None = None,
    ) -> None:
        def take(kind: int, answer: bytes) -> None:
            if kind != wanted:
                self._visit.failed(f"{wire.user(self._index)}: {act} was answered by kind {kind}")
                self._rest()
            elif answered is not None:
                answered(answer)
            else:
                self._rest()
            self._visit.ended(act, self._loop.time() - self._asked)

        self._client.ask(question, take)

    def _return(self) -> None:
        """Come again, over a new connection, as a client that was started again does."""
        self._client.leave()
        self._visit.began()
        task = self._loop.create_task(self._enter())
        self._visit.returning.add(task)
        task.add_done_callback(self._visit.returning.discard)

    async def _enter(self) -> None:
        began = self._loop.time()
        try:
            self._client = await enter(self._visit.port, self._index)
        except (Broken, OSError) as exc:
            self._visit.failed(f"{wire.user(self._index)} cannot log in: {exc}")
            self._visit.gave_up()
            return
        self._client.watch(self.lost)
        self._visit.entered(self._index, self._client)
        self._visit.ended(Act.ENTER, self._loop.time() - began)
        self._rest()

    def lost(self, client: Client, why: Exception | None) -> None:
        """The server has ended the connection; the user stays away."""
        self._is_lost = True
        ended = f"the connection of {wire.user(self._index)} has ended"
        self._visit.failed(f"{ended}: {why or 'closed by the server'}")
        if client.is_waiting:
            self._visit.gave_up()
