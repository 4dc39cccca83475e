"""The two programs of the conference in their hosts: a client at its terminal, and the server."""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import prompts
from .files import HostFile
from .host import Host
from .output import Mark
from .terminal import Terminal

WELCOME = "Welcome to TOOM!"  # SPEC S2


class Client(Terminal):
    """A client program at a terminal.

    Attributes:
        host: the machine it runs on; its files are the client's working directory.
        udp_port: the UDP port it was started with; may differ from the one asked for where hosts
            share an address.
        folder: its working directory, below its host's; "" where it is the host's.
        user: who was logged in last, or "".
    """

    def __init__(
        self, *common: Any, host: Host, udp_port: int, folder: str = "", **rest: Any
    ) -> None:
        super().__init__(*common, **rest)
        self.host = host
        self.udp_port = udp_port
        self.folder = folder
        self.user = ""

    @property
    def address(self) -> str:
        """Of its host, as peers and the server see it."""
        return self.host.address

    def file(self, name: str) -> HostFile:
        """A file of its working directory."""
        return self.host.file(str(self.folder / Path(name)))

    def gives(self, user: str, password: str) -> None:
        """Answer the log-in dialogue: wait for each prompt and type. What comes then is up to the
        scenario.
        """
        self.sees_prompt(prompts.USERNAME)
        self.types(user)
        self.sees_prompt(prompts.PASSWORD)
        self.types_hidden(password)

    def logs_in(self, user: str, password: str) -> None:
        """The whole log-in, up to the first command prompt."""
        self.gives(user, password)
        self.sees_exactly(WELCOME)
        self.sees_prompt()
        self.user = user

    def leaves(self) -> None:
        """OUT: sees the farewell, and the program ends with status 0 (SPEC S11)."""
        self.types("OUT")
        self.sees_exactly(f"Bye, {self.user}!")
        self.ends(status=0)


class Server:
    """The server program on its host. Files are asked of it by name.

    Attributes:
        host: the machine it runs on.
        port: the TCP port it listens on.
        terminal: where its console lines appear (stdout and stderr, as at a real terminal).
        folder: its working directory, below its host's; "" where it is the host's.
    """

    def __init__(
        self,
        host: Host,
        port: int,
        terminal: Terminal,
        again: Callable[[], Terminal],
        folder: str = "",
    ) -> None:
        self.host = host
        self.port = port
        self.terminal = terminal
        self.folder = folder
        self._again = again

    @property
    def address(self) -> str:
        return self.host.address

    @property
    def directory(self) -> str:
        """Its working directory, a path inside the host."""
        return str(Path(self.host.directory) / self.folder)

    @property
    def log(self) -> list[str]:
        """The console lines so far."""
        return self.terminal.lines(since=Terminal.start)

    def file(self, name: str) -> HostFile:
        """A file of its directory, such as `messagelog.txt`."""
        return self.host.file(str(self.folder / Path(name)))

    def sees(
        self, pattern: str, *, within: float | None = None, since: Mark | None = None
    ) -> re.Match[str]:
        """Wait for a console line; see `Terminal.sees`."""
        return self.terminal.sees(pattern, within=within, since=since)

    def stops(
        self, signal: signals.Signals = signals.SIGTERM, *, within: float | None = None
    ) -> int:
        """Signal it and wait until it has ended. Returns its exit status; the host and its files
        stay.
        """
        self.terminal.kill(signal)
        return self.terminal.ends(None, within=within)

    def starts_again(self) -> None:
        """Start it on the same host, files and port; returns when it listens."""
        self.terminal.close()
        self.terminal = self._again()
