"""Starting: SPEC S1, S2, by the real program."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

SERVER = [sys.executable, str(Path(__file__).parents[2] / "server" / "server.py")]
INVALID = (
    "Invalid number of allowed failed consecutive attempt: {}. "
    "The valid value of argument number is an integer between 1 and 5"
)


def start(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVER, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("value", ["0", "6", "2.5", "+3", "x", "-1", "-x", "", "3 ", "٣", "03"])
def test_attempts_are_one_of_five_strings(tmp_path: Path, value: str) -> None:
    done = start(tmp_path, "4000", value)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [INVALID.format(value)]


def test_attempts_are_missing(tmp_path: Path) -> None:
    done = start(tmp_path, "4000")
    assert (done.returncode, done.stderr.splitlines()) == (2, [INVALID.format("(none)")])


@pytest.mark.parametrize("port", ["0", "65536", "x", "-4", "99999999999"])
def test_a_bad_port(tmp_path: Path, port: str) -> None:
    done = start(tmp_path, port, "3")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert port in line


def test_a_taken_port(tmp_path: Path) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    with socket.create_server(("0.0.0.0", 0)) as taken:
        done = start(tmp_path, str(taken.getsockname()[1]), "3")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "in use" in line


def test_bad_lines_of_credentials_are_named(tmp_path: Path) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\nHan\nYoda again\n")
    done = start(tmp_path, "4000", "3")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"credentials.txt, line {number}" for number in (1, 2, 3)
    ]
    assert "jedi" not in done.stderr


def test_no_credentials(tmp_path: Path) -> None:
    done = start(tmp_path, "4000", "3")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "credentials.txt" in line


def test_help_has_examples(tmp_path: Path) -> None:
    done = start(tmp_path, "--help")
    assert done.returncode == 0
    assert "toom-server 4000 3" in done.stdout
