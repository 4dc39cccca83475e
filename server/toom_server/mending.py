"""What a start makes of one log: first foreseen, which changes nothing, then carried out.

Belongs here: the order of the rules of PROTOCOL 6.3 for a log. Does not: the journal's reading
(journal.py), the rules for all logs together (recovery.py).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from toom_protocol.lines import Post, parse_post
from toom_server.checkpoint import Extent
from toom_server.log_file import LogFile
from toom_server.records import Line
from toom_server.recovery import Replay, missing_lines, rest_after_power_loss
from toom_server.tails import Tail


@dataclass(frozen=True, slots=True)
class Mending:
    """What is to be done with a log that was looked through.

    Attributes:
        upto: the log is cut there, since the power was lost; None: it is not.
        torn_post: the message of a last line without newline that is kept; None: it is cut off.
        missing: lines of the journal that it lacks.
        shortened: what to tell when it does not have all that was acknowledged; else empty.
    """

    log: LogFile
    upto: int | None
    torn_post: Post | None
    missing: list[Line]
    shortened: str

    @property
    def stays(self) -> int:
        """How many bytes of the log stay as they are."""
        return self.log.size if self.torn_post is None else self.log.full_size - 1

    def carry_out(self) -> list[str]:
        """Do it, and give the warnings.

        Raises:
            OSError: the disk refuses.
        """
        if self.upto is not None and self.log.path.exists():
            os.truncate(self.log.path, self.upto)
        warnings = self.log.mend(self.torn_post)
        if self.missing:
            tail = Tail(self.missing[0].number)
            for line in self.missing:
                text = line.text.decode().removesuffix("\n")
                if tail.at != (at := parse_post(text).at):
                    tail.turn_to(at)
                tail.lines.append(text)
            self.log.prepare(len(tail.content))
            self.log.append(tail, tail.content)
            self.log.close()
        return [*warnings, self.shortened] if self.shortened else warnings


def foresee(log: LogFile, key: int, known: Extent | None, replay: Replay, index: Path) -> Mending:
    """Look a log through, and say what a start makes of it.

    Args:
        log: not looked through yet.
        key: its room, or BROADCASTS.
        known: how much of it a checkpoint tells of; None: nothing was ever stored here.
        replay: what the journal has.
        index: of the log; it may be missing.
    """
    lines = replay.lines.get(key, [])
    upto: int | None = None
    missing: list[Line] = []
    if known is not None and not replay.same_boot:
        upto, missing = rest_after_power_loss(log.path, known, lines)
    log.look(index, upto)
    mark = None if known is None else max([known.number, *(line.number for line in lines)])
    torn_post = log.torn_post(mark, {line.number: line.text for line in lines})
    last, size = log.last.number, log.size
    if torn_post is not None:
        last, size = torn_post.number, log.full_size
    if not missing and (replay.same_boot or known is None or size >= known.size):
        least = replay.sure.get(key, known.number if known else 0)
        missing = missing_lines(lines, last, least if replay.same_boot else 0) or []
    last = missing[-1].number if missing else last
    shortened = ""
    if mark is not None and last < mark:
        shortened = (
            f"{log.path.name}: #{mark} had been acknowledged, but the log ends at "
            f"#{last}: it was deleted or shortened; going on from there."
        )
    return Mending(log, upto, torn_post, missing, shortened)
