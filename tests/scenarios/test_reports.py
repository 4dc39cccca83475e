"""The folder `reports/`: what is kept there, and what goes."""

import json
from pathlib import Path

import pytest

from toom_scenarios.errors import UsageError
from toom_scenarios.reports import KEPT, clear, in_use, made, prune


def run_of(reports: Path, number: int, *, keep: bool = False) -> Path:
    folder = reports / f"20260101-0000{number:02}-toom"
    folder.mkdir(parents=True)
    (folder / "results.json").write_text("{}")
    (folder / "run.json").write_text(json.dumps({"keep": keep}))
    return folder


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def test_the_last_twenty_runs_stay(reports: Path) -> None:
    runs = [run_of(reports, number) for number in range(KEPT + 5)]
    prune(runs[-1])
    assert sorted(reports.iterdir()) == runs[5:]


def test_the_one_just_made_stays_even_if_the_clock_went_back(reports: Path) -> None:
    runs = [run_of(reports, number) for number in range(KEPT + 2)]
    prune(runs[0])
    assert sorted(reports.iterdir()) == [runs[0], *runs[3:]]


def test_what_no_run_of_ours_made_stays(reports: Path, tmp_path: Path) -> None:
    runs = [run_of(reports, number) for number in range(KEPT + 1)]
    (reports / "my-best-run").mkdir()
    (reports / "20250101-000000-thesis").mkdir()  # the name of a run, but no results
    elsewhere = run_of(tmp_path / "elsewhere", 0)
    (reports / "20250101-000001-link").symlink_to(elsewhere)
    (reports / "latest").symlink_to(runs[-1].name)
    prune(runs[-1])
    gone = {path.name for path in runs} - {path.name for path in reports.iterdir()}
    assert gone == {runs[0].name}
    assert len(list(reports.iterdir())) == KEPT + 4
    assert (reports / "20250101-000001-link").is_symlink()
    assert (elsewhere / "results.json").is_file()
    assert (reports / "latest" / "results.json").is_file()


def test_kept_runs_stay_and_do_not_count(reports: Path) -> None:
    kept = [run_of(reports, number, keep=True) for number in range(3)]
    runs = [run_of(reports, number) for number in range(10, 10 + KEPT)]
    prune(runs[-1])
    assert sorted(reports.iterdir()) == [*kept, *runs]


def test_a_run_that_goes_on_stays(reports: Path) -> None:
    runs = [run_of(reports, number) for number in range(KEPT + 1)]
    with in_use(runs[0]):
        prune(runs[-1])
        assert runs[0].is_dir()
    prune(runs[-1])
    assert not runs[0].exists()


def test_what_another_run_left_half_removed_goes(reports: Path) -> None:
    newest = run_of(reports, 1)
    (reports / ".removed-1-20250101-000000-toom" / "hosts").mkdir(parents=True)
    prune(newest)
    assert list(reports.iterdir()) == [newest]


def test_a_folder_that_the_user_named_is_not_pruned(tmp_path: Path) -> None:
    runs = [run_of(tmp_path / "mine", number) for number in range(KEPT + 5)]
    prune(runs[-1])
    assert all(path.is_dir() for path in runs)


def test_without_a_wish_the_folder_is_named_after_time_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = made(None, "toom run/1"), made(None, "toom run/1")
    assert first != second
    assert first.name.partition("-")[2].partition("-")[2] == "toom-run-1"
    assert (tmp_path / "reports" / "latest").resolve() == second


def test_a_folder_used_again_holds_the_new_run_alone(tmp_path: Path) -> None:
    folder = made(tmp_path / "r", "toom")
    told = {"scenarios": [{"directory": "story"}, {"directory": "../precious"}]}
    (folder / "results.json").write_text(json.dumps(told))
    for place in (folder / "story", tmp_path / "precious", folder / "mine"):
        place.mkdir()
    assert made(folder, "toom") == folder
    clear(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["mine", "results.json"]
    assert (tmp_path / "precious").is_dir()


def test_a_folder_that_another_run_uses_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = made(tmp_path / "r", "toom")
    with in_use(folder):
        (folder / "story").mkdir()
        (folder / "results.json").write_text('{"scenarios": [{"directory": "story"}]}')
        with pytest.raises(UsageError, match="another run is writing"):
            made(folder, "toom")
        with pytest.raises(UsageError, match="another run is writing"), in_use(folder):
            pass
    assert (folder / "story").is_dir()


def test_results_of_something_else_are_no_report(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('["precious"]')
    with pytest.raises(UsageError, match="holds other files"):
        made(tmp_path, "toom")


@pytest.mark.parametrize("name", ["file", "file/below", "full"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(UsageError, match="--report"):
        made(tmp_path / name, "toom")
