"""The server's log: one event a line, for people or for machines."""

import contextlib
import io
import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from toom_server.events import listen, tell
from toom_server.line_writer import MAX_LINES, LineWriter


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(form: str, level: str = "info") -> list[str]:
    stream = io.StringIO()
    writer = LineWriter(stream)
    listen(writer, level, form)
    tell(logging.INFO, "login", account="a=b c", address="10.0.0.7")
    tell(logging.WARNING, "malformed", peer="a\nlevel=INFO event=login", why="")
    logging.getLogger("asyncio").error("slow: %s", 3)
    writer.close()
    return stream.getvalue().splitlines()


def test_a_line_of_text_says_name_and_value() -> None:
    login, malformed, foreign = (line.split(" ", 2)[2] for line in lines("text"))
    assert login == 'level=INFO event=login account="a=b c" address=10.0.0.7'
    assert malformed == r'level=WARNING event=malformed peer="a\nlevel=INFO event=login" why=""'
    assert foreign == 'level=ERROR event=message text="slow: 3"'


def test_a_name_tells_a_terminal_nothing() -> None:
    """PROTOCOL 7.5: whoever logs in types the name, and the log may be looked at in a terminal."""
    stream = io.StringIO()
    writer = LineWriter(stream)
    listen(writer, "info", "text")
    tell(logging.WARNING, "login-refused", account="Yo\u200bda\x9b2J\u2028é\U000e0041")
    writer.close()
    line = stream.getvalue()
    assert line.endswith(r'account="Yo\u200bda\u009b2J\u2028é\udb40\udc41"' + "\n")


def test_a_line_of_json_says_the_same() -> None:
    login, malformed, foreign = map(json.loads, lines("json"))
    assert {"event": "login", "account": "a=b c", "level": "info"}.items() <= login.items()
    assert malformed["peer"] == "a\nlevel=INFO event=login"
    assert (foreign["event"], foreign["text"]) == ("message", "slow: 3")
    assert login["time"][10] == "T"


def test_what_is_below_the_level_is_left_out() -> None:
    assert len(lines("text", "warning")) == 2


def test_a_pipe_that_nobody_reads_stops_nobody() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    writer = LineWriter(stream)

    def tell() -> None:
        for _ in range(MAX_LINES + 1000):
            writer.say("x" * 1000)

    telling = threading.Thread(target=tell)
    telling.start()
    telling.join(10)
    assert not telling.is_alive()
    writer.close(0.1)
    os.close(reading)
    with contextlib.suppress(BrokenPipeError):
        stream.close()
