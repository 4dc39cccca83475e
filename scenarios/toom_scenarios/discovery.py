"""Finding scenarios: case files, the scenarios in them, and those that a user named.

Belongs here: paths and names. Does not: running anything of a scenario.
"""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import Broken, UsageError
from .promises import complete
from .scenario import Scenario, about

PACKAGE: Final = Path(__file__).resolve().parent
SOURCES: Final = PACKAGE.parent / "cases"  # in a checkout
INSTALLED: Final = PACKAGE / "cases"  # in a wheel
SHOWN: Final = 3  # near matches of a name that does not exist


@dataclass(frozen=True, slots=True)
class Selection:
    """What will run, and the suite whose scenarios share the marks."""

    chosen: tuple[Scenario, ...]
    suite: tuple[Scenario, ...]
    files: tuple[Path, ...]


def cases_folder() -> Path:
    """Where the project's own case files lie."""
    return INSTALLED if INSTALLED.is_dir() else SOURCES


def case_files(folder: Path) -> list[Path]:
    """The case files of a folder, by name."""
    return sorted(
        path for path in folder.glob("*.py") if not path.name.startswith(("_", "conftest"))
    )


def scenarios_in(path: Path) -> list[Scenario]:
    """The scenarios of one case file, in the order in which they stand.

    Raises:
        Broken: the file cannot be imported.
        UsageError: it is no Python, or a scenario declares what cannot be.
    """
    if path.stem in sys.stdlib_module_names:
        raise UsageError(f"{path}: a module of Python has this name; give the file another")
    spec = importlib.util.spec_from_file_location(f"toom_case_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except SyntaxError as error:
        place = f"{error.filename or path}:{error.lineno or 1}"
        raise UsageError(f"{place}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        # A case file is a stranger's code: whatever it raises, it cannot be examined.
        raise Broken(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    found = [known for value in vars(module).values() if (known := about(value)) is not None]
    own = {known.name: known for known in found if known.path.resolve() == path.resolve()}
    return sorted(own.values(), key=lambda known: known.line)


def load_suite(files: Sequence[Path]) -> list[Scenario]:
    """The scenarios of several files.

    Raises:
        UsageError: two have the same name.
    """
    suite: dict[str, Scenario] = {}
    for path in files:
        for found in scenarios_in(path):
            if found.name in suite:
                raise UsageError(
                    f"{found.name} stands in {suite[found.name].path} and in {found.path}"
                )
            suite[found.name] = found
    return _related(complete(list(suite.values())))


def _related(suite: list[Scenario]) -> list[Scenario]:
    """In an order in which nothing stands before what it builds on, else as it was."""
    names = {each.name: each for each in suite}
    placed: dict[str, Scenario] = {}

    def place(one: Scenario, above: tuple[str, ...]) -> None:
        for base in one.builds_on:
            if base not in names:
                raise UsageError(f"{one.path.name}: {one.name} builds on {base}, which is nowhere")
            if base in above:
                raise UsageError(f"{one.path.name}: {one.name} and {base} build on each other")
            place(names[base], (*above, one.name))
        placed.setdefault(one.name, one)

    for each in suite:
        place(each, (each.name,))
    return list(placed.values())


def select(wanted: Sequence[str], folder: Path | None = None) -> Selection:
    """Find what a user named: scenarios, case files by stem, or case files by path; nothing: all.

    Marks are shared in the project's own suite. Files from elsewhere are a suite of their own when
    nothing else is chosen.

    Raises:
        UsageError: there is no such thing; the text lists near names.
    """
    own_files = case_files(folder or cases_folder())
    foreign = [_existing(name) for name in wanted if _is_path(name)]
    foreign = [path for path in dict.fromkeys(foreign) if path not in own_files]
    only_foreign = bool(foreign) and all(
        _is_path(name) and _existing(name) in foreign for name in wanted
    )
    files = foreign if only_foreign else [*own_files, *foreign]
    suite = load_suite(files)
    if not wanted:
        return Selection(tuple(suite), tuple(suite), tuple(files))
    chosen: dict[str, Scenario] = {}
    for name in wanted:
        for found in _named(name, suite):
            chosen[found.name] = found
    return Selection(tuple(chosen.values()), tuple(suite), tuple(files))


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name


def _existing(name: str) -> Path:
    path = Path(name).resolve()
    if not path.is_file():
        raise UsageError(f"no case file {name}")
    return path


def _named(name: str, suite: Sequence[Scenario]) -> list[Scenario]:
    if _is_path(name):
        path = _existing(name)
        found = [each for each in suite if each.path.resolve() == path]
        if not found:
            raise UsageError(f"{name} holds no scenario")
        return found
    if found := [each for each in suite if each.name == name]:
        return found
    if found := [each for each in suite if each.path.stem == name]:
        return found
    known = sorted({each.name for each in suite} | {each.path.stem for each in suite})
    near = (
        difflib.get_close_matches(name, known, SHOWN, cutoff=0.4)
        or [each for each in known if name in each][:SHOWN]
    )
    hint = f"did you mean {', '.join(near)}?" if near else "`toom list` shows them"
    raise UsageError(f"no scenario or case file {name!r}; {hint}")
