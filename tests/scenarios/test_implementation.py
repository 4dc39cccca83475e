import sys
from pathlib import Path

import pytest

from toom_scenarios import Stage
from toom_scenarios.errors import UsageError
from toom_scenarios.implementation import TOOM, Program, load

GOOD = """
name = "other"
[server]
command = ["python3", "src/server.py", "{port}", "{attempts}"]
[client]
command = ["client", "{server}:{port}", "{udp_port}"]
environment = {A = "b"}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "other.toml"
    path.write_text(text)
    return path


def test_without_a_file_it_is_toom() -> None:
    assert load(None) is TOOM


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The `python` of a virtual environment finds its packages by its own place."""
    (tmp_path / "python").symlink_to(sys.executable)
    told = GOOD.replace('"python3"', f'"{tmp_path}/python"')
    assert load(written(tmp_path, told)).server.command[0] == str(tmp_path / "python")


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "server.py").touch()
    loaded = load(written(tmp_path, GOOD))
    assert loaded.server.argv(port=4000, attempts=3) == [
        "python3",
        str(tmp_path / "src" / "server.py"),
        "4000",
        "3",
    ]
    assert loaded.client.argv(server="10.0.0.1", port=4000, udp_port=8000) == [
        "client",
        "10.0.0.1:4000",
        "8000",
    ]
    assert loaded.client.environment == {"A": "b"}


def test_an_argument_without_a_value_is_left_out() -> None:
    program = Program(("server", "{port}", "{attempts}"))
    assert program.argv(port="4000", attempts=None) == ["server", "4000"]


def test_a_program_runs_in_a_folder_with_its_stderr_in_a_file(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    program = Program(("sh", "-c", "pwd; echo no >&2; echo {word}")).within("a b", stderr="e.txt")
    terminal = bare_stage.command(host, *program.argv(word="yes"))
    terminal.ends(0)
    assert terminal.lines(since=terminal.start) == [f"{host.directory}/a b", "yes"]
    assert host.file("a b/e.txt").lines() == ["no"]


def test_a_program_stays_as_it_is_without_a_folder() -> None:
    program = Program(("server", "{port}"), {"A": "b"})
    assert program.within() is program


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "other.toml: "),
        ('name = "x"', r"\[server\] needs a command"),
        (GOOD.replace('"{attempts}"', '"{tries}"'), r"no placeholder \{tries\}"),
        ("extra = 1\n" + GOOD, "unknown key 'extra'"),
        ('files = "nowhere"\n' + GOOD, "files: no directory"),
        (
            GOOD.replace('["client", "{server}:{port}", "{udp_port}"]', '"client"'),
            r"\[client\] needs",
        ),
        (GOOD.replace("[client]", 'environment = "X"\n[client]'), "environment: it is a table"),
        (GOOD.replace("[client]", 'environment = {"A=B" = "x"}\n[client]'), "cannot be a var"),
        (GOOD.replace("[client]", 'environment = {A = "\\u0000"}\n[client]'), "cannot be a var"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        load(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_command_of_a_scenario_has_no_placeholders(bare_stage: Stage) -> None:
    bare_stage.command(bare_stage.host("host"), "echo", "{word}").sees_exactly("{word}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('nmae = "x"', "unknown key 'nmae'; did you mean 'name'?"),
        ("zzz = 1", "unknown key 'zzz'; there are name, server, client, files"),
        ('[server]\ncomand = ["x"]', "[server]: unknown key 'comand'; did you mean 'command'?"),
    ],
)
def test_a_slip_of_the_pen_is_named(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "other.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(file)
    assert str(caught.value).endswith(words)
