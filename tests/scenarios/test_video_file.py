"""The user's own film."""

from pathlib import Path

import pytest

from toom_scenarios.errors import UsageError
from toom_scenarios.video_file import checked, plainly_named
from toom_scenarios.videos import sample_video


@pytest.mark.slow
def test_a_film_is_taken_and_one_that_breaks_off_is_not(tmp_path: Path) -> None:
    assert checked(sample_video()) == sample_video()
    half = tmp_path / "half.mp4"
    half.write_bytes(sample_video().read_bytes()[:-50_000])
    with pytest.raises(UsageError, match="half.mp4"):
        checked(half)


def test_what_is_no_film_is_refused_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "letter.txt"
    text.write_text("Dear Yoda")
    with pytest.raises(UsageError) as caught:
        checked(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("lecture1.mp4", "lecture1.mp4"),
        ("my first film.mp4", "my_first_film.mp4"),
        (".hidden.mp4", "hidden.mp4"),
        ("a..b.mp4", "a_b.mp4"),
        ("映画.mp4", "film.mp4"),
        ("x" * 200 + ".mp4", "x" * 60 + ".mp4"),
    ],
)
def test_a_film_gets_a_name_that_can_be_sent(tmp_path: Path, name: str, plain: str) -> None:
    film = tmp_path / name
    film.write_bytes(b"film")
    folder = tmp_path / "report"
    folder.mkdir()
    named = plainly_named(film, folder)
    assert (named.name, named.read_bytes()) == (plain, b"film")
    assert (named == film) is (name == plain)
