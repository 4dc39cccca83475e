"""Starting: SPEC S1, S2, by the real program."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.server.programs import SERVER, free_port, serving, start, wait_for_listening
from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_scenarios.deadline import Deadline, wait_for

INVALID = (
    "Invalid number of allowed failed consecutive attempt: {}. "
    "The valid value of argument number is an integer between 1 and 5"
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
    assert done.stderr.splitlines() == ["Cannot use the directory .: .toom: Not a directory"]


@pytest.mark.parametrize(
    "name",
    ["messagelog.txt", "userlog.txt", "credentials.txt", "SR_1_messagelog.txt"]
    + [f".toom/{name}" for name in ("lock", "rooms", "runs", "checkpoint", "written", "spare")],
)
def test_a_directory_where_a_file_should_be(tmp_path: Path, name: str) -> None:
    """One line names it, at a start (status 2, CONTRACT) and at a look."""
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir(parents=True)
    done = start(tmp_path, free_port(), "3")
    [line] = done.stderr.splitlines()
    assert done.returncode == 2
    assert f"{Path(name).name}: Is a directory" in line
    looked = start(tmp_path, "--check")
    [line] = looked.stderr.splitlines()
    assert looked.returncode == 1
    assert name in line
    assert "directory" in line


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


def next_event(server: subprocess.Popen[str], *words: str) -> str:
    assert server.stderr is not None
    while not any(f"event={word}" in (line := server.stderr.readline()) for word in words):
        assert line, "the server has ended"
    return line


def test_a_hang_up_has_the_accounts_read_again(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, port, _said):
        (tmp_path / "credentials.txt").write_text("Yoda jedi\nHan jedi\n")
        server.send_signal(signal.SIGHUP)
        assert "accounts=2" in next_event(server, "accounts-reread")
        log_in(port, "Han")


def test_accounts_that_cannot_be_read_again_stay_as_they_were(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, port, _said):
        (tmp_path / "credentials.txt").write_text("Yoda jedi\nHan\n")
        server.send_signal(signal.SIGHUP)
        assert "credentials.txt, line 2" in next_event(server, "accounts-not-reread")
        log_in(port, "Yoda")


@pytest.mark.parametrize("content", ["", "\n \r\n"])
def test_a_hang_up_while_the_accounts_are_being_written_locks_nobody_out(
    tmp_path: Path, content: str
) -> None:
    with serving(tmp_path) as (server, port, _said):
        (tmp_path / "credentials.txt").write_text(content)
        server.send_signal(signal.SIGHUP)
        told = next_event(server, "accounts-not-reread", "accounts-reread")
        assert "credentials.txt: there is no account in it" in told
        log_in(port, "Yoda")


def test_a_server_without_accounts_says_so_and_takes_some_later(tmp_path: Path) -> None:
    """SPEC S2: what is refused at start is lines; here there is none."""
    credentials = tmp_path / "credentials.txt"
    credentials.write_text("\n")
    done = start(tmp_path, "--check")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    with subprocess.Popen(
        [*SERVER, port := free_port(), "3"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert "there is no account in it" in next_event(server, "found", "listening")
        wait_for_listening(server)
        credentials.write_text("Yoda jedi\n")
        server.send_signal(signal.SIGHUP)
        assert "accounts=1" in next_event(server, "accounts-reread")
        log_in(int(port), "Yoda")
        server.terminate()


def test_many_clients_are_let_go_within_five_seconds(tmp_path: Path) -> None:
    """One of them has asked for a long answer and never reads it."""
    (tmp_path / "messagelog.txt").write_text(
        "".join(f"{n}; 1 Jan 2026 00:00:00; Yoda; {'x' * 4000}\n" for n in range(1, 4001))
    )
    with (
        serving(tmp_path) as (server, port, _said),
        contextlib.ExitStack() as stack,
    ):
        idle = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(200)
        ]
        deaf = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        choice = m.LogChoice.BROADCASTS
        deaf.sendall(PREFACE + encode(1, m.LogIn("Yoda", "jedi", 8000)))
        deaf.sendall(encode(2, m.ReadMessages(choice, "1 Jan 2022 00:00:00")))
        assert deaf.recv(1, socket.MSG_PEEK)
        server.terminate()
        assert server.wait(5) == 0
        assert all(each.recv(100) == PREFACE and each.recv(1) == b"" for each in idle)


def test_nobody_can_connect_before_the_user_log_is_empty(tmp_path: Path) -> None:
    """SPEC S3: it is empty when the server starts, however long the logs take to read."""
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    (tmp_path / "userlog.txt").write_text("1; 1 Jun 2022 21:30:04; Yoda; 10.0.0.7; 6666\n")
    line = "{}; 1 Jan 2026 00:00:00; Yoda; hello\n"
    (tmp_path / "messagelog.txt").write_text("".join(map(line.format, range(1, 60_001))))
    port = int(free_port())
    silent = subprocess.DEVNULL
    with subprocess.Popen(
        [*SERVER, str(port), "3"], cwd=tmp_path, stdout=silent, stderr=silent
    ) as server:
        reached = wait_for(lambda: connects(port), Deadline(20))
        listed = (tmp_path / "userlog.txt").read_text()
        server.terminate()
    assert (reached, listed) == (True, "")


def connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_log_as_json(tmp_path: Path) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    with subprocess.Popen(
        [*SERVER, free_port(), "3", "--log-format", "json"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        first = json.loads(server.stderr.readline())
        server.terminate()
        last = [json.loads(line) for line in server.stderr][-1]
    assert (first["event"], first["accounts"], last["event"]) == ("listening", 1, "stopping")


def test_metrics_and_health(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    with serving(tmp_path, "--metrics", where := free_port()) as (_server, port, _said):
        log_in(port, "Yoda", m.Broadcast("hello"))
        with urlopen(f"http://127.0.0.1:{where}/metrics", timeout=20) as page:
            told = page.read().decode()
        with urlopen(f"http://127.0.0.1:{where}/health", timeout=20) as page:
            assert (page.status, page.read()) == (200, b"ok\n")
    assert 'toom_requests_total{kind="login"} 1.0' in told
    assert "toom_batch_seconds_count 1.0" in told
    assert "Yoda" not in told


@pytest.mark.parametrize("where", ["0", "x", "127.0.0.1:70000", "127.0.0.1:"])
def test_a_metrics_port_that_cannot_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    done = start(tmp_path, free_port(), "3", "--metrics", where)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Invalid metrics port" in done.stderr


def test_a_metrics_port_that_is_taken(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = str(taken.getsockname()[1])
        done = start(tmp_path, free_port(), "3", "--metrics", where)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Cannot tell metrics" in done.stderr


def test_a_directory_is_looked_through_without_a_port(tmp_path: Path) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    done = start(tmp_path, "--check")
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "credentials.txt").write_text("Yoda\n")
    (tmp_path / "messagelog.txt").write_text("1; 24 Nov 2026 10:00:00; Yoda\n")
    done = start(tmp_path, "--check")
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "credentials.txt, line 1",
        "messagelog.txt, line 1",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["credentials.txt", "messagelog.txt"]


def log_in(port: int, name: str, *later: m.Request) -> list[object]:
    """Log in, and give the answers to what is asked afterwards."""
    requests = (m.LogIn(name, "jedi", 8000), *later)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(PREFACE + b"".join(map(encode, range(1, 99), requests)))
        decoder = Decoder()
        replies: list[object] = []
        while len(replies) < len(requests):
            data = connection.recv(65536)
            assert data, "the server has hung up"
            replies += [message for _, message in decoder.receive(data)]
    assert replies[0] == m.LoggedIn(name)
    return replies[1:]


def test_help_has_examples(tmp_path: Path) -> None:
    done = start(tmp_path, "--help")
    assert done.returncode == 0
    assert "toom-server 4000 3" in done.stdout
