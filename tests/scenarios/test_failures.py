"""What a run says at its end: failures on the console, the table, junit.xml, verdict.json."""

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from toom_scenarios.again import write_compose
from toom_scenarios.evidence import write_verdict
from toom_scenarios.facts import Compared, Diagnosis, Ending, Facts, Shown, unpacked
from toom_scenarios.failures import IN_FULL, LEAST, interruption, lines_of, print_failures
from toom_scenarios.junit import write_junit
from toom_scenarios.results import Results, Row
from toom_scenarios.scenario import Scenario
from toom_scenarios.table import print_table
from toom_scenarios.verdict import Verdict

DIAGNOSIS = Diagnosis(
    "yoda waited 5.0 s for the line “a\x01\udcff”",
    place=("case.py:3: story(stage)", "case.py:1: yoda.sees('a')"),
    done=("0.100 s yoda typed: ATU", "0.200 s yoda typed: BCM a"),
    facts=Facts("the line “a”", ("b",), (Compared("wanted", "a"),), 5.2, 5.0, "yoda: running", "a"),
    terminals=(
        Ending("server", "running", tuple(Shown(n / 10, "<", f"log {n}") for n in range(9))),
        Ending("yoda", "running", (Shown(0.2, ">", "BCM a"), Shown(None, "<", "Password: "))),
    ),
    raw="the very words",
)


def scenario(name: str, part: str = "", builds_on: tuple[str, ...] = ()) -> Scenario:
    quote = "a line each"
    return Scenario(
        name, "S7", part, Fraction(1), 1, quote, Path("case.py"), 1, quote, builds_on=builds_on
    )


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results("local", 7, "toom", tmp_path)


def add(
    results: Results,
    name: str,
    verdict: Verdict,
    *,
    part: str = "",
    builds_on: tuple[str, ...] = (),
    marks: Fraction = Fraction(0),
) -> Row:
    row = Row(scenario(name, part, builds_on), marks, name, verdict, started=True, ended=True)
    row.reason = "" if verdict is Verdict.PASS else f"why {name}"
    row.diagnosis = DIAGNOSIS if verdict is Verdict.FAIL else None
    results.rows[name] = row
    return row


def printed(results: Results) -> list[str]:
    out = io.StringIO()
    print_failures(Console(file=out, width=80), results)
    return out.getvalue().splitlines()


def table(results: Results) -> list[str]:
    out = io.StringIO()
    print_table(Console(file=out, width=80), results)
    return out.getvalue().splitlines()


def test_the_promise_stands_first_then_what_was_done_wanted_and_seen(results: Results) -> None:
    add(results, "story", Verdict.FAIL).promise = "S7.2"
    lines = printed(results)
    assert lines[1] == "FAIL story: why story"
    assert [line.split()[0] for line in lines[2:7]] == ["S7.2", "done", "at", "wanted", "when"]
    assert "no other active user" in lines[2]
    assert lines[3] == "  done     0.200 s yoda typed: BCM a"
    assert lines[4] == "  at       case.py:1: yoda.sees('a')"
    assert lines[6] == "  when     5.200 s, deadline 5.0 s; yoda: running"


def test_typed_and_shown_of_all_terminals_stand_in_order_of_time(results: Results) -> None:
    add(results, "story", Verdict.FAIL)
    rows = printed(results)[-5:]
    assert rows[0].split() == ["0.500", "server", "<", "log", "5"]
    assert "      0.200 yoda   > BCM a" in printed(results)
    assert rows[-1] == "        now yoda   < Password: "


def test_the_terminal_at_which_it_failed_is_shown_first_of_all(results: Results) -> None:
    yoda = tuple(Shown(n / 10, "<", f"line {n}") for n in range(9))
    others = tuple(Ending(f"host-{n}", "running", yoda) for n in range(3))
    told = replace(DIAGNOSIS, terminals=(*others, Ending("yoda", "running", yoda)))
    row = add(results, "story", Verdict.FAIL)
    row.diagnosis = told
    rows = [line.split()[1] for line in lines_of(row, 12)[5:]]
    assert rows.count("yoda") == 4
    assert len(rows) == 7


def test_many_failures_stay_short(results: Results) -> None:
    for number in range(IN_FULL + 3):
        add(results, f"s{number}", Verdict.FAIL)
    lines = printed(results)
    assert sum(line.startswith("FAIL s") for line in lines) == IN_FULL + 3
    assert len(lines) <= IN_FULL * (LEAST + 1) + 4
    assert lines[-3:] == ["FAIL s5: why s5", "FAIL s6: why s6", "FAIL s7: why s7"]


def test_failures_come_before_what_broke(results: Results) -> None:
    add(results, "first", Verdict.BROKEN).diagnosis = Diagnosis("why", raw="KeyError: 'x'")
    add(results, "second", Verdict.FAIL)
    lines = printed(results)
    assert lines[1].startswith("FAIL second")
    assert lines[-1].split() == ["KeyError:", "'x'"]


def test_skipped_ones_are_a_line_for_each_cause(results: Results) -> None:
    add(results, "base", Verdict.FAIL)
    add(results, "next", Verdict.SKIPPED, builds_on=("base",))
    add(results, "last", Verdict.SKIPPED, builds_on=("next",))
    assert printed(results)[-1] == "2 skipped, since base failed"


def test_an_interrupted_run_says_what_it_found(results: Results) -> None:
    add(results, "good", Verdict.PASS)
    add(results, "bad", Verdict.FAIL)
    add(results, "cut", Verdict.BROKEN).ended = False
    add(results, "later", Verdict.SKIPPED).started = False
    results.interrupted = True
    assert interruption(results) == (
        "interrupted: nothing is marked; of 4 scenarios 1 passed, 1 failed (bad),"
        " 1 were cut off, 1 never began"
    )
    assert not any("cut" in line for line in printed(results))


def test_marks_of_a_selection_are_told_as_such(results: Results) -> None:
    add(results, "one", Verdict.PASS, part="bcm", marks=Fraction(2, 11))
    results.whole = Fraction(18)
    lines = table(results)
    assert lines[1].split() == ["BCM", "0.18/0.18", "of", "1"]
    assert lines[2] == "0.18 of 0.18 (only what was chosen counts; the whole suite has 18)"


def test_a_selection_without_marks_says_so(results: Results) -> None:
    add(results, "one", Verdict.PASS)
    assert table(results)[-1] == "no marks in this selection"


def test_a_row_names_only_some(results: Results) -> None:
    for number in range(7):
        add(results, f"s{number}", Verdict.FAIL, part="bcm", marks=Fraction(1, 7))
    results.whole = Fraction(1)
    assert table(results)[1].endswith("failed: s0, s1, s2, s3, 3 more")


def test_ci_programs_get_the_reason_and_the_promise(results: Results) -> None:
    add(results, "story", Verdict.FAIL, part="atu").promise = "S7.2"
    add(results, "late", Verdict.SKIPPED, builds_on=("story",))
    add(results, "broken", Verdict.BROKEN)
    add(results, "good", Verdict.PASS)
    suite = ElementTree.parse(write_junit(results)).getroot()[0]
    assert [suite.get(each) for each in ("tests", "failures", "errors", "skipped")] == list("4111")
    story, late, broken, good = suite
    assert (story.get("classname"), story.get("name")) == ("atu.S7", "story")
    message = story[0].get("message") or ""
    assert message.startswith("why story [S7.2: with nobody else")
    assert "the very words" in (story[0].text or "")
    assert "�" not in message
    assert late[0].get("message") == "why late"
    assert broken[0].tag == "error"
    assert list(good) == []


def test_impossible_characters_do_not_break_the_document(results: Results) -> None:
    add(results, "story", Verdict.FAIL).reason = "a\x01b\udcffc"
    case = ElementTree.parse(write_junit(results)).getroot()[0][0]
    assert (case[0].get("message") or "").startswith("a�b�c")


def test_beside_the_evidence_stands_what_it_was(results: Results) -> None:
    row = add(results, "story", Verdict.FAIL)
    results.options = ("--video", "my film.mp4")
    told = json.loads(write_verdict(results, row).read_text())
    assert (told["name"], told["verdict"], told["reason"]) == ("story", "fail", "why story")
    assert told["promises"] == [{"id": "", "quote": "a line each"}]
    assert told["again"] == "toom run case.py --on local --seed 7 --video 'my film.mp4'"
    assert told["diagnosis"]["facts"]["wanted"] == "the line “a”"


def test_a_diagnosis_survives_its_journey() -> None:
    assert unpacked(DIAGNOSIS.packed()) == DIAGNOSIS


def test_on_docker_the_hosts_can_be_had_again(results: Results, tmp_path: Path) -> None:
    row = add(results, "story", Verdict.FAIL)
    for host in ("server", "obi-wan"):
        (tmp_path / "story" / "hosts" / host).mkdir(parents=True)
    (tmp_path / "story" / "terminals").mkdir()
    row_one = "    0.053 = obi-wan (10.0.0.3) $ toom-client 10.0.0.2 4000 8000\n"
    (tmp_path / "story" / "terminals" / "obi-wan.txt").write_text(row_one)
    assert write_compose(results, row) is None, "on local hosts there are no containers"
    results.images = ("toom-server:1", "toom-client:1")
    place = write_compose(results, row)
    assert place is not None
    text = place.read_text()
    assert "#   obi-wan (10.0.0.3) $ toom-client 10.0.0.2 4000 8000\n" in text
    assert '  "obi-wan":\n    image: "toom-client:1"\n' in text
    assert '  "server":\n    image: "toom-server:1"\n' in text
