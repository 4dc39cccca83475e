"""Showing a run while it goes on: a live table on a terminal, plain lines in CI and pipes."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .results import Row
from .verdict import Verdict

STYLES: Final = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.BROKEN: "bold magenta",
    Verdict.UNSUPPORTED: "yellow",
    Verdict.SKIPPED: "dim",
}
WORD_WIDTH: Final = max(len(verdict) for verdict in Verdict)
FRAMES_PER_SECOND: Final = 5


class Progress:
    """Lines as scenarios end; on a terminal also those that run now."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._ended = 0
        self._running: dict[str, float] = {}
        self._live = (
            Live(
                get_renderable=self._draw,
                console=console,
                refresh_per_second=FRAMES_PER_SECOND,
                transient=True,
            )
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Progress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, row: Row) -> None:
        """A scenario begins."""
        self._running[row.scenario.name] = time.monotonic()

    def ended(self, row: Row) -> None:
        """A scenario has its verdict."""
        self._running.pop(row.scenario.name, None)
        self._ended += 1
        if row.verdict is Verdict.SKIPPED:
            return  # one line for all of them, at the end
        width = len(str(self._total))
        line = Text(f"[{self._ended:>{width}}/{self._total}] ")
        line.append(
            f"{row.verdict:<{WORD_WIDTH if self._console.is_terminal else 0}}", STYLES[row.verdict]
        )
        line.append(f" {row.scenario.name} {row.seconds:.1f} s")
        if row.reason:
            line.append(f"  {row.reason}", "dim")
        self._console.print(line, soft_wrap=True)

    def _draw(self) -> Group:
        now = time.monotonic()
        table = Table.grid(padding=(0, 1))
        for name, since in list(self._running.items()):
            table.add_row(Spinner("dots"), name, Text(f"{now - since:5.1f} s", "dim"))
        waiting = self._total - self._ended - len(self._running)
        return Group(table, Text(f"{self._ended} of {self._total} done, {waiting} to come", "dim"))
