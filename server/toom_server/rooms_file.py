"""`.toom/rooms`: who is in which room, a JSON object a line (PROTOCOL 6.1).

Belongs here: reading, appending to and rewriting that one file. Does not: the rooms' logs.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from toom_server.entries import RoomEntry

Rooms = dict[int, tuple[str, ...]]


class RoomsFile:
    """Keeps the members of every room, on disk and in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rooms: Rooms = {}

    def load(self) -> list[str]:
        """Read the file and say what was odd; what is no room is taken out of it."""
        self.rooms = {}
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        broken = 0
        for raw in content.split(b"\n"):
            try:
                room_id, members = _parse_room(raw)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                broken += bool(raw)
            else:
                self.rooms[room_id] = members
        if broken or (content and not content.endswith(b"\n")):
            self.rewrite()
        return [".toom/rooms: a line that is no room was left out."] * broken

    def append(self, entries: Iterable[RoomEntry]) -> None:
        """Add rooms and wait until they are on the disk; `cut_back` takes them away again."""
        added = {entry.room_id: entry.members for entry in entries}
        with self._path.open("ab") as file:
            file.write(_format(added))
            file.flush()
            os.fdatasync(file.fileno())
        self.rooms |= added

    @property
    def size(self) -> int:
        """Bytes of the file, as a place to cut it back to."""
        return self._path.stat().st_size if self._path.exists() else 0

    def cut_back(self, size: int, entries: Iterable[RoomEntry]) -> None:
        """Take back what `append` did or began to do."""
        for entry in entries:
            self.rooms.pop(entry.room_id, None)
        if self._path.exists():
            os.truncate(self._path, size)

    def rewrite(self) -> None:
        """Write the whole file anew, at once."""
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(_format(self.rooms))
        fresh.replace(self._path)


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
