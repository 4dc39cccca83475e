"""A disk that forgets what was not synced when the power goes.

It lies beside a real directory: every sync of a file or folder notes what is safe from then on.
When the power goes, what is left is drawn: of each file any mixture of its pages before and after
the last sync, of each folder any mixture of its names.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Final

PAGE: Final = 512  # bytes that a disk writes at once


class PowerLost(BaseException):
    """Nothing of the program runs any more."""


class ForgetfulDisk:
    """Notes what is safe; put `sync` in the place of os.fsync and os.fdatasync.

    Args:
        roots: the folders that are looked after; below them nothing is.
        syncs: after so many the power goes, in the middle of one.
    """

    def __init__(self, roots: list[Path], chance: random.Random, syncs: int) -> None:
        self._roots = roots
        self._chance = chance
        self._left = syncs
        self._names: dict[Path, int] = {}
        self._content: dict[int, bytes] = {}
        self._kept: dict[int, int] = {}  # by inode, an open descriptor: so no inode is used twice
        for root in roots:
            if root.exists():
                self._note_names(root)
                for path in root.iterdir():
                    if path.is_file():
                        with path.open("rb") as file:
                            self._note_file(file.fileno())

    def sync(self, handle: int) -> None:
        """Note that what is behind a descriptor is safe, or lose the power instead."""
        self._left -= 1
        if self._left < 0 and self._chance.random() < 0.5:
            raise PowerLost
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if path.is_dir():
            self._note_names(path)
        else:
            self._note_file(handle)
        if self._left < 0:
            raise PowerLost

    def _note_names(self, folder: Path) -> None:
        for path in [path for path in self._names if path.parent == folder]:
            del self._names[path]
        for path in folder.iterdir():
            self._names[path] = self._inode(path)

    def _note_file(self, handle: int) -> None:
        inode = os.fstat(handle).st_ino
        if inode not in self._kept:
            self._kept[inode] = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY)
        self._content[inode] = self._now(inode)

    def _inode(self, path: Path) -> int:
        inode = path.stat().st_ino
        if inode not in self._kept:
            self._kept[inode] = os.open(path, os.O_RDONLY)
        return inode

    def _now(self, inode: int) -> bytes:
        return os.pread(self._kept[inode], 1 << 28, 0)

    def cut(self, target: Path) -> None:
        """Lay out in a new folder what the first root may look like after the power has gone."""
        home = self._roots[0]
        for root in self._roots:
            (target / root.relative_to(home)).mkdir(exist_ok=True)
            there = {path: self._inode(path) for path in root.iterdir()} if root.exists() else {}
            safe = {path: key for path, key in self._names.items() if path.parent == root}
            for path in sorted(there | safe):
                inode = self._chance.choice([there.get(path), safe.get(path)])
                if inode is not None and path not in self._roots:
                    (target / path.relative_to(home)).write_bytes(self._mixture(inode))

    def _mixture(self, inode: int) -> bytes:
        before, after = self._content.get(inode, b""), self._now(inode)
        if before == after:
            return after
        sizes = sorted((len(before), len(after)))
        size = self._chance.choice([*sizes, self._chance.randint(*sizes)])
        pages = (
            self._chance.choice((before, after))[start : start + PAGE].ljust(PAGE, b"\0")
            for start in range(0, size, PAGE)
        )
        return b"".join(pages)[:size]

    def close(self) -> None:
        """Let go of all descriptors."""
        for handle in self._kept.values():
            os.close(handle)
        self._kept.clear()
