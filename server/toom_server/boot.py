"""Which run of the kernel this is: what was written in another one may be lost (PROTOCOL 6.2)."""

import os
from pathlib import Path
from typing import Final

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")  # random(4): another one after each boot
BOOT_SIZE: Final = 16  # bytes


def boot() -> bytes:
    """Give 16 bytes that name this run of the kernel; random ones where it does not tell."""
    try:
        return bytes.fromhex(BOOT_ID.read_text().strip().replace("-", ""))[:BOOT_SIZE]
    except (OSError, ValueError):
        return os.urandom(BOOT_SIZE)
