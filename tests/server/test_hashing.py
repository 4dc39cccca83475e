"""`toom-server hash`."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.server.hashes import quick
from tests.server.programs import SERVER
from toom_server.hashing import main
from toom_server.passwords import matches


def hashing(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SERVER, "hash", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_one_password() -> None:
    done = hashing(given="jedi\n")
    assert done.returncode == 0
    assert matches(done.stdout.strip(), "jedi")
    for given, fault in (("", "empty"), ("a b\n", "space"), ("a\tb\n", "control")):
        done = hashing(given=given)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert fault in done.stderr


def test_a_file_is_migrated_in_place(tmp_path: Path) -> None:
    file = tmp_path / "credentials.txt"
    kept = quick("solo")
    file.write_bytes(f"Yoda jedi\r\n\nHan {kept}".encode())
    file.chmod(0o640)
    assert hashing(str(file)).stdout.splitlines()[1] == f"Han {kept}"
    assert file.read_text().startswith("Yoda jedi")
    assert hashing("--in-place", str(file)).returncode == 0
    yoda, han = file.read_text().splitlines()
    assert (han, os.stat(file).st_mode & 0o777) == (f"Han {kept}", 0o640)
    assert matches(yoda.removeprefix("Yoda "), "jedi")
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.txt"]


def test_a_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "credentials.txt"
    file.write_text("Yoda\n")
    done = hashing("--in-place", str(file))
    assert (done.returncode, file.read_text()) == (2, "Yoda\n")
    assert "credentials.txt, line 1" in done.stderr
    assert hashing(str(tmp_path / "nowhere")).returncode == 2


def test_a_file_behind_a_link_stays_where_and_whose_it_is(tmp_path: Path) -> None:
    file, link = tmp_path / "real.txt", tmp_path / "credentials.txt"
    file.write_text("Yoda jedi\n")
    link.symlink_to(file.name)
    owner = (1234, 5678) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(file, *owner)
    assert hashing("--in-place", str(link)).returncode == 0
    assert link.is_symlink()
    assert (file.stat().st_uid, file.stat().st_gid) == owner
    assert file.read_text().startswith("Yoda $scrypt$")


def test_hashes_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "credentials.txt"
    file.write_text("Yoda jedi\n")
    for arguments in ((), (str(file),)):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*SERVER, "hash", *arguments],
                input=b"jedi\n",
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
            )
        assert (done.returncode, done.stderr) == (2, b"stdout: No space left on device\n")


def test_a_password_that_is_no_text() -> None:
    for locale in ("C.UTF-8", "C"):
        done = subprocess.run(
            [*SERVER, "hash"],
            input=b"caf\xe9\n",
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, "LC_ALL": locale},
        )
        assert (done.returncode, done.stderr) == (2, b"The password is not valid UTF-8.\n")


def test_an_interrupt_while_hashing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(_: str) -> str:
        signal.raise_signal(signal.SIGINT)
        return ""

    file = tmp_path / "credentials.txt"
    file.write_text("Yoda jedi\n")
    monkeypatch.setattr("toom_server.hashing.new_hash", interrupt)
    assert main([str(file)]) == 130
