"""The fuzzing targets hold for their corpus and for what Hypothesis draws."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
INPUTS = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_corpus_breaks_nothing(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_target_has_a_corpus(name: str) -> None:
    assert any(path.parent.name == name for path in INPUTS)


@given(st.binary(max_size=600))
@settings(deadline=None, max_examples=60)
def test_people_do_anything_at_all(data: bytes) -> None:
    TARGETS["server"](data)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_at_all_are_lines_and_frames_or_none(data: bytes) -> None:
    TARGETS["line"](data)
    TARGETS["codec"](data)
    TARGETS["codec"](b"TOOM\x01" + data)
