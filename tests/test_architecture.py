"""A folder is a rule: these tests break the build when somebody forgets one."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from toom_client.app import NEEDED

ROOT = Path(__file__).parent.parent
IMPURE = {
    *("socket", "threading", "time", "random", "os", "asyncio", "selectors", "subprocess"),
    *("secrets", "pathlib", "io", "sys", "logging", "tempfile", "shutil", "select"),
}
MODULES = sorted((ROOT / "protocol").rglob("*.py"))


def imported_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_protocol_is_pure(module: Path) -> None:
    source = module.read_text()
    assert not IMPURE & set(imported_names(source))
    assert not re.search(r"\b(print|open|input)\(|\.now\(\)|\.today\(\)", source)


def test_the_purity_test_sees_an_impure_module() -> None:
    assert IMPURE & set(imported_names("from os.path import join"))


def test_arrows_point_one_way() -> None:
    """The contracts in pyproject.toml: server → protocol ← client, scenarios beside them."""
    lint = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(lint, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_only_transfers_load_what_is_no_part_of_python() -> None:
    """The server runs without the client's packages, and the client's prompt waits for none."""
    apart = "toom_protocol.transfer"
    modules = [
        str(path.relative_to(ROOT / "protocol").with_suffix("")).replace("/", ".")
        for path in MODULES
    ]
    start = ["toom_server.app", "toom_client.app", *(m for m in modules if apart not in m)]
    code = f"import sys; {'; '.join(f'import {module}' for module in start)}; print(*sys.modules)"
    loading = [sys.executable, "-c", code]
    done = subprocess.run(loading, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "toom_client" in loaded
    assert not loaded & set(NEEDED)


def test_all_who_install_know_the_same_packages() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert tuple(re.match(r"[\w-]+", package)[0] for package in needed) == NEEDED  # type: ignore[index]
    names = " ".join(f"'{package}'" for package in needed)
    assert f"\nRUN pip install -q {names}\n" in (ROOT / "Dockerfile").read_text()


def test_every_section_of_the_protocol_is_implemented_and_tested() -> None:
    """A section of PROTOCOL.md that no code, or no test, cites is an orphan."""
    sections = set(
        re.findall(r"(?m)^###? ([0-9]+(?:\.[0-9]+)?) ", (ROOT / "PROTOCOL.md").read_text())
    )
    parents = {section.split(".")[0] for section in sections if "." in section}
    leaves = sections - parents - {"1"}
    for where in (("protocol", "server", "client"), ("tests",)):
        cited = {
            number
            for folder in where
            for path in (ROOT / folder).rglob("*.py")
            for cite in re.findall(r"PROTOCOL ([0-9., and]+)", path.read_text())
            for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", cite)
        }
        assert sorted(leaves - cited) == [], f"not cited in {where}"


def sleeps(source: str) -> list[int]:
    """Give the lines that call time.sleep or asyncio.sleep, but for `asyncio.sleep(0)`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep", "sleep")
        and ast.unparse(node.args[0]) != "0"
    ]


def test_nothing_sleeps_to_synchronise() -> None:
    """Waiting is for a condition; real time passes where it is the promise, which is said."""
    allowed = {"server/toom_server/hub.py", "client/toom_client/link.py"}  # the two heartbeats
    for folder in ("protocol", "server", "client", "scenarios", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            text = path.read_text()
            assert "sleep" not in text or not sleeps(text) or name in allowed, name


def test_the_search_for_sleeps_sees_one() -> None:
    assert sleeps("import time\ntime.sleep(1)") == [2]
