"""What became of the commands of one run of a client, so that a repeated one is not done twice.

Pure (PROTOCOL 3.6). Belongs here: which replies are remembered. Does not: whose they are
(sessions.py), how they are kept on disk.
"""

from collections import OrderedDict
from typing import Final, Generic, TypeVar

from toom_protocol import messages as m

REMEMBERED: Final = 64  # replies of one run of a client: as many requests as may be unanswered
REPEATABLE: Final = (m.Broadcast, m.RoomMessage, m.BuildRoom)  # commands that leave something
DONE: Final = (m.BroadcastSent, m.RoomMessageSent, m.RoomBuilt)  # and the replies that say so

Asked = TypeVar("Asked")


class Replies(Generic[Asked]):
    """The last replies by request id; `Asked` is how the hub knows a request that must wait."""

    def __init__(self, run: bytes = b"") -> None:
        """Remember those of a run of a client, by which they are known over restarts."""
        self.run = run
        self._known: OrderedDict[int, m.Reply] = OrderedDict()
        self._under_way: dict[int, list[Asked]] = {}

    def recall(self, request_id: int, asked: Asked) -> m.Reply | bool:
        """Ask what became of a request before it is done.

        Returns:
            The reply; True: it is under way, `asked` is given back by `told`; False: it is new,
            and under way from now on.
        """
        if (reply := self._known.get(request_id)) is not None:
            return reply
        if (waiting := self._under_way.get(request_id)) is not None:
            waiting.append(asked)
            return True
        self._under_way[request_id] = []
        return False

    def told(self, request_id: int, reply: m.Reply) -> list[Asked]:
        """Note how a request was answered, and give back who asked for it meanwhile.

        Only what was done is remembered: a command that was refused may be asked again.
        """
        if isinstance(reply, DONE):
            self.restore(request_id, reply)
        return self._under_way.pop(request_id, [])

    def restore(self, request_id: int, reply: m.Reply) -> None:
        """Remember a reply."""
        self._known[request_id] = reply
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
