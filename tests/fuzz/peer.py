"""A hostile peer, whom the server has announced and who has all keys, against either end.

It says anything at any moment; neither end crashes, hangs, ends twice or keeps a file open.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.doubles.ends import (
    descriptors_below,
)
from tests.fuzz.hostile_audience import HostileAudience
from tests.fuzz.hostile_presenter import HostilePresenter
from tests.fuzz.source import Source

STEPS: Final = 60  # of one play


def peer(data: bytes) -> None:
    """Whatever a peer with keys does, what must hold holds."""
    source = Source(data)
    with TemporaryDirectory(prefix="toom-fuzz-") as folder:
        root = Path(folder)
        play = HostilePresenter(root) if source.number(2) else HostileAudience(root)
        for _ in range(STEPS):
            if source.is_empty:
                break
            play.step(source)
            play.check()
        play.close()
        play.check()
        assert not list(descriptors_below(root)), "a file is still open"
