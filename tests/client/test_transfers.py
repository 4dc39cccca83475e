"""SPEC S12 over real sockets: two clients' transfers, through a relay that delays and loses."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.client.table import LOCALHOST, MEGABYTE, SOMEBODY, Client, Table, content_of
from tests.doubles.patience import lets_pass
from tests.doubles.relay import Relay
from toom_client.files import HIDDEN
from toom_client.place import SYNC_EVERY
from toom_client.roster import Action, Obeyed, Order
from toom_client.rules import CONTROLLERS, Rules
from toom_client.transfers import (
    Received,
    ReceiveFailed,
    SendFailed,
    Ticket,
    Transfers,
    Uploaded,
    bind_udp,
)


@pytest.mark.parametrize("size", [0, 1, 100_001])
def test_a_file_arrives(table: Table, yoda: Client, han: Client, size: int) -> None:
    """«stores it … as `presenter_filename` (`Yoda_lecture1.mp4`; case kept, no extension added)»"""
    content = content_of(size)
    yoda.writes("Lecture1.mp4", content)
    table.send(yoda, "Lecture1.mp4", han)
    assert yoda.hears() == Uploaded("Lecture1.mp4", "Han")
    assert han.hears() == Received("Lecture1.mp4", "Yoda")
    assert han.stored() == {"Yoda_Lecture1.mp4": content}
    assert han.unfinished() == []
    umask = os.umask(0)
    os.umask(umask)
    assert (han.directory / "Yoda_Lecture1.mp4").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (han.directory / HIDDEN).stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
@pytest.mark.parametrize("loss", [0.0, 0.01, 0.1])
def test_five_megabytes_arrive_over_a_lossy_path(
    table: Table, yoda: Client, han: Client, loss: float
) -> None:
    """5 MB at a round trip of 10 ms within a minute, at any of these losses."""
    content = content_of(5 * MEGABYTE)
    yoda.writes("lecture1.mp4", content)
    with Relay(yoda.address, han.address, seed=4, loss=loss) as relay:
        table.send(yoda, "lecture1.mp4", han, relay)
        assert han.hears(within=60) == Received("lecture1.mp4", "Yoda")
        assert yoda.hears() == Uploaded("lecture1.mp4", "Han")
    arrived = (han.directory / "Yoda_lecture1.mp4").read_bytes()
    assert hashlib.sha256(arrived).digest() == hashlib.sha256(content).digest()


@pytest.mark.slow
def test_damaged_and_doubled_and_forged_datagrams_do_not_matter(
    table: Table, yoda: Client, han: Client
) -> None:
    rng = random.Random(6)

    def spoil(datagram: bytes) -> list[bytes]:
        forged = bytearray(datagram)
        forged[rng.randrange(len(forged))] ^= 1 << rng.randrange(8)
        kind = rng.random()
        if kind < 0.1:
            return [bytes(forged)]
        if kind < 0.2:
            return [bytes(forged), datagram, datagram, rng.randbytes(rng.randrange(100))]
        return [datagram]

    content = content_of(MEGABYTE)
    yoda.writes("lecture1.mp4", content)
    with Relay(yoda.address, han.address, seed=5, spoil=spoil) as relay:
        table.send(yoda, "lecture1.mp4", han, relay)
        assert han.hears() == Received("lecture1.mp4", "Yoda")
        assert yoda.hears() == Uploaded("lecture1.mp4", "Han")
    assert han.stored() == {"Yoda_lecture1.mp4": content}


@pytest.mark.slow
def test_several_transfers_run_both_ways_at_once(table: Table, yoda: Client, han: Client) -> None:
    """«several transfers, both ways, run at once, all over the one UDP port»"""
    leia = table.seat("Leia")
    pairs = [(yoda, han), (han, yoda), (yoda, leia), (leia, yoda), (han, leia), (leia, han)]
    contents = {}
    for number, (presenter, audience) in enumerate(pairs * 2):
        name = f"video{number}.mp4"
        contents[audience.name, f"{presenter.name}_{name}"] = content_of(400_000, seed=number)
        presenter.writes(name, contents[audience.name, f"{presenter.name}_{name}"])
    for number, (presenter, audience) in enumerate(pairs * 2):
        table.send(presenter, f"video{number}.mp4", audience)
    for client in (yoda, han, leia):
        ends = [client.hears() for _ in range(8)]
        assert sum(isinstance(end, Uploaded) for end in ends) == 4
        assert sum(isinstance(end, Received) for end in ends) == 4
    for (name, filename), content in contents.items():
        assert (table.root / name / filename).read_bytes() == content


def test_an_offer_may_come_before_the_servers_notice(
    table: Table, yoda: Client, han: Client
) -> None:
    yoda.writes("a.mp4", b"abc")
    ours, theirs = table.tickets_for(yoda, han)
    yoda.transfers.present(ours, yoda.opens("a.mp4"))
    lets_pass(0.15, because="the first offers shall find nobody; PROTOCOL 5.3")
    han.transfers.expect(theirs)
    assert han.hears() == Received("a.mp4", "Yoda")
    assert yoda.hears() == Uploaded("a.mp4", "Han")


def test_an_existing_file_is_replaced_by_a_verified_one(
    table: Table, yoda: Client, han: Client
) -> None:
    han.writes("Yoda_a.mp4", b"old")
    yoda.writes("a.mp4", b"new")
    table.send(yoda, "a.mp4", han)
    assert han.hears() == Received("a.mp4", "Yoda")
    assert han.stored() == {"Yoda_a.mp4": b"new"}


def test_a_directory_in_its_place_is_not_replaced(table: Table, yoda: Client, han: Client) -> None:
    (han.directory / "Yoda_a.mp4").mkdir()
    yoda.writes("a.mp4", b"new")
    table.send(yoda, "a.mp4", han)
    assert yoda.hears() == SendFailed("a.mp4", "Han", "a directory has this name")
    assert han.hears() == ReceiveFailed("a.mp4", "Yoda", "a directory has this name")
    assert (han.directory / "Yoda_a.mp4").is_dir()


def test_a_second_transfer_to_the_same_name_is_refused(
    table: Table, yoda: Client, han: Client
) -> None:
    """«while one transfer to a final name runs, a second to the same is refused»"""
    content = content_of(2 * MEGABYTE)
    yoda.writes("a.mp4", content)
    with Relay(yoda.address, han.address, seed=1, delay=0.02) as relay:
        table.send(yoda, "a.mp4", han, relay)
        table.send(yoda, "a.mp4", han, relay)
        reason = "a file of this name is being received already"
        assert {yoda.hears(), yoda.hears()} == {
            SendFailed("a.mp4", "Han", reason),
            Uploaded("a.mp4", "Han"),
        }
        assert {han.hears(), han.hears()} == {
            ReceiveFailed("a.mp4", "Yoda", reason),
            Received("a.mp4", "Yoda"),
        }
    assert han.stored() == {"Yoda_a.mp4": content}
    table.send(yoda, "a.mp4", han)  # the name is free again
    assert yoda.hears() == Uploaded("a.mp4", "Han")


def test_a_symbolic_link_in_place_of_the_hidden_folder_is_not_followed(
    table: Table, yoda: Client, han: Client, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (han.directory / HIDDEN).symlink_to(elsewhere)
    yoda.writes("a.mp4", b"abc")
    table.send(yoda, "a.mp4", han)
    assert yoda.hears() == SendFailed("a.mp4", "Han", "the file cannot be written")
    assert isinstance(han.hears(), ReceiveFailed)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("public", [b"", bytes(32), bytes(31)])
def test_a_ticket_with_a_public_key_that_is_none_fails_at_once(yoda: Client, public: bytes) -> None:
    yoda.writes("a.mp4", b"abc")
    ticket = Ticket(1, bytes(32), "Han", LOCALHOST, 9, public)
    yoda.transfers.expect(ticket)
    yoda.transfers.present(replace(ticket, number=2), yoda.opens("a.mp4"))
    assert isinstance(yoda.hears(), SendFailed)


@pytest.mark.parametrize(
    ("key", "address", "port"),
    [
        (bytes(32), "no.such", 9),
        (bytes(32), "::1", 9),
        (bytes(32), LOCALHOST, 0),
        (bytes(32), LOCALHOST, 70_000),
        (bytes(99), LOCALHOST, 9),
    ],
)
def test_a_ticket_that_cannot_be_used_fails_at_once(
    yoda: Client, key: bytes, address: str, port: int
) -> None:
    yoda.writes("a.mp4", b"abc")
    ticket = Ticket(1, key, "Han", address, port, SOMEBODY.public)
    yoda.transfers.expect(ticket)
    yoda.transfers.present(ticket, yoda.opens("a.mp4"))
    assert isinstance(yoda.hears(), SendFailed)


def test_a_number_is_used_by_one_transfer_at_a_time(
    table: Table, yoda: Client, han: Client
) -> None:
    yoda.writes("a.mp4", b"abc")
    ticket = Ticket(1, bytes(32), "Han", *han.address, SOMEBODY.public)  # Han knows nothing of it
    yoda.transfers.present(ticket, yoda.opens("a.mp4"))
    yoda.transfers.present(ticket, yoda.opens("a.mp4"))
    assert isinstance(yoda.hears(), SendFailed)
    assert yoda.reports.empty()


def test_a_mapped_address_is_an_ipv4_address(table: Table, yoda: Client, han: Client) -> None:
    yoda.writes("a.mp4", b"abc")
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(replace(theirs, address=f"::ffff:{LOCALHOST}"))
    yoda.transfers.present(replace(ours, address=f"::ffff:{LOCALHOST}"), yoda.opens("a.mp4"))
    assert han.hears() == Received("a.mp4", "Yoda")


def test_nothing_is_begun_after_the_end(table: Table, yoda: Client) -> None:
    yoda.writes("a.mp4", b"abc")
    yoda.transfers.close()
    yoda.transfers.close()
    ticket = Ticket(1, bytes(32), "Han", LOCALHOST, 9, SOMEBODY.public)
    yoda.transfers.present(ticket, yoda.opens("a.mp4"))
    assert yoda.reports.empty()


def test_transfers_that_were_never_started_can_be_closed(tmp_path: Path) -> None:
    Transfers(bind_udp(0), tmp_path, report=lambda _report: None).close()


def test_a_taken_port_is_an_error() -> None:
    with bind_udp(0) as sock, pytest.raises(OSError, match="in use"):
        bind_udp(sock.getsockname()[1])


def test_the_engines_are_loaded_when_the_client_has_keys(tmp_path: Path) -> None:
    """No sooner: it is to be at its prompt at once. No later: the first file would wait for them"""
    code = """
import sys
from pathlib import Path
from toom_client.transfers import Transfers, bind_udp
engines = {"toom_client.listening", "toom_client.presenting"}
transfers = Transfers(bind_udp(0), Path(sys.argv[1]), report=print)
before = engines & set(sys.modules)
from toom_protocol.transfer.noise import KeyPair
transfers.use_keys(KeyPair.from_bytes(bytes(range(32))))
transfers.start()
transfers.close()
print(len(before), engines <= set(sys.modules))
"""
    loading = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(loading, capture_output=True, text=True, check=True)
    assert done.stdout == "0 True\n"


@pytest.mark.parametrize("congestion", CONTROLLERS)
def test_a_file_arrives_with_any_congestion_controller(
    table: Table, han: Client, congestion: str
) -> None:
    leia = table.seat("Leia", rules=Rules(congestion=congestion))
    content = content_of(MEGABYTE)
    leia.writes("a.mp4", content)
    table.send(leia, "a.mp4", han)
    assert leia.hears() == Uploaded("a.mp4", "Han")
    assert han.stored() == {"Leia_a.mp4": content}


def test_a_disk_that_takes_long_for_one_file_keeps_no_other_from_coming(
    table: Table, yoda: Client, han: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PROTOCOL 5.7: the disk is made to take a file while it comes; nobody waits for that."""
    begun, goes_on = threading.Event(), threading.Event()

    def wait(_descriptor: int) -> None:
        begun.set()
        assert goes_on.wait(20)

    monkeypatch.setattr(os, "fdatasync", wait)
    yoda.writes("long.mp4", bytes(8 * SYNC_EVERY))
    yoda.writes("short.mp4", b"abc")
    table.send(yoda, "long.mp4", han)
    assert begun.wait(20)
    try:  # while it comes: at its end it may wait, and others with it
        assert yoda.transfers.obey(Order(Action.PAUSE, 1)).result(5) == Obeyed(
            Order(Action.PAUSE, 1)
        )
        table.send(yoda, "short.mp4", han)
        assert han.hears(5) == Received("short.mp4", "Yoda")
    finally:
        goes_on.set()
    yoda.transfers.obey(Order(Action.CONTINUE, 1))
    assert han.hears() == Received("long.mp4", "Yoda")
