"""The whole server without sockets and without time: lives that begin and end in one directory.

Conference, hub, connections and store are the real ones; transports and clocks are doubles.
"""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.fuzz.play import Wire
from toom_client import wording
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_server.accounts import Accounts
from toom_server.conference import Conference
from toom_server.file_store import FileStore
from toom_server.hub import Hub
from toom_server.line_writer import LineWriter
from toom_server.store import Durability

Result = TypeVar("Result")
TURNS = 1000  # of the event loop; far more than an answer takes


class Clock:
    """Both clocks of the server; they go on when they are told to."""

    def __init__(self) -> None:
        self._monotonic = 1000.0
        self._local = datetime(2022, 6, 1, 23, 59, 30)

    def monotonic(self) -> float:
        return self._monotonic

    def now(self) -> datetime:
        return self._local

    def go_on(self, seconds: float) -> None:
        self._monotonic += seconds
        self._local += timedelta(seconds=seconds)

    def set_back(self, seconds: float) -> None:
        self._local -= timedelta(seconds=seconds)


class Whole:
    """A server, life after life."""

    def __init__(self, directory: Path, passwords: dict[str, str], attempts: int) -> None:
        self.directory = directory
        self.clock = Clock()
        self._passwords, self._attempts = passwords, attempts
        self._request_ids = count(1)
        self._faults: list[dict[str, Any]] = []  # what went wrong in the event loop
        self._patch = pytest.MonkeyPatch()
        for name in ("hub.time", "hub.datetime", "connection.time"):
            self._patch.setattr(f"toom_server.{name}", self.clock)
        self._patch.setattr("toom_server.presence.INTERVAL", 0.0)

    def begin(self) -> tuple[str, ...]:
        """Start; give the warnings."""
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self._faults.append(context))
        self._store = FileStore(self.directory, durability=Durability.SYSTEM)
        history = self._store.load()
        accounts = Accounts(self._passwords)
        conference = Conference(accounts, self._attempts, history, lambda: (7, b"k" * 32))
        self._console = LineWriter(io.StringIO())
        self._hub = Hub(conference, self._store, self._console)
        return history.warnings

    def stop(self) -> None:
        """End in order, as after SIGTERM."""
        self._loop.run_until_complete(self._hub.close())
        self._turn()
        self._store.close()
        self._loop.close()

    def kill(self) -> None:
        """End without warning: nothing that waits in memory is done any more."""
        self._loop.close()
        self._hub.drop()
        self._console.close()
        self._store.drop()

    def close(self) -> None:
        self._patch.undo()

    def connect(self, address: str) -> Wire:
        wire = self._do(lambda: Wire(self._hub, address))
        self._do(lambda: wire.protocol.data_received(PREFACE))
        return wire

    def hang_up(self, wire: Wire) -> None:
        self._do(wire.close)
        self.settle()

    def send(self, *requests: tuple[Wire, m.Request]) -> list[int]:
        """Let requests come at once, and give their ids."""
        ids = [next(self._request_ids) for _ in requests]

        def come() -> None:
            for request_id, (wire, request) in zip(ids, requests, strict=True):
                wire.protocol.data_received(encode(request_id, request))

        self._do(come)
        return ids

    def ask(self, wire: Wire, request: m.Request, username: str) -> list[str]:
        """Let a request come and be answered; give the lines that the user reads."""
        [request_id] = self.send((wire, request))
        for _ in range(TURNS):
            self.settle()
            replies = self.replies(wire, request_id)
            if replies and not isinstance(replies[-1], m.ActiveLines | m.LogLines):
                return _worded(replies, request, username)
        raise AssertionError(f"{request} is not answered")

    def replies(self, wire: Wire, request_id: int) -> list[m.Reply]:
        frames = Decoder().receive(wire.said)
        return [message for got, message in frames if got == request_id]  # type: ignore[misc]

    def settle(self) -> None:
        """Let the server do all that it has to do."""
        self._turn()
        self._loop.run_until_complete(self._hub.settle())
        self._turn()
        assert self._faults == []

    def turn(self, times: int) -> None:
        """Let the event loop turn so many times, and no more."""
        for _ in range(times):
            self._turn()

    def sweep(self) -> None:
        self._do(lambda: self._hub.drop_silent(self.clock.monotonic()))
        self.settle()

    def _turn(self) -> None:
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()

    def _do(self, work: Callable[[], Result]) -> Result:
        """Do something in the event loop, in a turn of its own."""
        done: Future[Result] = Future()

        def do() -> None:
            try:
                done.set_result(work())
            except BaseException as exc:
                done.set_exception(exc)

        self._loop.call_soon(do)
        self._turn()
        return done.result(timeout=0)

    def files(self) -> dict[str, str]:
        """What people see in the directory."""
        return {
            path.name: path.read_bytes().decode()
            for path in self.directory.iterdir()
            if path.is_file()
        }


def _worded(replies: list[m.Reply], request: m.Request, username: str) -> list[str]:
    match replies[0]:
        case m.LoggedIn():
            return [wording.WELCOME]
        case m.LoginFailed(fault):
            return [wording.say_login_fault(fault, username)]
    teller = wording.Teller(username)
    return [line for reply in replies for line in teller.tell(reply, request)]
