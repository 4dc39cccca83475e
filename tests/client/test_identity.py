"""PROTOCOL 5.8: whose key is whose, from one client through the server to the other."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.seat import seat
from tests.doubles.cutter import Cutter
from tests.server.running import BareClient, Running, running
from toom_client import app, tickets, wording
from toom_client.identity import Identity
from toom_client.tickets import Ticket
from toom_protocol import messages as m

YODAS, LUKES = b"y" * 32, b"l" * 32


async def entered(server: Running, name: str, public_key: bytes = b"") -> BareClient:
    client = await server.client()
    request = m.LogIn(name, "pw", 8000, public_key=public_key)
    assert await client.ask(request) == m.LoggedIn(name)
    return client


async def key_of_han(asking: BareClient) -> bytes:
    located = await asking.ask(m.Locate("Han"))
    assert isinstance(located, m.Located)
    return located.public_key


def test_each_run_draws_a_pair_of_its_own_and_keeps_it() -> None:
    async def play() -> None:
        first, second = Identity(), Identity()
        pair = await first.pair()
        assert len(pair.public) == m.PUBLIC_KEY_SIZE
        assert await first.pair() is pair
        assert (await second.pair()).public != pair.public

    asyncio.run(play())


def test_a_ticket_carries_the_peers_key() -> None:
    word: tuple[Any, ...] = ("Han", "10.0.0.2", 8000, 7, b"k" * 32, b"h" * 32)
    ticket = Ticket(7, b"k" * 32, "Han", "10.0.0.2", 8000, b"h" * 32)
    assert tickets.of(m.Located(*word)) == tickets.of(m.Expected(*word)) == ticket


def forget(server: Running) -> None:
    server.sessions.forget("Han")


@pytest.mark.parametrize("meanwhile", [lambda server: None, forget], ids=["resumed", "logged in"])
def test_others_are_told_the_same_key_after_a_reconnect(
    tmp_path: Path, meanwhile: Callable[[Running], None]
) -> None:
    async def play() -> None:
        async with (
            running(tmp_path) as server,
            Cutter(server.port, iter(())).running() as cutter,
            seat(tmp_path / "han", lambda: cutter.port, reconnect=True) as han,
        ):
            await han.sees(wording.WELCOME)
            yoda = await entered(server, "Yoda", YODAS)
            before = await key_of_han(yoda)
            meanwhile(server)
            cutter.cut()
            await han.sees(wording.RECONNECTED)
            assert len(before) == m.PUBLIC_KEY_SIZE
            assert await key_of_han(yoda) == before

    asyncio.run(play())


def test_the_audience_expects_only_who_has_a_key(tmp_path: Path) -> None:
    expected: list[Ticket] = []

    class Audience:
        expect = staticmethod(expected.append)

    async def play() -> None:
        async with running(tmp_path) as server:
            options = argparse.Namespace(live=False, reconnect=False)
            new_link = app.links(options, None, Audience(), None)  # type: ignore[arg-type]
            loop = asyncio.get_running_loop()
            _, link = await loop.create_connection(new_link, "127.0.0.1", server.port)
            await link.ask_once(m.LogIn("Han", "pw", 8000, public_key=b"h" * 32))
            for name, key in (("Yoda", b""), ("Luke", LUKES)):
                assert await key_of_han(await entered(server, name, key)) == b"h" * 32
            await link.ask_once(m.Locate("Nobody"))  # all that was told before is here
            link.close()

    asyncio.run(play())
    usable = [ticket for ticket in expected if ticket.peer_address()]  # others are but logged
    assert [(ticket.peer, ticket.public_key) for ticket in usable] == [("Luke", LUKES)]
    assert [ticket.peer for ticket in expected] == ["Yoda", "Luke"]


def test_a_file_for_a_client_without_a_key_is_not_sent(tmp_path: Path) -> None:
    async def play() -> None:
        async with (
            running(tmp_path) as server,
            seat(tmp_path / "han", lambda: server.port) as han,
        ):
            await han.sees(wording.WELCOME)
            await entered(server, "Yoda")
            han.types("UPD Yoda nothing.mp4", "OUT")
            assert await han.ended() == 0
            said = "The client of Yoda is too old: it takes no encrypted files."
            assert han.lines()[-2:] == [said, "Bye, Han!"]

    asyncio.run(play())
