"""`--live` and `--reconnect`, real programs at real terminals: PROTOCOL 3.5, 3.6, 4.2; SPEC S11."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pexpect
import pytest

from tests.client.test_app import free_udp_port
from tests.doubles.patience import wait_until
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder

ROOT: Final = Path(__file__).parents[2]
SERVER: Final = str(ROOT / "server" / "server.py")
CLIENT: Final = str(ROOT / "client" / "client.py")
PATIENCE: Final = 30.0  # seconds that a program may take to start on a busy host
PROMPT: Final = r"OUT, UPD(?:, TRF)?\): "


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def server(directory: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server, killed at the end as by a loss of power."""
    directory.mkdir(exist_ok=True)
    (directory / "credentials.txt").write_text("Yoda pw\nHan pw\n")
    log = directory / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, SERVER, str(port), "3", "--host", "127.0.0.1"],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        wait_until(lambda: b"event=listening" in log.read_bytes(), PATIENCE)
        yield process
    finally:
        process.kill()
        process.wait()


def spawn(directory: Path, port: int, *options: str) -> "pexpect.spawn[str]":
    directory.mkdir(exist_ok=True)
    return pexpect.spawn(
        sys.executable,
        [CLIENT, "127.0.0.1", str(port), free_udp_port(), *options],
        cwd=str(directory),
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(40, 200),
    )


@contextlib.contextmanager
def terminal(
    directory: Path, name: str, port: int, *options: str
) -> Iterator["pexpect.spawn[str]"]:
    """A client at a terminal of its own, logged in."""
    seat = spawn(directory, port, *options)
    try:
        seat.expect("Username: ")
        seat.sendline(name)
        seat.expect("Password: ")
        seat.sendline("pw")
        seat.expect(PROMPT)
        yield seat
    finally:
        seat.close(force=True)


@pytest.mark.slow
def test_the_server_is_killed_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    with terminal_of_two(tmp_path, port) as (first, yoda, han):
        yoda.sendline("BCM hello there")
        han.expect(r"\r\n#1; Yoda: hello there at [^\r]+\.\r\n")
        han.send("BCM half a li")
        first.kill()
        first.wait()
        yoda.expect("The server is gone.")
        han.expect(r"\r\nConnection lost; trying again in [0-9.]+ s …\r\n")
        han.expect(PROMPT + "BCM half a li")  # what was typed is still there
        han.sendline("ne")
        han.expect("Not connected; trying again.")
        with (
            server(tmp_path / "server", port),
            terminal(tmp_path / "yoda", "Yoda", port) as yoda,
        ):
            yoda.sendline("BCM while you were away")
            yoda.expect("Broadcast message, #2")
            han.expect("Reconnected.")
            han.expect("#2; Yoda: while you were away at ")
            users = (tmp_path / "server" / "userlog.txt").read_text().splitlines()
            assert {line.split("; ")[2] for line in users} == {"Yoda", "Han"}
            han.sendline("BCM a whole line")
            han.expect("Broadcast message, #3")
            yoda.sendline("OUT")
            yoda.expect("Bye, Yoda!")
            han.sendline("OUT")
            han.expect("Bye, Han!")
            han.expect(pexpect.EOF)
            han.close()
            assert han.exitstatus == 0


@contextlib.contextmanager
def terminal_of_two(
    tmp_path: Path, port: int
) -> Iterator[tuple["subprocess.Popen[bytes]", "pexpect.spawn[str]", "pexpect.spawn[str]"]]:
    with (
        server(tmp_path / "server", port) as process,
        terminal(tmp_path / "yoda", "Yoda", port) as yoda,
        terminal(tmp_path / "han", "Han", port, "--live", "--reconnect") as han,
    ):
        yield process, yoda, han


@pytest.mark.slow
@pytest.mark.parametrize(("leave", "status"), [("OUT\n", 1), ("\x04", 1), ("signal", 143)])
def test_leaving_while_there_is_no_connection(tmp_path: Path, leave: str, status: int) -> None:
    port = free_port()
    with (
        server(tmp_path / "server", port) as process,
        terminal(tmp_path / "han", "Han", port, "--reconnect") as han,
    ):
        process.kill()
        han.expect("Connection lost")
        han.expect(PROMPT)
        han.send("\x03")
        han.expect("Type OUT to leave.")
        han.expect(PROMPT)
        if leave == "signal":
            han.kill(15)
        else:
            han.send(leave)
            han.expect("The server is gone.")
        han.expect(pexpect.EOF)
        han.close()
        assert han.exitstatus == status


@pytest.mark.slow
def test_a_log_in_whose_answer_was_lost_is_asked_for_again(tmp_path: Path) -> None:
    """SPEC S2: it is not repeated unasked, since a wrong password would be counted twice."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        han = spawn(tmp_path, port, "--reconnect")
        connection, _ = first.accept()
    with connection:
        connection.settimeout(PATIENCE)
        connection.sendall(PREFACE)
        han.expect("Username: ")
        han.sendline("Han")
        han.expect("Password: ")
        han.sendline("pw")
        decoder = Decoder()
        while not any(
            isinstance(said, m.LogIn) for _, said in decoder.receive(connection.recv(99))
        ):
            pass
    with server(tmp_path / "server", port):
        han.expect("it is unknown whether you are logged in. Please type the password again.\r\n")
        han.expect("Password: ")
        han.sendline("pw")
        han.expect("Reconnected.")
        han.expect(PROMPT)
        han.sendline("OUT")
        han.expect("Bye, Han!")
        han.expect(pexpect.EOF)
        han.close()
    assert han.exitstatus == 0


@pytest.mark.slow
def test_a_script_waits_for_the_server_to_come_back(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "han").mkdir()
    with contextlib.ExitStack() as first:
        process = first.enter_context(server(tmp_path / "server", port))
        client = subprocess.Popen(
            [sys.executable, CLIENT, "127.0.0.1", str(port), free_udp_port(), "--reconnect"],
            cwd=tmp_path / "han",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        first.callback(client.kill)
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(b"Han\npw\nBCM one\n")
        client.stdin.flush()
        seen = b""
        while b"#1 broadcast" not in seen:
            seen += client.stdout.readline()
        process.kill()
        while b"Still no connection" not in seen:
            seen += client.stdout.readline()
        client.stdin.write(b"BCM two\n")
        client.stdin.close()
        client.stdin = None
        with server(tmp_path / "server", port):
            output, _ = client.communicate(timeout=PATIENCE)
            log = (tmp_path / "server" / "messagelog.txt").read_text().splitlines()
    assert client.returncode == 0
    assert output.decode().splitlines()[-1] == "Bye, Han!"
    assert [line.split("; ")[3] for line in log] == ["one", "two"]
