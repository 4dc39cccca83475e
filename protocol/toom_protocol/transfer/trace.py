"""What one end of a transfer does, event by event (PROTOCOL 5.11).

Belongs here: which events a trace has, and what they tell. Does not: what frames and packets look
like in it (qlog.py), files (tracing, in the client), when something happens (engines and shells).

Source: draft-ietf-quic-qlog-quic-events (events, with the names that they had in version 0.3 of
qlog, since qvis knows no others).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from itertools import chain
from typing import Final, Literal

from toom_protocol.transfer import qlog
from toom_protocol.transfer.ecn import Marking
from toom_protocol.transfer.frames import Frame
from toom_protocol.transfer.packets import OVERHEAD, PacketType
from toom_protocol.transfer.presenter import Presenter
from toom_protocol.transfer.qlog import Json
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.recovery import PERSISTENT_PROBES, Recovery
from toom_protocol.transfer.samples import SentRun

PACKET_SENT: Final = "transport:packet_sent"
PACKET_RECEIVED: Final = "transport:packet_received"
METRICS_INTERVAL: Final = 0.001  # seconds between two records of the round trip and the window

Role = Literal["presenter", "audience"]
Address = tuple[str, int]

# The handshake's packets are named as those of QUIC that do the same.
_TYPES: Final = {PacketType.HELLO: "initial", PacketType.WELCOME: "handshake"}


class Trace:
    """Makes a record of each thing it is told."""

    def __init__(self, write: Callable[[str], None], *, now: float) -> None:
        """Begin; `header` comes first.

        Args:
            write: takes whole records, ASCII, in the order of their times.
            now: seconds; times in the trace are milliseconds since then.
        """
        self._write = write
        self._begun = now
        self._latest = 0.0  # ms
        self._chunk_size = 0
        self._metrics_due = now
        self._connection_state: str | None = None
        self._congestion_state: str | None = None
        self._marking_state = Marking().state.value

    def header(self, connection: int, role: Role, peer: str, *, began: str) -> None:
        """Say what this trace is of.

        Args:
            peer: the other end's user name.
            began: the date and time in RFC 3339.
        """
        self._write(qlog.header(connection, role, peer, began))

    def event(self, name: str, data: Json, *, now: float | None = None) -> None:
        """Note an event; without `now` it happens at the time of the one before."""
        self._write(f"{self._head(name, now)}{qlog.to_json(data)}}}\n")

    def started(self, local: Address, remote: Address | None) -> None:
        """The first hello leaves, or has come."""
        where = {"src_ip": local[0], "src_port": local[1]}
        if remote is not None:
            where |= {"dst_ip": remote[0], "dst_port": remote[1]}
        self.event("connectivity:connection_started", {"protocol": "TOOM", **where})
        self._state("attempted")

    def offloads(self, *, segmentation: bool, receive: bool) -> None:
        """Whether the kernel cuts what is sent at once, and joins what comes in a row."""
        self.event("toom:offloads", {"segmentation": segmentation, "receive": receive})

    def offer(self, filename: str, size: int) -> None:
        """The file that is offered, and its bytes."""
        self.event("toom:offer", {"file_name": filename, "size": size})

    def agreed(self) -> None:
        """Both ends have their keys."""
        if self._connection_state == "attempted":
            self._state("handshake_complete")

    def accepted(self, chunk_size: int, *, now: float) -> None:
        """The file is wanted, in chunks of so many bytes."""
        self._chunk_size = chunk_size
        datagram = chunk_size + OVERHEAD
        self.event("connectivity:mtu_updated", {"new": datagram, "done": True}, now=now)
        self.event(
            "toom:accepted",
            {"chunk_size": chunk_size, "datagram_size": datagram},
        )

    def resumed(self, blocks: int) -> None:
        """So many blocks of an earlier try are the file's, and are not sent again."""
        self.event("toom:resumed", {"blocks": blocks})

    def damaged(self, block: int) -> None:
        """A block is not what the presenter has read, and comes again."""
        self.event("toom:damaged", {"block": block})

    def verified(self, blocks: int) -> None:
        """The root over so many blocks is the presenter's."""
        self.event("toom:blocks_verified", {"count": blocks})

    def ended(self, reason: Reason | None) -> None:
        """The transfer is over; without a reason the file has arrived."""
        said = "stored" if reason is None else reason.name.lower()
        if reason is None:
            self.event("toom:stored", {})
        self.event("connectivity:connection_closed", {"reason": said})
        self._state("closed")
        self.event("toom:ended", {"reason": said})

    def recovery(self, *, now: float) -> Recovery:
        """A book of data packets that tells this trace what it takes for lost."""
        return Recovery(now=now, observe=self._taken_for_lost)

    def said(
        self,
        kind: PacketType,
        packet_number: int,
        frames: tuple[Frame, ...],
        length: int,
        *,
        now: float,
    ) -> None:
        """A datagram of `length` bytes that is no data has left."""
        self._control(PACKET_SENT, kind, packet_number, frames, length, now)

    def heard(
        self,
        kind: PacketType,
        packet_number: int,
        frames: tuple[Frame, ...],
        length: int,
        *,
        now: float,
    ) -> None:
        """A genuine datagram of `length` bytes that is no data has come."""
        self._control(PACKET_RECEIVED, kind, packet_number, frames, length, now)

    def data_sent(
        self, packet_number: int, chunk: int, count: int, length: int, *, now: float
    ) -> None:
        """`count` chunks, `length` bytes of the file together, have left."""
        self._data(PACKET_SENT, packet_number, chunk, count, length, now)

    def data_received(
        self, packet_number: int, chunk: int, count: int, length: int, *, now: float
    ) -> None:
        """`count` genuine chunks, `length` bytes of the file together, have come."""
        self._data(PACKET_RECEIVED, packet_number, chunk, count, length, now)

    def _control(
        self,
        name: str,
        kind: PacketType,
        packet_number: int,
        frames: tuple[Frame, ...],
        length: int,
        now: float,
    ) -> None:
        said = ",".join(qlog.frame_of(frame) for frame in frames)
        self._write(
            f'{self._head(name, now)}{{"header":{{"packet_type":"{_TYPES.get(kind, "1RTT")}",'
            f'"packet_number":{packet_number}}},"raw":{{"length":{length}}},"frames":[{said}]}}}}\n'
        )

    def observe(self, presenter: Presenter, *, now: float) -> None:
        """Note round trip, window and rate after an acknowledgement, as far as they are new."""
        if now < self._metrics_due or not presenter.chunk_size:
            return
        self._metrics_due = now + METRICS_INTERVAL
        rtt, congestion = presenter.sending.recovery.rtt, presenter.sending.congestion
        datagram = presenter.chunk_size + OVERHEAD
        in_flight = presenter.sending.recovery.in_flight
        self._write(
            f"{self._head('recovery:metrics_updated', now)}{{"
            f'"smoothed_rtt":{rtt.smoothed * 1e3:.3f},"min_rtt":{rtt.minimum * 1e3:.3f},'
            f'"latest_rtt":{rtt.latest * 1e3:.3f},"rtt_variance":{rtt.variation * 1e3:.3f},'
            f'"pto_count":{presenter.sending.recovery.probes},'
            f'"congestion_window":{congestion.window * datagram},'
            f'"bytes_in_flight":{in_flight * datagram},"packets_in_flight":{in_flight},'
            f'"pacing_rate":{int(congestion.pacing_rate * datagram * 8)}}}}}\n'
        )
        marking = presenter.sending.marking.state.value
        if marking != self._marking_state:
            self.event("recovery:ecn_state_updated", _change(self._marking_state, marking))
            self._marking_state = marking
        phase = getattr(congestion, "phase", None)  # not every controller has phases
        state = phase.name.lower() if isinstance(phase, enum.Enum) else None
        if state is not None and state != self._congestion_state:
            self.event("recovery:congestion_state_updated", _change(self._congestion_state, state))
            self._congestion_state = state

    def lost(self, start: int, end: int, trigger: str, *, now: float) -> None:
        """The packets `start` to `end - 1` are taken for lost."""
        record = (
            f'{self._head("recovery:packet_lost", now)}{{"header":{{"packet_type":"1RTT",'
            f'"packet_number":%d}},"trigger":"{trigger}"}}}}\n'
        )
        self._write(record * (end - start) % tuple(range(start, end)))

    def _taken_for_lost(self, book: Recovery, run: SentRun, now: float) -> None:
        patience = max(book.rtt.smoothed, book.rtt.latest) + book.reordering_window
        if book.probes >= PERSISTENT_PROBES:
            trigger = "pto_expired"
        elif run.time + patience <= now:
            trigger = "time_threshold"
        else:
            trigger = "reordering_threshold"
        self.lost(run.start, run.end, trigger, now=now)

    def _state(self, new: str) -> None:
        change = _change(self._connection_state, new)
        self.event("connectivity:connection_state_updated", change)
        self._connection_state = new

    def _head(self, name: str, now: float | None) -> str:
        """What stands before an event's data; times never go back."""
        if now is not None:
            self._latest = max(self._latest, (now - self._begun) * 1e3)
        return f'{qlog.SEPARATOR}{{"time":{self._latest:.3f},"name":"{name}","data":'

    def _data(
        self, name: str, packet_number: int, chunk: int, count: int, length: int, now: float
    ) -> None:
        """Write a record for each packet of a run, all of them in one formatting."""
        size, head = self._chunk_size, self._head(name, now)
        short = length - (count - 1) * size
        if short < size:
            count -= 1
        record = qlog.data_packet(head, size)
        offset = chunk * size
        values = zip(
            range(packet_number, packet_number + count),
            range(offset, offset + count * size, size),
            strict=True,
        )
        self._write(record * count % tuple(chain.from_iterable(values)))
        if short < size:  # the last chunk of the file
            self._write(
                qlog.data_packet(head, short) % (packet_number + count, offset + count * size)
            )


def _change(old: str | None, new: str) -> Json:
    return {"new": new} if old is None else {"old": old, "new": new}
