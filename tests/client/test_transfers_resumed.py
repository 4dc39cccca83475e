"""PROTOCOL 5.7: another try of a file goes on where the last one was."""

from __future__ import annotations

import pytest

from tests.client.table import MEGABYTE, Client, Table, content_of
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from toom_client.incoming import IncomingFile
from toom_client.transfers import (
    Received,
    ReceiveFailed,
    Uploaded,
)
from toom_protocol.transfer.packets import BATCH, LARGEST_CHUNK
from toom_protocol.transfer.tree import leaf_of


def interrupted(table: Table, yoda: Client, han: Client, content: bytes) -> None:
    """Yoda leaves when at least a megabyte of the file lies in Han's hidden folder."""
    yoda.writes("a.mp4", content)
    with Relay(yoda.address, han.address, seed=1, delay=0.02) as relay:
        table.send(yoda, "a.mp4", han, relay)
        wait_until(lambda: relay.carried > 2 * MEGABYTE)
        yoda.transfers.close()
        assert han.hears() == ReceiveFailed("a.mp4", "Yoda", "it was given up")
    assert han.stored() == {}
    assert han.unfinished()


@pytest.mark.parametrize("who", ["both go on", "the presenter was killed", "the audience too"])
def test_what_has_come_is_not_sent_again(table: Table, yoda: Client, han: Client, who: str) -> None:
    """«where unfinished data may wait at most 24 h to be resumed»"""
    content = content_of(20 * MEGABYTE)
    interrupted(table, yoda, han, content)
    again = table.seat("Yoda")
    if who == "the audience too":
        han.transfers.close()
        han = table.seat("Han")
    with Relay(again.address, han.address, seed=2) as relay:
        table.send(again, "a.mp4", han, relay)
        assert again.hears() == Uploaded("a.mp4", "Han")
        assert han.hears() == Received("a.mp4", "Yoda")
        assert relay.carried < 19.3 * MEGABYTE
    assert han.stored() == {"Yoda_a.mp4": content}
    assert han.unfinished() == []


def test_another_file_of_this_name_and_size_is_sent_whole(
    table: Table, yoda: Client, han: Client
) -> None:
    interrupted(table, yoda, han, content_of(5 * MEGABYTE))
    again = table.seat("Yoda")
    other = content_of(5 * MEGABYTE, seed=2)
    again.writes("a.mp4", other)
    table.send(again, "a.mp4", han)
    assert again.hears() == Uploaded("a.mp4", "Han")
    assert han.hears() == Received("a.mp4", "Yoda")
    assert han.stored() == {"Yoda_a.mp4": other}
    assert han.unfinished() == []


def test_a_file_of_which_all_had_come_is_only_compared(
    table: Table, yoda: Client, han: Client
) -> None:
    """The audience was killed between the last block and the rename."""
    content = content_of(MEGABYTE)
    left = IncomingFile(han.directory, "Yoda_a.mp4", len(content), LARGEST_CHUNK)
    left.prepare()
    left.write(memoryview(content), 0)
    for at in range(0, len(content), BATCH * LARGEST_CHUNK):
        left.note(leaf_of(content[at : at + BATCH * LARGEST_CHUNK]))
    left.discard(keep=True)
    yoda.writes("a.mp4", content)
    with Relay(yoda.address, han.address, seed=2) as relay:
        table.send(yoda, "a.mp4", han, relay)
        assert yoda.hears() == Uploaded("a.mp4", "Han")
        assert han.hears() == Received("a.mp4", "Yoda")
        assert relay.carried < 20_000
    assert han.stored() == {"Yoda_a.mp4": content}
