"""scenarios/README.md knows what a case may call."""

import re
from pathlib import Path

import pytest

from toom_scenarios import Client, Host, HostFile, Server, Stage, Terminal

GUIDE = (Path(__file__).parents[2] / "scenarios" / "README.md").read_text(encoding="utf-8")
FOR_THE_RUNNER = {  # public for other modules of the runner, no business of a case
    *("Stage.close", "Stage.done", "Stage.endings", "Stage.judged", "Stage.now"),
    *("Stage.promised", "Terminal.ending", "Terminal.fails", "Terminal.settle"),
    "Host.machine",
}
KINDS = (Stage, Terminal, Client, Server, Host, HostFile)


def words() -> list[str]:
    return [
        f"{kind.__name__}.{name}"
        for kind in KINDS
        for name in vars(kind)
        if not name.startswith("_") and f"{kind.__name__}.{name}" not in FOR_THE_RUNNER
    ]


@pytest.mark.parametrize("word", words())
def test_the_guide_knows(word: str) -> None:
    name = word.partition(".")[2]
    assert re.search(rf"\b{name}\b", GUIDE), f"scenarios/README.md does not tell of {word}"
