"""Starting a client: SPEC S1, by the real program."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toom_client.line_editor import MAX_LINE
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode

CLIENT = [sys.executable, str(Path(__file__).parents[2] / "client" / "client.py")]


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


def test_a_taken_udp_port(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        done = start(tmp_path, "127.0.0.1", "4000", str(taken.getsockname()[1]))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "in use" in line


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
            requests = log_ins(connection)
            request_id, first = next(requests)
            connection.sendall(encode(request_id, m.LoginFailed(m.LoginFault.WRONG)))
            _, second = next(requests)
        client.stdin = None
        _, complaints = client.communicate(timeout=20)
    assert (first.password, second.password, complaints) == ("first", "x" * MAX_LINE, b"")


def log_ins(connection: socket.socket) -> Iterator[tuple[int, m.LogIn]]:
    """Give the log-ins that come, until the connection ends."""
    decoder = Decoder()
    while data := connection.recv(65536):
        for frame in decoder.receive(data):
            if isinstance(frame.message, m.LogIn):
                yield frame.request_id, frame.message


def test_help_has_examples(tmp_path: Path) -> None:
    assert "toom-client server 4000 8000" in start(tmp_path, "--help").stdout
