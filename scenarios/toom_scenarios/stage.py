"""A stage: one isolated conference, with a network, hosts, terminals, a seed and a folder for the
evidence.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from .accounting import EVIDENCE, FORCED, HOSTS, PROGRAMS, PROMISED, REMOVAL, on
from .accounts import ACCOUNTS, CREDENTIALS, credentials
from .deadline import Deadline, pause
from .diary import Diary
from .errors import Unsupported, UsageError
from .facts import Ending
from .host import Host
from .hosts.base import Carrier, Driver, Machine
from .implementation import Implementation, Program
from .programs import Client, Server
from .terminal import Terminal
from .terminals import Terminals
from .verdict import Verdict

SERVER_PORT: Final = 4000
LISTEN_LIMIT: Final = 10.0  # seconds until a server listens, before the host's slowness


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run gives to each of its stages.

    Attributes:
        slowness: default deadlines are multiplied by it.
        lifetime: seconds after which nothing of the stage may live any more.
    """

    driver: Driver
    implementation: Implementation
    seed: int
    slowness: float
    video: Path | None
    lifetime: float
    keep: bool = False


class Stage:
    """One conference, made for one scenario and removed after it.

    Attributes:
        name: the scenario's.
        folder: for the evidence; what a scenario puts there is kept.
        seed: of this run; `random` is seeded with it and the scenario's name.
        promised: id of the promise that is being examined, or "".
    """

    def __init__(self, name: str, folder: Path, setting: Setting) -> None:
        self.name = name
        self.folder = folder
        self.seed = setting.seed
        self.random = random.Random(f"{setting.seed}:{name}")
        self._setting = setting
        self._network = setting.driver.network(name, folder, setting.lifetime)
        self._diary = Diary(folder, here=setting.driver.name == "local")
        self._timeline = self._diary.timeline
        self._hosts: dict[str, Host] = {}
        self._terminals = Terminals(folder, self._timeline, setting.slowness)
        self._server: Server | None = None
        self._accounts: Mapping[str, str] = ACCOUNTS
        self._failed = False
        self.promised = ""

    def promise(self, id: str) -> None:  # noqa: A002 - what promises.toml calls it
        """From here on this promise is examined: a failure is one of it.

        Args:
            id: one of those that the scenario names.
        """
        self.promised = id
        self._diary.note(f"examines {id}")

    # --- hosts ----------------------------------------------------------------------------------

    def host(self, name: str, *, disk: int | None = None) -> Host:
        """The host of that name; it is made when there is none.

        Args:
            disk: bytes that the working directory of a new host has room for; None: no limit.

        Raises:
            Unsupported: no host here has a disk of its own.
        """
        return self.hosts(name, disk=disk)[0]

    @on(HOSTS)
    def hosts(self, *names: str, disk: int | None = None) -> list[Host]:
        """Several hosts; those that are missing are made at once. `disk`: see `host`."""
        new = [name for name in dict.fromkeys(names) if name not in self._hosts]
        for machine in self._network.machines(new, disk):
            self._take(machine)
        return [self._hosts[name] for name in names]

    def _take(self, machine: Machine) -> None:
        put = partial(self._diary.put, machine.name)
        host = Host(machine, slowness=self._setting.slowness, put=put)
        self._hosts[machine.name] = host
        self._diary.takes(machine)
        if self._setting.implementation.files is not None:
            _copy_tree(self._setting.implementation.files, host)

    def needs_addresses(self, count: int = 2) -> None:
        """Say that hosts must have addresses of their own.

        Raises:
            Unsupported: here they share one.
        """
        if self._setting.driver.addresses < count:
            raise Unsupported(
                f"needs {count} addresses: here all hosts share 127.0.0.1 (no network namespaces)"
            )

    # --- programs -------------------------------------------------------------------------------

    def server(
        self,
        attempts: int | str | None = 3,
        *,
        accounts: Mapping[str, str] | str | bytes | None = None,
        files: Mapping[str, bytes | str | Path] = {},  # noqa: B006 - never changed
        port: int | str | None = None,
        host: Host | None = None,
        listens: bool = True,
        stderr: str | None = None,
        environment: Mapping[str, str] = {},  # noqa: B006 - never changed
        folder: str = "",
        arguments: Sequence[str] = (),
    ) -> Server:
        """Start the server on its host (`server`), in its own directory.

        Args:
            attempts: its second argument, as it is; None: left out.
            accounts: for credentials.txt, a dict or the very text; default: the sample accounts.
            files: others to put into its directory first, by name.
            port: its first argument, default 4000; where hosts share an address, a free port in
                its place. A text is given to the program as it is, whatever it says.
            host: another host than `server`.
            listens: wait until it listens (asked inside its host, without connecting). Else: it is
                only started, the scenario looks at `server.terminal`, and clients go on looking for
                the server before it.
            stderr: name of a file in the server's directory that gets what it writes there, so that
                the terminal shows stdout alone.
            environment: variables for it alone, such as TZ.
            folder: below its host's directory, to run in; for several servers on one host.
            arguments: more of them, after the two.

        Raises:
            ExpectationFailed: it ended, or did not listen in time.
        """
        place = host or self.host("server")
        if accounts is None:
            accounts = ACCOUNTS
        if (running := self._network.running_server()) is not None:
            return self._joins(place, *running, accounts)
        if isinstance(accounts, Mapping):
            self._accounts = accounts
            accounts = credentials(accounts)
        for name, content in {CREDENTIALS: accounts, **files}.items():
            place.put(str(folder / Path(name)), content)
        self._furnish(place, folder)
        self._diary.serves(place.name)
        if not isinstance(port, str):
            port = place.machine.tcp_port(SERVER_PORT if port is None else port)

        def start() -> Terminal:
            program = self._setting.implementation.server
            command = (*program.command, *arguments)
            program = Program(command, {**program.environment, **environment})
            terminal = self._terminals.open(
                Terminal,
                place.name,
                place,
                program.within(folder, stderr=stderr),
                values={"port": port, "attempts": attempts},
            )
            if listens:
                self._wait_until_it_listens(place, int(port), terminal)
            return terminal

        number = int(port) if str(port).isdecimal() else 0
        server = Server(place, number, start(), start, folder)
        if listens or self._server is None:
            self._server = server
        return server

    def _furnish(self, host: Host, folder: str) -> None:
        """Copy what the implementation needs, into a folder where a program is to run."""
        if folder and self._setting.implementation.files is not None:
            _copy_tree(self._setting.implementation.files, host, folder)

    def _joins(
        self, place: Host, port: int, console: Carrier, accounts: Mapping[str, str] | str | bytes
    ) -> Server:
        """A server that is up already: its files and its arguments stay as they are."""
        if isinstance(accounts, Mapping):
            self._accounts = accounts
        self._diary.serves(place.name)
        terminal = self._terminals.watch(
            Terminal, place.name, f"{place.name} ({place.address})", console
        )

        def again() -> Terminal:
            raise Unsupported("the server of a running conference is not started again")

        self._server = Server(place, port, terminal, again)
        return self._server

    @on(PROGRAMS)
    def _wait_until_it_listens(self, host: Host, port: int, terminal: Terminal) -> None:
        limit = LISTEN_LIMIT * self._setting.slowness
        deadline = Deadline(limit)
        wanted = f"the server listens on port {port}"
        while not host.comes_to_listen(port):
            if not terminal.is_running():
                terminal.fails("the server ended before it listened", wanted=wanted, limit=limit)
            if deadline.passed():
                terminal.fails("the server does not listen", wanted=wanted, limit=limit)

    def client(
        self,
        name: str,
        *,
        user: str | None = None,
        password: str | None = None,
        udp_port: int | str | None = None,
        host: Host | None = None,
        server: Server | None = None,
        at: tuple[str, int | str] | None = None,
        folder: str = "",
    ) -> Client:
        """Open a terminal with a client, and log in when a user is named.

        Args:
            name: of the terminal, and of its new host.
            user: who logs in; None: the log-in dialogue is left to the scenario.
            password: default: the user's in this stage's accounts.
            udp_port: default 8000, or the next on a host that has one already; a text is given to
                the program as it is, whatever it says.
            host: an existing host, to share it.
            server: another server than this stage's.
            at: where the client is told to look for a server, whether there is one or not.
            folder: below its host's directory, to run in, instead of the directory itself.
        """
        conference = server or self._server
        if at is None:
            if conference is None:
                raise UsageError(f"{self.name}: start the server before the client {name}")
            at = conference.address, conference.port
        place = host or self.host(name)
        wanted = udp_port if udp_port is not None else self._terminals.next_udp_port(place)
        port = wanted if isinstance(wanted, str) else place.machine.udp_port(wanted)
        self._furnish(place, folder)
        client = self._terminals.open(
            Client,
            name,
            place,
            self._setting.implementation.client.within(folder),
            values={"server": at[0], "port": at[1], "udp_port": port},
            host=place,
            udp_port=port if isinstance(port, int) else 0,
            folder=folder,
        )
        if user is not None:
            client.logs_in(user, self.password(user) if password is None else password)
        return client

    def clients(self, **users: str) -> list[Client]:
        """Clients on new hosts: `yoda, han = stage.clients(yoda="Yoda", han="Han")`."""
        self.hosts(*users)
        return [self.client(name, user=user) for name, user in users.items()]

    def terminal(
        self, host: Host, name: str | None = None, *, udp_port: int | None = None
    ) -> Client:
        """A client at the log-in prompt, in an existing host."""
        return self.client(
            name or self._terminals.new_name(host.name), host=host, udp_port=udp_port
        )

    def command(self, host: Host, *argv: str, name: str | None = None) -> Terminal:
        """Any program at a terminal in a host."""
        return self._terminals.open(
            Terminal, name or self._terminals.new_name(host.name), host, Program(argv)
        )

    def password(self, user: str) -> str:
        """The user's password in this stage.

        Raises:
            UsageError: there is no such account.
        """
        if user not in self._accounts:
            raise UsageError(f"no account {user!r}; there are {', '.join(self._accounts)}")
        return self._accounts[user]

    # --- time, videos ---------------------------------------------------------------------------

    def server_time(self) -> datetime:
        """The local time on the server's host, to the second."""
        return (self._server.host if self._server else self.host("server")).now()

    def lets_pass(self, seconds: float, *, because: str, promised: bool = True) -> None:
        """A real pause, only where time itself was promised.

        Args:
            because: the promise, in words.
            promised: False where no length was promised and time must pass all the same, as for the
                next second of a clock. `toom bench suite` adds these up: they are to be few.
        """
        self._diary.note(f"lets {seconds:.3f} s pass: {because}")
        with on(PROMISED if promised else FORCED):
            pause(seconds)

    @contextmanager
    def awaits_limit(self, *, because: str) -> Iterator[None]:
        """What is awaited in the block comes when a time limit of SPEC has passed.

        Args:
            because: the limit, in words; its time is booked as promised.
        """
        self._diary.note(f"awaits a limit: {because}")
        with on(PROMISED):
            yield

    @property
    def video(self) -> Path | None:
        """The user's own video (`--video FILE`), or None: take a sample."""
        return self._setting.video

    # --- the end --------------------------------------------------------------------------------

    def endings(self) -> tuple[Ending, ...]:
        """The last rows of each terminal and whether its process lives, for a report."""
        return self._terminals.endings()

    def done(self) -> tuple[str, ...]:
        """What was typed last, in words, for a report."""
        return tuple(self._timeline.done())

    def now(self) -> float:
        """Seconds since the stage began."""
        return self._timeline.now()

    def judged(self, verdict: str, reason: str = "") -> None:
        """Write the verdict down; after a failure big files are kept in the evidence too."""
        self._failed = self._failed or verdict in (Verdict.FAIL, Verdict.BROKEN)
        self._diary.note(f"{verdict}: {reason}" if reason else verdict)

    def close(self, largest: int | None) -> str:
        """Freeze, collect the evidence, remove everything.

        The server goes first, so that its logs stay as they were at the verdict and are not tidied
        by departing clients.

        Args:
            largest: bytes; of bigger files only size and digest are kept. None, or after a failure:
                all is kept.

        Returns:
            With `keep`: how a person gets in; else "".
        """
        try:
            return self._collect(largest)
        finally:
            self._remove()

    @on(EVIDENCE)
    def _collect(self, largest: int | None) -> str:
        kept = ""
        leaves = self._setting.keep and self._setting.driver.name != "local"
        self._terminals.settle()
        self._diary.settle()
        if not leaves:
            self._network.freeze()
            self._terminals.close()
        for host in self._hosts.values():
            host.machine.collect(
                self.folder / "hosts" / host.name, None if self._failed else largest
            )
        if leaves or self._setting.keep:
            kept = self._network.keep()
        return kept

    @on(REMOVAL)
    def _remove(self) -> None:
        if not self._setting.keep or self._setting.driver.name == "local":
            self._network.close()
        self._terminals.end()
        self._diary.close()


def _copy_tree(source: Path, host: Host, folder: str = "") -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            host.put(str(folder / path.relative_to(source)), path)
