import json

import pytest

from toom_scenarios.errors import Broken, ExpectationFailed, Unsupported, UsageError
from toom_scenarios.verdict import Verdict, first_cause, first_line, verdict_on


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ExpectationFailed("no reply"), Verdict.FAIL),
        (AssertionError("wrong line"), Verdict.FAIL),
        (Unsupported("one address"), Verdict.UNSUPPORTED),
        (Broken("no image"), Verdict.BROKEN),
        (UsageError("no server"), Verdict.BROKEN),
        (KeyError("bug"), Verdict.BROKEN),
        (TimeoutError("engine"), Verdict.BROKEN),
        (FileNotFoundError("program"), Verdict.BROKEN),
        (KeyboardInterrupt(), Verdict.BROKEN),
    ],
)
def test_who_is_at_fault(error: BaseException, verdict: Verdict) -> None:
    assert verdict_on(raised(error)) is verdict


def test_an_assertion_inside_a_library_says_nothing_about_the_program() -> None:
    import pexpect

    code = compile("assert False", pexpect.__file__, "exec")
    with pytest.raises(AssertionError) as caught:
        exec(code)
    assert verdict_on(caught.value) is Verdict.BROKEN


def test_an_assertion_inside_the_runner_says_nothing_about_the_program() -> None:
    import toom_scenarios.stage

    code = compile("assert False", toom_scenarios.stage.__file__, "exec")
    with pytest.raises(AssertionError) as caught:
        exec(code)
    assert verdict_on(caught.value) is Verdict.BROKEN


def test_reasons_are_one_line_and_name_foreign_exceptions() -> None:
    assert first_line(ExpectationFailed("no reply", "seen:\nnothing")) == "no reply"
    assert first_line(Broken("no image\nmore")) == "no image"
    assert (
        first_line(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"
    )
    assert first_line(AssertionError()) == "AssertionError"


def test_verdicts_are_plain_text_in_json() -> None:
    assert json.dumps([Verdict.PASS]) == '["pass"]'


def failing_twice(first: BaseException, later: BaseException) -> BaseException:
    try:
        try:
            raise first
        finally:
            raise later
    except BaseException as caught:  # noqa: BLE001 - whichever comes out
        return caught


def test_what_fails_while_tidying_up_does_not_hide_what_failed_first() -> None:
    first = ExpectationFailed("no reply")
    for later in (ExpectationFailed("no file"), KeyError("bug"), Broken("no engine")):
        assert first_cause(failing_twice(first, later)) is first


def test_a_failure_that_was_translated_is_what_the_case_made_of_it() -> None:
    translated = ExpectationFailed("no second server")
    translated.__cause__ = translated.__context__ = ExpectationFailed("no reply")
    assert first_cause(translated) is translated


def test_a_bug_before_it_is_no_first_cause() -> None:
    later = ExpectationFailed("no file")
    assert first_cause(failing_twice(FileNotFoundError("it"), later)) is later
