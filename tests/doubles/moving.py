"""A pair of real engines whose ends have addresses that change, and somebody on the path.

An end is heard from the address at which it is, and hears what is sent to one that it holds.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.doubles.link import Link, Pair
from toom_protocol.transfer.frames import Offer
from toom_protocol.transfer.packets import DataRun
from toom_protocol.transfer.paths import Address, Paths
from toom_protocol.transfer.patience import Control

PRESENTER: Final = "presenter"
AUDIENCE: Final = "audience"


@dataclass(frozen=True, slots=True)
class Sent:
    """One datagram."""

    source: Address
    target: Address
    content: Any  # (packet number, chunk) or a Control


@dataclass
class MovingPair(Pair):
    """Both ends know the other's first address; `moves` takes an end elsewhere."""

    thief: Callable[[MovingPair, Sent], None] | None = None
    """Sees each datagram when it is sent, and all that is sent to where nobody is."""
    at: dict[str, Address] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        draw = random.Random(self.seed).randbytes
        self.at = {PRESENTER: ("10.0.0.1", 1), AUDIENCE: ("10.0.0.2", 2)}
        self.held = {address: who for who, address in self.at.items()}
        self.presenter.paths = Paths(self.at[AUDIENCE], draw=lambda: draw(8))
        self.audience.paths = Paths(self.at[PRESENTER], draw=lambda: draw(8))
        self.seen_at: dict[str, list[Address]] = {PRESENTER: [], AUDIENCE: []}

    def moves(self, who: str, address: Address, *, keeps: bool = False) -> None:
        """From now on an end is seen from elsewhere.

        Args:
            keeps: what is sent to the old address still arrives.
        """
        if not keeps:
            del self.held[self.at[who]]
        self.at[who] = address
        self.held[address] = who

    def carry_data(self, run: DataRun) -> None:
        for index in range(run.count):
            packet = (run.packet_number + index, run.chunk + index)
            self._send(PRESENTER, self.presenter.paths.address, packet)

    def carry_control(self, item: Control, link: Link, deliver: Callable[[Control], None]) -> None:
        who = PRESENTER if link is self.network.forward else AUDIENCE
        engine = self.presenter if who == PRESENTER else self.audience
        self._send(who, item.address or engine.paths.address, item)

    def _send(self, who: str, target: Address, content: Any) -> None:
        sent = Sent(self.at[who], target, content)
        link = self.network.forward if who == PRESENTER else self.network.back
        self.network.carry(link, sent, self.arrives)
        if self.thief is not None:
            self.thief(self, sent)

    def inject(self, sent: Sent, *, after: float) -> None:
        """Deliver what neither end has sent."""
        self.network.put(sent, self.arrives, after=after)

    def arrives(self, sent: Sent) -> None:
        """A datagram reaches an address, from whomever."""
        who, now = self.held.get(sent.target), self.now
        content, source = sent.content, sent.source
        if who is None:
            if self.thief is not None:
                self.thief(self, sent)
        elif who == PRESENTER and isinstance(content, Control) and self.presenter_lives:
            number, frames = content.packet_number, content.frames
            self.presenter.receive(number, frames, now=now, source=source)
            self._note(AUDIENCE, self.presenter.paths)
        elif who == AUDIENCE and self.audience_lives:
            if not isinstance(content, Control):
                number, chunk = content
                self._chunk_arrives(number, chunk, source)
            elif isinstance(content.frames[0], Offer):
                number, offer = content.packet_number, content.frames[0]
                self.audience.greet(number, offer, now=now, source=source)
            else:
                number, frames = content.packet_number, content.frames
                self.audience.receive(number, frames, now=now, source=source)
            self._note(PRESENTER, self.audience.paths)

    def _chunk_arrives(self, number: int, chunk: int, source: Address) -> None:
        pieces = self.audience.receive_run(number, chunk, 1, now=self.now, source=source)
        self.note(pieces)

    def _note(self, who: str, paths: Paths) -> None:
        seen = self.seen_at[who]
        if not seen or seen[-1] != paths.address:
            seen.append(paths.address)
