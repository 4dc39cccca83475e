"""Starting: SPEC S1, S2, by the real program."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode

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
    assert line.endswith("Address already in use")


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


def test_a_directory_that_may_not_be_used(tmp_path: Path) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    (tmp_path / ".toom").write_text("no folder")
    done = start(tmp_path, free_port(), "3")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["Cannot use the directory .: File exists"]


def test_a_terminal_that_knows_no_accents(tmp_path: Path) -> None:
    """SPEC S6: a line stands on the server's console, whatever a message holds."""
    (tmp_path / "credentials.txt").write_text("Zoé jedi\nYoda jedi\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with subprocess.Popen(
        [*SERVER, port := free_port(), "3"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        wait_for_listening(server)
        for name in ("Zoé", "Yoda"):
            log_in(int(port), name)
        server.terminate()
        output, _ = server.communicate(timeout=20)
    lines = [line for line in output.splitlines() if "logged in" in line]
    assert [line.split(" ")[0] for line in lines] == ["Zo\\xe9", "Yoda"]


def test_standard_streams_that_are_closed(tmp_path: Path) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    script = 'exec "$@" <&- >&-'
    with subprocess.Popen(
        ["sh", "-c", script, "sh", *SERVER, port := free_port(), "3"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        wait_for_listening(server)
        log_in(int(port), "Yoda")
        server.terminate()
        _, complaints = server.communicate(timeout=20)
    assert (server.returncode, "Traceback" in complaints) == (0, False)


def free_port() -> str:
    with socket.create_server(("0.0.0.0", 0)) as sock:
        return str(sock.getsockname()[1])


def wait_for_listening(server: subprocess.Popen[str]) -> None:
    assert server.stderr is not None
    while "event=listening" not in (line := server.stderr.readline()):
        assert line, "the server has ended"


def log_in(port: int, name: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(PREFACE + encode(1, m.LogIn(name, "jedi", 8000)))
        decoder = Decoder()
        replies: list[object] = []
        while not replies:
            data = connection.recv(65536)
            assert data, "the server has hung up"
            replies = [frame.message for frame in decoder.receive(data)]
    assert replies == [m.LoggedIn(name)]


def test_help_has_examples(tmp_path: Path) -> None:
    done = start(tmp_path, "--help")
    assert done.returncode == 0
    assert "toom-server 4000 3" in done.stdout
