"""The mutants fit the programs as they are now; running them is `make mutants`."""

import ast
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import generated, matrix
from tests.mutants.generated import TARGETS, Chosen, Edit
from tests.mutants.mutant import Mutant, Patch, mutants, read
from tests.mutants.programs import ROOT, BadPatch, Programs
from tests.mutants.sites import Kind, Site, differences, sites_in
from tests.mutants.suite import Row, Suite
from tests.mutants.trial import Bench, Fate, Result

PROMISES = {
    row["id"] for row in tomllib.loads((ROOT / "scenarios/promises.toml").read_text())["promise"]
}
CHANGED = ("protocol", "server", "client")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(tmp_path_factory.mktemp("healthy"))


def changed_files(directory: Path) -> list[Path]:
    """The sources of a directory that are not those of the checkout; each must be Python."""
    found = []
    for folder in CHANGED:
        for path in (directory / folder).rglob("*.py"):
            source = path.read_bytes()
            if source != (ROOT / path.relative_to(directory)).read_bytes():
                compile(source, str(path), "exec")
                found.append(path)
    return found


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_every_patch_applies_and_names_a_promise(
    mutant: Mutant, programs: Programs, tmp_path: Path
) -> None:
    made = tomllib.loads(programs.make(mutant.name, mutant.change, tmp_path).read_text())
    assert made["name"] == mutant.name
    assert changed_files(tmp_path)
    assert mutant.promise in PROMISES
    assert mutant.what.endswith(".")


def test_there_are_enough() -> None:
    written, drawn = mutants(), generated.selection()
    assert len(written) >= 40
    assert sum(not each.survives for each in drawn) >= 10
    named = {mutant.promise for mutant in written}
    assert len(named) >= 0.6 * len(PROMISES)


def test_a_patch_that_does_not_fit_is_told(programs: Programs, tmp_path: Path) -> None:
    patch = tmp_path / "odd.patch"
    patch.write_text("--- a/server/none.py\n+++ b/server/none.py\n@@ -1 +1 @@\n-a\n+b\n")
    with pytest.raises(BadPatch):
        programs.make("odd", Patch(patch), tmp_path / "programs")


def test_a_patch_without_a_promise_is_told(tmp_path: Path) -> None:
    patch = tmp_path / "odd.patch"
    patch.write_text("What is broken.\ncontrol: login\n\n--- a/x\n+++ b/x\n")
    with pytest.raises(BadPatch, match="killed-by"):
        read(patch)


# --- generated ------------------------------------------------------------------------------------


def few(sites: Sequence[Site], kind: Kind) -> list[Site]:
    """A dozen of a kind from all over a file: to parse it anew for each of hundreds takes long."""
    found = [site for site in sites if site.kind is kind]
    return found[:: max(1, len(found) // 12)]


@pytest.mark.slow
@pytest.mark.parametrize("path", TARGETS)
def test_a_site_is_one_changed_node(path: str) -> None:
    source = (ROOT / path).read_bytes()
    tree = ast.parse(source)
    sites = sites_in(Path(path).stem, source)
    assert sites
    assert max(Counter(site.name for site in sites).values()) == 1
    for site in (each for kind in Kind for each in few(sites, kind)):
        assert differences(tree, ast.parse(site.broken(source))) == 1, site.name


def test_each_kind_of_site_is_found_somewhere() -> None:
    kinds = {site.kind for path in TARGETS for site in sites_in("", (ROOT / path).read_bytes())}
    assert kinds == set(Kind)


def test_names_outlive_other_lines() -> None:
    source = b"def first(n):\n    return n < 1 and n\n"
    moved = b"LIMIT = 3\n\n\ndef other():\n    pass\n\n\n" + source
    names = [site.name for site in sites_in("a", source)]
    assert names == [site.name for site in sites_in("a", moved) if ".first." in site.name]
    assert len(names) == 2


def test_what_nobody_sees_is_left_alone() -> None:
    source = b'''
"""A docstring."""
_log.warning("event=%d", 1)
NAMES: tuple[Literal[1], ...] = ()
TEXT = f"{1 + 1}"
@decorated(1)
def annotated(x: Literal[1]) -> Literal[2]:
    """Another."""
    return x
'''
    assert sites_in("a", source) == []


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        (b"X = 2\n", [b"X = 3\n"]),
        (b"X = 0.5\n", [b"X = 1.0\n"]),
        (b"X = 10\n", [b"X = 20\n"]),
        (b"X = True\n", [b"X = False\n"]),
        (b"y = (a) <= b\n", [b"y = (a) < b\n"]),
        (b"y = a < b <= c\n", [b"y = a <= b <= c\n", b"y = a < b < c\n"]),
        (b"y = a not in b\n", [b"y = a in b\n"]),
        (b"if a == b:\n    x = y\n", [b"if a != b:\n    x = y\n"]),
        (b"if a and b:\n    x = y\n", [b"if not (a and b):\n    x = y\n"]),
        (b"a.b = c\n", [b"pass\n"]),
        (b"f(a,\n  b)\n", [b"pass\n"]),
        (b"a = [x for x in y if x]\n", [b"a = [x for x in y if not (x)]\n"]),
    ],
)
def test_what_becomes_of_a_node(source: bytes, broken: Sequence[bytes]) -> None:
    assert [site.broken(source) for site in sites_in("a", source)] == list(broken)


def test_a_draw_is_the_same_for_the_same_seed() -> None:
    drawn = generated.draw(7, 30)
    assert drawn == generated.draw(7, 30)
    assert drawn[:12] == generated.draw(7, 12)
    assert drawn != generated.draw(8, 30)
    assert len(set(drawn)) == 30
    assert {generated.population()[name].path for name in drawn[: len(TARGETS)]} == set(TARGETS)
    assert drawn[0] not in generated.draw(7, 30, leave=drawn[:1])


@pytest.mark.parametrize("chosen", generated.selection(), ids=lambda chosen: chosen.mutant.name)
def test_the_selection_fits(chosen: Chosen, programs: Programs, tmp_path: Path) -> None:
    mutant = chosen.mutant
    assert isinstance(mutant.change, Edit)
    programs.make(mutant.name, mutant.change, tmp_path)
    assert changed_files(tmp_path) == [tmp_path / mutant.change.path]
    assert chosen.survives or mutant.promise in PROMISES


def test_a_name_that_is_no_more_is_told() -> None:
    with pytest.raises(BadPatch, match="draw another"):
        generated.mutant_of("conference.Conference.gone.constant.1-0000")


# --- what counts as a kill ------------------------------------------------------------------------


class Said:
    """Answers as `toom run` would: what each scenario says of a mutant; others pass."""

    def __init__(self, **said: tuple[str, str]) -> None:
        self.said = said
        self.runs: list[list[str]] = []

    def __call__(self, _: Path, scenarios: Sequence[str], jobs: int) -> dict[str, Row]:
        self.runs.append(list(scenarios))
        rows = [Row(name, *self.said.get(name, ("pass", ""))) for name in scenarios]
        return {row.scenario: row for row in rows}


TOLD: dict[str, list[dict[str, Any]]] = {
    "promises": [
        {
            "id": id_,
            "section": id_.split(".")[0],
            "part": part,
            "quote": "…",
            "scenarios": seers,
        }
        for id_, part, seers in (
            ("S2.2", "login", ["logs_in"]),
            ("S6.1", "bcm", ["talks"]),
            ("S8.6", "srb", ["builds", "builds_slowly"]),
            ("S12.1", "upd", ["sends"]),
        )
    ],
    "scenarios": [
        {"id": "logs_in", "part": "login", "builds_on": []},
        {"id": "talks", "part": "bcm", "builds_on": ["logs_in"]},
        {"id": "builds", "part": "srb", "builds_on": ["logs_in"]},
        {"id": "builds_slowly", "part": "srb", "builds_on": ["builds"]},
        {"id": "sends", "part": "upd", "builds_on": ["logs_in"]},
    ],
}
ANY = mutants()[0].change


def tried(said: Said, programs: Programs, mutant: Mutant, *, wide: bool = False) -> Result:
    suite = Suite.of(TOLD)
    slow = {"builds_slowly": 9.0}
    suite.healthy = {name: Row(name, "pass", seconds=slow.get(name, 1.0)) for name in suite.parts}
    return Bench(programs, suite, said).try_one(mutant, wide=wide)


@pytest.mark.parametrize(
    ("said", "fate"),
    [
        (Said(builds=("fail", "S8.6")), Fate.KILLED),
        (Said(builds_slowly=("fail", "S8.6")), Fate.KILLED),
        (Said(), Fate.SURVIVED),
        (Said(builds=("fail", "S8.1")), Fate.SURVIVED),
        (Said(builds=("fail", "")), Fate.SURVIVED),
        (Said(builds=("broken", "S8.6")), Fate.UNKNOWN),
        (Said(builds=("fail", "S8.6"), logs_in=("fail", "S2.2")), Fate.DEAD),
        (Said(builds=("fail", "S8.6"), logs_in=("broken", "")), Fate.UNKNOWN),
    ],
)
def test_a_kill_is_a_fail_at_the_named_promise_while_another_part_passes(
    said: Said, fate: Fate, programs: Programs
) -> None:
    assert tried(said, programs, Mutant("a", "It is broken.", ANY, "S8.6")).fate is fate


def test_a_slow_scenario_is_asked_only_when_the_quick_ones_saw_nothing(programs: Programs) -> None:
    quick, slow = Said(builds=("fail", "S8.6")), Said()
    for said in (quick, slow):
        tried(said, programs, Mutant("a", "It is broken.", ANY, "S8.6"))
    assert quick.runs == [["logs_in"], ["builds"]]
    assert slow.runs == [["logs_in"], ["builds"], ["builds_slowly"]]


def test_the_control_is_of_another_part(programs: Programs) -> None:
    for promise, control, wanted in (
        ("S2.2", "", "talks"),
        ("S8.6", "upd", "sends"),
        ("S8.6", "sends", "sends"),
    ):
        said = Said()
        tried(said, programs, Mutant("a", "It is broken.", ANY, promise, control))
        assert said.runs[0][0] == wanted


def test_a_generated_mutant_is_killed_by_any_promise(programs: Programs) -> None:
    drawn = {Path(edit.path).stem: name for name, edit in generated.population().items()}
    rules, engine = (generated.mutant_of(drawn[stem]) for stem in ("talk", "presenter"))
    said = Said(talks=("fail", "S6.1"))
    assert tried(said, programs, rules, wide=True).fate is Fate.KILLED
    assert tried(said, programs, engine, wide=True).fate is Fate.SURVIVED
    assert said.runs[-2:] == [["logs_in"], ["sends"]]  # the engines do nothing else
    dead = Said(**{row["id"]: ("fail", "S2.2") for row in TOLD["scenarios"]})
    assert tried(dead, programs, rules, wide=True).fate is Fate.DEAD


def test_what_this_host_cannot_examine_is_not_known(programs: Programs) -> None:
    suite = Suite.of(TOLD)
    suite.healthy = {"logs_in": Row("logs_in", "pass"), "builds": Row("builds", "unsupported")}
    result = Bench(programs, suite, Said()).try_one(Mutant("a", "It is broken.", ANY, "S8.6"))
    assert result.fate is Fate.UNKNOWN


def test_the_matrix_shows_who_killed_whom_and_who_killed_nobody() -> None:
    suite = Suite.of(TOLD)
    kill = Row("builds", "fail", "S8.6")
    dead = Result(Mutant("one", "It is broken.", ANY, "S8.6"), Fate.KILLED, {"builds": kill})
    alive = Result(Mutant("two", "It is broken.", ANY, "S6.1"), Fate.SURVIVED)
    lines = list(matrix.matrix([dead, alive], suite))
    assert lines[0].split() == ["S8.6", "srb", "one"]
    assert lines[-1] == "1 of 4 promises have killed one"
    idle = list(matrix.idle([dead, alive], suite))
    assert [line.split()[3] for line in idle] == ["S2.2", "S6.1", "S12.1"]
