"""PROTOCOL 5.11: the files of `--trace`, by real transfers; full disks included."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.client.table import Client, Table, content_of
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from toom_client.files import OpenedFile
from toom_client.tracing import BUFFER, FLUSHED_EVERY, TraceFile, Traces
from toom_client.transfers import Received, SendFailed, Ticket, Transfers, Uploaded, bind_udp
from toom_protocol.transfer.packets import LARGEST_DATAGRAM

Record = dict[str, Any]


@pytest.fixture
def yoda(table: Table) -> Client:
    return table.seat("Yoda", traces=Traces(table.root / "traces"))


@pytest.fixture
def han(table: Table) -> Client:
    return table.seat("Han", traces=Traces(table.root / "traces"))


def trace_of(table: Table, role: str) -> Path:
    [path] = (table.root / "traces").glob(f"*-{role}.sqlog")
    return path


def records_of(path: Path) -> list[Record]:
    """The records of a trace, each of which must be whole (RFC 7464 2.1)."""
    content = path.read_bytes()
    assert content.startswith(b"\x1e")
    assert content.endswith(b"\n")
    return [json.loads(record) for record in content.split(b"\x1e")[1:]]


def events_of(table: Table, role: str) -> list[Record]:
    """The events of a trace, which must have what qlog asks of each."""
    header, *events = records_of(trace_of(table, role))
    assert header["file_schema"] == "urn:ietf:params:qlog:file:sequential"
    assert header["trace"]["vantage_point"]["type"]
    assert header["trace"]["event_schemas"]
    for event in events:
        assert set(event) == {"time", "name", "data"}
        assert isinstance(event["data"], dict)
        assert event["name"].split(":")[0] in ("connectivity", "transport", "recovery", "toom")
        if event["name"] in ("transport:packet_sent", "transport:packet_received"):
            assert {"packet_type", "packet_number"} == set(event["data"]["header"])
            assert event["data"]["raw"]["length"] > 0
    times = [event["time"] for event in events]
    assert times == sorted(times)
    return events


def only(events: list[Record], name: str) -> list[Record]:
    return [event["data"] for event in events if event["name"] == name]


def test_both_ends_of_a_lossy_transfer_are_told(table: Table, yoda: Client, han: Client) -> None:
    content = content_of(2_000_000)
    yoda.writes("lecture1.mp4", content)
    with Relay(yoda.address, han.address, seed=4, loss=0.05, delay=0.15) as relay:
        table.send(yoda, "lecture1.mp4", han, relay)
        assert yoda.hears() == Uploaded("lecture1.mp4", "Han")
        assert han.hears() == Received("lecture1.mp4", "Yoda")
    yoda.transfers.close()
    han.transfers.close()
    presenter, audience = events_of(table, "presenter"), events_of(table, "audience")

    for events in (presenter, audience):
        assert only(events, "toom:offer") == [{"file_name": "lecture1.mp4", "size": len(content)}]
        [accepted] = only(events, "toom:accepted")
        assert accepted["datagram_size"] == LARGEST_DATAGRAM
        assert only(events, "connectivity:mtu_updated") == [{"new": LARGEST_DATAGRAM, "done": True}]
        assert len(only(events, "toom:offloads")) == 1
        assert only(events, "toom:stored") == [{}]
        assert only(events, "toom:ended") == [{"reason": "stored"}]
        states = [state["new"] for state in only(events, "connectivity:connection_state_updated")]
        assert states == ["attempted", "handshake_complete", "closed"]
    chunk_size = accepted["chunk_size"]
    chunks = -(-len(content) // chunk_size)
    assert only(audience, "toom:blocks_verified") == [{"count": -(-chunks // 45)}]

    sent = data_packets(presenter, "transport:packet_sent")
    came = data_packets(audience, "transport:packet_received")
    lost = only(presenter, "recovery:packet_lost")
    assert max(Counter(header_number(packet) for packet in sent).values()) == 1
    assert {offset(packet) for packet in sent} == {n * chunk_size for n in range(chunks)}
    assert {offset(packet) for packet in came} == {n * chunk_size for n in range(chunks)}
    assert {header_number(packet) for packet in came} < {header_number(packet) for packet in sent}
    assert len(lost) >= len(sent) * 0.02
    assert {header_number(packet) for packet in lost} <= {header_number(packet) for packet in sent}
    metrics = only(presenter, "recovery:metrics_updated")
    assert min(each["min_rtt"] for each in metrics) >= 299  # ms; the relay's, there and back
    assert only(presenter, "recovery:congestion_state_updated")[0] == {"new": "startup"}
    acked = [
        frame
        for packet in only(presenter, "transport:packet_received")
        for frame in packet["frames"]
        if frame["frame_type"] == "ack"
    ]
    assert acked
    progress = only(presenter, "toom:progress")
    assert progress  # 1400 packets from a window of 32 take more than a second of round trips
    assert progress[-1]["size"] == len(content)
    assert [each["bytes"] for each in progress] == sorted(each["bytes"] for each in progress)


@pytest.mark.parametrize(("share", "state"), [(0.2, "capable"), (1.0, "failed")])
def test_congestion_marks_are_counted_believed_or_not(
    table: Table, yoda: Client, han: Client, share: float, state: str
) -> None:
    """PROTOCOL 5.16, over real sockets: the relay marks what passes."""
    yoda.writes("lecture1.mp4", content_of(1_000_000))
    with Relay(yoda.address, han.address, seed=4, marks=share) as relay:
        table.send(yoda, "lecture1.mp4", han, relay)
        assert yoda.hears() == Uploaded("lecture1.mp4", "Han")
        assert han.hears() == Received("lecture1.mp4", "Yoda")
    yoda.transfers.close()
    events = events_of(table, "presenter")
    changes = only(events, "recovery:ecn_state_updated")
    assert changes == [{"old": "testing", "new": state}]
    heard = only(events, "transport:packet_received")
    counts = [
        frame["ce"] for packet in heard for frame in packet["frames"] if frame.get("ce", 0) > 0
    ]
    assert counts == sorted(counts)
    assert 0.5 * share < counts[-1] / len(data_packets(events, "transport:packet_sent")) <= 1


def data_packets(events: list[Record], name: str) -> list[Record]:
    return [
        data
        for data in only(events, name)
        if any(frame["frame_type"] == "stream" for frame in data["frames"])
    ]


def header_number(packet: Record) -> int:
    return int(packet["header"]["packet_number"])


def offset(packet: Record) -> int:
    return int(packet["frames"][0]["offset"])


def test_names_and_modes(table: Table, yoda: Client, han: Client) -> None:
    """`<time>-<connection>-<role>.sqlog`, for the user's eyes alone."""
    yoda.writes("a.mp4", b"abc")
    table.send(yoda, "a.mp4", han)
    assert han.hears() == Received("a.mp4", "Yoda")
    folder = table.root / "traces"
    assert folder.stat().st_mode & 0o777 == 0o700
    for role in ("presenter", "audience"):
        path = trace_of(table, role)
        assert path.stat().st_mode & 0o777 == 0o600
        time, connection, _ = path.stem.rsplit("-", 2)
        assert time.endswith("Z")
        assert connection == f"{table.tickets:07x}"


def test_no_secret_stands_in_a_trace(table: Table, yoda: Client, han: Client) -> None:
    """«no keys, no content»: neither as bytes nor as hexadecimal or list."""
    content = b"the film nobody must see " * 10_000
    yoda.writes("film.mp4", content)
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(theirs)
    yoda.transfers.present(ours, yoda.opens("film.mp4"))
    assert han.hears() == Received("film.mp4", "Yoda")
    assert yoda.hears() == Uploaded("film.mp4", "Han")
    yoda.transfers.close()
    han.transfers.close()
    for role in ("presenter", "audience"):
        written = trace_of(table, role).read_bytes()
        assert b"film.mp4" in written
        for secret in (ours.key, yoda.keys.public, han.keys.public, content[:24]):
            assert secret not in written
            assert secret.hex().encode() not in written
            assert repr(list(secret)).encode()[1:-1] not in written


def test_another_try_is_told(table: Table, yoda: Client, han: Client) -> None:
    yoda.writes("film.mp4", content_of(3_000_000))
    with Relay(yoda.address, han.address, seed=3, delay=0.01) as relay:
        table.send(yoda, "film.mp4", han, relay)
        wait_until(lambda: relay.carried > 1_500_000, within=20)
        yoda.transfers.close()
        assert han.hears()
    first = trace_of(table, "audience")
    wait_until(lambda: b"toom:ended" in first.read_bytes(), within=10)
    assert only(records_of(first)[1:], "toom:ended") == [{"reason": "given_up"}]
    again = table.seat("Yoda", traces=Traces(table.root / "second"))
    table.send(again, "film.mp4", han)
    assert han.hears() == Received("film.mp4", "Yoda")
    again.transfers.close()
    [path] = (table.root / "second").iterdir()
    [resumed] = only(records_of(path)[1:], "toom:resumed")
    assert resumed["blocks"] > 0


def test_an_expectation_that_nobody_answers_leaves_no_file(
    table: Table, yoda: Client, han: Client
) -> None:
    _, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(theirs)
    han.transfers.close()
    assert list((table.root / "traces").iterdir()) == []


class FullDisk(Traces):
    """Opens traces on a device that takes nothing."""

    def begin(self, *_: Any, now: float, log: Any, **__: Any) -> TraceFile:
        return TraceFile(os.open("/dev/full", os.O_WRONLY), now=now, log=log)


class NoFile(Traces):
    """Opens no trace at all."""

    def begin(self, *_: Any, **__: Any) -> TraceFile:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize(
    ("traces", "said"), [(FullDisk, "event=trace-stopped"), (NoFile, "event=trace-failed")]
)
def test_what_the_disk_refuses_ends_the_trace_alone(
    table: Table, han: Client, traces: type[Traces], said: str
) -> None:
    lines: list[str] = []
    sock = bind_udp(0)
    (table.root / "Luke").mkdir()
    luke = Client(
        "Luke",
        table.root / "Luke",
        Transfers(
            sock,
            table.root / "Luke",
            report=lambda _report: None,
            log=lines.append,
            traces=traces(table.root / "full"),
        ),
        sock.getsockname()[1],
        han.reports,
        han.keys,
    )
    luke.transfers.use_keys(han.keys)
    luke.transfers.start()
    table.clients.append(luke)
    content = content_of(1_000_000)
    luke.writes("film.mp4", content)
    table.send(luke, "film.mp4", han)
    assert han.hears() == Received("film.mp4", "Luke")
    luke.transfers.close()
    assert han.stored()["Luke_film.mp4"] == content
    assert len([line for line in lines if line.startswith(said)]) == 1


def test_what_is_written_before_the_disk_is_full_stays_readable(tmp_path: Path) -> None:
    """The piece that did not fit whole is cut off, so that no record is torn."""
    lines: list[str] = []
    trace = Traces(tmp_path).begin(1, "presenter", "Han", now=0.0, log=lines.append)
    trace.event("toom:offer", {"file_name": "x"}, now=0.0)
    trace.tick(None, now=FLUSHED_EVERY)
    [path] = tmp_path.iterdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, limits[1]))
    try:
        for number in range(BUFFER // 10):
            trace.event("toom:number", {"number": number}, now=FLUSHED_EVERY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    trace.close()
    assert [record.get("name") for record in records_of(path)] == [None, "toom:offer"]
    assert lines == [f"event=trace-stopped reason={os.strerror(errno.EFBIG)!r}"]


def test_records_wait_a_second_at_most_and_not_for_ever_in_memory(tmp_path: Path) -> None:
    trace = Traces(tmp_path).begin(1, "presenter", "Han", now=0.0, log=lambda _line: None)
    [path] = tmp_path.iterdir()
    assert path.stat().st_size == 0
    trace.tick(None, now=FLUSHED_EVERY / 2)
    assert path.stat().st_size == 0
    trace.tick(None, now=FLUSHED_EVERY)
    assert len(records_of(path)) == 1
    trace.event("toom:long", {"text": "x" * BUFFER}, now=1.0)
    assert len(records_of(path)) == 2
    trace.event("toom:last", {}, now=1.0)
    trace.close()
    trace.event("toom:late", {}, now=1.0)
    trace.close()
    assert records_of(path)[-1]["name"] == "toom:last"


def test_a_trace_replaces_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        Traces(tmp_path / "file")


def test_a_ticket_that_is_no_good_leaves_no_file(table: Table, yoda: Client, han: Client) -> None:
    yoda.writes("a.mp4", b"abc")
    ours, _ = table.tickets_for(yoda, han)
    bad = Ticket(ours.number, ours.key, "Han", *han.address, bytes(32))
    file = yoda.opens("a.mp4")
    assert isinstance(file, OpenedFile)
    yoda.transfers.present(bad, file)
    assert yoda.hears() == SendFailed("a.mp4", "Han", "the versions do not fit")
    assert list((table.root / "traces").iterdir()) == []
