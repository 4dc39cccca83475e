"""Stages for tests of the runner itself: real processes at real terminals, no conference."""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from toom_scenarios.engine import engine_answer
from toom_scenarios.hosts.local import LocalDriver, find_mode
from toom_scenarios.implementation import TOOM
from toom_scenarios.stage import Setting, Stage
from toom_scenarios.terminal import Terminal


def setting(mode: bool | None = None) -> Setting:
    return Setting(
        driver=LocalDriver(mode),
        implementation=TOOM,
        seed=1,
        slowness=1.0,
        video=None,
        lifetime=60.0,
    )


@pytest.fixture
def bare_stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose hosts share 127.0.0.1: it needs nothing of the machine."""
    stage = Stage("test", tmp_path / "stage", setting())
    try:
        yield stage
    finally:
        stage.close(None)


@pytest.fixture
def networked_stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage whose hosts have addresses, where this machine allows it."""
    mode, why = find_mode()
    if mode is None:
        pytest.skip(f"no network namespaces: {why}")
    stage = Stage("test", tmp_path / "stage", setting(mode))
    try:
        yield stage
    finally:
        stage.close(None)


@pytest.fixture(scope="session")
def engine() -> None:
    found, told = engine_answer()
    if not found:
        pytest.skip(told)


def shell(stage: Stage, script: str) -> Terminal:
    """A shell script at a terminal."""
    return stage.command(stage.host("host"), "sh", "-c", script)


# A slow example on a busy machine is no failure; the suite has time limits of its own.
hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")
