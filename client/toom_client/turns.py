"""The transfers that are under way, and whose turn it is (SPEC S12).

Belongs here: who comes and goes, quanta, when each is measured. Does not: the thread and the socket
(transfers), what a transfer does with its turn (presenting, listening).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from toom_client.audiences import Audiences
from toom_client.datagrams import Datagrams
from toom_client.progress import MEASURED_EVERY, Progress
from toom_client.reports import Report
from toom_client.roster import Roster, Transfer
from toom_client.routes import Routes
from toom_protocol.transfer.reasons import Reason

if TYPE_CHECKING:
    from toom_client.listening import Listening

ROUNDS: Final = 4  # of quanta between two looks at the socket; each look costs as much as one


class Turns:
    """Gives every transfer its turns; it belongs to the transfers' thread."""

    def __init__(
        self,
        datagrams: Datagrams,
        audiences: Audiences,
        *,
        clock: Callable[[], float],
        report: Callable[[Report], None],
        log: Callable[[str], None],
    ) -> None:
        """Begin with none; see `Transfers`."""
        self.routes: Final = Routes()
        self.roster: Final = Roster()
        self.progress: tuple[Progress, ...] = ()
        """Replaced as a whole, so any thread may read it."""
        self._datagrams = datagrams
        self._audiences = audiences
        self._clock = clock
        self._report = report
        self._log = log
        self._due: dict[Transfer, float] = {}  # by transfer: when it has its next turn
        self._measure_at = 0.0

    @property
    def settled(self) -> bool:
        """Whether nobody has anything left to do or to say."""
        return all(transfer.settled for transfer in self._due)

    def admit(self, transfer: Transfer, number: int | None = None) -> bool:
        """Give a transfer its routes and its turns; False where another has its number already.

        Args:
            number: in the list, of an earlier try whose place it takes.
        """
        if not self.routes.add(transfer):
            self._log(f"event=number-taken connection={transfer.connection:07x}")
            return False
        self._due[transfer] = 0.0
        self.roster.admit(transfer, now=self._clock(), number=number)
        self._measure_at = 0.0
        return True

    def admit_audience(self, listening: Listening) -> None:
        """Admit one that receives, and forget the one that it crowds out (PROTOCOL 3.4)."""
        if self.admit(listening):
            crowded_out = self._audiences.add(listening)
            if crowded_out is not None:
                self._forget(crowded_out)

    def deadlines(self) -> list[float]:
        """When the next turns are due."""
        return [min(self._due.values()), self._measure_at] if self._due else []

    def look_again(self) -> None:
        """Something was done to some of them: each says anew when its next turn is."""
        for transfer in self._due:
            self._due[transfer] = transfer.deadline()

    def serve(self) -> None:
        """Give every transfer its turns: a quantum each, round robin, while somebody is due.

        Those that wait cost next to nothing: after its end a transfer lingers for seconds.
        """
        self._audiences.share_buffer()
        now = self._clock()
        stirred = self.routes.heard
        stirred.update((transfer, None) for transfer, due in self._due.items() if due <= now)
        self.routes.heard = {}
        due = [transfer for transfer in stirred if transfer.deadline() <= now]
        for _ in range(ROUNDS):
            due = [transfer for transfer in due if self._gives_turn(transfer)]
            if not due:
                break
        now = self._clock()
        for transfer in stirred:
            self._hear(transfer)
            if transfer.over(now=now):
                self._forget(transfer)
            else:
                self._due[transfer] = transfer.deadline()
        if now >= self._measure_at:
            self._measure(now)

    def _gives_turn(self, transfer: Transfer) -> bool:
        """Let a transfer send a quantum; whether it did, and so may have another one to send."""
        if self._datagrams.waits:
            return False
        return transfer.poll(self._datagrams.send, now=self._clock())

    def give_up(self, *, now: float) -> None:
        """Have all of them tell their peers that the client ends."""
        for transfer in self._due:
            transfer.give_up(now=now)

    def fail(self) -> None:
        """End all of them at once, and tell the user."""
        for transfer in self._due:
            transfer.give_up(now=self._clock(), reason=Reason.UNKNOWN)
            self._hear(transfer)

    def close(self) -> None:
        """Let go of all of them; what is unfinished waits for another try."""
        for transfer in self._due:
            transfer.drop(keep=True)
            _end_trace(transfer)
        self.progress = ()

    def _hear(self, transfer: Transfer) -> None:
        for report in transfer.events():
            self.roster.end(transfer, report)
            self._report(report)

    def _measure(self, now: float) -> None:
        """Look how far everybody has come, and have traces written now and then."""
        self._measure_at = now + MEASURED_EVERY
        under_way = []
        for transfer in self._due:
            progress = self.roster.measure(transfer, now=now)
            if progress is not None:
                under_way.append(progress)
            if transfer.trace is not None:
                transfer.trace.tick(progress, now=now)
        self.progress = tuple(under_way)

    def _forget(self, transfer: Transfer) -> None:
        transfer.drop()
        _end_trace(transfer)
        del self._due[transfer]
        self.roster.forget(transfer)
        self._audiences.remove(transfer)
        self.routes.remove(transfer)
        self._log(f"event=forgotten connection={transfer.connection:07x} bad={transfer.dropped}")


def _end_trace(transfer: Transfer) -> None:
    if transfer.trace is not None:
        transfer.trace.close()
