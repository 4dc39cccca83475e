"""The folder `reports/`: a folder for each run, the link `latest`, no more runs than are looked at.

Belongs here: making and removing them. Does not: what is in one (results.py, report.py).
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from .errors import UsageError
from .options import OPTIONS_FILE

LATEST: Final = "latest"
RESULTS: Final = "results.json"
KEPT: Final = 20  # runs; the number
OURS: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[A-Za-z0-9_.-]+")  # the names that `made` gives
GOING: Final = ".removed-"  # begins the name of a run that is being removed
RUNNING: Final = ".running"  # a file that is locked while the run goes on


def checked(asked: Path | None) -> None:
    """Find out, before anything else is done, that a report can be left there.

    Raises:
        UsageError: it cannot.
    """
    if asked is None:
        return
    try:
        asked.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in asked.iterdir()} - {RUNNING}
        others = bool(there) and "scenarios" not in _told(asked / RESULTS)
        going = not _at_rest(asked)
    except OSError as error:
        raise UsageError(f"--report {asked}: {error.strerror or error}") from error
    if going:
        raise UsageError(f"--report {asked}: another run is writing into it")
    if others:
        raise UsageError(f"--report {asked}: it holds other files")
    if not os.access(asked, os.W_OK):
        raise UsageError(f"--report {asked}: it cannot be written to")


def made(asked: Path | None, name: str) -> Path:
    """Make the folder for what a run leaves; without one asked for, `reports/<time>-<name>` with
    the link `latest`.

    Raises:
        UsageError: it cannot be made, or holds something already that is no report.
    """
    checked(asked)
    try:
        if asked is not None:
            return asked.resolve()
        reports = _checkout(Path.cwd()) / "reports"
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
        folder = _fresh(reports, f"{datetime.now():%Y%m%d-%H%M%S}-{plain}")
        _link_latest(reports, folder.name)
    except OSError as error:
        raise UsageError(f"the report's folder cannot be made: {error}") from error
    return folder


def clear(folder: Path) -> None:
    """Remove what an earlier run left in a folder that is ours now, and nothing else."""
    for row in _told(folder / RESULTS).get("scenarios", []):
        name = str(row.get("directory", ""))
        if name and "/" not in name and not name.startswith("."):
            shutil.rmtree(folder / name, ignore_errors=True)


def _checkout(here: Path) -> Path:
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file() and (folder / "scenarios").is_dir():
            return folder
    return here


def _fresh(reports: Path, name: str) -> Path:
    for number in range(1, 1000):
        folder = reports / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise UsageError(f"{reports} is full of {name}")


def _link_latest(reports: Path, name: str) -> None:
    fresh = reports / f".{LATEST}-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    os.replace(fresh, reports / LATEST)


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """While the block lasts nobody removes this folder, and no other run uses it.

    Raises:
        UsageError: another run does.
    """
    with (folder / RUNNING).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"--report {folder}: another run is writing into it") from None
        yield
    (folder / RUNNING).unlink(missing_ok=True)


def prune(newest: Path) -> None:
    """Remove all runs beside this one but the last twenty. What no run of ours made stays, as do
    runs that go on, and those whose hosts were kept (`--keep`).
    """
    reports = newest.parent
    if not OURS.fullmatch(newest.name) or reports.name != "reports":
        return
    runs = sorted(path for path in reports.iterdir() if _is_ours(path))
    older = [path for path in runs if path.name != newest.name]
    for path in older[: max(0, len(older) - (KEPT - 1))]:
        if _at_rest(path):
            gone = reports / f"{GOING}{os.getpid()}-{path.name}"
            with suppress(OSError):  # another run removes it at the same time
                path.rename(gone)
    for path in reports.glob(f"{GOING}*"):
        shutil.rmtree(path, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    if not OURS.fullmatch(path.name) or path.is_symlink() or not (path / RESULTS).is_file():
        return False
    return _told(path / OPTIONS_FILE).get("keep") is False


def _at_rest(folder: Path) -> bool:
    try:
        with (folder / RUNNING).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # none is there: it has ended
        return True
    return True


def _told(path: Path) -> dict[str, Any]:
    """What a JSON file of ours says; nothing where it says nothing."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
