import os
import signal
import time
from pathlib import Path
from threading import Timer

import pytest

from toom_scenarios import Broken, ExpectationFailed, Stage
from toom_scenarios.deadline import Deadline, wait_for
from toom_scenarios.prompts import COMMAND, PASSWORD, USERNAME

from .conftest import setting, shell

PROMPT = f"printf '{COMMAND}'"


def test_a_line_is_matched_from_end_to_end(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "printf 'room ID: 1'; read x; echo 2; read x")
    with pytest.raises(ExpectationFailed):
        terminal.sees(r"room ID: (\d+)", within=0.2)
    terminal.types("")
    assert terminal.sees(r"room ID: (\d+)", since=terminal.start)[1] == "12"


def test_only_newer_output_answers(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "echo done; read x; read y")
    terminal.sees("done")
    terminal.types("again")
    with pytest.raises(ExpectationFailed):
        terminal.sees("done", within=0.2)


def test_the_prompt_of_an_earlier_reply_is_not_the_next_one(bare_stage: Stage) -> None:
    waits = "while [ ! -e {0} ]; do :; done".format
    first = f"{PROMPT}; read x; echo one; {waits('a')}; {PROMPT}"
    script = f"{first}; {waits('b')}; read x; echo two; {PROMPT}; read x"
    terminal = shell(bare_stage, script)
    terminal.sees_prompt()
    terminal.types("first")
    terminal.sees_exactly("one")
    for seconds, name in ((0.1, "a"), (0.5, "b")):
        Timer(seconds, bare_stage.host("host").put, (name, "")).start()
    assert terminal.asks("second") == ["two"]


def test_what_is_typed_is_not_what_is_seen(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "read x; read y")
    terminal.types("hello")
    with pytest.raises(ExpectationFailed):
        terminal.sees(".*hello.*", within=0.2)


def test_a_program_that_echoes_by_itself_does_not_answer_itself(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, f'{PROMPT}; read x; echo "$x"; echo reply; {PROMPT}; read y')
    terminal.sees_prompt()
    assert terminal.asks("BCM hello") == ["reply"]


def test_prompts_on_the_replys_line_are_fair(bare_stage: Stage) -> None:
    script = (
        f"printf '{USERNAME}'; read x; printf '{PASSWORD}'; read y; echo Welcome; {PROMPT}; read z"
    )
    terminal = shell(bare_stage, script)
    terminal.sees_prompt(USERNAME)
    terminal.types("Yoda")
    terminal.sees_prompt(PASSWORD)
    terminal.types_hidden("secret")
    terminal.sees_exactly("Welcome")
    terminal.sees_prompt()
    assert "secret" not in (bare_stage.folder / "timeline.txt").read_text()


def test_lines_are_taken_in_order(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "echo one; echo two; read x")
    mark = terminal.mark()
    terminal.sees("two")
    with pytest.raises(ExpectationFailed):
        terminal.sees("one", within=0.2)
    terminal.sees("one", since=min(mark, terminal.start))


def test_nothing_unwanted_up_to_the_barrier(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, f"{PROMPT}; read x; echo Received a from b; {PROMPT}; read y")
    terminal.sees_prompt()
    terminal.types("ATU")
    terminal.does_not_see("Received c .*")
    with pytest.raises(ExpectationFailed, match="must not"):
        terminal.does_not_see("Received a .*")


def test_a_failure_says_what_was_wanted_seen_and_whether_it_lives(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "echo Error. han is offline; read x")
    with pytest.raises(ExpectationFailed) as caught:
        terminal.sees(r"room ID: (\d+)", within=0.3)
    assert caught.value.summary == "host-1 waited 0.3 s for the line “room ID: <number>”"
    facts = caught.value.facts
    assert facts.wanted == "the line “room ID: <number>”"
    assert [line.split(" s ")[1] for line in facts.seen] == ["Error. han is offline"]
    assert (facts.deadline, facts.state) == (0.3, "host-1: running")
    assert facts.raw == r"room ID: (\d+)"
    assert "!" not in [row.sign for row in terminal.ending().rows], "the reason says it already"
    assert str(caught.value).splitlines()[1] == "wanted the line “room ID: <number>”"


def test_the_last_rows_of_a_terminal_show_what_was_typed_and_what_came(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, f"{PROMPT}; read x; echo reply; {PROMPT}; read y; exit 3")
    terminal.sees_prompt()
    terminal.asks("hello")
    ending = terminal.ending()
    rows = [(row.sign, row.text) for row in ending.rows[1:]]
    assert rows == [("<", COMMAND), (">", "hello"), ("<", "reply"), ("<", COMMAND)]
    assert ending.rows[-1].at is None, "its line has not ended"
    assert all(row.at is not None for row in ending.rows[:-1])
    terminal.types("")
    terminal.ends(3)
    assert terminal.ending().state == "ended with status 3"


def test_the_end_of_a_program_stands_where_it_happened(tmp_path: Path) -> None:
    stage = Stage("test", tmp_path / "stage", setting())
    first, second = shell(stage, "exit 3"), shell(stage, "read x; echo later; read y")
    first.ends(3)
    second.types("")
    second.sees("later")
    stage.close(None)
    rows = (stage.folder / "timeline.txt").read_text().splitlines()
    told = [row[10:].strip() for row in rows]
    assert told.index("host-1 = ended with status 3") < told.index("host-2 < later")


def test_a_death_is_told_at_once(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "echo last words; exit 7")
    began = time.monotonic()
    with pytest.raises(ExpectationFailed, match="ended before") as caught:
        terminal.sees("something else", within=30)
    assert time.monotonic() - began < 5
    assert "ended with status 7" in str(caught.value)
    assert "last words" in str(caught.value)


def test_typing_to_the_dead_is_the_programs_failure(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "exit 1")
    terminal.ends(1)

    def type_and_look() -> None:
        terminal.types("hello")
        terminal.sees("hello", within=0.2)

    with pytest.raises(ExpectationFailed):
        type_and_look()


def test_the_last_line_of_a_program_needs_no_newline(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "printf Bye")
    terminal.sees_exactly("Bye")
    terminal.ends(0)


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", -15)]
)
def test_the_exit_status_is_the_programs(bare_stage: Stage, script: str, status: int) -> None:
    assert shell(bare_stage, script).ends(None) == status


def test_a_child_that_holds_the_terminal_open_does_not_hide_the_end(bare_stage: Stage) -> None:
    shell(bare_stage, "(trap '' HUP; exec sleep 60) & exit 4").ends(4)


def test_a_wrong_exit_status_is_a_failure(bare_stage: Stage) -> None:
    with pytest.raises(ExpectationFailed, match="ended with status 3"):
        shell(bare_stage, "exit 3").ends(0)


def test_a_program_that_lives_on_has_not_ended(bare_stage: Stage) -> None:
    with pytest.raises(ExpectationFailed, match="end of the program"):
        shell(bare_stage, "read x").ends(0, within=0.2)


def test_a_program_that_is_not_there_says_nothing_about_itself(bare_stage: Stage) -> None:
    with pytest.raises(Broken, match="no-such-program"):
        bare_stage.command(bare_stage.host("host"), "no-such-program")
    terminal = shell(bare_stage, "exec /no/such/program")
    with pytest.raises(Broken):
        terminal.sees("hello")


def test_a_signal_reaches_the_program(bare_stage: Stage) -> None:
    terminal = shell(
        bare_stage, "trap 'echo caught; exit 5' TERM; echo ready; while :; do read x; done"
    )
    terminal.sees("ready")
    terminal.kill(signal.SIGTERM)
    terminal.sees("caught")
    terminal.ends(5)


def test_the_keyboards_interrupt_reaches_the_program_inside_a_namespace(
    networked_stage: Stage,
) -> None:
    terminal = shell(
        networked_stage, "trap 'echo caught; exit 6' INT; echo ready; while :; do read x; done"
    )
    terminal.sees("ready")
    terminal.sends_interrupt()
    terminal.sees("caught")
    terminal.ends(6)


def test_the_end_of_input_reaches_the_program(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "cat; echo over")
    terminal.types("line")
    terminal.sees_exactly("line")
    terminal.sends_eof()
    terminal.sees_exactly("over")
    terminal.ends(0)


def test_closing_ends_everything_the_program_has_started(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "trap '' HUP TERM; (trap '' HUP; sleep 600) & echo $!; sleep 600")
    child = int(terminal.sees(r"\d+")[0])
    terminal.close()
    assert wait_for(lambda: not os.path.exists(f"/proc/{child}") or is_zombie(child), Deadline(5))


def is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return ") Z " in stat.read()
    except FileNotFoundError:
        return True


@pytest.mark.slow
def test_a_hundred_thousand_lines_take_seconds_not_minutes(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "seq 50000; echo end; read x; seq 50000; echo end; read y")
    began = time.monotonic()
    terminal.sees_exactly("end", within=30)
    terminal.types("")
    terminal.sees_exactly("50000", within=30)
    assert time.monotonic() - began < 10
    assert len(terminal.lines(since=terminal.start)) >= 100_000


def test_a_line_of_a_megabyte_is_a_line(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "head -c 1000000 /dev/zero | tr '\\0' x; echo; read x")
    assert len(terminal.sees("x+", within=20)[0]) == 1_000_000


def test_a_program_that_reads_nothing_does_not_hang_the_scenario(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "stty raw; echo ready; sleep 600")
    terminal.sees("ready\r?")
    with pytest.raises(ExpectationFailed, match="does not read"):
        terminal.sends("x" * 40_000)


def test_nobody_is_held_up_by_an_unwatched_terminal(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, "seq 50000; echo over >&2; touch over; read x")
    host = bare_stage.host("host")
    assert wait_for(lambda: host.file("over").exists(), Deadline(10))
    terminal.close()


def test_transcripts_tell_who_when_and_what(bare_stage: Stage) -> None:
    terminal = shell(bare_stage, f"{PROMPT}; read x; echo reply")
    terminal.sees_prompt()
    terminal.types("ATU")
    terminal.ends(0)
    terminal.close()
    rows = (bare_stage.folder / "terminals" / "host-1.txt").read_text().splitlines()
    said = [row.lstrip().split(" ", 1)[1] for row in rows]
    assert said[1:] == [f"< {COMMAND}", "> ATU", "< reply", "= ended with status 0"]
