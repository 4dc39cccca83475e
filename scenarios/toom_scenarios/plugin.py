"""The pytest plugin that runs scenarios: collection, the `stage` fixture, verdicts. Loaded in every
worker.

What a scenario's verdict is travels to the controlling process in the report's `user_properties`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from .accounting import OTHERS, Spent, accounted, on
from .comparison import Comparison
from .deadline import Deadline, wait_for
from .diagnosis import diagnose
from .digest import LARGEST_KEPT
from .drivers import make_driver
from .errors import Broken, Skipped, Unsupported
from .implementation import load
from .interruption import take_all_endings
from .options import RunOptions
from .results import so_far
from .scenario import TIME_LIMIT, Scenario, about
from .stage import Setting, Stage
from .verdict import Verdict, first_cause, first_line, verdict_on

PR_SET_PDEATHSIG: Final = 1  # prctl(2)
MARGIN: Final = (
    60.0  # seconds that setting up and collecting may take beyond a scenario's own limit
)
BEGINNING: Final = 15.0  # seconds in which a busy machine begins what was dealt out first
RUNNER: Final = pytest.StashKey[int]()
OPTIONS: Final = pytest.StashKey[RunOptions]()
SETTING: Final = pytest.StashKey[Setting]()
STAGE: Final = pytest.StashKey[Stage]()
KEPT: Final = pytest.StashKey[str]()
SPENT: Final = pytest.StashKey[Spent]()
RUNNING: Final = pytest.StashKey[pytest.Item]()
COMPARISON: Final = pytest.StashKey[Comparison]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option: the run's description, for workers too."""
    parser.addoption("--toom-run", metavar="FILE", help="what `toom run` was asked to do")


def pytest_configure(config: pytest.Config) -> None:
    """Read what this run is."""
    config.stash[OPTIONS] = RunOptions.load(Path(config.getoption("--toom-run")))
    if hasattr(config, "workerinput"):
        take_all_endings()  # who ends the whole process group ends us too
        config.stash[RUNNER] = os.getppid()
        _end_with_the_runner()


def _end_with_the_runner() -> None:
    """A worker whose runner is gone, even by kill -9, is interrupted and tears its stage down."""
    runner = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if runner == 1 or os.getppid() != runner:
        os.kill(os.getpid(), signal.SIGINT)


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> Any:
    """A function that declares itself a scenario is one, whatever its name."""
    known = about(obj)
    if known is None or not isinstance(collector, pytest.Module):
        return None
    if known.path.resolve() != collector.path.resolve():
        return []  # imported from another case file, where it is collected
    return pytest.Function.from_parent(collector, name=name)


def _known(item: pytest.Item) -> Scenario:
    found = about(getattr(item, "obj", None))
    if found is None:
        raise Broken(f"{item.nodeid} is no scenario")
    return found


@pytest.fixture
def spent(request: pytest.FixtureRequest) -> Iterator[Spent]:
    """Where the time of one scenario goes."""
    with accounted() as book:
        request.node.stash[SPENT] = book
        yield book


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The conference of one scenario."""
    item, config = request.node, request.config
    known = _known(item)
    request.getfixturevalue("spent")  # open until the stage is gone
    _wait_for_its_bases(known, Path(config.stash[OPTIONS].report))
    setting = _setting(config)
    if setting.driver.addresses < known.hosts:
        raise Unsupported(
            f"needs {known.hosts} addresses: here all hosts share 127.0.0.1 (no network namespaces)"
        )
    folder = Path(config.stash[OPTIONS].report) / known.name
    folder.mkdir(parents=True, exist_ok=True)
    made = Stage(known.name, folder, replace(setting, lifetime=known.time_limit + MARGIN))
    item.stash[STAGE] = made
    try:
        yield made
    finally:
        item.stash[KEPT] = made.close(LARGEST_KEPT)


@on(OTHERS)
def _wait_for_its_bases(known: Scenario, report: Path) -> None:
    """Wait until what a scenario builds on has ended, where that is part of this run.

    What does not begin soon may stand behind us in our own worker's queue, since idle workers steal
    from busy ones: who waited for it would wait for ever. The scenario is then examined by itself.

    Raises:
        Skipped: one of them did not pass.
        Broken: one of them does not end.
    """
    for base in set(known.builds_on) & so_far(report).keys():
        if not wait_for(functools.partial(_has_begun, base, report), Deadline(BEGINNING)):
            continue
        told = wait_for(functools.partial(_verdict_of, base, report), Deadline(TIME_LIMIT + MARGIN))
        if told is None:
            raise Broken(f"{base}, on which it builds, does not end")
        if told in (Verdict.FAIL, Verdict.BROKEN, Verdict.SKIPPED):
            raise Skipped(f"it builds on {base}: {told}")


def _has_begun(name: str, report: Path) -> bool:
    return so_far(report)[name].begun


def _verdict_of(name: str, report: Path) -> Verdict | None:
    return so_far(report)[name].verdict


def _setting(config: pytest.Config) -> Setting:
    if SETTING not in config.stash:
        options = config.stash[OPTIONS]
        config.stash[SETTING] = Setting(
            driver=make_driver(options),
            implementation=load(Path(options.implementation) if options.implementation else None),
            seed=options.seed,
            slowness=options.slowness,
            video=Path(options.video) if options.video else None,
            lifetime=MARGIN,
            keep=options.keep,
        )
    return config.stash[SETTING]


@pytest.hookimpl(trylast=True)  # pytest itself removes the last stage here, after an interruption
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove what stages have shared, before the runner is told that this worker has finished: it
    waits for that, but not long for what comes after.
    """
    if (setting := session.config.stash.get(SETTING, None)) is not None:
        setting.driver.close()
    if os.getppid() != session.config.stash.get(RUNNER, os.getppid()):
        with suppress(OSError):  # the last worker finds it empty
            os.rmdir(session.config.stash[OPTIONS].scratch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A scenario that hangs is ended."""
    limit = _known(item).time_limit
    item.config.stash[RUNNING] = item

    def too_long(_number: int, _frame: FrameType | None) -> None:
        raise Broken(f"took over {limit:.0f} s: it hangs in spite of its deadlines")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str]:
    """Remember both sides of a comparison that does not hold, for whoever reads the report."""
    comparison = Comparison(op, left, right)
    config.stash[RUNNING].stash[COMPARISON] = comparison
    return comparison.words()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the verdict, the reason and the diagnosis to pytest's report."""
    report = yield
    error = first_cause(call.excinfo.value) if call.excinfo is not None else None
    if error is None:
        _tell(report, Verdict.PASS)
        if call.when == "call" and STAGE in item.stash:
            item.stash[STAGE].judged(Verdict.PASS)
    elif report.skipped and not isinstance(error, Unsupported):
        _tell(report, Verdict.SKIPPED, reason=str(error))
    else:
        _judge(item, report, error)
    if kept := item.stash.get(KEPT, ""):
        report.user_properties.append(("kept", kept))
    if call.when == "teardown" and SPENT in item.stash:
        report.user_properties.append(("spent", item.stash[SPENT].packed()))
    return report


def _judge(item: pytest.Item, report: pytest.TestReport, error: BaseException) -> None:
    verdict = verdict_on(error)
    reason = first_line(error)
    on_stage = item.stash.get(STAGE, None)
    if verdict in (Verdict.UNSUPPORTED, Verdict.SKIPPED):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, reason)
        _tell(report, verdict, reason=reason)
    else:
        found = diagnose(
            error,
            verdict,
            case=item.path,
            stage=on_stage if report.when == "call" else None,
            comparison=item.stash.get(COMPARISON, None),
            trace=report.longreprtext,
        )
        reason = found.reason
        promise = on_stage.promised if on_stage is not None else ""
        report.longrepr = f"{verdict}: {reason}"
        told = {"reason": reason, "promise": promise or _only_promise(item)}
        _tell(report, verdict, diagnosis=found.packed(), **told)
    if on_stage is not None:
        on_stage.judged(verdict, reason)


def _only_promise(item: pytest.Item) -> str:
    """The first that the scenario names, where it did not say which it examines."""
    return next(iter(_known(item).promises), "")


def _tell(report: pytest.TestReport, verdict: Verdict, **more: str) -> None:
    report.user_properties.append(("verdict", str(verdict)))
    report.user_properties.extend(more.items())
