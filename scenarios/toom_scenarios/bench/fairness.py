"""What one client that floods costs fifty who do not.

Fifty ask one BCM after the other; in every second turn one more sends BCM as fast as its socket
takes them and never waits for an answer. Belongs here: these turns. Does not: the load.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from .document import Goal, Row
from .generator import Generator, Measured
from .peers import toom
from .speed import load

POLITE: Final = 50
ADDED_AT_MOST: Final = 10.0  # ms of p99
ANSWERED: Final = 1.0  # answers a second: it is made to wait, never forgotten
WITHOUT: Final = "nobody floods"


def measure(
    rounds: int, folder: Path, tell: Callable[[str], None]
) -> tuple[list[Row], dict[str, Any]]:
    """With and without the one who floods, in turn.

    Returns:
        Rows, and what the flood came to.
    """
    generator = Generator(folder)
    with_flood: list[Measured] = []
    without: list[Measured] = []
    with toom(folder / "fairness") as us:
        for turn in range(rounds):
            pair = [(0, without), (1, with_flood)]
            for flooders, found in pair if turn % 2 == 0 else reversed(pair):
                talks = us.broadcasts(POLITE + flooders)
                found.append(load(generator, us, talks, flooders=flooders))
            tell(
                f"round {turn + 1} of {rounds}, p99 of {POLITE}: {without[-1].p99:.2f} ms, "
                f"{with_flood[-1].p99:.2f} beside a flood of {with_flood[-1].flooded:.0f}/s"
            )
    return rows(without, with_flood), {
        "flood": {
            "per_second": [round(each.flooded) for each in with_flood],
            "generator_cpu": [each.cpu_share for each in with_flood],
        }
    }


def rows(without: Sequence[Measured], with_flood: Sequence[Measured]) -> list[Row]:
    """What the turns come to; without answers there was no flood, and nothing to be fair about."""
    alone, beside = ([each.p99 for each in found] for found in (without, with_flood))
    answers = [each.flooded for each in with_flood]
    added = [much - little for much, little in zip(beside, alone, strict=True)]
    name = f"{POLITE} connections beside one that floods"
    return [
        Row.of(f"{name}, p99", "ms", beside, {WITHOUT: alone}),
        Row.of(
            "p99 that the flood adds",
            "ms",
            added,
            goal=Goal(at_most=ADDED_AT_MOST),
            counts=min(answers) >= ANSWERED,
        ),
        Row.of("answers to the one that floods", "acks/s", answers, goal=Goal(at_least=ANSWERED)),
    ]
