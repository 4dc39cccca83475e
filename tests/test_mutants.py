"""The mutants fit the programs as they are now; running them is `make mutants`."""

import tomllib
from pathlib import Path

import pytest

from tests.mutants.mutant import BadPatch, Mutant, make, mutants

CASES = "".join(
    path.read_text() for path in (Path(__file__).parents[1] / "scenarios/cases").glob("*.py")
)


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_every_patch_applies_and_names_scenarios(mutant: Mutant, tmp_path: Path) -> None:
    made = tomllib.loads(make(mutant, tmp_path).read_text())
    assert made["name"] == mutant.name
    for name in (mutant.killed_by, mutant.control):
        assert f"def {name}(" in CASES


def test_there_are_enough() -> None:
    assert len(mutants()) >= 10


def test_a_patch_that_does_not_fit_is_told(tmp_path: Path) -> None:
    patch = tmp_path / "odd.patch"
    patch.write_text("--- a/server/none.py\n+++ b/server/none.py\n@@ -1 +1 @@\n-a\n+b\n")
    with pytest.raises(BadPatch):
        make(Mutant("odd", patch, "", "a", "b"), tmp_path / "programs")
