from pathlib import Path

import pytest

from toom_scenarios.discovery import select
from toom_scenarios.errors import Broken, UsageError

CASE = '''
from toom_scenarios import Stage, scenario

@scenario(section="S6", part="bcm")
def {0}_one(stage: Stage) -> None:
    """«quote one»"""

@scenario(section="S6", part="bcm", weight=3)
def {0}_two(stage: Stage) -> None:
    """«quote two»"""

def not_a_scenario() -> None:
    pass
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cases = tmp_path / "cases"
    cases.mkdir()
    for name in ("rooms", "video"):
        (cases / f"{name}.py").write_text(CASE.format(name))
    return cases


def names(*wanted: str, folder: Path) -> list[str]:
    return [each.name for each in select(wanted, folder).chosen]


def test_nothing_named_is_everything(folder: Path) -> None:
    assert names(folder=folder) == ["rooms_one", "rooms_two", "video_one", "video_two"]


def test_a_scenario_a_stem_and_a_path_select(folder: Path) -> None:
    assert names("video_two", folder=folder) == ["video_two"]
    assert names("rooms", folder=folder) == ["rooms_one", "rooms_two"]
    assert names(str(folder / "video.py"), "rooms_one", folder=folder) == [
        "video_one",
        "video_two",
        "rooms_one",
    ]


def test_a_case_from_elsewhere_is_a_suite_of_its_own(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(CASE.format("own"))
    alone = select([str(own)], folder)
    assert [each.name for each in alone.suite] == ["own_one", "own_two"]
    together = select([str(own), "rooms"], folder)
    assert len(together.suite) == 6


def test_an_unknown_name_lists_near_ones(folder: Path) -> None:
    with pytest.raises(UsageError, match="did you mean video_two"):
        names("vidoe_two", folder=folder)


def test_what_is_no_case_is_the_users_mistake(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no case file"):
        names("nowhere/case.py", folder=folder)
    empty = tmp_path / "empty.py"
    empty.write_text("")
    with pytest.raises(UsageError, match="holds no scenario"):
        names(str(empty), folder=folder)


def test_a_case_that_cannot_be_loaded_says_nothing_about_the_program(folder: Path) -> None:
    (folder / "wrong.py").write_text("import nowhere")
    with pytest.raises(Broken, match="wrong.py cannot be loaded: ModuleNotFoundError"):
        names(folder=folder)


def test_two_scenarios_of_one_name_are_refused(folder: Path) -> None:
    (folder / "more.py").write_text(CASE.format("rooms"))
    with pytest.raises(UsageError, match="rooms_one stands in"):
        names(folder=folder)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('@scenario(section="S6", part="bmc")', "no part 'bmc'"),
        ('@scenario(section="S6", part="bcm", weight=0)', "not positive"),
        ('@scenario(section="S66", part="bcm")', "no section 'S66'"),
        ('@scenario(section="S6", part="bcm", weight=-1)', "not positive"),
    ],
)
def test_a_wrong_declaration_names_its_place(folder: Path, line: str, complaint: str) -> None:
    (folder / "wrong.py").write_text(
        CASE.format("wrong").replace('@scenario(section="S6", part="bcm")', line)
    )
    with pytest.raises(UsageError, match=f"wrong.py:4: wrong_one: .*{complaint}"):
        names(folder=folder)


def test_a_scenario_must_quote(folder: Path) -> None:
    (folder / "wrong.py").write_text(CASE.format("wrong").replace('"""«quote one»"""', "pass"))
    with pytest.raises(UsageError, match="a docstring must say"):
        names(folder=folder)


def test_a_scenario_that_yields_would_not_run(folder: Path) -> None:
    (folder / "wrong.py").write_text(CASE.format("wrong").replace('one»"""', 'one»"""; yield'))
    with pytest.raises(UsageError, match="never run"):
        names(folder=folder)


def test_a_case_file_that_exits_cannot_be_examined(folder: Path) -> None:
    (folder / "wrong.py").write_text("import sys; sys.exit(0)")
    with pytest.raises(Broken, match="wrong.py cannot be loaded: SystemExit"):
        names(folder=folder)


def test_a_case_file_must_not_have_the_name_of_a_python_module(folder: Path) -> None:
    (folder / "html.py").write_text(CASE.format("html"))
    with pytest.raises(UsageError, match="give the file another"):
        names(folder=folder)


def test_a_scenario_must_have_a_stage(folder: Path) -> None:
    (folder / "wrong.py").write_text(CASE.format("wrong").replace("(stage: Stage)", "()"))
    with pytest.raises(UsageError, match="takes no `stage`"):
        names(folder=folder)


def test_what_is_no_python_is_the_users_mistake_with_its_line(folder: Path) -> None:
    (folder / "wrong.py").write_text("\n\ndef story(:\n    pass\n")
    with pytest.raises(UsageError, match=r"wrong\.py:3: invalid syntax"):
        select([], folder)
