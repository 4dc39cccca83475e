from hypothesis import given
from hypothesis import strategies as st

from toom_scenarios.output import START, Mark, Output
from toom_scenarios.prompts import COMMAND, PASSWORD, USERNAME, without_prompts


def texts(output: Output, mark: Mark = START) -> list[str]:
    return [line.text for line in output.lines_since(mark)]


def fed(*pieces: str) -> Output:
    output = Output()
    for piece in pieces:
        output.feed(piece.encode(), 0.0)
    return output


def test_a_line_counts_only_when_it_is_whole() -> None:
    output = fed("room ID: 1")
    assert texts(output) == []
    output.feed(b"2\r\n", 0.5)
    assert texts(output) == ["room ID: 12"]


def test_the_time_of_a_line_is_that_of_its_end() -> None:
    output = Output()
    output.feed(b"on", 1.0)
    (line,) = output.feed(b"e\n", 2.0)
    assert line.at == 2.0


def test_what_was_printed_before_a_mark_is_stale() -> None:
    output = fed("old\r\n")
    mark = output.mark()
    output.feed(b"new\r\n", 0.0)
    assert texts(output, mark) == ["new"]


def test_of_a_line_that_began_before_the_mark_only_the_rest_is_new() -> None:
    output = fed("50 % ")
    mark = output.mark()
    output.feed(b"done\r\n", 0.0)
    assert texts(output, mark) == ["done"]


def test_a_reply_on_the_prompts_own_line_is_seen_without_the_prompt() -> None:
    output = fed(COMMAND)
    mark = output.expect_echo("ATU")
    output.feed(b"no other active user\r\n", 0.0)
    assert texts(output, mark) == ["no other active user"]


def test_a_reply_after_a_program_that_ends_the_prompts_line_is_seen_alone() -> None:
    output = fed(COMMAND)
    mark = output.expect_echo("ATU")
    output.feed(b"\r\nno other active user\r\n", 0.0)
    assert texts(output, mark) == ["no other active user"]


def test_an_empty_line_of_the_reply_is_a_line() -> None:
    output = fed(COMMAND)
    mark = output.expect_echo("ATU")
    output.feed(b"\r\n\r\n", 0.0)
    assert texts(output, mark) == [""]


def test_the_echo_is_never_the_reply() -> None:
    output = fed(COMMAND)
    mark = output.expect_echo("BCM hello")
    output.feed(b"BCM hello\r\nBroadcast message, #1\r\n", 0.0)
    assert texts(output, mark) == ["Broadcast message, #1"]


def test_a_reply_that_repeats_the_input_is_a_reply_where_no_prompt_stands_before_it() -> None:
    output = Output()
    mark = output.expect_echo("hello")
    output.feed(b"hello\r\n", 0.0)
    assert texts(output, mark) == ["hello"]


def test_glued_prompts_are_taken_off() -> None:
    assert texts(fed("Username: Password: Welcome to TOOM!\r\n")) == ["Welcome to TOOM!"]


def test_a_prompt_stands_when_it_is_the_unfinished_line() -> None:
    output = fed("hello\r\n", COMMAND)
    assert output.shows_prompt(COMMAND, START)
    assert not output.shows_prompt(USERNAME, START)


def test_a_prompt_from_before_the_input_is_stale() -> None:
    output = fed(COMMAND)
    mark = output.expect_echo("")
    assert not output.shows_prompt(COMMAND, mark)
    output.feed(f"\r\n{COMMAND}".encode(), 0.0)
    assert output.shows_prompt(COMMAND, mark)


def test_a_prompt_behind_other_text_does_not_stand() -> None:
    assert not fed(f"oops {COMMAND}").shows_prompt(COMMAND, START)


def test_a_program_that_ends_without_a_newline_has_printed_a_line() -> None:
    output = fed("Bye")
    assert [line.text for line in output.end(1.0)] == ["Bye"]


def test_broken_utf8_is_shown_and_does_not_stop_the_reader() -> None:
    output = Output()
    output.feed(b"a\xff", 0.0)
    output.feed(b"\xc3", 0.0)
    output.feed(b"\xa4\n", 0.0)
    assert texts(output) == ["a\ufffdä"]


@given(st.text(st.sampled_from("ab \r\n:"), max_size=60), st.lists(st.integers(1, 9)))
def test_how_the_bytes_are_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    whole, cut = fed(text), Output()
    data = text.encode()
    for size in cuts:
        cut.feed(data[:size], 0.0)
        data = data[size:]
    cut.feed(data, 0.0)
    assert texts(cut) == texts(whole)
    assert cut.unfinished == whole.unfinished


@given(st.lists(st.sampled_from([USERNAME, PASSWORD, COMMAND])))
def test_prompts_alone_are_nothing(prompts: list[str]) -> None:
    assert without_prompts("".join(prompts)) == ""
