"""This client's end of a transfer, made from a ticket (PROTOCOL 5.3).

Belongs here: what each end is given, why none can be made. Does not: what it does (presenting,
listening), when it gets its turns (transfers). The engines are loaded late: the client is to be at
its prompt at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toom_client.berths import Berths
from toom_client.datagrams import Datagrams
from toom_client.files import OpenedFile
from toom_client.jobs import Jobs
from toom_client.rules import Rules
from toom_client.tickets import Ticket
from toom_protocol.errors import MalformedPacket
from toom_protocol.transfer.packets import connection_of
from toom_protocol.transfer.reasons import Reason

if TYPE_CHECKING:
    from toom_client.listening import Listening
    from toom_client.presenting import Presenting
    from toom_client.tracing import TraceFile, Traces
    from toom_protocol.transfer.noise import KeyPair
    from toom_protocol.transfer.trace import Role


class Ends:
    """Makes both kinds of ends for one client."""

    def __init__(
        self,
        directory: Path,
        *,
        clock: Callable[[], float],
        log: Callable[[str], None],
        datagrams: Datagrams,
        jobs: Jobs,
        berths: Berths,
        rules: Rules,
        traces: Traces | None,
    ) -> None:
        """Keep what ends need; see `Transfers`."""
        self.keys: KeyPair | None = None
        """By which peers know this client; without them no end is made."""
        self._directory = directory
        self._clock = clock
        self._log = log
        self._datagrams = datagrams
        self._jobs = jobs
        self._rules = rules
        self._traces = traces
        self._berths = berths
        self._closed = False

    def close(self) -> None:
        """Make no more."""
        self._closed = True
        self._berths.close()

    def audience(self, ticket: Ticket) -> Listening | None:
        """Expect the presenter of a ticket; None where that cannot be."""
        peer = ticket.peer_address()
        if peer is None or self.keys is None or self._closed:
            return None
        from toom_client.listening import Listening

        return Listening(
            ticket,
            peer,
            self.keys,
            self._directory,
            now=self._clock(),
            clock=self._clock,
            berths=self._berths,
            work=self._jobs.work,
            sync=self._jobs.sync,
            rules=self._rules,
            begin_trace=partial(self._begin_trace, ticket, "audience") if self._traces else None,
        )

    def presenter(self, ticket: Ticket, file: OpenedFile) -> Presenting | Reason:
        """Say hello to the audience of a ticket, or say why that cannot be."""
        from toom_client.presenting import Presenting

        peer = ticket.peer_address()
        if peer is None:
            return Reason.UNSUPPORTED
        if self.keys is None or self._closed:
            return Reason.GIVEN_UP
        begin = partial(self._begin_trace, ticket, "presenter") if self._traces else None
        try:
            return Presenting(
                ticket,
                peer,
                self.keys,
                file,
                now=self._clock(),
                congestion=self._rules.congestion,
                begin_trace=begin,
            )
        except MalformedPacket:  # a public key that is none
            return Reason.UNSUPPORTED

    def _begin_trace(self, ticket: Ticket, role: Role, now: float) -> TraceFile | None:
        if self._traces is None:
            return None
        connection = connection_of(ticket.number)
        try:
            trace = self._traces.begin(connection, role, ticket.peer, now=now, log=self._log)
        except OSError as error:
            self._log(f"event=trace-failed connection={connection:07x} reason={str(error)!r}")
            return None
        trace.started(self._datagrams.socket.getsockname(), ticket.peer_address())
        trace.offloads(segmentation=self._datagrams.cuts, receive=self._datagrams.joins)
        return trace


def load_engines() -> None:
    """Load what `Ends` needs, 60 ms, which the first transfer is spared."""
    import toom_client.listening
    import toom_client.presenting  # noqa: F401
