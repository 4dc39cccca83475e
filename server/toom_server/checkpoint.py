"""`.toom/checkpoint`: how far every log was surely on the disk (PROTOCOL 6.2).

Lines of text, so that people can read it: `toom-checkpoint 1 SEQUENCE`, then `LOG SIZE NUMBER` for
each log, then `end CRC` over all before. It is replaced at once or not at all.
"""

import os
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NAME: Final = "checkpoint"
_SHAPE: Final = re.compile(
    rb"toom-checkpoint 1 ([0-9]{1,18})\n"
    rb"((?:[0-9]{1,18} [0-9]{1,18} [0-9]{1,18}\n)*)"
    rb"end ([0-9a-f]{8})\n"
)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of one log is meant."""

    size: int = 0  # bytes
    number: int = 0  # of the last message


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was on the disk when the journal's record `sequence` and all before it were."""

    sequence: int = 0
    logs: Mapping[int, Extent] = field(default_factory=dict)


def read(folder: Path) -> Checkpoint | None:
    """Give the checkpoint that is there, or None when there is none that is whole."""
    try:
        content = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    shape = _SHAPE.fullmatch(content)
    if shape is None or int(shape[3], 16) != zlib.crc32(content[: shape.start(3) - len("end ")]):
        return None
    rows = (map(int, row.split()) for row in shape[2].splitlines())
    return Checkpoint(int(shape[1]), {log: Extent(size, number) for log, size, number in rows})


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint and wait until it is on the disk.

    Raises:
        OSError: the earlier one still counts.
    """
    rows = "".join(
        f"{log} {extent.size} {extent.number}\n" for log, extent in checkpoint.logs.items()
    )
    content = f"toom-checkpoint 1 {checkpoint.sequence}\n{rows}".encode()
    fresh = folder / f"{NAME}.new"
    with fresh.open("wb") as file:
        file.write(content + b"end %08x\n" % zlib.crc32(content))
        file.flush()
        os.fdatasync(file.fileno())
    fresh.replace(folder / NAME)
    sync_directory(folder)


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
