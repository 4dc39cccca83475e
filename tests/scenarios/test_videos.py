from dataclasses import replace
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from toom_scenarios import videos
from toom_scenarios.videos import LARGE, LARGE_BYTES, SAMPLE, VideoError, decode, made, write_video

SHORT = replace(SAMPLE, name="short.mp4", frames=10)


def foreign_film(path: Path, frames: int) -> Path:
    with av.open(str(path), "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(frames):
            film.mux(stream.encode(VideoFrame(320, 240, "yuv420p")))
        film.mux(stream.encode(None))
    return path


def plays(film: Path) -> bool:
    try:
        return decode(film).complete
    except VideoError:
        return False


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(SAMPLE, tmp_path_factory.mktemp("videos"))


def test_every_frame_of_the_sample_bears_its_number(sample: Path) -> None:
    report = decode(sample)
    assert (report.codec, report.width, report.height) == ("h264", 640, 360)
    assert report.counters == tuple(range(SAMPLE.frames))
    assert report.numbered
    assert report.complete


def test_the_sample_is_worth_sending_and_small_enough_to_keep(sample: Path) -> None:
    assert 200_000 < sample.stat().st_size < 1_000_000


def test_the_same_recipe_and_seed_make_the_same_file(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_video(tmp_path / name, SHORT, seed=seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_a_film_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / SHORT.name).write_bytes(b"kept")
    assert made(SHORT, tmp_path).read_bytes() == b"kept"


def test_nothing_half_written_is_left_under_any_name(tmp_path: Path) -> None:
    with pytest.raises(av.error.FFmpegError):
        made(replace(SHORT, options={"preset": "none such"}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_film_cut_short_does_not_pass(sample: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(sample.read_bytes()[:-100_000])
    assert not plays(cut)


def test_a_damaged_film_does_not_pass(sample: Path, tmp_path: Path) -> None:
    content = bytearray(sample.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    assert not plays(damaged)


def test_what_is_no_film_is_named_so(tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("not a film")
    with pytest.raises(VideoError, match=r"letter\.mp4"):
        decode(letter)
    with pytest.raises(VideoError, match=r"absent\.mp4"):
        decode(tmp_path / "absent.mp4")


def test_frames_in_another_order_do_not_pass(sample: Path) -> None:
    report = decode(sample)
    swapped = (report.counters[1], report.counters[0], *report.counters[2:])
    assert not replace(report, counters=swapped).complete


def test_a_film_of_somebody_else_is_decoded_without_numbers(tmp_path: Path) -> None:
    report = decode(foreign_film(tmp_path / "own.mp4", 7))
    assert report.frames == 7
    assert not report.numbered
    assert report.complete


@pytest.mark.slow
def test_the_large_one_is_large_and_plays_to_its_end(tmp_path: Path) -> None:
    large = made(LARGE, tmp_path)
    assert large.stat().st_size >= LARGE_BYTES
    assert decode(large).counters == tuple(range(LARGE.frames))


def test_the_script_makes_both_or_the_small_one_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert videos.main(["--small", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [SAMPLE.name]
    assert SAMPLE.name in capsys.readouterr().out
