"""What a start makes of logs and journal after a server that ended without warning (PROTOCOL 6.3).

Belongs here: which lines of the journal a log still lacks. Does not: how either is stored.

What somebody deleted or shortened while the server was down stays so (SPEC S13), and what was
acknowledged is there again. The two are told apart by what must have been in the log: after a kill
everything up to the record that is noted as written; after a loss of power everything up
to the checkpoint.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from toom_server.checkpoint import Checkpoint, Extent
from toom_server.journal import Record
from toom_server.records import Line, Origin, Room, decode

_NUMBERED: Final = re.compile(rb"^([0-9]{1,18}); [^\n]*\n", re.MULTILINE)


@dataclass(slots=True)
class Replay:
    """What the journal has that a checkpoint has not.

    Attributes:
        sequence: of the last record.
        count: how many records there are.
        lines: by log, each in order.
        rooms: in order of their making.
        sure: by log, the last number whose line had been written before the server ended.
        origins: who had what, in order.
        same_boot: nothing can have been lost with the power since.
    """

    sequence: int
    count: int = 0
    lines: dict[int, list[Line]] = field(default_factory=lambda: defaultdict(list))
    rooms: dict[int, tuple[str, ...]] = field(default_factory=dict)
    sure: dict[int, int] = field(default_factory=dict)
    origins: list[Origin] = field(default_factory=list)
    same_boot: bool = True


def gather(records: Iterable[Record], checkpoint: Checkpoint, written: int) -> Replay:
    """Read what follows a checkpoint; the text logs were written up to record `written`.

    Raises:
        BadRecord: the journal is whole and yet no journal of this version.
    """
    replay = Replay(checkpoint.sequence)
    for record in records:
        replay.sequence = record.sequence
        replay.count += 1
        replay.same_boot &= record.same_boot
        for item in decode(record.payload):
            if isinstance(item, Room):
                replay.rooms[item.room_id] = item.members
                continue
            if isinstance(item, Origin):
                replay.origins.append(item)
                continue
            replay.lines[item.log].append(item)
            if record.sequence <= written:
                replay.sure[item.log] = item.number
    return replay


def rest_after_power_loss(
    path: Path, extent: Extent, lines: list[Line]
) -> tuple[int | None, list[Line]]:
    """After a loss of power: what must follow the checkpoint in a log.

    A log that is shorter than its checkpoint was shortened by somebody, and is left alone; so is
    one in which no line ends where the checkpoint says. Where journal and checkpoint do not meet,
    since either is damaged, messages older than the journal's are left alone too.

    Returns:
        Up to which size the log is as it should be, and the lines that belong behind it; None when
        it is left alone.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return (0, lines) if lines and not extent.size else (None, [])
    with file:
        if file.seek(0, os.SEEK_END) < extent.size:
            return None, []
        file.seek(max(0, extent.size - 1))
        if extent.size and file.read(1) != b"\n":
            return None, []
        tail = file.read()
    good, missing = _end_of_older(tail, lines[0].number) if lines else 0, list(lines)
    while missing and tail.startswith(missing[0].text, good):
        good += len(missing.pop(0).text)
    return (extent.size + good, missing) if missing else (None, [])


def _end_of_older(tail: bytes, number: int) -> int:
    """Give where the last message before this number ends, 0 when there is none."""
    end = 0
    for line in _NUMBERED.finditer(tail):
        if int(line[1]) < number:
            end = line.end()
    return end


def missing_lines(lines: list[Line], last: int, sure: int) -> list[Line] | None:
    """Give the lines that a log lacks which ends at number `last`.

    Args:
        sure: the number that it must have reached; a log that ends before was shortened.

    Returns:
        None: it was shortened by somebody, and stays so.
    """
    if last < sure:
        return None
    return [line for line in lines if line.number > last]
