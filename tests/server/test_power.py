"""Nothing that was acknowledged is lost with the power: SPEC S13; PROTOCOL 6.2, 6.3.

The store runs on a disk that forgets what was not synced. The power goes at a random sync, in each
of several lives; what the next life finds must hold every promise of those before.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doubles.disk import ForgetfulDisk, PowerLost
from tests.server.durability import SEEDS_OF_POWER, check_log
from tests.server.storing import Said, commit, said
from toom_protocol.lines import parse_post
from toom_protocol.messages import BroadcastSent
from toom_server.entries import Entry, OriginEntry, RoomEntry
from toom_server.file_store import FileStore
from toom_server.replies import REMEMBERED

RUN = b"r" * 16
LIVES = 3
MEMBERS = ("Yoda", "Han", "Luke", "Leia", "Obi-wan", "Lando", "Chewie", "Artoo")


class World:
    """What was promised so far."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.posts: defaultdict[int, dict[int, tuple[str, str]]] = defaultdict(dict)
        self.rooms: dict[int, tuple[str, ...]] = {}
        self.said = 0
        self.origins: list[tuple[int, object]] = []
        self.last: dict[int, int] = {}
        self.next_room = 1

    def batch(self) -> list[Said | Entry]:
        """Some entries, numbered as the conference would number them."""
        entries: list[Said | Entry] = []
        last, rooms = dict(self.last), set(self.rooms)
        if self.chance.random() < 0.2:
            members = tuple(self.chance.sample(MEMBERS, self.chance.randint(2, 5)))
            entries.append(RoomEntry(self.next_room, members))
            rooms.add(self.next_room)
        for _ in range(self.chance.randint(1, 4)):
            log = self.chance.choice([0, *rooms])
            last[log] = last.get(log, 0) + 1
            self.said += 1
            text = f"text {self.said} " + "x" * self.chance.choice((0, 10, 700, 6000))
            entries.append(said(last[log], text, log))
            if self.chance.random() < 0.3:
                entries.append(OriginEntry(RUN, self.said, BroadcastSent(last[log], text[:16])))
        return entries

    def promise(self, entries: list[Said | Entry]) -> None:
        """The replies have left."""
        for entry in entries:
            if isinstance(entry, tuple):
                log, post = entry
                self.last[log] = post.number
                self.posts[log][post.number] = (post.username, post.text)
            elif isinstance(entry, OriginEntry):
                self.origins.append((entry.request_id, entry.reply))
            else:
                self.rooms[entry.room_id] = entry.members
                self.next_room = entry.room_id + 1


@contextmanager
def unreliable(directory: Path, world: World, syncs: int) -> Iterator[ForgetfulDisk]:
    disk = ForgetfulDisk([directory, directory / ".toom"], world.chance, syncs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", disk.sync)
        patch.setattr(os, "fsync", disk.sync)
        patch.setattr("toom_server.segments.FIRST_SIZE", 4 * 4096)
        patch.setattr("toom_server.segments.LARGEST", 16 * 4096)
        patch.setattr("toom_server.segments.SMALLEST", 4 * 4096)
        patch.setattr("toom_server.journal.boot", lambda: os.urandom(16))
        yield disk


def live(directory: Path, world: World, after: Path) -> None:
    """Work until the power goes, and lay out what is left of it."""
    with unreliable(directory, world, world.chance.randint(0, 60)) as disk:
        store = FileStore(directory)
        try:
            history = store.load()
            world.last = {log: last.number for log, last in history.last.items()}
            world.rooms, world.next_room = dict(history.rooms), history.next_room_id
            while True:
                entries = world.batch()
                commit(store, entries)
                world.promise(entries)
                if world.chance.random() < 0.1:
                    store.publish(b"1; 1 Jun 2022 16:00:00; Yoda; 10.0.0.1; 8000\n")
        except PowerLost:
            disk.cut(after)
        finally:
            disk.close()
            store.drop()


def check(directory: Path, world: World) -> None:
    """A start on what is left finds all that was promised, and says nothing of a loss."""
    store = FileStore(directory)
    history = store.load()
    store.close()
    assert world.rooms.items() <= history.rooms.items()
    for log, promised in world.posts.items():
        name = "messagelog.txt" if log == 0 else f"SR_{log}_messagelog.txt"
        lines = (directory / name).read_bytes().decode().split("\n")
        assert lines.pop() == ""
        check_log([parse_post(line) for line in lines], promised)
    known = list(history.runs.get(RUN, ()))
    assert set(known) >= set(world.origins[-REMEMBERED // 2 :])  # the rest may be of a lost batch
    assert not [warning for warning in history.warnings if "acknowledged" in warning]


@pytest.mark.parametrize("seed", SEEDS_OF_POWER)
def test_no_acknowledged_line_is_lost_with_the_power(tmp_path: Path, seed: int) -> None:
    world = World(seed)
    before = tmp_path / "0"
    before.mkdir()
    for number in range(1, LIVES + 1):
        after = tmp_path / str(number)
        after.mkdir()
        rooms = dict(world.rooms)
        live(before, world, after)
        world.rooms |= rooms
        check(after, world)
        before = after
