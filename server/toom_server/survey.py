"""What lies in a server's directory, before anything is changed (PROTOCOL 6.1, 6.3).

A start repairs what it finds here (file_store.py), `toom-server --check` only tells of it
(checkup.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toom_server import checkpoint
from toom_server.checkpoint import Checkpoint, Extent
from toom_server.entries import BROADCASTS
from toom_server.journal import Journal
from toom_server.recovery import Replay, gather

HIDDEN: Final = ".toom"
BROADCAST_LOG: Final = "messagelog.txt"
_ROOM_LOG: Final = re.compile(r"SR_([1-9][0-9]{0,17})_messagelog\.txt")


@dataclass(frozen=True, slots=True)
class Survey:
    """What a start begins from.

    Attributes:
        before: the checkpoint; None: there is none that is whole.
        replay: what the journal has that the checkpoint has not.
        rooms: members by room, of those that are known.
        logs: all that there are or must be, in order.
    """

    before: Checkpoint | None
    replay: Replay
    rooms: Mapping[int, tuple[str, ...]]
    logs: tuple[int, ...]

    def known(self, log: int) -> Extent | None:
        """Give how much of a log there must be; None: nothing was ever stored here."""
        if self.before is not None:
            return self.before.logs.get(log, Extent())
        return Extent() if self.replay.sequence else None


def survey(directory: Path, journal: Journal, rooms: Mapping[int, tuple[str, ...]]) -> Survey:
    """Look at journal, checkpoint and the names of the logs.

    Args:
        directory: of the server.
        journal: in its hidden folder.
        rooms: what the file of rooms has.

    Raises:
        BadRecord, AnotherVersion: the journal cannot be read.
    """
    before = checkpoint.read(directory / HIDDEN)
    since = before or Checkpoint()
    replay = gather(journal.records(since.sequence), since, journal.written)
    all_rooms = {**replay.rooms, **rooms}
    logs = {BROADCASTS} | set(all_rooms) | logs_there(directory) | set(replay.lines)
    return Survey(before, replay, all_rooms, tuple(sorted(logs)))


def logs_there(directory: Path) -> set[int]:
    """Give the rooms whose log is there."""
    names = [_ROOM_LOG.fullmatch(path.name) for path in directory.iterdir()]
    return {int(name[1]) for name in names if name}


def log_path(directory: Path, log: int) -> Path:
    """Tell where a log lies (SPEC S6, S8)."""
    return directory / (BROADCAST_LOG if log == BROADCASTS else f"SR_{log}_messagelog.txt")
