"""index.html: what a reader finds there."""

import os
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import pytest

from toom_scenarios.facts import Compared, Diagnosis, Ending, Facts, Shown
from toom_scenarios.prompts import COMMAND
from toom_scenarios.report import NOT_REACHED, part_views, promise_views, write_report
from toom_scenarios.results import Results, Row
from toom_scenarios.scenario import Scenario
from toom_scenarios.verdict import Verdict

NASTY = "<script>alert('x')</script> & \"y\" \x1b[31m"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results("local", 7, "toom", tmp_path)


def add(
    results: Results, name: str, verdict: Verdict, *promises: str, at: str = "", part: str = "atu"
) -> Row:
    known = Scenario(
        *(name, "S7", part, Fraction(1), 1, NASTY, Path("case.py"), 1),
        story="A story of `ATU`.",
        promises=promises,
    )
    row = Row(known, Fraction(1), name, verdict, started=True, ended=True, promise=at)
    row.reason = "" if verdict is Verdict.PASS else f"{name} went wrong"
    results.rows[name] = row
    return row


class Reader(HTMLParser):
    """Every element must be closed where it is opened; collects text, links and what would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.links += [told["href"] or ""] if tag == "a" else []
        self.ids += [told["id"] or ""] if "id" in told else []
        self.loads += [tag] if tag in ("script", "link", "img", "iframe") or "src" in told else []
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(results: Results) -> tuple[str, Reader]:
    page = write_report(results).read_text()
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return page, reader


def test_promises_are_kept_broken_or_not_reached(results: Results) -> None:
    add(results, "good", Verdict.PASS, "S7.1", "S7.2")
    add(results, "bad", Verdict.FAIL, "S7.2", "S8.1", at="S7.2")
    add(results, "hidden", Verdict.SKIPPED, "S8.2")
    add(results, "odd", Verdict.BROKEN, "S8.3", at="S8.3")
    fared = {view.promise.id: view.verdict for view in promise_views(results)}
    assert fared == {
        "S7.2": "fail",
        "S8.3": "broken",
        "S8.1": NOT_REACHED,
        "S8.2": NOT_REACHED,
        "S7.1": "pass",
    }
    assert list(fared) == ["S7.2", "S8.3", "S8.1", "S8.2", "S7.1"], (
        "graver first, then as in SPEC.md"
    )


def test_a_case_without_promises_is_its_own(results: Results) -> None:
    add(results, "good", Verdict.PASS)
    add(results, "bad", Verdict.FAIL)
    assert [view.verdict for view in promise_views(results)] == ["fail", "pass"]


def test_the_marking_table_links_what_failed(results: Results) -> None:
    add(results, "good", Verdict.PASS)
    failed = add(results, "bad", Verdict.FAIL)
    plain = add(results, "plain", Verdict.BROKEN, part="")
    atu, without = part_views(results)
    assert (atu.text, atu.earned, atu.possible, atu.failed) == ("ATU", "1", "2", (failed,))
    assert (without.earned, without.possible, without.failed) == ("0", "1", (plain,))


def diagnosed(row: Row) -> None:
    folder = row.directory
    row.diagnosis = Diagnosis(
        NASTY,
        place=(NASTY,),
        done=("0.1 s yoda typed: ATU",),
        facts=Facts(compared=(Compared("wanted", NASTY), Compared("", "alike")), at=1.0),
        terminals=(
            Ending(
                "yoda",
                "running",
                (Shown(0.1, ">", NASTY), Shown(None, "<", COMMAND)),
                f"terminals/{folder}.txt",
            ),
        ),
        raw=NASTY,
    )


def test_the_page_holds_all_loads_nothing_and_obeys_nobody(
    results: Results, tmp_path: Path
) -> None:
    row = add(results, "bad", Verdict.FAIL, "S7.2", at="S7.2")
    diagnosed(row)
    folder = tmp_path / "bad" / "terminals"
    folder.mkdir(parents=True)
    (folder / "bad.txt").write_text("transcript")
    (folder / "a?b#c %.txt").write_text("odd name")
    (folder / os.fsdecode(b"\xff.txt")).write_text("no UTF-8")
    (tmp_path / "bad" / "timeline.txt").write_text(f"    0.100 yoda > {NASTY}\n")
    results.trouble.append(NASTY)
    page, reader = read(results)
    assert page.startswith("<!doctype html>")
    assert reader.loads == []
    assert "http:" not in page
    assert "\x1b" not in page
    assert "S7.2 with nobody else: no other active user." in reader.text
    assert "A story of ATU." in reader.text
    linked = [link for link in reader.links if not link.startswith("#")]
    there = {"bad/terminals/bad.txt", "bad/terminals/a%3Fb%23c%20%25.txt", "bad/timeline.txt"}
    there |= {"bad/terminals/%FF.txt"}
    assert there <= set(linked)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


def test_many_failures_open_with_a_click(results: Results) -> None:
    for number in range(10):
        diagnosed(add(results, f"s{number}", Verdict.FAIL))
    page, _ = read(results)
    assert re.search(r"<details><summary><h2[^>]*>4 more</h2></summary>\s*<h3 id=\"s6\">", page)


def test_a_long_timeline_is_in_its_file(results: Results, tmp_path: Path) -> None:
    add(results, "good", Verdict.PASS)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "timeline.txt").write_text("row\n" * 10_000)
    _, reader = read(results)
    assert "the rest is in the file" in reader.text
    assert reader.text.count("row\n") < 6_000
