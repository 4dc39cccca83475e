"""`--manage` (PROTOCOL 5.15): transfers over real sockets, paused, cancelled and tried again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.seat import Seat, seat
from tests.client.table import MEGABYTE, Client, Table, content_of
from tests.client.test_reconnect_processes import free_port, server, terminal
from tests.doubles.patience import wait_until
from tests.doubles.relay import Relay
from tests.server.running import running
from toom_client.commands import USAGE
from toom_client.progress import State
from toom_client.roster import Action, Again, Answer, Listing, Misfit, Obeyed, Order, Row
from toom_client.transfers import Received, ReceiveFailed, SendFailed, Uploaded

CONTENT = content_of(4 * MEGABYTE)
CANCELLED = "it was cancelled"


def tells(client: Client, action: Action | None = None, number: int = 1) -> Answer:
    return client.transfers.obey(Order(action, number)).result(timeout=10)


def row(client: Client, number: int = 1) -> Row | None:
    answer = tells(client)
    assert isinstance(answer, Listing)
    return next((row for row in answer.rows if row.number == number), None)


def stands(client: Client, *states: State) -> bool:
    found = row(client)
    return found is not None and found.state in states


@pytest.fixture
def slow(yoda: Client, han: Client) -> Iterator[Relay]:
    """A path on which the film takes long enough to be caught in the middle."""
    yoda.writes("a.mp4", CONTENT)
    with Relay(yoda.address, han.address, seed=1, delay=0.1) as relay:
        yield relay


def caught(table: Table, yoda: Client, han: Client, relay: Relay) -> None:
    table.send(yoda, "a.mp4", han, relay)
    wait_until(lambda: (found := row(han)) is not None and 0.1 < found.share < 1)


@pytest.mark.parametrize("who", ["Yoda", "Han"])
def test_either_end_pauses_and_lets_go_on(
    table: Table, yoda: Client, han: Client, slow: Relay, who: str
) -> None:
    caught(table, yoda, han, slow)
    one, other = (yoda, han) if who == "Yoda" else (han, yoda)
    assert tells(one, Action.PAUSE) == Obeyed(Order(Action.PAUSE, 1))
    wait_until(lambda: stands(one, State.PAUSED) and stands(other, State.HELD))
    assert isinstance(tells(other, Action.CONTINUE), Misfit)
    assert tells(one, Action.CONTINUE) == Obeyed(Order(Action.CONTINUE, 1))
    assert yoda.hears() == Uploaded("a.mp4", "Han")
    assert han.hears() == Received("a.mp4", "Yoda")
    assert han.stored() == {"Yoda_a.mp4": CONTENT}
    assert stands(yoda, State.DONE)
    assert stands(han, State.DONE)


@pytest.mark.parametrize("who", ["Yoda", "Han"])
def test_either_end_cancels_and_another_try_goes_on_where_it_was(
    table: Table, yoda: Client, han: Client, slow: Relay, who: str
) -> None:
    """Both read why; what has come waits hidden (SPEC S12)."""
    caught(table, yoda, han, slow)
    one = yoda if who == "Yoda" else han
    tells(one, Action.PAUSE)
    wait_until(lambda: stands(one, State.PAUSED))
    assert tells(one, Action.CANCEL) == Obeyed(Order(Action.CANCEL, 1))
    assert yoda.hears() == SendFailed("a.mp4", "Han", CANCELLED)
    assert han.hears() == ReceiveFailed("a.mp4", "Yoda", CANCELLED)
    assert han.stored() == {}
    kept = sum(path.stat().st_size for path in han.incoming())
    assert 0 < kept < len(CONTENT)
    assert isinstance(tells(han, Action.RETRY), Misfit)
    assert tells(yoda, Action.RETRY) == Again(1, "Han", "a.mp4")
    ours, theirs = table.tickets_for(yoda, han)
    han.transfers.expect(theirs)
    yoda.transfers.present(ours, yoda.opens("a.mp4"), number=1)
    assert yoda.hears() == Uploaded("a.mp4", "Han")
    assert han.hears() == Received("a.mp4", "Yoda")
    assert han.stored() == {"Yoda_a.mp4": CONTENT}
    assert stands(yoda, State.DONE)
    assert row(yoda, 2) is None


def test_a_client_that_ends_in_a_pause_tells_the_other(
    table: Table, yoda: Client, han: Client, slow: Relay
) -> None:
    caught(table, yoda, han, slow)
    tells(han, Action.PAUSE)
    yoda.transfers.close()
    assert han.hears() == ReceiveFailed("a.mp4", "Yoda", "it was given up")
    assert isinstance(tells(yoda, Action.PAUSE), Misfit)  # an answer, although its thread is gone


def test_a_conversation_about_transfers(tmp_path: Path) -> None:
    """What does not fit is one line; the prompt names TRF."""

    async def talk() -> Seat:
        async with (
            running(tmp_path) as server,
            seat(tmp_path / "han", lambda: server.port, manages=True) as han,
        ):
            han.transfers.start()
            han.types("TRF", "TRF pause", "TRF retry 1", "OUT")
            assert await han.ended() == 0
            return han

    shown = asyncio.run(talk()).screen
    assert shown.count("(BCM, ATU, SRB, SRM, RDM, OUT, UPD, TRF): ") == 4
    for line in ("no transfers", USAGE["TRF"], "There is no transfer 1."):
        assert f"{line}\n" in shown


@pytest.mark.slow
def test_two_terminals_look_after_a_film(tmp_path: Path) -> None:
    """The real programs: a film is paused at one end, cancelled at the other and sent again."""
    port, size = free_port(), 400 * MEGABYTE
    with (
        server(tmp_path / "server", port),
        terminal(tmp_path / "han", "Han", port, "--manage", "--log", "log") as han,
        terminal(tmp_path / "yoda", "Yoda", port, "--manage") as yoda,
    ):
        with (tmp_path / "yoda" / "a.mp4").open("wb") as film:
            film.truncate(size)
        yoda.sendline("UPD Han a.mp4")
        yoda.expect_exact("Sending a.mp4 to Han\r\n")
        yoda.sendline("TRF pause 1")
        yoda.expect_exact("Transfer 1 is paused.\r\n")
        yoda.sendline("TRF")
        yoda.expect(r"1: sending a\.mp4 to Han, paused, \d+ %\r\n")
        yoda.sendline("TRF retry 1")
        yoda.expect_exact("Transfer 1 has not ended.\r\n")
        wait_until(lambda: any((tmp_path / "han" / ".toom").glob("*.part")), 20)
        han.sendline("TRF cancel 1")
        han.expect_exact("Transfer 1 is cancelled.\r\n")
        han.expect_exact("Transfer of a.mp4 from Yoda failed: it was cancelled\r\n")
        yoda.expect_exact("Transfer of a.mp4 to Han failed: it was cancelled\r\n")
        yoda.sendline("TRF")
        yoda.expect_exact("1: sending a.mp4 to Han, failed: it was cancelled\r\n")
        yoda.sendline("TRF retry 1")
        yoda.expect_exact("Sending a.mp4 to Han\r\n")
        yoda.expect_exact("a.mp4 has been uploaded\r\n")
        yoda.sendline("TRF")
        yoda.expect_exact("1: sending a.mp4 to Han, done\r\n")
        han.expect_exact("Received a.mp4 from Yoda\r\n")
    assert (tmp_path / "han" / "Yoda_a.mp4").stat().st_size == size
    first, *_ = (tmp_path / "han" / "log").read_text().splitlines()
    assert re.fullmatch(
        r"at=\S+ event=transfers-started segmentation=\S+ receive=\S+ ecn=on", first
    )
