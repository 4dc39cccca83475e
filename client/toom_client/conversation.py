"""What is said between the user, the server and the transfers, from log-in to OUT (SPEC S2 to S12).

Belongs here: the order of prompts, replies and notices. Does not: arguments and set-up (app.py).
"""

import asyncio
from pathlib import Path
from typing import Any, Final

from toom_client import wording
from toom_client.commands import PROMPT, Complaint, Upload, parse_command
from toom_client.files import open_for_sending
from toom_client.keyboard import Keyboard
from toom_client.line_editor import Interrupted, Line, Typed
from toom_client.link import Link, ServerGone
from toom_client.screen import Screen
from toom_client.transfers import Ticket, Transfers
from toom_protocol import messages as m

DONE: Final = 0  # exit statuses; SPEC S2, S11
REFUSED: Final = 1
INTERRUPTED: Final = 130
FAREWELL: Final = 5.0  # seconds that the server has to answer OUT


class Stopped(Exception):
    """A signal asks the client to end."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Conversation:
    """One user's session at the terminal."""

    def __init__(
        self, screen: Screen, keyboard: Keyboard, link: Link, transfers: Transfers, directory: Path
    ) -> None:
        self._screen = screen
        self._keyboard = keyboard
        self._link = link
        self._transfers = transfers
        self._directory = directory
        self._username = ""
        self._stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def stop(self, status: int) -> None:
        """Leave as if by OUT, and end with this status: a signal came."""
        if not self._stop.done():
            self._stop.set_result(status)

    async def run(self, udp_port: int, instance: bytes) -> int:
        """Talk until the user or the server ends it; give the exit status."""
        try:
            return await self._talk(udp_port, instance)
        except ServerGone:
            await self._give_up_transfers()
            self._screen.line(wording.say_end(self._link.sent_away))
            return REFUSED

    async def _talk(self, udp_port: int, instance: bytes) -> int:
        try:
            status = await self._log_in(udp_port, instance)
            if status is not None:
                return status
            return await self._obey_commands()
        except Stopped as exc:
            if self._username:
                await self._leave()
            return exc.status

    # --- log-in (SPEC S2) ---------------------------------------------------------------------

    async def _log_in(self, udp_port: int, instance: bytes) -> int | None:
        """Ask for name and password until the server lets the user in; a status: it does not."""
        name = ""
        while not name:
            typed = await self._line("Username: ")
            if not isinstance(typed, Line):
                return _status_of(typed)
            name = typed.content.decode(errors="replace")
        while True:
            typed = await self._line("Password: ", hidden=True)
            if not isinstance(typed, Line):
                return _status_of(typed)
            password = typed.content.decode(errors="replace")
            request = m.LogIn(name, password, udp_port, instance=instance)
            async for reply in self._link.ask(request):
                if isinstance(reply, m.LoggedIn):
                    self._username = reply.username
                    self._screen.line(wording.WELCOME)
                    return None
                if not isinstance(reply, m.LoginFailed):
                    self._screen.line(wording.say_reply(reply))
                    return REFUSED
                self._screen.line(wording.say_login_fault(reply.fault, name))
                if reply.fault is not m.LoginFault.WRONG:
                    return REFUSED

    # --- commands (SPEC S5) -------------------------------------------------------------------

    async def _obey_commands(self) -> int:
        while True:
            typed = await self._line(PROMPT)
            if isinstance(typed, Interrupted):
                self._screen.line("Type OUT to leave.")
            elif not isinstance(typed, Line):
                await self._leave()
                return DONE
            elif await self._obey(typed.content):
                return DONE

    async def _obey(self, content: bytes) -> bool:
        """Do what a line says; True: it said OUT."""
        command = parse_command(content.decode(errors="surrogateescape"))
        match command:
            case None:
                pass
            case Complaint(text):
                self._screen.line(text)
            case Upload():
                await self._upload(command)
            case m.LogOut():
                await self._leave()
                return True
            case _:
                await self._ask(command)
        return False

    async def _ask(self, request: m.Request) -> None:
        teller = wording.Teller(self._username)
        async for reply in self._link.ask(request):
            for line in teller.tell(reply, request):
                self._screen.line(line)
            if self._screen.is_behind:
                await asyncio.to_thread(self._screen.wait_for_room)

    async def _upload(self, upload: Upload) -> None:
        """UPD: first the user is checked, then the file (SPEC S12)."""
        async for reply in self._link.ask(m.Locate(upload.username)):
            if not isinstance(reply, m.Located):
                self._screen.line(wording.say_reply(reply))
                return
            file = open_for_sending(self._directory, upload.filename)
            if isinstance(file, str):
                self._screen.line(file)
                return
            ticket = Ticket(reply.ticket, reply.key, upload.username, reply.address, reply.udp_port)
            self._screen.line(f"Sending {upload.filename} to {upload.username}")
            self._transfers.present(ticket, file)

    async def _leave(self) -> None:
        """OUT: give up transfers, tell the server, say goodbye (SPEC S11)."""
        await self._give_up_transfers()
        try:
            async with asyncio.timeout(FAREWELL):
                await self._ask(m.LogOut())
        except TimeoutError:
            raise ServerGone("no answer to OUT") from None

    async def _give_up_transfers(self) -> None:
        """Tell the peers, and the user before the last line (SPEC S12); about a second at most."""
        await asyncio.to_thread(self._transfers.close)
        self._screen.show_held()

    # --- waiting ------------------------------------------------------------------------------

    async def _line(self, prompt: str, *, hidden: bool = False) -> Typed:
        """Wait for a line, unless the server goes away or a signal comes first."""
        typing = asyncio.ensure_future(self._keyboard.line(prompt, hidden=hidden))
        waiting: set[asyncio.Future[Any]] = {typing, self._link.gone, self._stop}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if typing.done():
            return typing.result()
        typing.cancel()
        self._screen.end_prompt()
        if self._stop.done():
            raise Stopped(self._stop.result())
        raise ServerGone(self._link.gone.result())


def _status_of(typed: Typed) -> int:
    """Give the status for a log-in that was given up: end of input is OUT, Ctrl-C is not."""
    return INTERRUPTED if isinstance(typed, Interrupted) else DONE
