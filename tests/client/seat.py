"""A whole client in the test's event loop: its keyboard is a pipe, its screen a file."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.doubles.patience import wait_until
from toom_client.comeback import Comeback, NotYet
from toom_client.conversation import Conversation
from toom_client.identity import Identity
from toom_client.keyboard import Keyboard
from toom_client.link import Link, request_ids
from toom_client.live import Feed
from toom_client.screen import Screen
from toom_client.transfers import Transfers
from toom_protocol import messages as m

PATIENCE = 10.0  # seconds that anything may take on a busy host
INSTANCE = b"i" * 16


class Seat:
    """What a user types and sees."""

    def __init__(self, keys: int, shown: Path, screen: Screen) -> None:
        self._screen = screen
        self._keys = keys
        self._shown = shown
        self.conversation: Conversation
        self.link: Link  # the first one
        self.transfers: Transfers  # not started
        self.done: asyncio.Task[int]
        self.pauses: list[float] = []

    def types(self, *lines: str) -> None:
        os.write(self._keys, "".join(f"{line}\n" for line in lines).encode())

    @property
    def screen(self) -> str:
        return self._shown.read_text()

    def lines(self) -> list[str]:
        """Give what was shown but prompts."""
        shown = [line.rpartition("UPD): ")[2] for line in self.screen.split("\n")]
        return [line for line in shown if line and line not in ("Username: ", "Password: ")]

    async def sees(self, text: str, times: int = 1) -> None:
        try:
            await asyncio.to_thread(wait_until, lambda: self.screen.count(text) >= times, PATIENCE)
        except AssertionError:
            raise AssertionError(f"{text!r} was not seen in:\n{self.screen}") from None

    async def ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            status = await self.done
        self._screen.close(PATIENCE)
        return status


def no_keyboard_is_read() -> bool:
    return not any(thread.name == "keyboard" for thread in threading.enumerate())


@contextlib.asynccontextmanager
async def seat(
    directory: Path,
    port: Callable[[], int],
    *,
    name: str = "Han",
    live: bool = False,
    reconnect: bool = False,
    manages: bool = False,
    logs_in: bool = True,
) -> AsyncIterator[Seat]:
    """Log a user in, unless told otherwise, at a server whose port may change."""
    directory.mkdir(exist_ok=True)
    reader, keys = os.pipe()
    shown = directory / f"screen-{name}"
    handle = os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    screen = Screen(handle)
    there = Seat(keys, shown, screen)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    feed = Feed() if live else None
    ids = request_ids() if reconnect else None

    def hear(message: m.Message) -> None:
        if feed is not None and isinstance(message, m.Posted):
            screen.notice(*feed.news(message))
        elif feed is not None:
            feed.sent(message)  # type: ignore[arg-type]

    async def connect() -> Link:
        loop = asyncio.get_running_loop()
        try:
            _, link = await loop.create_connection(
                lambda: Link(hear, ids, lambda: screen.is_behind), "127.0.0.1", port()
            )
        except OSError as exc:
            raise NotYet(str(exc)) from exc
        return link

    async def pause(seconds: float) -> None:
        there.pauses.append(seconds)
        turn = asyncio.Event()
        asyncio.get_running_loop().call_soon(turn.set)
        await turn.wait()

    comeback = None
    if reconnect:
        comeback = Comeback(connect, 8000, INSTANCE, chance=lambda: 1.0, pause=pause)
    transfers = Transfers(udp, directory, report=lambda report: None)
    there.transfers = transfers
    link = await connect()
    keyboard = Keyboard(reader, screen, asyncio.get_running_loop())
    there.conversation = Conversation(
        screen,
        keyboard,
        link,
        transfers,
        directory,
        identity=Identity(),
        comeback=comeback,
        feed=feed,
        manages=manages,
    )
    there.done = asyncio.create_task(there.conversation.run(8000, INSTANCE))
    there.link = link
    if logs_in:
        there.types(name, "pw")
    try:
        yield there
    finally:
        os.close(keys)
        there.done.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await there.done
        link.close()
        transfers.close()
        screen.close(PATIENCE)
        os.close(handle)
        await asyncio.to_thread(wait_until, no_keyboard_is_read, PATIENCE)
        os.close(reader)
