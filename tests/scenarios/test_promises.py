"""promises.toml and the suite: each is the other's whole."""

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from toom_scenarios.cli import main
from toom_scenarios.discovery import load_suite, select
from toom_scenarios.errors import UsageError
from toom_scenarios.marks import PARTS
from toom_scenarios.promises import LEFT_OUT, SOURCES, Promise, complete, orphans, promises

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "SPEC.md").read_text(encoding="utf-8")
SECTIONS = {
    text.split()[0].rstrip(":"): text for text in SPEC.split("\n## ")[1:]
}  # by their names: S1, S2 …
CASE = '''
from toom_scenarios import Stage, scenario


@scenario({arguments})
def {name}(stage: Stage) -> None:
    """A story."""
'''


EXPLAINS: Final = {  # sentences that promise nothing by themselves
    "S12": {"and", "If the audience cannot watch it, the feature does not work"},
    "S13": {
        "The text logs are what counts for people",
        "What else must last (members of rooms, a journal) lies in the folder `.toom/` "
        "beside the logs",
    },
}


def left_over(section: str) -> set[str]:
    """The words of a section that no promise quotes."""
    text = " ".join(SECTIONS[section].split("\n", 1)[1].split())
    quoted = bytearray(len(text))
    for promise in promises().values():
        begin = 0
        for piece in promise.quote.split(LEFT_OUT) if promise.section == section else ():
            begin = text.index(piece, begin)
            quoted[begin : begin + len(piece)] = b"q" * len(piece)
    rest = "".join("\0" if mark else char for char, mark in zip(text, quoted, strict=True))
    return {words.strip(" -.;,:()") for words in rest.split("\0")} - {""}


@pytest.mark.parametrize("section", sorted(set(SECTIONS) - {"S14"}))  # S14 is the marking table
def test_every_sentence_is_a_promise(section: str) -> None:
    assert left_over(section) == EXPLAINS.get(section, set())


def case(folder: Path, *stories: tuple[str, str]) -> Path:
    path = folder / "case.py"
    path.write_text("".join(CASE.format(name=name, arguments=told) for name, told in stories))
    return path


@pytest.mark.parametrize("promise", promises().values(), ids=lambda promise: promise.id)
def test_every_quote_stands_in_its_section(promise: Promise) -> None:
    assert promise.id.startswith(f"{promise.section}.")
    assert promise.stands_in(SECTIONS[promise.section])


def test_marks_are_those_of_the_weights() -> None:
    for row in tomllib.loads(SOURCES.read_text())["promise"]:
        assert row["marks"] == round(float(promises()[row["id"]].marks), 4), row["id"]
    for part in PARTS:
        members = [each for each in promises().values() if each.part == part.name]
        assert sum((each.marks for each in members), Fraction(0)) == part.marks


def test_ids_are_numbered_in_each_section() -> None:
    for section in SECTIONS:
        numbers = [
            int(each.partition(".")[2]) for each in promises() if each.startswith(f"{section}.")
        ]
        assert numbers == list(range(1, len(numbers) + 1)), section


def test_no_orphans() -> None:
    assert orphans(select([]).suite) == []


def test_a_promises_marks_are_shared_by_those_who_name_it(tmp_path: Path) -> None:
    suite = load_suite(
        [case(tmp_path, ("one", '"S7.1", "S7.2"'), ("two", '"S7.1"'), ("three", '"S1.1", "S7.2"'))]
    )
    one, two, three = suite
    assert (one.part, two.part, three.part) == ("atu", "atu", "")
    assert one.weight == promises()["S7.1"].weight / 2 + promises()["S7.2"].weight
    assert two.weight == promises()["S7.1"].weight / 2
    assert three.weight == 0


def test_orphans_on_both_sides_are_told(tmp_path: Path) -> None:
    suite = load_suite([case(tmp_path, ("one", '"S1.1", "S7.2"'), ("own", 'section="S1"'))])
    told = orphans(suite)
    assert "own names no promise" in told
    assert "no scenario of the part atu names S7.2" in told
    assert f"no scenario names S7.1: {promises()['S7.1'].quote}" in told
    assert not [line for line in told if line.startswith("no scenario names S1.1")]


def test_a_promise_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no promise 'S99.1'"):
        complete(load_suite([case(tmp_path, ("one", '"S99.1"'))]))


def test_what_others_build_on_comes_first(tmp_path: Path) -> None:
    path = case(tmp_path, ("two", '"S7.1", builds_on="one"'), ("one", '"S7.2"'))
    assert [each.name for each in load_suite([path])] == ["one", "two"]
    path = case(tmp_path, ("one", '"S7.1", builds_on="nobody"'))
    with pytest.raises(UsageError, match="builds on nobody"):
        load_suite([path])
    path = case(tmp_path, ("one", '"S7.1", builds_on="two"'), ("two", '"S7.1", builds_on="one"'))
    with pytest.raises(UsageError, match="build on each other"):
        load_suite([path])


def test_only_promises_of_what_was_chosen_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list", "--promises", "login"]) == 0
    told = capsys.readouterr().out
    assert "S2.6" in told
    assert "S8.1" not in told
    assert "NONE" not in told
