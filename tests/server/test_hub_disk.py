"""What clients see of a disk that refuses, over real sockets: SPEC S13; PROTOCOL 6.3."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.server.full_disk import FullDisk
from tests.server.running import PATIENCE, BareClient, Running, play
from toom_protocol import messages as m
from toom_server.file_store import FileStore
from toom_server.store import DirectoryInUse

EPOCH = "1 Jan 1970 00:00:00"


def test_a_full_disk_refuses_commands_and_appears_nowhere_later(tmp_path: Path) -> None:
    store = FullDisk(tmp_path)

    async def refused(client: BareClient, request: m.Request) -> None:
        assert isinstance(await client.ask(request), m.NotStored)

    async def story(server: Running) -> None:
        yoda, han, luke = [await server.client() for _ in range(3)]
        await yoda.log_in("Yoda")
        await han.log_in("Han")
        store.full = True
        await refused(yoda, m.Broadcast("lost"))
        await refused(yoda, m.BuildRoom(("Han",)))
        await refused(luke, m.LogIn("Luke", "pw", 8000))
        store.full = False
        sent = await yoda.ask(m.Broadcast("kept"))
        assert isinstance(sent, m.BroadcastSent)
        assert sent.number == 1
        assert await han.ask(m.BuildRoom(("Yoda",))) == m.RoomBuilt(1, ("Han", "Yoda"))
        await luke.log_in("Luke")
        assert len(server.lines("messagelog.txt")) == 1

    play(tmp_path, story, store=store)


def test_a_log_in_that_is_over_before_it_could_be_written_down(tmp_path: Path) -> None:
    store = FullDisk(tmp_path)

    async def story(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        store.full = True
        yoda.send(1, m.LogIn("Yoda", "pw", 8000))
        yoda.send(2, m.LogOut())
        assert isinstance((await yoda.receive())[1], m.NotStored)
        assert isinstance((await yoda.receive())[1], m.Refused)  # nobody is logged in
        store.full = False
        await han.log_in("Han")

    play(tmp_path, story, store=store)


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda = await server.client()
        await yoda.log_in("Yoda")
        await yoda.ask(m.Broadcast("hello"))
        log = tmp_path / "messagelog.txt"
        log.rename(tmp_path / "elsewhere")
        log.mkdir()
        answer = await yoda.ask(m.ReadMessages(m.LogChoice.BROADCASTS, EPOCH))
        assert isinstance(answer, m.NotStored)
        assert isinstance(await yoda.ask(m.Broadcast("hello")), m.NotStored)
        assert await yoda.ask(m.Ping()) == m.Pong()

    play(tmp_path, story)


def test_a_lock_that_was_deleted_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PROTOCOL 6.3: nobody need say anything for it."""
    monkeypatch.setattr("toom_server.hub.SWEEP_INTERVAL", 0.01)

    async def story(server: Running) -> None:
        yoda = await server.client()
        sweep = asyncio.create_task(server.hub.sweep())
        shutil.rmtree(tmp_path / ".toom")
        async with asyncio.timeout(PATIENCE):
            while not (tmp_path / ".toom" / "checkpoint").exists():
                await yoda.ask(m.Ping())
        with pytest.raises(DirectoryInUse):
            FileStore(tmp_path).load()
        sweep.cancel()

    play(tmp_path, story)
