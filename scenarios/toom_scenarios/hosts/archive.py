"""Files in and out of a container, as the tar streams that the engine speaks."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Final

COPY_SIZE: Final = 1 << 20  # bytes
SPOOL_LIMIT: Final = 8_000_000  # bytes that a tar stream may take in memory before it goes to disk


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


def packed(name: str, content: bytes | Path, user: int, group: int) -> IO[bytes]:
    """A tar stream with one file, and the folders above it."""
    stream = tempfile.SpooledTemporaryFile(max_size=SPOOL_LIMIT)  # noqa: SIM115 - the caller reads it
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for folder in reversed(PurePosixPath(name).parents[:-1]):
            tar.addfile(_entry(str(folder), 0, user, group, tarfile.DIRTYPE))
        if isinstance(content, Path):
            with content.open("rb") as file:
                tar.addfile(_entry(name, content.stat().st_size, user, group), file)
        else:
            tar.addfile(_entry(name, len(content), user, group), io.BytesIO(content))
    stream.seek(0)
    return stream


def _entry(
    name: str, size: int, user: int, group: int, kind: bytes = tarfile.REGTYPE
) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.uid, entry.gid, entry.type = size, user, group, kind
    entry.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    entry.mtime = int(time.time())
    return entry


def first_file(chunks: Iterable[bytes], to: IO[bytes]) -> bool:
    """Copy the content of the first regular file of a tar stream; False when there is none."""
    with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|") as tar:
        for entry in tar:
            file = tar.extractfile(entry) if entry.isreg() else None
            if file is not None:
                shutil.copyfileobj(file, to, COPY_SIZE)
                return True
    return False


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
