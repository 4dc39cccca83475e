"""PROTOCOL 5.2, 5.3, 5.10: who is not listened to, and what a hostile presenter gets."""

from __future__ import annotations

import queue
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.client.table import SOMEBODY, Client, Stranger, Table
from toom_client.audiences import MAX_FROM_ONE
from toom_client.transfers import (
    Received,
    ReceiveFailed,
    Ticket,
    Transfers,
    bind_udp,
)
from toom_protocol.transfer.frames import Abort, Ack, Offer
from toom_protocol.transfer.reasons import Reason


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    stranger = Stranger()
    yield stranger
    stranger.socket.close()


@pytest.mark.parametrize("name", ["../x", "/tmp/x", ".x", "a\nb\x1b[2J", "", "a" * 300])
def test_hostile_names_in_an_offer_are_refused(han: Client, stranger: Stranger, name: str) -> None:
    han.transfers.expect(stranger.ticket())
    stranger.offers(han, Offer(3, name))
    report = han.hears()
    assert isinstance(report, ReceiveFailed)
    assert report.reason == "the file name is not allowed"
    assert all(character.isprintable() for character in report.filename)
    assert stranger.is_answered()
    assert list(han.directory.iterdir()) == []


def test_only_who_was_announced_is_listened_to(table: Table, yoda: Client, han: Client) -> None:
    """PROTOCOL 5.10: who is not announced is answered nothing, and the right one still comes."""
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(theirs)
    for key, number in ((bytes(32), 1), (theirs.key, 1), (theirs.key, 2)):
        stranger = Stranger(key, number)
        stranger.offers(han, Offer(3, "evil.mp4"))
        stranger.socket.sendto(b"", han.address)
        stranger.socket.sendto(b"x" * 3000, han.address)
        assert not stranger.is_answered()
        stranger.socket.close()
    yoda.writes("a.mp4", b"abc")
    yoda.transfers.present(ours, yoda.opens("a.mp4"))
    assert han.hears() == Received("a.mp4", "Yoda")
    assert han.stored() == {"Yoda_a.mp4": b"abc"}


def test_who_has_the_ticket_and_the_address_but_not_the_key_is_not_listened_to(
    han: Client, stranger: Stranger
) -> None:
    han.transfers.expect(replace(stranger.ticket(), public_key=SOMEBODY.public))
    stranger.offers(han, Offer(3, "evil.mp4"))
    assert not stranger.is_answered()
    assert list(han.directory.iterdir()) == []


def test_an_offer_larger_than_the_disk_is_refused_before_the_first_byte(
    han: Client, stranger: Stranger
) -> None:
    han.transfers.expect(stranger.ticket())
    stranger.offers(han, Offer(1 << 42, "huge.mp4"))  # more than any file system here
    assert han.hears() == ReceiveFailed("huge.mp4", "Yoda", "no space left")
    assert han.stored() == {}
    assert han.unfinished() == []


def test_a_used_number_is_not_heard_again(han: Client, stranger: Stranger) -> None:
    han.transfers.expect(stranger.ticket())
    stranger.offers(han, Offer(3, "a.mp4"), number=4)
    stranger.is_welcome()
    stranger.says(han, Ack(0.0, 0, 0, ()), number=5)
    stranger.says(han, Abort(Reason.UNKNOWN), number=5)
    stranger.says(han, Abort(Reason.GIVEN_UP), number=6)
    assert han.hears() == ReceiveFailed("a.mp4", "Yoda", "it was given up")


@pytest.mark.parametrize("datagram", [b"", b"\0" * 11, b"\0" * 12, b"\xff" * 1452, b"\x30" * 1200])
def test_anybodys_bytes_are_ignored(
    table: Table, yoda: Client, han: Client, datagram: bytes
) -> None:
    ours, theirs = table.tickets_for(yoda, han)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(datagram, han.address)
    han.transfers.expect(theirs)
    yoda.writes("a.mp4", b"abc")
    yoda.transfers.present(ours, yoda.opens("a.mp4"))
    assert han.hears() == Received("a.mp4", "Yoda")


def test_one_user_cannot_fill_the_table_of_expectations(table: Table, han: Client) -> None:
    """Whoever asks UPD for ever pushes out only what was announced for them (PROTOCOL 3.4)."""
    yoda, luke = table.seat("Yoda"), table.seat("Luke")
    ours, theirs = table.tickets_for(luke, han)
    han.transfers.expect(theirs)
    for number in range(1000, 1000 + 2 * MAX_FROM_ONE):
        han.transfers.expect(Ticket(number, bytes(32), "Yoda", *yoda.address, SOMEBODY.public))
    luke.writes("a.mp4", b"abc")
    luke.transfers.present(ours, luke.opens("a.mp4"))
    assert han.hears() == Received("a.mp4", "Luke")
    assert han.transfers.expected_from("Yoda") == MAX_FROM_ONE
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(theirs)
    yoda.writes("b.mp4", b"abc")
    yoda.transfers.present(ours, yoda.opens("b.mp4"))
    assert han.hears() == Received("b.mp4", "Yoda")


def test_a_presenter_without_a_key_is_passed_over_and_logged(table: Table, tmp_path: Path) -> None:
    """PROTOCOL 3.4, 5.8: whoever comes under such a ticket can prove nothing."""
    yoda, han = table.seat("Yoda"), table.seat("Han")
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    transfers = Transfers(bind_udp(0), tmp_path, report=lambda _: None, log=lines.put)
    transfers.use_keys(SOMEBODY)
    transfers.start()
    _, theirs = table.tickets_for(yoda, han)
    transfers.expect(replace(theirs, public_key=b""))
    assert lines.get(timeout=10).startswith("event=transfers-started segmentation=")
    assert lines.get(timeout=10) == "event=expectation-dropped peer='Yoda'"
    transfers.close()
    assert transfers.expected_from("Yoda") == 0


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_is_an_error(port: int) -> None:
    with pytest.raises(OSError, match="no such port"):
        bind_udp(port)
