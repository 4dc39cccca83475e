"""What a scenario asks of a file while a program works on it, and of a server that is told more."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.scenarios.conftest import setting
from toom_scenarios.errors import ExpectationFailed
from toom_scenarios.implementation import Implementation, Program
from toom_scenarios.stage import Stage
from toom_scenarios.timestamps import time_of, timestamp

WRITES_WHEN_TOLD = "read line; echo $line > log"


def test_a_file_that_is_not_there_yet_is_waited_for(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    writer = bare_stage.command(host, "sh", "-c", WRITES_WHEN_TOLD)
    assert not host.file("log").exists()
    writer.types("hello")
    host.file("log").comes_to(["hello"])


def test_a_file_that_never_comes_is_a_failure(bare_stage: Stage) -> None:
    with pytest.raises(ExpectationFailed, match="has no file log"):
        bare_stage.host("host").file("log").comes_to([], within=0)


def test_a_failure_says_what_the_file_was_to_be(bare_stage: Stage) -> None:
    host = bare_stage.host("host")
    host.put("log", "Yoda\n")
    says = host.file("log").waits_until
    assert says(lambda text: "Yoda" in text) == "Yoda\n"
    with pytest.raises(ExpectationFailed, match=r"log is not without Yoda after 0\.0 s"):
        says(lambda text: "Yoda" not in text, wanted="without Yoda", within=0)


def test_a_server_is_given_variables_of_its_own(tmp_path: Path) -> None:
    says = Program(("sh", "-c", 'echo "$TZ $KEPT"'), {"TZ": "UTC", "KEPT": "kept"})
    made = replace(setting(), implementation=Implementation("says", says, says))
    stage = Stage("test", tmp_path / "stage", made)
    try:
        server = stage.server(listens=False, environment={"TZ": "<+0545>-05:45"})
        server.sees(r"<\+0545>-05:45 kept")
    finally:
        stage.close(None)


@pytest.mark.parametrize("text", ["1 Jun 2022 16:01:20", "31 Dec 1999 00:00:00"])
def test_timestamps_are_written_as_they_are_read(text: str) -> None:
    assert timestamp(time_of(text)) == text
    assert timestamp(datetime(2022, 6, 1, 4, 5, 6)) == "1 Jun 2022 04:05:06"
