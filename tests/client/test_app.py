"""Starting a client: SPEC S1, by the real program."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toom_client.app import NEEDED
from toom_client.line_editor import MAX_LINE
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode

ROOT = Path(__file__).parents[2]
CLIENT = [sys.executable, str(ROOT / "client" / "client.py")]


def start(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLIENT, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def free_udp_port() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 0))
        return str(sock.getsockname()[1])


@pytest.mark.parametrize(
    "ports",
    [
        ("0", "8000"),
        ("65536", "8000"),
        ("x", "8000"),
        ("4000", "0"),
        ("4000", "65536"),
        ("4000", "y"),
    ],
)
def test_a_port_out_of_range(tmp_path: Path, ports: tuple[str, str]) -> None:
    done = start(tmp_path, "127.0.0.1", *ports)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "between 1 and 65535" in line


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    client = [*CLIENT, "127.0.0.1", "4000", free_udp_port()]
    script = 'rmdir "$PWD"; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *client], cwd=gone, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line == "Cannot use the working directory: No such file or directory"


@pytest.mark.parametrize("package", NEEDED)
def test_a_missing_package_is_named_with_what_helps(package: str) -> None:
    """CONTRACT: one line that names the package and the make verb."""
    without = (
        "import sys; from importlib.machinery import PathFinder as p; find = p.find_spec;"
        f"p.find_spec = lambda name, *path: None if name == {package!r} else find(name, *path);"
        "from toom_client.app import main; sys.exit(main(['127.0.0.1', '1', '8000']))"
    )
    command = [sys.executable, "-c", without]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert f"package {package} is missing" in line
    assert "make setup" in line


def test_a_bare_python_says_what_it_needs(tmp_path: Path) -> None:
    """CONTRACT: `python client.py` where there is no `.venv` and nothing is installed."""
    for folder in ("client", "protocol"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    python = os.path.realpath(sys.executable)
    command = [python, "-I", "-S", str(tmp_path / "client" / "client.py"), "127.0.0.1", "1", "8000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "package cryptography is missing: run `make setup`" in line


def test_a_taken_udp_port(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        done = start(tmp_path, "127.0.0.1", "4000", str(taken.getsockname()[1]))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "in use" in line


@pytest.mark.parametrize(
    ("directory", "why"), [("file", "File exists"), ("missing/traces", "No such file or directory")]
)
def test_traces_that_cannot_be_written(tmp_path: Path, directory: str, why: str) -> None:
    """PROTOCOL 5.11: said at the start, before anybody is called."""
    (tmp_path / "file").write_text("mine")
    done = start(tmp_path, "127.0.0.1", "1", free_udp_port(), "--trace", directory)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Cannot write traces into {directory}: {why}\n"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    done = start(tmp_path, "127.0.0.1", "1", free_udp_port(), "--log", "missing/log")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Cannot write the log missing/log: No such file or directory\n"


def test_a_directory_for_traces_is_made(tmp_path: Path) -> None:
    done = start(tmp_path, "127.0.0.1", "1", free_udp_port(), "--trace", "traces")
    assert done.returncode == 1  # there is no server
    assert list((tmp_path / "traces").iterdir()) == []
    assert (tmp_path / "traces").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("server", ["127.0.0.1", "no-such-host.invalid", "x" * 300])
def test_no_server_there(tmp_path: Path, server: str) -> None:
    done = start(tmp_path, server, "1", free_udp_port())
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("Cannot reach the server at ")


def test_a_server_of_another_kind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = [*CLIENT, "127.0.0.1", str(other.getsockname()[1]), free_udp_port()]
        client = subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        connection, _ = other.accept()
        with connection:
            connection.sendall(b"220 mail.example ESMTP\r\n")
            status = client.wait(timeout=20)  # its input stays open: it must leave by itself
        output, _ = client.communicate()
    assert status == 1
    assert output.splitlines()[-1] == "The server is gone."


@pytest.mark.parametrize(
    ("said", "hinted"), [(b"", True), (b"\x15\x03\x03\0\2\2\x46", True), (PREFACE, False)]
)
def test_a_server_that_may_expect_tls(tmp_path: Path, said: bytes, hinted: bool) -> None:
    """It ends the connection with an alert (RFC 8446, 6.2), or without a word (PROTOCOL 2.6)."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        command = [*CLIENT, "127.0.0.1", str(other.getsockname()[1]), free_udp_port()]
        client = subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        connection, _ = other.accept()
        with connection:
            connection.sendall(said)
        status = client.wait(timeout=20)
        output, _ = client.communicate()
    last = output.splitlines()[-1]
    assert (status, last.startswith("The server is gone."), "--tls" in last) == (1, True, hinted)


def test_a_server_that_ends_the_handshake_without_a_word(tmp_path: Path) -> None:
    """As one does that is full, and is telling so many others already (PROTOCOL 2.5)."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        where = ("127.0.0.1", str(other.getsockname()[1]))
        command = [*CLIENT, *where, free_udp_port(), "--tls"]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as client:
            connection, _ = other.accept()
            with connection:
                assert connection.recv(65536)  # else the end would be a reset
            _, complaint = client.communicate(timeout=20)
    assert client.returncode == 1
    assert complaint.endswith(": it ended the connection\n")


def test_end_of_input_at_the_log_in(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = start(tmp_path, "127.0.0.1", str(server.getsockname()[1]), free_udp_port())
    assert (done.returncode, done.stderr) == (0, "")


def test_a_piped_line_that_is_far_too_long(tmp_path: Path) -> None:
    """SPEC S2: over-long input never crashes either side."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*CLIENT, "127.0.0.1", str(server.getsockname()[1]), free_udp_port()]
        client = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        connection, _ = server.accept()
        connection.settimeout(20)
        assert client.stdin is not None
        with connection:
            connection.sendall(PREFACE)
            client.stdin.write(b"Yoda\nfirst\n" + b"x" * 300_000 + b"\n")  # read while it waits
            client.stdin.close()
            requests = requests_of(connection)
            request_id, first = next(requests)
            connection.sendall(encode(request_id, m.LoginFailed(m.LoginFault.WRONG)))
            _, second = next(requests)
        client.stdin = None
        _, complaints = client.communicate(timeout=20)
    assert isinstance(first, m.LogIn)
    assert isinstance(second, m.LogIn)
    assert len(first.public_key) == m.PUBLIC_KEY_SIZE
    assert first.public_key == second.public_key
    assert (first.password, second.password, complaints) == ("first", "x" * MAX_LINE, b"")


def test_the_server_goes_while_a_file_is_on_its_way(tmp_path: Path) -> None:
    """SPEC S12: a broken transfer says so on both terminals that still live."""
    (tmp_path / "lecture.mp4").write_bytes(b"film")
    with seat(tmp_path, b"Han\npw\nUPD Yoda lecture.mp4\n") as (client, connection, requests):
        where = m.Located("Yoda", "127.0.0.1", int(free_udp_port()), 1, b"k" * 32, b"y" * 32)
        connection.sendall(encode(next(requests)[0], where))
        assert client.stdout is not None
        while client.stdout.readline() != b"Sending lecture.mp4 to Yoda\n":
            pass
        connection.shutdown(socket.SHUT_RDWR)
        rest = client.stdout.read().decode().splitlines()
        status = client.wait(timeout=20)
    assert (status, rest[-2:]) == (
        1,
        ["Transfer of lecture.mp4 to Yoda failed: it was given up", "The server is gone."],
    )


def test_a_signal_while_the_server_answers_nothing(tmp_path: Path) -> None:
    """PROTOCOL 7.1: it leaves as OUT does."""
    with seat(tmp_path, b"Han\npw\n") as (client, _, requests):
        client.send_signal(signal.SIGTERM)
        assert isinstance(next(requests)[1], m.LogOut)
        assert client.wait(timeout=20) == 1
        assert client.stdout is not None
        assert client.stdout.read().splitlines()[-1] == b"The server is gone."


@contextmanager
def seat(
    directory: Path, typed: bytes
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket, Iterator[tuple[int, object]]]]:
    """A client that is logged in to a server of the test's own; its input stays open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*CLIENT, "127.0.0.1", str(server.getsockname()[1]), free_udp_port()]
        client = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        connection, _ = server.accept()
        connection.settimeout(20)
        assert client.stdin is not None
        with client, connection:
            connection.sendall(PREFACE)
            client.stdin.write(typed)
            client.stdin.flush()
            requests = requests_of(connection)
            request_id, _ = next(requests)
            connection.sendall(encode(request_id, m.LoggedIn("Han")))
            try:
                yield client, connection, requests
            finally:
                client.kill()


def requests_of(connection: socket.socket) -> Iterator[tuple[int, object]]:
    """Give the requests that come but pings, until the connection ends."""
    decoder = Decoder()
    while data := connection.recv(65536):
        for number, message in decoder.receive(data):
            if not isinstance(message, m.Ping):
                yield number, message


def test_help_has_examples(tmp_path: Path) -> None:
    assert "toom-client server 4000 8000" in start(tmp_path, "--help").stdout
