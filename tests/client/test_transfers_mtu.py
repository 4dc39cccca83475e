"""PROTOCOL 5.13 over real sockets: the path takes no full datagrams any more."""

from __future__ import annotations

import os
import queue
from pathlib import Path

import pytest

from tests.client.table import MEGABYTE, Client, Table, content_of
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from tests.doubles.road import HERE, THERE, Road, why_not
from toom_client.transfers import Received, Report, Ticket, Transfers, Uploaded
from toom_protocol.transfer.noise import KeyPair
from toom_protocol.transfer.packets import BASE_DATAGRAM


def test_a_path_that_drops_what_is_long_is_survived(table: Table) -> None:
    yoda, han = table.seat("Yoda"), table.seat("Han")
    content = content_of(6 * MEGABYTE + 1)
    yoda.writes("a.mp4", content)
    seen = narrow = 0

    def drop(datagram: bytes) -> list[bytes]:
        nonlocal seen, narrow
        seen += 1
        if seen > 1500 and len(datagram) > BASE_DATAGRAM:
            narrow += 1
            return []
        return [datagram]

    with Relay(yoda.address, han.address, seed=3, loss=0.01, spoil=drop) as relay:
        table.send(yoda, "a.mp4", han, relay)
        assert han.hears() == Received("a.mp4", "Yoda")
        assert yoda.hears() == Uploaded("a.mp4", "Han")
    assert han.stored() == {"Yoda_a.mp4": content}
    assert narrow


@pytest.fixture(scope="module")
def namespaces() -> None:
    reason = why_not()
    if reason:
        pytest.skip(reason)


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize(
    ("host", "device"),
    [("router", "there"), ("here", "road")],
    ids=["behind a router, in silence", "on this host, which says so"],
)
@pytest.mark.parametrize("mtu", [1400, 1280])
def test_a_route_whose_mtu_is_lowered_is_survived(
    tmp_path: Path, host: str, device: str, mtu: int
) -> None:
    content = content_of(30 * MEGABYTE)
    with Road() as road:
        yoda, han = seat(tmp_path, "Yoda", road, "here"), seat(tmp_path, "Han", road, "there")
        yoda.writes("a.mp4", content)
        key = bytes(32)
        theirs = Ticket(1, key, "Yoda", HERE, yoda.port, yoda.keys.public)
        han.transfers.expect(theirs)
        ours = Ticket(1, key, "Han", THERE, han.port, han.keys.public)
        yoda.transfers.present(ours, yoda.opens("a.mp4"))
        wait_until(lambda: any(path.stat().st_blocks for path in han.incoming()))
        road.narrow(host, device, mtu)
        assert han.hears() == Received("a.mp4", "Yoda")
        assert yoda.hears() == Uploaded("a.mp4", "Han")
        for client in (yoda, han):
            client.transfers.close()
    assert han.stored() == {"Yoda_a.mp4": content}


def seat(root: Path, name: str, road: Road, host: str) -> Client:
    directory = root / name
    directory.mkdir()
    reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
    sock = road.bind_udp(host)
    port = sock.getsockname()[1]
    transfers = Transfers(sock, directory, report=reports.put)
    keys = KeyPair.from_bytes(os.urandom(32))
    transfers.use_keys(keys)
    transfers.start()
    return Client(name, directory, transfers, port, reports, keys)
