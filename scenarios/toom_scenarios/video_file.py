"""The user's own film (`--video FILE`): whether it is one, and a name under which it can be sent.

Belongs here: judging a file before a run. Does not: decoding (videos.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from .errors import Broken, UsageError

# SPEC S12: one word, no leading dot, at most 200 bytes; room for `presenter_` before it
PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
LONGEST: Final = 60  # characters of a name that is made


def checked(path: Path) -> Path:
    """Decode it once, from its first picture to its last.

    Raises:
        UsageError: it is no film, or breaks off.
        Broken: there is nothing to decode it with.
    """
    try:
        from .videos import VideoError, decode
    except ImportError as error:
        raise Broken(f"--video {path}: no film can be decoded without PyAV: {error}") from error
    try:
        frames = decode(path).frames
    except VideoError as error:
        raise UsageError(f"--video {path}: {' '.join(str(error).split())}") from error
    if not frames:
        raise UsageError(f"--video {path}: it holds no picture")
    return path


def plainly_named(path: Path, folder: Path) -> Path:
    """The film, or a link to it in a folder where its own name is none that SPEC S12 allows."""
    if PLAIN.fullmatch(path.name) and ".." not in path.name:
        return path
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_")[:LONGEST] or "film"
    suffix = re.sub(r"[^A-Za-z0-9.]+", "", path.suffix)[:LONGEST]
    link = folder / f"{stem}{suffix}"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link
