"""`toom bench transfer`: its command line, its rows, a transfer of each kind in small."""

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from toom_scenarios.bench import command
from toom_scenarios.bench.document import Figures, Goal, Row
from toom_scenarios.bench.transfer import cases, course, ends, flows, peers, plot, rounds
from toom_scenarios.bench.transfer.cases import CASES, SHARED, Case, Kind
from toom_scenarios.bench.transfer.flows import Together
from toom_scenarios.bench.transfer.peers import AIOQUIC, BBR, CUBIC, NGTCP2, TLS, UFTP
from toom_scenarios.bench.transfer.runs import Found, Run
from toom_scenarios.bench.transfer.words import OURS
from toom_scenarios.cli import main
from toom_scenarios.compiler import COMPILERS
from toom_scenarios.errors import Broken
from toom_scenarios.hosts.local import find_mode
from toom_scenarios.links.description import Link

GOOD = Row.of("good", "of ideal", [1.0], goal=Goal(at_least=1))
LOCAL = Case("x", "local", Kind.VETH, 1_000_000, (TLS, CUBIC), times={TLS: 0.8, CUBIC: 0.5})
LINKED = Case(
    *("y", "link", Kind.LINK, 1_000_000, (BBR,), Link.of(10_000_000, 0.01, loss=0.1)),
    *(0.9, {BBR: 1.0}),
)
about: Any = pytest.approx  # which stands for a number, though its type is none


# --- the command line


def finds(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def measure(*what: Any) -> tuple[list[Row], dict[str, Any]]:
        asked.append(what)
        what[2]("half-way")
        return list(rows), {"hash": "blake3", "seconds": {}}

    monkeypatch.setattr(rounds, "measure", measure)
    return asked


def test_the_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = finds(monkeypatch, GOOD)
    words = ["--only", "veth", "--only", "cubic", "--rounds", "2", "--json", "--check"]
    assert main(["bench", "transfer", *words]) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["benchmark"], told["rounds"], told["hash"]) == ("transfer", 2, "blake3")
    assert told["rows"][0]["goal_met"] is True
    assert said.err == "half-way\n"
    assert asked[0][:2] == (2, None)
    assert asked[0][3] == ["veth", "cubic"]


def test_the_cases_are_those_that_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(each.key for each in (*CASES, *SHARED)) == command.TRANSFERS
    with pytest.raises(SystemExit) as end:
        main(["bench", "transfer", "--only", "moon"])
    assert end.value.code == 2
    assert "'moon'" in capsys.readouterr().err


def test_a_picture_that_cannot_be_drawn_is_said_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = finds(monkeypatch, GOOD)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert main(["bench", "transfer", "--plot", str(tmp_path / "x.png")]) == 3
    assert "pip install 'toom[bench]'" in capsys.readouterr().err
    assert asked == []


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [
        Row.of("a", "Mbit/s", [900.0, 1000.0], {CUBIC: [1000.0, 2000.0]}),
        Row.of("b", "of ideal", [0.9, 0.95], {BBR: [0.9, 0.8]}, goal=Goal(at_least=0.96)),
        Row.of("b, to TCP BBR", "of ideal", [0.9]),
    ]
    seconds = {"two": [[[1.0, 0.5], [0.0, 0.5]]], "cubic": [[[0.4, 0.5], [0.6, 0.5]]]}
    plot.plot(tmp_path / "x.png", rows, seconds)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


# --- cases and rows


def found(case: Case, void: Sequence[str] = (), **runs: Sequence[Run | None]) -> Found:
    made = Found(case)
    made.runs.update({name.replace("_", " "): list(each) for name, each in runs.items()})
    made.void = list(void) or [""] * len(made.runs[OURS])
    return made


def test_every_goal_of_the_issue() -> None:
    goals = {case.key: (case.ideal, case.times) for case in CASES}
    lan = {TLS: 0.8, CUBIC: 0.5, NGTCP2: 3.0, AIOQUIC: 30.0}
    assert goals == {
        "loopback": (None, {}),
        "veth": (None, lan),
        "bridge": (None, lan),
        "ordinary": (None, {TLS: 0.4}),
        "100M-0": (0.96, {BBR: 0.98}),
        "100M-0.1": (0.96, {BBR: 0.98}),
        "100M-1": (0.96, {BBR: 1.0}),
        "100M-5": (0.94, {BBR: 1.0}),
        "20M-2": (0.90, {BBR: 1.0}),
        "bursts": (None, {}),
    }
    assert {case.key: (case.size, case.ideal_rate) for case in CASES if case.link} == {
        "100M-0": (10**8, about(96.216e6, rel=1e-4)),
        "100M-0.1": (10**8, about(96.120e6, rel=1e-4)),
        "100M-1": (10**8, about(95.254e6, rel=1e-4)),
        "100M-5": (10**8, about(91.405e6, rel=1e-4)),
        "20M-2": (20 * 10**6, about(18.858e6, rel=1e-4)),
        "bursts": (10**8, about(95.254e6, rel=1e-4)),
    }


def test_a_local_case_has_a_row_for_each_goal() -> None:
    told = found(LOCAL, ours=[Run(0.01), Run(0.02)], TCP_CUBIC=[Run(0.01), Run(0.005)])
    told.runs[TLS] = [Run(0.008), None]
    rows = told.rows()
    assert [(row.case, row.goal) for row in rows] == [
        ("local", Goal(at_least=0.8, against=TLS)),
        ("local, to TCP CUBIC", Goal(at_least=0.5, against=CUBIC)),
    ]
    assert rows[0].unit == "Mbit/s"
    assert (rows[0].ours.min, rows[0].ours.max) == about((400.0, 800.0))
    assert rows[0].pairs[TLS] == Figures.of([about(0.8)])
    assert rows[0].is_met() is True
    assert rows[1].pairs[CUBIC].median == about(0.625)


def test_a_link_is_measured_by_its_ideal_and_by_its_queue() -> None:
    ideal = LINKED.size * 8 / (10_000_000 * 0.9 * 1424 / 1480)
    runs = [Run(ideal / 0.95, 0.1), Run(ideal / 0.85, 0.4), Run(None, 0.2)]
    rows = found(LINKED, ours=runs, TCP_BBR=[Run(ideal / 0.9, 0.5)] * 2 + [Run(None)]).rows()
    assert [row.case for row in rows] == ["link", "link, to TCP BBR", "link, mean queue"]
    assert rows[0].ours == Figures(*map(about, (0.85, 0.0, 0.95)))
    assert rows[1].peers[BBR].min == about(0.9)  # what has not finished has no speed
    assert rows[1].pairs[BBR].max == about(0.95 / 0.9)
    assert rows[2].ours == Figures(0.2, 0.1, 0.4)
    assert [row.is_met() for row in rows] == [False, True, True]


def test_void_rounds_do_not_count() -> None:
    ideal = LINKED.size * 8 / LINKED.ideal_rate
    runs = [Run(ideal / 0.5), Run(ideal / 0.95)]
    rows = found(LINKED, ["busy", ""], ours=runs).rows()
    assert rows[0].ours == Figures(*[about(0.95)] * 3)
    assert rows[0].is_met() is True
    rows = found(LINKED, ["busy", "busy"], ours=runs).rows()
    assert rows[0].ours.min == about(0.5)
    assert rows[0].is_met() is None


def test_trouble_of_ours_or_of_whom_a_goal_names_makes_a_round_void() -> None:
    late = Run(1.0, trouble="late")
    assert found(LINKED, ours=[Run(1.0)], TCP_BBR=[Run(1.0)], UFTP=[late]).trouble() == ""
    assert found(LINKED, ours=[late, Run(1.0)], TCP_BBR=[Run(1.0)]).trouble() == ""
    assert found(LINKED, ours=[late]).trouble() == "late"
    assert found(LINKED, ours=[Run(1.0)], TCP_BBR=[late]).trouble() == "late"


def together(*shares: list[float], trouble: str = "") -> Together:
    return Together(list(shares), trouble)


def test_shares_of_those_who_share_a_link() -> None:
    two, four, cubic = SHARED
    good = together([1.0] * 8 + [0.5] * 4, [0.0] * 8 + [0.5] * 4)
    told = [good, together([1.0] * 9, [0.0] * 9, trouble="x")]
    [row] = flows.rows(two, told)
    assert row.ours == Figures(0.5, 0.5, 0.5)
    assert row.is_met() is True
    least, most = flows.rows(four, [together(*[[share] * 9 for share in (0.1, 0.2, 0.3, 0.4)])])
    assert (least.ours.median, most.ours.median) == (about(0.1), about(0.4))
    beside = [together([1 - share], [share]) for share in (0.6, 0.1, 0.3)]
    each, mean = flows.rows(cubic, beside)
    assert each.ours == Figures(0.3, 0.1, 0.6)
    assert mean.ours.median == about(1 / 3)
    assert mean.is_met() is False
    assert flows.rows(two, told[1:])[0].is_met() is None


# --- in small


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_mode()[0] is None or os.geteuid() or not any(map(shutil.which, COMPILERS)):
        pytest.skip("needs network namespaces, TUN devices and a C compiler")
    link = Link.of(50_000_000, 0.004, loss=0.01, queue=10)
    short = Case("100M-0", "short", Kind.LINK, 400_000, (CUBIC,), link, 0.9)
    monkeypatch.setattr(rounds, "CASES", (short,))
    monkeypatch.setattr(rounds, "YARDSTICK", short)
    monkeypatch.setattr(rounds, "VOID_BELOW", 0.0)
    monkeypatch.setattr(rounds, "PROBES", 8)  # others are busy here


@pytest.mark.slow
def test_a_file_really_crosses_the_link(small: None, tmp_path: Path) -> None:
    said: list[str] = []
    rows, more = rounds.measure(1, tmp_path, said.append, ["100M-0"])
    assert [row.case for row in rows] == ["short", "short, mean queue"]
    assert 0 < rows[0].ours.median < 1
    assert 0 < rows[0].peers[CUBIC].median < 1
    assert 400 < more["packets"]["100M-0"][OURS] <= 1500
    assert more["packets"]["100M-0"][CUBIC] == 1500
    assert 0 <= more["late"]["100M-0"][OURS] <= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [TLS, NGTCP2, UFTP, AIOQUIC])
def test_each_peer_carries_a_file(name: str, tmp_path: Path) -> None:
    [peer] = [each for each in peers.PEERS if each.name == name]
    if find_mode()[0] is None or (missing := peer.missing()):
        pytest.skip(missing if find_mode()[0] is not None else "no network namespaces")
    with course.course(tmp_path, 300_000) as place:
        place.put_file(300_000)
        took = peer.carry(peers.Errand(place, course.BACK, 20.0))
        assert took is not None
        assert 0 < took.ended - took.began < 20
        left = place.machine(course.BACK).files()
        assert [each.name for each in left] == []


def test_both_ends_of_a_stream_see_what_is_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"film")
    digest = hashlib.sha256(b"film").digest()
    near, far = socket.socketpair()
    with near, far:
        near.sendall(ends.SIZE.pack(4) + b"firm" + digest)
        with pytest.raises(ValueError, match="changed on its way"):
            ends.receive(far, str(tmp_path / "b"), "sha256")
        near.sendall(ends.SIZE.pack(4) + b"film" + digest)
        ends.receive(far, str(tmp_path / "b"), "sha256")
        assert (tmp_path / "b").read_bytes() == b"film"
        assert near.recv(99) == digest
    near, far = socket.socketpair()
    with near, far:
        far.sendall(bytes(ends.DIGEST))
        with pytest.raises(ValueError, match="something else"):
            ends.send(near, str(tmp_path / "a"), "sha256")


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_words, **_more: None)
    monkeypatch.setattr(peers, "CONTROLS", tmp_path / "none")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert {peer.name: peer.missing() for peer in peers.PEERS} == {
        "TCP CUBIC": "sudo modprobe tcp_cubic",
        "TCP BBR": "sudo modprobe tcp_bbr",
        "TLS 1.3": "sudo apt-get install openssl",
        "ngtcp2 BBR": "sudo apt-get install ngtcp2-client ngtcp2-server",
        "UFTP": "sudo apt-get install uftp",
        "aioquic": "pip install 'toom[bench]'",
    }


def test_a_file_that_was_changed_on_its_way_breaks_the_benchmark(tmp_path: Path) -> None:
    if find_mode()[0] is None:
        pytest.skip("no network namespaces")
    with course.course(tmp_path, 1000) as place:
        place.put_file(1000)
        place.machine(course.BACK).write_file("other", b"x" * 1000)
        with pytest.raises(Broken, match="back/other is not what was sent"):
            place.check_and_remove(course.BACK, "other")
    assert cases.PAYLOAD < 1
