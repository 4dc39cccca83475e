"""Which rooms there are, and who is in them (SPEC S8, S9). Pure."""

from collections.abc import Mapping

from toom_protocol.messages import RoomFault

Members = tuple[str, ...]  # the builder first


class Rooms:
    """Rooms by number, and by who is in them."""

    def __init__(self, rooms: Mapping[int, Members], next_id: int) -> None:
        """Go on with what is remembered."""
        self._rooms = dict(rooms)
        self._room_of_members = {frozenset(who): key for key, who in rooms.items()}
        self._next_room_id = next_id

    def build(self, members: Members) -> int:
        """Begin a room; give its number."""
        room_id = self._next_room_id
        self._next_room_id += 1
        self._rooms[room_id] = members
        self._room_of_members[frozenset(members)] = room_id
        return room_id

    def take_back(self, room_id: int, members: Members) -> None:
        """The last room could not be kept: its number is free again."""
        del self._rooms[room_id]
        del self._room_of_members[frozenset(members)]
        self._next_room_id = room_id

    def twin(self, members: Members) -> int | None:
        """Give the room with exactly these members, in whatever order."""
        return self._room_of_members.get(frozenset(members))

    def of(self, username: str) -> tuple[int, ...]:
        """Give the rooms that somebody is in, in order."""
        return tuple(key for key in sorted(self._rooms) if username in self._rooms[key])

    def fault_of(self, username: str, room_id: int) -> RoomFault | None:
        """Why somebody may not speak in a room (SPEC S9)."""
        members = self._rooms.get(room_id)
        if members is None:
            return RoomFault.NO_SUCH_ROOM
        return None if username in members else RoomFault.NOT_A_MEMBER
