"""What is said between the user, the server and the transfers, from log-in to OUT (SPEC S2 to S12).

Belongs here: the order of prompts, replies and notices. Does not: a connection that goes and comes
back (session.py), arguments and set-up (app.py).
"""

import asyncio
from pathlib import Path
from typing import Final

from toom_client import tickets, wording
from toom_client.comeback import Comeback, NoWay
from toom_client.commands import (
    COMMANDS,
    MANAGE,
    Complaint,
    Upload,
    parse_command,
    prompt_of,
)
from toom_client.files import open_for_sending
from toom_client.identity import Identity
from toom_client.keyboard import Keyboard
from toom_client.line_editor import Interrupted, Line, Typed
from toom_client.link import Link, ServerGone
from toom_client.live import Feed
from toom_client.roster import Again, Order
from toom_client.screen import Screen
from toom_client.session import Session, Stopped
from toom_client.transfers import Transfers
from toom_protocol import messages as m
from toom_protocol.characters import seen

DONE: Final = 0  # exit statuses; SPEC S2, S11
REFUSED: Final = 1
INTERRUPTED: Final = 130
FAREWELL: Final = 5.0  # seconds that the server has to answer OUT


class Conversation:
    """One user's, at a terminal."""

    def __init__(
        self,
        screen: Screen,
        keyboard: Keyboard,
        link: Link,
        transfers: Transfers,
        directory: Path,
        *,
        identity: Identity,
        comeback: Comeback | None = None,
        feed: Feed | None = None,
        manages: bool = False,
    ) -> None:
        """Talk at a terminal.

        Args:
            identity: what peers are told of this client.
            comeback: of `--reconnect`; without it the session ends with its connection (SPEC S11).
            feed: of `--live`.
            manages: of `--manage`: TRF is a command, too.
        """
        self._commands = (*COMMANDS, MANAGE) if manages else COMMANDS
        self._identity = identity
        self._screen = screen
        self._keyboard = keyboard
        self._session = Session(link, screen, is_tty=keyboard.is_tty, comeback=comeback, feed=feed)
        self._transfers = transfers
        self._directory = directory

    def stop(self, status: int) -> None:
        """Leave as if by OUT, and end with this status: a signal came."""
        self._session.stop(status)

    async def run(self, udp_port: int, instance: bytes) -> int:
        """Talk until the user or the server ends it; give the exit status."""
        try:
            return await self._talk(udp_port, instance)
        except ServerGone:
            return await self._end(self._session.say_end())
        except NoWay as exc:
            return await self._end(str(exc))
        finally:
            self._session.close()

    async def _end(self, why: str) -> int:
        await self._give_up_transfers()
        self._screen.line(why)
        return REFUSED

    async def _talk(self, udp_port: int, instance: bytes) -> int:
        try:
            status = await self._log_in(udp_port, instance)
            if status is not None:
                return status
            return await self._obey_commands()
        except Stopped as exc:
            if self._session.outlasts and self._session.is_cut_off:
                await self._give_up_transfers()  # there is nobody to tell
            elif self._session.username:
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
        self._identity.draw()  # while the password is typed
        while True:
            typed = await self._line("Password: ", hidden=True)
            if not isinstance(typed, Line):
                return _status_of(typed)
            password = typed.content.decode(errors="replace")
            pair = await self._identity.pair()
            self._transfers.use_keys(pair)  # before anybody can be told of it
            request = m.LogIn(name, password, udp_port, instance=instance, public_key=pair.public)
            reply = await self._try_to_enter(request)
            if isinstance(reply, m.LoggedIn):
                missing = await self._session.begin(reply.username, password, pair.public)
                for line in (wording.WELCOME, *missing):
                    self._screen.line(line)
                return None
            if reply is None:
                continue
            if not isinstance(reply, m.LoginFailed):
                self._screen.line(wording.say_reply(reply))
                return REFUSED
            self._screen.line(wording.say_login_fault(reply.fault, name))
            if reply.fault is not m.LoginFault.WRONG:
                return REFUSED

    async def _try_to_enter(self, request: m.LogIn) -> m.Reply | None:
        """Ask to be let in; None: the answer was lost, and the password must be typed again.

        What was lost is not repeated, since a wrong password would be counted twice (SPEC S2).
        What is piped cannot be asked for again: its next line is something else.
        """
        await self._session.await_connection()
        try:
            return await self._session.log_in(request)
        except ServerGone:
            if not self._session.may_come_back:
                raise
            if not self._keyboard.is_tty:
                raise NoWay(f"{wording.LOG_IN_CUT_OFF} {wording.START_AGAIN}") from None
            self._screen.line(f"{wording.LOG_IN_CUT_OFF} {wording.PASSWORD_AGAIN}")
            return None

    # --- commands (SPEC S5) -------------------------------------------------------------------

    async def _obey_commands(self) -> int:
        while True:
            typed = await self._line(prompt_of(self._commands))
            if isinstance(typed, Interrupted):
                self._screen.line("Type OUT to leave.")
            elif not isinstance(typed, Line):
                await self._leave()
                return DONE
            elif await self._obey(typed.content):
                return DONE

    async def _obey(self, content: bytes) -> bool:
        """Do what a line says; True: it said OUT."""
        command = parse_command(content.decode(errors="surrogateescape"), self._commands)
        match command:
            case None:
                pass
            case Complaint(text):
                self._screen.line(text)
            case m.LogOut():
                await self._leave()
                return True
            case Order():
                await self._manage(command)
            case _:
                await self._carry_out(command)
        return False

    async def _manage(self, order: Order) -> None:
        """TRF: what the transfers can answer needs no server, but for another try."""
        answer = await asyncio.wrap_future(self._transfers.obey(order))
        if isinstance(answer, Again):
            await self._carry_out(Upload(answer.username, answer.filename, answer.number))
        for line in wording.say_answer(answer):
            self._screen.line(line)

    async def _carry_out(self, command: m.Request | Upload) -> None:
        if not await self._session.is_connected():
            self._screen.line(wording.NOT_CONNECTED)
            return
        try:
            if isinstance(command, Upload):
                await self._upload(command)
            else:
                await self._ask(command)
        except ServerGone:
            if not self._session.outlasts:
                raise
            self._screen.line(self._session.lost(command))

    async def _ask(self, request: m.Request) -> None:
        teller = wording.Teller(self._session.username)
        async for reply in self._session.ask(request):
            for line in teller.tell(reply, request):
                self._screen.line(line)
            if self._screen.is_behind:
                await asyncio.to_thread(self._screen.wait_for_room)

    async def _upload(self, upload: Upload) -> None:
        """UPD: first the user is checked, then the file (SPEC S12)."""
        async for reply in self._session.ask(m.Locate(upload.username)):
            if not isinstance(reply, m.Located):
                self._screen.line(wording.say_reply(reply))
                return
            if not reply.public_key:
                self._screen.line(wording.say_no_key(upload.username))
                return
            file = open_for_sending(self._directory, upload.filename)
            if isinstance(file, str):
                self._screen.line(file)
                return
            ticket = tickets.of(reply)
            self._screen.line(f"Sending {seen(upload.filename)} to {seen(upload.username)}")
            self._transfers.present(ticket, file, number=upload.number)

    async def _leave(self) -> None:
        """OUT: give up transfers, tell the server, say goodbye (SPEC S11)."""
        if not (self._keyboard.is_tty or self._session.is_stopped):
            # A script may be the last that knows of an open question.
            await self._session.is_connected()
        await self._give_up_transfers()
        is_said = not self._session.is_cut_off
        try:
            async with asyncio.timeout(FAREWELL):
                await self._ask(m.LogOut())
        except (TimeoutError, ServerGone):
            if self._session.outlasts and is_said:
                raise NoWay(wording.OUT_CUT_OFF) from None
            raise ServerGone("no answer to OUT") from None

    async def _give_up_transfers(self) -> None:
        """Tell the peers, and the user before the last line (SPEC S12); about a second at most."""
        await asyncio.to_thread(self._transfers.close)
        self._screen.show_held()

    async def _line(self, prompt: str, *, hidden: bool = False) -> Typed:
        """Wait for a line, unless the server goes away or a signal comes first."""
        typing = asyncio.ensure_future(self._keyboard.line(prompt, hidden=hidden))
        try:
            while not await self._session.wait_for(typing):
                pass
            return typing.result()
        except BaseException:
            typing.cancel()
            self._screen.end_prompt()
            raise


def _status_of(typed: Typed) -> int:
    """Give the status for a log-in that was given up: end of input is OUT, Ctrl-C is not."""
    return INTERRUPTED if isinstance(typed, Interrupted) else DONE
