"""PROTOCOL 5.11: what the records of a trace say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toom_protocol.transfer.frames import Abort, Accept, Ack, Fin, Offer, Ping, Skip
from toom_protocol.transfer.packets import LARGEST_CHUNK, LARGEST_DATAGRAM, PacketType
from toom_protocol.transfer.presenter import Presenter
from toom_protocol.transfer.reasons import Reason
from toom_protocol.transfer.trace import Trace

BEGUN = 1000.0  # seconds
SECRET = b"\xabSECRET\xcd" * 4


class Tape:
    """A trace, and what it has written."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.trace = Trace(self.written.append, now=BEGUN)

    def records(self) -> list[dict[str, Any]]:
        content = "".join(self.written)
        assert content.isascii()
        first, *records = content.split("\x1e")
        assert first == ""
        assert all(record.endswith("\n") for record in records)
        return [json.loads(record) for record in records]

    def data(self) -> list[dict[str, Any]]:
        return [record["data"] for record in self.records()]


@pytest.fixture
def tape() -> Tape:
    return Tape()


@pytest.mark.parametrize(("role", "kind"), [("presenter", "client"), ("audience", "server")])
def test_the_header_is_one_of_qlog(tape: Tape, role: Any, kind: str) -> None:
    tape.trace.header(0xABC, role, "Obi-wan", began="2026-11-27T22:00:00.000+00:00")
    [header] = tape.records()
    assert header["qlog_version"] == "0.3"
    assert header["qlog_format"] == "JSON-SEQ"
    assert header["file_schema"] == "urn:ietf:params:qlog:file:sequential"
    assert header["serialization_format"] == "application/qlog+json-seq"
    trace = header["trace"]
    assert trace["vantage_point"] == {"name": f"{role}, peer Obi-wan", "type": kind}
    assert trace["event_schemas"]
    assert trace["common_fields"] == {
        "group_id": "0000abc",
        "protocol_type": ["TOOM"],
        "time_format": "relative_to_epoch",
        "reference_time": {
            "clock_type": "monotonic",
            "epoch": "unknown",
            "wall_clock_time": "2026-11-27T22:00:00.000+00:00",
        },
    }


def test_a_run_has_a_record_for_each_packet(tape: Tape) -> None:
    tape.trace.accepted(LARGEST_CHUNK, now=BEGUN)
    length = 2 * LARGEST_CHUNK + 10  # the last chunk of a file is shorter
    tape.trace.data_sent(7, 100, 3, length, now=BEGUN + 0.0125)
    sent = [record for record in tape.records() if record["name"] == "transport:packet_sent"]
    assert [record["time"] for record in sent] == [12.5] * 3
    assert [record["data"]["header"] for record in sent] == [
        {"packet_type": "1RTT", "packet_number": number} for number in (7, 8, 9)
    ]
    assert [record["data"]["raw"]["length"] for record in sent] == [
        LARGEST_DATAGRAM,
        LARGEST_DATAGRAM,
        LARGEST_DATAGRAM - LARGEST_CHUNK + 10,
    ]
    frames = [frame for record in sent for frame in record["data"]["frames"]]
    assert [(frame["offset"], frame["length"]) for frame in frames] == [
        (100 * LARGEST_CHUNK, LARGEST_CHUNK),
        (101 * LARGEST_CHUNK, LARGEST_CHUNK),
        (102 * LARGEST_CHUNK, 10),
    ]


@pytest.mark.parametrize("count", [1, 45])
def test_a_run_of_whole_chunks_has_no_record_more(tape: Tape, count: int) -> None:
    tape.trace.accepted(LARGEST_CHUNK, now=BEGUN)
    before = len(tape.records())
    tape.trace.data_received(0, 0, count, count * LARGEST_CHUNK, now=BEGUN)
    received = tape.records()[before:]
    assert [record["data"]["header"]["packet_number"] for record in received] == [*range(count)]
    assert {record["name"] for record in received} == {"transport:packet_received"}


def test_acknowledged_ranges_include_their_ends_as_in_quic(tape: Tape) -> None:
    ack = Ack(0.0015, 900, 1 << 20, ((8, 10), (0, 5)))
    tape.trace.heard(PacketType.AUDIENCE_CONTROL, 3, (ack,), 77, now=BEGUN)
    [data] = tape.data()
    assert data["header"] == {"packet_type": "1RTT", "packet_number": 3}
    assert data["raw"] == {"length": 77}
    assert data["frames"] == [
        {
            "frame_type": "ack",
            "ack_delay": 1.5,
            "acked_ranges": [[8, 9], [0, 4]],
            "credit": 900,
            "leaves": 0,
        }
    ]


def test_frames_say_what_they_mean_and_no_digest(tape: Tape) -> None:
    """«no key and no byte of the file»"""
    frames = (
        Offer(5, 'a "film"\u2028\x1e.mp4'),
        Accept(0, 0.0, 9, 8, LARGEST_CHUNK, 4, SECRET),
        Abort(Reason.NO_SPACE),
        Skip(2),
        Fin(SECRET),
        Ping(),
    )
    tape.trace.said(PacketType.HELLO, 0, frames, LARGEST_DATAGRAM, now=BEGUN)
    [data] = tape.data()
    assert data["header"]["packet_type"] == "initial"
    assert data["frames"] == [
        {"frame_type": "offer", "size": 5, "file_name": 'a "film"\u2028\x1e.mp4'},
        {
            "frame_type": "accept",
            "chunk_size": LARGEST_CHUNK,
            "credit": 9,
            "receive_buffer": 8,
            "blocks": 4,
        },
        {"frame_type": "abort", "reason": "no_space"},
        {"frame_type": "skip", "blocks": 2},
        {"frame_type": "fin"},
        {"frame_type": "ping"},
    ]
    written = "".join(tape.written)
    assert "SECRET" not in written
    assert SECRET.hex() not in written


def test_time_never_goes_back(tape: Tape) -> None:
    """«Events in each individual trace SHOULD be logged in strictly ascending timestamp order»"""
    tape.trace.event("toom:a", {}, now=BEGUN + 2.0)
    tape.trace.event("toom:b", {}, now=BEGUN + 1.0)
    tape.trace.event("toom:c", {})
    tape.trace.event("toom:d", {}, now=BEGUN + 2.5)
    assert [record["time"] for record in tape.records()] == [2000.0, 2000.0, 2000.0, 2500.0]


def presenting(tape: Tape) -> Presenter:
    """A presenter whose offer was accepted after 10 ms, and who has sent for the first time."""
    presenter = Presenter(Offer(10**6, "a.mp4"), now=BEGUN)
    presenter.sending.recovery = tape.trace.recovery(now=BEGUN)
    presenter.poll(now=BEGUN)
    accept = Accept(0, 0.0, 1000, 1 << 22, LARGEST_CHUNK)
    presenter.receive(0, (accept,), now=BEGUN + 0.01)
    assert presenter.poll(now=BEGUN + 0.01)
    return presenter


def test_metrics_are_in_the_units_of_qlog(tape: Tape) -> None:
    """Round trips in ms, windows in bytes, rates in bits a second."""
    presenter = presenting(tape)
    tape.trace.observe(presenter, now=BEGUN + 0.01)
    metrics, state = tape.records()
    assert metrics["name"] == "recovery:metrics_updated"
    data = metrics["data"]
    in_flight = presenter.sending.recovery.in_flight
    assert in_flight > 0
    assert [data[key] for key in ("smoothed_rtt", "min_rtt", "latest_rtt")] == [10.0] * 3
    assert data["rtt_variance"] == 5.0
    assert data["packets_in_flight"] == in_flight
    assert data["bytes_in_flight"] == in_flight * LARGEST_DATAGRAM
    assert data["congestion_window"] == presenter.sending.congestion.window * LARGEST_DATAGRAM
    rate = presenter.sending.congestion.pacing_rate * LARGEST_DATAGRAM * 8
    assert data["pacing_rate"] == pytest.approx(rate, abs=1)
    assert state["name"] == "recovery:congestion_state_updated"
    assert state["data"] == {"new": "startup"}
    tape.trace.observe(presenter, now=BEGUN + 0.0105)
    assert len(tape.records()) == 2  # at most one a millisecond
    tape.trace.observe(presenter, now=BEGUN + 0.02)
    assert len(tape.records()) == 3  # the state is the same


def test_what_is_lost_is_said_packet_by_packet(tape: Tape) -> None:
    recovery = tape.trace.recovery(now=BEGUN)
    recovery.on_sent(0, 0, 10, now=BEGUN, limited=False)
    recovery.on_ack(((5, 10),), 0.0, now=BEGUN + 0.01)
    assert recovery.lost_total == 5
    lost = tape.records()
    assert {record["name"] for record in lost} == {"recovery:packet_lost"}
    assert [record["data"]["header"]["packet_number"] for record in lost] == [0, 1, 2, 3, 4]
    assert {record["data"]["trigger"] for record in lost} == {"reordering_threshold"}


def test_after_a_move_to_another_path_losses_are_told_as_before(tape: Tape) -> None:
    """PROTOCOL 5.12: the book begins afresh, and the trace goes on."""
    book = tape.trace.recovery(now=BEGUN).afresh(now=BEGUN)
    book.on_sent(0, 0, 2, now=BEGUN, limited=False)
    book.give_up_in_flight(now=BEGUN + 1)
    assert [each["name"] for each in tape.records()].count("recovery:packet_lost") == 2


def test_late_packets_and_silence_have_triggers_of_their_own(tape: Tape) -> None:
    recovery = tape.trace.recovery(now=BEGUN)
    recovery.on_sent(0, 0, 2, now=BEGUN, limited=False)
    recovery.on_ack(((1, 2),), 0.0, now=BEGUN + 0.01)  # overtaken by too few to be lost yet
    recovery.detect_losses(now=BEGUN + 1.0)
    recovery.on_sent(2, 0, 1, now=BEGUN + 1.0, limited=False)
    now = BEGUN + 1.0
    for _ in range(3):
        deadline = recovery.deadline()
        assert deadline is not None
        now = deadline
        recovery.on_timer(now=now)
    recovery.give_up_in_flight(now=now)
    assert [(data["header"]["packet_number"], data["trigger"]) for data in tape.data()] == [
        (0, "time_threshold"),
        (2, "pto_expired"),
    ]


@pytest.mark.parametrize(
    ("reason", "said"), [(None, "stored"), (Reason.DIGEST_MISMATCH, "digest_mismatch")]
)
def test_a_trace_ends_with_the_reason(tape: Tape, reason: Reason | None, said: str) -> None:
    tape.trace.started(("0.0.0.0", 8000), ("10.0.0.2", 8001))
    tape.trace.agreed()
    tape.trace.agreed()  # each hello is welcomed
    tape.trace.ended(reason)
    records = tape.records()
    assert records[0]["data"] == {
        "protocol": "TOOM",
        "src_ip": "0.0.0.0",
        "src_port": 8000,
        "dst_ip": "10.0.0.2",
        "dst_port": 8001,
    }
    states = [
        record["data"]
        for record in records
        if record["name"] == "connectivity:connection_state_updated"
    ]
    assert states == [
        {"new": "attempted"},
        {"old": "attempted", "new": "handshake_complete"},
        {"old": "handshake_complete", "new": "closed"},
    ]
    assert records[-1]["name"] == "toom:ended"
    assert records[-1]["data"] == {"reason": said}
    assert ("toom:stored" in [record["name"] for record in records]) is (reason is None)
