import json

import pytest

from toom_scenarios.errors import Broken, ExpectationFailed, Unsupported, UsageError
from toom_scenarios.verdict import Verdict, first_line, verdict_on


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
