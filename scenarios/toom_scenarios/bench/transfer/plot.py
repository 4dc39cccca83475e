"""A picture of `toom bench transfer`: speed of each case, and what those get who share a link.

matplotlib is loaded only where a picture is wanted. Belongs here: how it looks. Does not: figures.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ...errors import Broken
from ..document import Row
from .cases import SHARED
from .peers import CUBIC, PEERS
from .words import MBIT, OF_IDEAL, OURS

# Okabe and Ito: told apart by those who see no red or no green, too.
COLOURS: Final = ("#0072B2", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#999999")
WIDTH: Final = 12.0  # inches
BAR: Final = 0.26  # inches of height for each bar, and so much once more between cases
SHARES: Final = 2.6  # inches of height
DOTS: Final = 110  # to the inch
FULL: Final = 1.0  # the ideal, or half of a link for each of two
Seconds = Mapping[str, Sequence[Sequence[Sequence[float]]]]


def check() -> None:
    """Find out before anything is measured whether a picture can be drawn.

    Raises:
        Broken: matplotlib is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise Broken("--plot needs matplotlib: pip install 'toom[bench]'")


def plot(to: Path, rows: Sequence[Row], seconds: Seconds) -> None:
    """Draw it.

    Args:
        rows: of the benchmark.
        seconds: for each case in which several share a link, of each round, of each flow, its share
            in each second.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        (MBIT, "local: Mbit/s (logarithmic)", _speeds(rows, MBIT)),
        (OF_IDEAL, "emulated links: share of the ideal", _speeds(rows, OF_IDEAL)),
    ]
    panels = [panel for panel in panels if panel[2]]
    shown = [case for case in SHARED if seconds.get(case.key)]
    heights = [BAR * sum(len(row.peers) + 2 for row in each) + 0.6 for _, _, each in panels]
    heights += [SHARES] * len(shown)
    figure = Figure(figsize=(WIDTH, sum(heights) + 1.0), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (unit, title, each) in zip(axes, panels, strict=False):
        _bars(axis, title, each, logarithmic=unit == MBIT)
    for axis, case in zip(axes[len(panels) :], shown, strict=True):
        _lines(axis, case.name, seconds[case.key], case.cubic)
    figure.savefig(to)


def _speeds(rows: Sequence[Row], unit: str) -> list[Row]:
    """The rows that tell how fast everybody was, once for each case."""
    return [row for row in rows if row.unit == unit and ", to " not in row.case]


def _colour(name: str) -> str:
    return COLOURS[[OURS, *(peer.name for peer in PEERS)].index(name)]


def _bars(axis: Any, title: str, rows: Sequence[Row], *, logarithmic: bool) -> None:
    """A group for each case; whiskers are the least and the most of all rounds."""
    at, ticks = 0.0, []
    for row in rows:
        told = {OURS: row.ours, **row.peers}
        ticks.append(at + (len(told) - 1) / 2)
        for name, figures in told.items():
            axis.barh(at, figures.median, 0.85, color=_colour(name))
            axis.plot([figures.min, figures.max], [at, at], color="black", linewidth=1)
            value = f"{figures.median:.0f}" if logarithmic else f"{figures.median:.2f}"
            axis.annotate(
                f"{name} {value}",
                (1.0, at),  # in a column of its own, where no line crosses it
                xycoords=("axes fraction", "data"),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
            )
            at += 1
        if row.goal is not None and not row.goal.against and row.goal.at_least is not None:
            low, high = at - len(told) - 0.5, at - 0.5
            axis.plot([row.goal.at_least] * 2, [low, high], color="black", linestyle=":")
        at += 1
    axis.set_yticks(ticks, [row.case for row in rows])
    axis.invert_yaxis()
    if logarithmic:
        axis.set_xscale("log")
        most = max(max([row.ours.max, *(peer.max for peer in row.peers.values())]) for row in rows)
        axis.set_xlim(10, most * 1.1)
    else:
        axis.set_xlim(0, FULL)
    axis.set_title(title + ("" if logarithmic else "; dotted: the goal"), loc="left")
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def _lines(axis: Any, title: str, rounds: Sequence[Sequence[Sequence[float]]], cubic: bool) -> None:
    """What each flow gets, second by second: the first round thick, all others thin."""
    for number, flows in enumerate(rounds):
        for position, shares in enumerate(flows):
            is_cubic = cubic and position == len(flows) - 1
            name = CUBIC if is_cubic else f"{OURS} {position + 1}" if len(flows) > 1 else OURS
            axis.plot(
                range(len(shares)),
                shares,
                color=_colour(CUBIC) if is_cubic else COLOURS[(0, 3, 4, 5)[position % 4]],
                linewidth=2 if number == 0 else 0.8,
                alpha=1.0 if number == 0 else 0.5,
                label=name if number == 0 else None,
            )
    flows_there = max((len(flows) for flows in rounds), default=1)
    axis.axhline(FULL / flows_there, color="black", linestyle=":", linewidth=1)
    axis.set_ylim(0, FULL)
    axis.set_xlim(left=0)
    axis.set_title(f"{title}: share of the link; thick: round 1; dotted: alike", loc="left")
    axis.set_xlabel("seconds since the first datagram of ours", fontsize=8)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
