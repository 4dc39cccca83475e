"""Digests of files, and evidence that is too big to keep."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

LARGEST_KEPT: Final = 1_000_000  # bytes; of bigger files a passed scenario keeps size and digest


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_or_describe(path: Path, largest: int) -> None:
    """Put `NAME.sha256` with size and digest in the place of a regular file of over `largest`
    bytes.
    """
    if path.is_symlink() or not path.is_file() or path.stat().st_size <= largest:
        return
    described = path.with_name(path.name + ".sha256")
    described.write_text(f"{sha256_of(path)}  {path.name}  {path.stat().st_size} bytes\n")
    path.unlink()
