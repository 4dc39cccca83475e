"""`.toom/rooms`: who is in which room, a JSON object a line (PROTOCOL 6.1).

Belongs here: reading, appending to and rewriting that one file. Does not: the rooms' logs.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from toom_server.allocation import take_ahead

Rooms = dict[int, tuple[str, ...]]


class RoomsFile:
    """Keeps the members of every room, on disk and in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rooms: Rooms = {}
        self.broken = 0  # lines that are no rooms, when `look` was called
        self._is_ragged = False  # it must be written anew before anything is appended
        self._room = 0  # up to which size the disk has room for sure

    def look(self) -> None:
        """Read the file, and change nothing."""
        self.rooms, self.broken, self._is_ragged = {}, 0, False
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        for raw in content.split(b"\n"):
            try:
                room_id, members = _parse_room(raw)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                self.broken += bool(raw)
            else:
                self.rooms[room_id] = members
        self._is_ragged = bool(self.broken or (content and not content.endswith(b"\n")))

    def mend(self) -> list[str]:
        """Take out of the file what `look` found to be no room, and say so."""
        if self._is_ragged:
            self.rewrite()
        return [".toom/rooms: a line that is no room was left out."] * self.broken

    def prepare(self, rooms: Rooms) -> None:
        """See to it that rooms can be appended.

        Raises:
            OSError: there is no room for them, or the file cannot be written.
        """
        length = len(_format(rooms))
        if self.size + length > self._room:
            with self._path.open("ab") as file:
                self._room = take_ahead(file.fileno(), self.size, length)

    def append(self, rooms: Rooms) -> None:
        """Add rooms; `cut_back` takes them away again, `sync` waits until they are on the disk."""
        with self._path.open("ab") as file:
            file.write(_format(rooms))
        self.rooms |= rooms

    def sync(self) -> None:
        """Wait until the file is on the disk."""
        if self._path.exists():
            with self._path.open("rb") as file:
                os.fdatasync(file.fileno())

    @property
    def size(self) -> int:
        """Bytes of the file, as a place to cut it back to."""
        return self._path.stat().st_size if self._path.exists() else 0

    def cut_back(self, size: int, room_ids: Iterable[int]) -> None:
        """Take back what `append` did or began to do."""
        for room_id in room_ids:
            self.rooms.pop(room_id, None)
        self._room = 0
        if self._path.exists():
            os.truncate(self._path, size)

    def rewrite(self) -> None:
        """Write the whole file anew, at once."""
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(_format(self.rooms))
        fresh.replace(self._path)
        self._room = 0


def _format(rooms: Mapping[int, tuple[str, ...]]) -> bytes:
    lines = (
        json.dumps({"id": room_id, "members": members}, ensure_ascii=False) + "\n"
        for room_id, members in rooms.items()
    )
    return "".join(lines).encode()


def _parse_room(raw: bytes) -> tuple[int, tuple[str, ...]]:
    room = json.loads(raw)
    room_id, members = room["id"], room["members"]
    if not (isinstance(room_id, int) and 0 < room_id < 2**63 and isinstance(members, list)):
        raise ValueError("no room")
    for name in members:
        name.encode()  # a lone surrogate could never be told to anybody
    return room_id, tuple(members)
