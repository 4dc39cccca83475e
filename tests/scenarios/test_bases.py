"""Waiting for what a scenario builds on: neither for ever, nor in vain."""

from fractions import Fraction
from pathlib import Path

import pytest

from toom_scenarios import plugin
from toom_scenarios.errors import Skipped
from toom_scenarios.results import Results
from toom_scenarios.scenario import Scenario
from toom_scenarios.verdict import Verdict


def scenario(name: str, *builds_on: str) -> Scenario:
    return Scenario(
        name, "S1", "", Fraction(1), 1, "quote", Path("case.py"), 1, builds_on=builds_on
    )


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """A run of a base and what builds on it, in which neither has begun."""
    monkeypatch.setattr(plugin, "BEGINNING", 0.05)
    made = Results("local", 1, "toom", tmp_path)
    chosen = [scenario("base"), scenario("above", "base")]
    made.expect(chosen, {each.name: Fraction(0) for each in chosen})
    return made


def wait(run: Results, *builds_on: str) -> None:
    plugin._wait_for_its_bases(scenario("above", *builds_on), run.folder)


def ends(run: Results, verdict: Verdict) -> None:
    row = run.rows["base"]
    row.started, row.ended, row.verdict = True, True, verdict
    run.save()


def test_what_does_not_begin_is_not_waited_for(run: Results) -> None:
    wait(run, "base")


def test_what_is_not_part_of_the_run_is_not_waited_for(run: Results) -> None:
    wait(run, "nobody")


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.UNSUPPORTED])
def test_a_base_that_did_not_fail_lets_it_begin(run: Results, verdict: Verdict) -> None:
    ends(run, verdict)
    wait(run, "base")


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.BROKEN, Verdict.SKIPPED])
def test_a_base_that_failed_skips_it(run: Results, verdict: Verdict) -> None:
    ends(run, verdict)
    with pytest.raises(Skipped, match=f"it builds on base: {verdict}"):
        wait(run, "base")
