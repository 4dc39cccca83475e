"""The command line of `toom bench server` and `toom bench soak`, with figures that were made up."""

import json
from typing import Any

import pytest

from toom_scenarios.bench import command, server, soak, speed
from toom_scenarios.bench.document import Goal, Row
from toom_scenarios.cli import main
from toom_scenarios.errors import Broken

GOOD = Row.of("good", "ms", [1.0], goal=Goal(at_most=1))
BAD = Row.of("bad", "ms", [2.0], goal=Goal(at_most=1))
VOID = Row.of("void", "ms", [1.0], goal=Goal(at_most=1), counts=False)
PLAIN = Row.of("plain", "ms", [1.0])


def finds(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def measure(*what: Any) -> tuple[list[Row], dict[str, Any]]:
        asked.append(what)
        what[2]("half-way")
        return list(rows), {"more": 1}

    monkeypatch.setattr(server, "measure", measure)
    monkeypatch.setattr(soak, "measure", measure)
    return asked


@pytest.mark.parametrize("bench", ["server", "soak"])
@pytest.mark.parametrize(
    ("rows", "checked"),
    [((GOOD, PLAIN), 0), ((GOOD, BAD), 1), ((GOOD, VOID), 3), ((BAD, VOID), 1)],
)
def test_a_missed_goal_is_a_status_only_where_it_is_asked(
    bench: str, rows: tuple[Row, ...], checked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(monkeypatch, *rows)
    assert main(["bench", bench]) == 0
    assert main(["bench", bench, "--check"]) == checked


@pytest.mark.parametrize("bench", ["server", "soak"])
def test_what_cannot_be_measured_is_unknown(bench: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise Broken("no compiler")

    monkeypatch.setattr(server, "measure", broken)
    monkeypatch.setattr(soak, "measure", broken)
    assert main(["bench", bench, "--check"]) == 3


def test_the_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = finds(monkeypatch, GOOD)
    words = ["--only", "50", "--only", "memory", "--rounds", "2", "--json"]
    assert main(["bench", "server", *words]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["benchmark"], told["rounds"], told["more"]) == ("server", 2, 1)
    assert told["rows"][0]["goal_met"] is True
    assert said.err == "half-way\n"
    assert asked[0][3] == [50, "memory"]


def test_a_soak_is_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = finds(monkeypatch, GOOD)
    assert main(["bench", "soak"]) == 0
    assert main(["bench", "soak", "--seconds", "30", "--connections", "9", "--rate", "90"]) == 0
    assert [(each[0], each[3], each[4]) for each in asked] == [(600, 5000, 2000), (30, 9, 90)]


def test_the_parts_are_those_of_the_server() -> None:
    assert tuple(server.PARTS) == command.PARTS
    assert set(command.CONNECTIONS) == {case.connections for case in speed.CASES}


@pytest.mark.parametrize(
    "words",
    [
        ["server", "--only", "moon"],
        ["server", "--only", "51"],
        ["soak", "--seconds", "0"],
        ["soak", "--connections", "5001"],
    ],
)
def test_wrong_usage_is_said(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", *words])
    assert end.value.code == 2
    assert repr(words[-1]) in capsys.readouterr().err
