"""Clients that follow what is said, and what they hear."""

import asyncio
from collections.abc import Callable

from tests.doubles.patience import wait_until
from tests.server.running import PATIENCE, BareClient, Running
from toom_protocol import messages as m
from toom_protocol.lines import parse_post
from toom_protocol.marks import format_marks, parse_marks


async def follow(client: BareClient, rest: m.Rest = m.Rest.END, **marks: int) -> dict[int, int]:
    """Follow, and give from where; marks are named `log_3=17`."""
    numbers = {int(name.removeprefix("log_")): number for name, number in marks.items()}
    [said] = format_marks(numbers) if numbers else [()]
    client.send(9, m.Follow(said, rest))
    found: dict[int, int] = {}
    while True:
        request_id, reply = await client.receive()
        assert request_id == 9
        if isinstance(reply, m.End):
            return found
        assert isinstance(reply, m.Marks)
        found |= parse_marks(reply.marks)


async def heard(client: BareClient, count: int) -> list[tuple[int, int, str]]:
    """Give so many messages as they are pushed: log, number, text. Nothing else may come."""
    found: list[tuple[int, int, str]] = []
    while len(found) < count:
        request_id, notice = await client.receive()
        assert request_id == 0
        found += told(notice)
    return found


def told(notice: object) -> list[tuple[int, int, str]]:
    assert isinstance(notice, m.Posted)
    assert notice.lines.endswith(b"\n") or not notice.lines
    posts = map(parse_post, notice.lines.decode().split("\n")[:-1])
    return [(notice.room_id, post.number, post.text) for post in posts]


async def seated(server: Running, *names: str) -> list[BareClient]:
    clients = [await server.client() for _ in names]
    for client, name in zip(clients, names, strict=True):
        await client.log_in(name)
    return clients


async def until(condition: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, condition, PATIENCE)


async def silent(client: BareClient) -> None:
    """Nothing has been pushed to this client that it has not heard."""
    assert await client.ask(m.Ping()) == m.Pong()
