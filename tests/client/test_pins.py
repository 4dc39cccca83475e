"""Which certificate each server has shown: PROTOCOL 2.6."""

import stat
from pathlib import Path

import pytest

from toom_client.pins import Changed, check, fingerprint


def test_the_first_is_believed_and_another_refused(tmp_path: Path) -> None:
    file = tmp_path / "new" / "known_servers"
    one, other = fingerprint(b"one"), fingerprint(b"other")
    assert check(file, "a:4000", one)
    assert not check(file, "a:4000", one)
    assert check(file, "a:4001", other)
    with pytest.raises(Changed, match=r"a:4000 has changed"):
        check(file, "a:4000", other)
    assert file.read_text() == f"a:4000 {one}\na:4001 {other}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "known_servers"
    file.write_bytes(b"caf\xe9\n")
    with pytest.raises(OSError, match="not valid UTF-8"):
        check(file, "a:1", fingerprint(b"one"))
    assert file.read_bytes() == b"caf\xe9\n"


def test_lines_that_are_no_pins_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "known_servers"
    file.write_text("a note\n\na:1 SHA256:short\n")
    assert check(file, "a:1", fingerprint(b"one"))
    assert not check(file, "a:1", fingerprint(b"one"))
