"""The runner's end of the stream to a host's agent.

Belongs here: one thread for each host, which alone reads and writes its stream, so that nobody who
is interrupted leaves half a message; and requests with their answers. Does not: what is asked
(container.py, agent_terminal.py).
"""

from __future__ import annotations

import itertools
import os
import queue
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Final

from ..deadline import Deadline
from ..errors import Broken
from . import boot
from .agent import wire
from .stream import READ_SIZE, STDERR, Pieces

Hear = Callable[[int, bytes], None]  # kind and content of a message

HELLO_CHANNEL: Final = 0
LOST: Final = -1  # the kind of the last message on each channel when the agent is gone
LAST: Final = (wire.DONE, wire.EXIT)  # kinds after which nothing comes
START_LIMIT: Final = 30.0  # seconds until an agent is there, on a busy machine
SILENCE_LIMIT: Final = 30.0  # seconds without a word from an agent that has something to do
QUEUE_LIMIT: Final = 1 << 20  # bytes on their way to a host, above which the sender waits
LAST_WORDS: Final = 2000  # characters of what an agent prints when it fails
LEAVE_LIMIT: Final = 5.0  # seconds


class Link:
    """A host's agent, as the runner talks to it.

    Args:
        name: of the host, for messages.
        stream: to the agent's stdin and from its stdout; taken over.
        first: what has come on it already.
        in_pieces: as an engine cuts it where there is no TTY; with stderr.
        why_gone: says more when the agent is gone.
    """

    def __init__(
        self,
        name: str,
        stream: socket.socket,
        *,
        first: bytes = b"",
        in_pieces: bool = True,
        why_gone: Callable[[], str] = lambda: "",
    ) -> None:
        self.name = name
        self._stream = stream
        self._pieces = Pieces() if in_pieces else None
        self._why_gone = why_gone
        self._messages = wire.Messages()
        self._numbers = itertools.count(1)
        self._ears: dict[int, Hear] = {}
        self._words = b""
        self._lost = ""
        self._leaving = False
        self._room = threading.Condition()
        self._out: deque[bytes] = deque([boot.TEXT])
        self._waiting = len(boot.TEXT)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        stream.setblocking(False)
        self._hello = Request(self, HELLO_CHANNEL)
        self._thread = threading.Thread(target=self._run, args=(first,), name=name, daemon=True)
        self._thread.start()

    # --- for whoever asks

    def directory(self) -> str:
        """The host's working directory; waits until the agent is there.

        Raises:
            Broken: it does not come.
        """
        try:
            _, content = self._hello.answer(START_LIMIT)
        except TimeoutError as error:
            raise self.broken(f"its agent does not start ({error})") from error
        return os.fsdecode(content)

    def ask(self, kind: int, content: bytes = b"") -> Request:
        """Ask for something that is answered on a channel of its own. Raises Broken."""
        request = Request(self, self.new_channel())
        request.send(kind, content)
        return request

    def new_channel(self) -> int:
        """A number that nobody has used."""
        return next(self._numbers)

    def listen(self, channel: int, hear: Hear) -> None:
        """Have the link's thread hear what comes on a channel; last of all LOST."""
        self._ears[channel] = hear

    def forget(self, channel: int) -> None:
        """Nobody listens there any more."""
        self._ears.pop(channel, None)

    def give_up(self, channel: int) -> None:
        """Have the agent end what it does for a channel, without waiting for it."""
        self.forget(channel)
        with suppress(Broken):
            self.send(wire.CLOSE, self.new_channel(), wire.pack(channel))

    def send(self, kind: int, channel: int, content: bytes = b"") -> None:
        """Raises Broken: the agent is gone, or takes nothing."""
        data = wire.message(kind, channel, content)
        with self._room:
            there = self._room.wait_for(
                lambda: self._waiting < QUEUE_LIMIT or self._lost, SILENCE_LIMIT
            )
            if self._lost or not there:
                raise self.broken(self._lost or "its agent takes nothing any more")
            self._out.append(data)
            self._waiting += len(data)
            os.eventfd_write(self._wake, 1)

    @property
    def is_lost(self) -> bool:
        """The agent is gone, and cannot be asked anything."""
        return bool(self._lost)

    def broken(self, why: str = "") -> Broken:
        """To be raised: nothing can be known of the host any more."""
        reasons = [why or self._lost, self._words.decode(errors="replace").strip()[-LAST_WORDS:]]
        told = "; ".join(each for each in [*reasons, self._why_gone()] if each)
        return Broken(f"host {self.name}: {told}")

    def close(self) -> None:
        """Let the agent go. May be called twice."""
        if self._leaving:
            return
        self._leaving = True
        os.eventfd_write(self._wake, 1)
        self._thread.join(LEAVE_LIMIT)
        self._stream.close()
        with self._room:
            os.close(self._wake)

    # --- the thread

    def _run(self, first: bytes) -> None:
        why = "its link has failed"
        try:
            self._take(first)
            while not self._leaving:
                self._turn()
            why = "its link is closed"
        except (OSError, wire.Nonsense) as error:
            why = f"its agent cannot be reached ({error})"
        finally:
            self._lose(why)

    def _turn(self) -> None:
        poll = select.poll()
        poll.register(self._stream, select.POLLIN | (select.POLLOUT if self._out else 0))
        poll.register(self._wake, select.POLLIN)
        for file, events in poll.poll():
            if file == self._wake:
                os.eventfd_read(self._wake)
            elif events & ~select.POLLOUT:
                self._read()
        if self._out:
            self._write()

    def _read(self) -> None:
        try:
            data = self._stream.recv(READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("it has ended")
        self._take(data)

    def _take(self, data: bytes) -> None:
        for number, piece in self._pieces.feed(data) if self._pieces else [(0, data)]:
            if number == STDERR:
                self._words = (self._words + piece)[-LAST_WORDS:]
                continue
            for kind, channel, content in self._messages.feed(piece):
                if (hear := self._ears.get(channel)) is not None:
                    hear(kind, content)

    def _write(self) -> None:
        data = self._out[0]
        try:
            sent = self._stream.send(data)
        except BlockingIOError:
            return
        with self._room:
            self._waiting -= sent
            if sent < len(data):
                self._out[0] = data[sent:]
            else:
                self._out.popleft()
            self._room.notify_all()

    def _lose(self, why: str) -> None:
        with self._room:
            self._lost = why
            self._room.notify_all()
        for hear in list(self._ears.values()):
            hear(LOST, b"")


class Request:
    """A question to an agent, and its answers in order."""

    def __init__(self, link: Link, channel: int) -> None:
        self._link = link
        self._answers: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._taken = 0
        self.channel = channel
        link.listen(channel, self._hear)

    def _hear(self, kind: int, content: bytes) -> None:
        self._answers.put((kind, content))

    def send(self, kind: int, content: bytes = b"") -> None:
        """Raises Broken."""
        self._link.send(kind, self.channel, content)

    def answer(self, within: float = SILENCE_LIMIT) -> tuple[int, bytes]:
        """The next one: kind and content.

        Raises:
            OSError: the agent could not do it; FileNotFoundError among them.
            TimeoutError: it has said nothing in this time, in seconds.
            Broken: it is gone.
        """
        try:
            kind, content = self._answers.get(timeout=max(within, 0.001))
        except queue.Empty as error:
            raise TimeoutError(f"no answer for {within:.0f} s") from error
        if kind == LOST:
            raise self._link.broken()
        if kind == wire.FAILED:
            number, text = wire.unpack(content)
            raise OSError(int(number), text.decode())
        if kind == wire.DATA:
            self._taken += len(content)
            if self._taken > wire.WINDOW // 4:
                self.send(wire.CREDIT, wire.pack(self._taken))
                self._taken = 0
        return kind, content

    def answers(self, deadline: Deadline | None = None) -> Generator[tuple[int, bytes], None, None]:
        """All of them, up to the last, which is DONE or EXIT. What is not waited for is given up.

        Args:
            deadline: for all of them; else there is a limit for each.

        Raises:
            OSError, TimeoutError, Broken: as `answer`.
        """
        kind = 0
        try:
            while kind not in LAST:
                kind, content = self.answer(deadline.left() if deadline else SILENCE_LIMIT)
                yield kind, content
        finally:
            if kind in LAST:
                self._link.forget(self.channel)
            else:
                self._link.give_up(self.channel)

    def done(self, within: float = SILENCE_LIMIT) -> bytes:
        """Wait until it is done. Returns what the last answer says; raises as `answer`."""
        *_, (_, content) = self.answers(Deadline(within))
        return content
