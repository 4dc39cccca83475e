"""What is said: from a message to its line, its answer and what is shown (SPEC S5, S6, S9). Pure.

Belongs here: who may say what, numbers and times, where a log goes on. Does not: when it is kept
and told (hub.py), everything that is no message (conference.py).

There are more messages than all else: each passes here once, and nothing is made of it twice.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from toom_protocol.codec import encode_numbered
from toom_protocol.messages import (
    Broadcast,
    BroadcastSent,
    Refused,
    Reply,
    RoomMessage,
    RoomMessageRefused,
    RoomMessageSent,
)
from toom_protocol.texts import fault_of_message
from toom_protocol.timestamps import format_timestamp
from toom_server.entries import BROADCASTS, LastPost
from toom_server.rooms import Rooms
from toom_server.tails import Tail

SAYINGS: Final = (Broadcast, RoomMessage)
# What follows from a message once it is kept: the frame for who has sent it, and the line for the
# server's terminal. A bare tuple, since each message has one.
Said = tuple[bytes, str]


class _End:
    """Where a log goes on: its last number and time, and what messages of that time have alike."""

    __slots__ = ("answer", "at", "number", "stamp")

    def __init__(self, log: int, last: LastPost, at: datetime) -> None:
        self.number = last.number
        self.turn_to(log, max(last.at, at))

    def turn_to(self, log: int, at: datetime) -> None:
        self.at = at
        self.stamp = format_timestamp(at)
        self.answer = _answers(log, self.stamp)


class Talk:
    """The logs, as far as those who speak are concerned."""

    def __init__(self, last: Mapping[int, LastPost], rooms: Rooms) -> None:
        """Go on with what is remembered."""
        self._last = dict(last)  # of logs in which nobody has spoken yet
        self._ends: dict[int, _End] = {}
        self._rooms = rooms

    def say(
        self,
        username: str,
        request_id: int,
        message: Broadcast | RoomMessage,
        at: datetime,
        tails: dict[int, Tail],
    ) -> Said | Reply:
        """Accept a message, or say why not.

        Args:
            at: local time; neither number nor time ever goes backwards in a log (SPEC S4).
            tails: get its line; nothing that follows is told before that is kept.
        """
        text = message.text
        if type(message) is RoomMessage:
            log = message.room_id
            if fault := self._rooms.fault_of(username, log):
                return RoomMessageRefused(fault)
        else:
            log = BROADCASTS
        if complaint := fault_of_message(text):
            return Refused(complaint)
        end = self._ends.get(log)
        if end is None:
            end = self._ends[log] = _End(log, self._last.pop(log, LastPost()), at)
        elif end.at < at:
            end.turn_to(log, at)
        end.number = number = end.number + 1
        stamp = end.stamp
        tail = tails.get(log)
        if tail is None:
            tail = tails[log] = Tail(number)
        if tail.at is not end.at:
            tail.turn_to(end.at)
        tail.lines.append(f"{number}; {stamp}; {username}; {text}")  # as `format_post` does
        answer = end.answer(request_id, number)
        if log == BROADCASTS:
            return answer, f'{username} broadcasted BCM #{number} "{text}" at {stamp}.'
        return answer, f'{username} sent SRM #{number} "{text}" to room {log} at {stamp}.'

    def last_answer(self, log: int) -> Reply:
        """Give the answer to the message that was said last in a log."""
        end = self._ends[log]
        if log == BROADCASTS:
            return BroadcastSent(end.number, end.stamp)
        return RoomMessageSent(end.number, log, end.stamp)

    def undo(self, tails: Mapping[int, Tail]) -> None:
        """Take back what could not be kept: these numbers are free again (SPEC S13)."""
        for log, tail in tails.items():
            self._ends[log].number = tail.first - 1


def _answers(log: int, stamp: str) -> Callable[[int, int], bytes]:
    if log == BROADCASTS:
        return encode_numbered(BroadcastSent, stamp)
    return encode_numbered(RoomMessageSent, log, stamp)
