"""Files out of a container that has ended, as the tar streams that the engine speaks."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

COPY_SIZE: Final = 1 << 20  # bytes


class _Chunks(io.RawIOBase):
    """An iterable of bytes as a file to read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def unpack(chunks: Iterable[bytes], to: Path, largest: int | None) -> None:
    """Write the files of a directory's tar stream; of the larger ones, size and digest."""
    with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|") as tar:
        for entry in tar:
            inside = PurePosixPath(entry.name).parts[1:]  # the first is the directory's own name
            if ".." in inside or not entry.isreg():
                continue
            file = tar.extractfile(entry)
            if file is None:
                continue
            place = to.joinpath(*inside)
            place.parent.mkdir(parents=True, exist_ok=True)
            if largest is not None and entry.size > largest:
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
                place.with_name(place.name + ".sha256").write_text(
                    f"{digest}  {place.name}  {entry.size} bytes\n"
                )
            else:
                with place.open("wb") as out:
                    shutil.copyfileobj(file, out, COPY_SIZE)
