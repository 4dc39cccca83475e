"""Sample videos that carry their own proof, and the decoder that reads it.

Every frame bears its number as a row of black and white blocks, each bit twice, once inverted, at
its top and at its bottom: so one can tell, frame by frame and after lossy compression, that what
arrived is what was sent. The bottom counts because damage garbles what comes after it in a frame.
Belongs here: making and decoding. Does not: sending, or comparing checksums (see checks.py).
The module stands alone: the Dockerfile runs it as a script.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.video.frame import VideoFrame

FRAMES_PER_SECOND: Final = 25
COUNTER_BITS: Final = 16  # 65536 frames, 43 minutes: more than anybody will send here
BLOCK: Final = 16  # pixels; a macroblock of H.264, so that compression leaves its middle alone
WHITE: Final = 235  # luma of white in the limited range that H.264 players expect; BT.601
BLACK: Final = 16
MIDDLE: Final = (WHITE + BLACK) // 2
MARGIN: Final = 40  # luma steps that a block must lie off the middle to count as read
RECIPE: Final = 2  # part of the files' names: a new recipe makes new files

Draw = Callable[[int], bytes]


class VideoError(Exception):
    """The file is no video that can be decoded; the text says where it stops."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a sample video looks like."""

    name: str
    width: int
    height: int
    frames: int
    options: dict[str, str]
    noise: int  # a mask: which bits of each pixel's luma are random


SAMPLE: Final = Recipe(
    "lecture1.mp4", 640, 360, 5 * FRAMES_PER_SECOND, {"preset": "veryfast", "crf": "22"}, 0x0F
)
# Noise hardly compresses: over 50 MB take two seconds of film and of work.
LARGE: Final = Recipe(
    "lecture2.mp4", 1280, 720, 2 * FRAMES_PER_SECOND, {"preset": "ultrafast", "qp": "8"}, 0xFF
)
LARGE_BYTES: Final = 50_000_000  # what the large one has at least; issue "50 MB or more"


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What a decoder saw: every frame of the first picture track.

    Attributes:
        stated: how many frames the file itself says it has; 0 where it does not say.
        counters: the number that each frame bears; None where it bears none (a user's own film).
    """

    codec: str
    width: int
    height: int
    stated: int
    counters: tuple[int | None, ...]

    @property
    def frames(self) -> int:
        """How many frames were decoded."""
        return len(self.counters)

    @property
    def numbered(self) -> bool:
        """Whether this is a film of ours: its first frame bears a number."""
        return bool(self.counters) and self.counters[0] is not None

    @property
    def complete(self) -> bool:
        """Whether all stated frames are there and, in a film of ours, each in its place."""
        return self.frames >= max(self.stated, 1) and (
            not self.numbered or self.counters == tuple(range(self.frames))
        )


def sample_video() -> Path:
    """A film of five seconds, well under a megabyte; made at the first call."""
    return made(SAMPLE, cache())


def large_video() -> Path:
    """A film of at least `LARGE_BYTES`; made at the first call, in a few seconds."""
    return made(LARGE, cache())


def made(recipe: Recipe, directory: Path) -> Path:
    """Make a film unless it is there already; nobody ever sees a half-written one."""
    path = directory / recipe.name
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        unfinished = directory / f".{os.getpid()}-{recipe.name}"
        try:
            write_video(unfinished, recipe)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def cache() -> Path:
    """Where films are kept: `build/` of the checkout, or the user's cache where there is none."""
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists() and os.access(checkout, os.W_OK):
        return checkout / "build" / "videos" / str(RECIPE)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "toom" / "videos" / str(RECIPE)


def write_video(path: Path, recipe: Recipe, *, seed: int = 0) -> None:
    """Encode a film as H.264 in MP4; the same recipe and seed give the same pictures."""
    draw = _pictures(recipe, seed)
    grey = bytes([128]) * (recipe.width // 2 * recipe.height // 2)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as film:
        # One thread: the encoder's output depends on how many there are.
        stream = film.add_stream(
            "libx264", rate=FRAMES_PER_SECOND, options={**recipe.options, "threads": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = recipe.width, recipe.height, "yuv420p"
        for number in range(recipe.frames):
            frame = VideoFrame(recipe.width, recipe.height, "yuv420p")
            luma = _with_counter(draw(number), recipe.width, number)
            for plane, pixels, width in (
                (frame.planes[0], luma, recipe.width),
                (frame.planes[1], grey, recipe.width // 2),
                (frame.planes[2], grey, recipe.width // 2),
            ):
                plane.update(_padded(pixels, width, plane.line_size))
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def decode(path: Path) -> VideoReport:
    """Decode a film frame by frame and read the number on each.

    Raises:
        VideoError: the file cannot be opened, has no picture track, or breaks off.
    """
    counters: list[int | None] = []
    try:
        with av.open(str(path)) as film:
            if not film.streams.video:
                raise VideoError(f"{path.name} has no picture track")
            stream = film.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            codec, width, height = stream.codec_context.name, stream.width, stream.height
            stated = stream.frames
            for frame in film.decode(stream):
                assert isinstance(frame, VideoFrame)
                if frame.is_corrupt:
                    raise VideoError(f"{path.name}: frame {len(counters)} is damaged")
                counters.append(_counter(frame))
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(f"{path.name} breaks off after {len(counters)} frames: {error}") from error
    return VideoReport(codec, width, height, stated, tuple(counters))


def _pictures(recipe: Recipe, seed: int) -> Draw:
    """Slanting stripes that move a few pixels with every frame, under as much noise as wished."""
    source = random.Random(seed)
    ramp = bytes(BLACK + abs(128 - x % 256) for x in range(recipe.width + 256))
    size = recipe.width * recipe.height
    mask = int.from_bytes(bytes([recipe.noise]) * size, "little")
    clear = int.from_bytes(bytes([0xFF ^ recipe.noise]) * size, "little")

    def draw(number: int) -> bytes:
        stripes = b"".join(
            ramp[start : start + recipe.width]
            for start in ((number * 3 + y) % 256 for y in range(recipe.height))
        )
        # All pixels at once, as the digits of one long number: no loop in Python is as quick.
        noise = int.from_bytes(source.randbytes(size), "little") & mask
        return (int.from_bytes(stripes, "little") & clear | noise).to_bytes(size, "little")

    return draw


def _with_counter(luma: bytes, width: int, number: int) -> bytes:
    """Draw a frame's number over its left corners: a row of its bits, a row inverted."""
    picture = bytearray(luma)
    rows = []
    for inverted in (False, True):
        bits = (bool(number >> bit & 1) ^ inverted for bit in range(COUNTER_BITS))
        rows.append(b"".join(bytes([WHITE if bit else BLACK]) * BLOCK for bit in bits))
    for top in _counter_tops(len(luma) // width):
        for y in range(2 * BLOCK):
            row, start = rows[y // BLOCK], (top + y) * width
            picture[start : start + len(row)] = row
    return bytes(picture)


def _counter_tops(height: int) -> tuple[int, int]:
    """Where the two counters begin, in lines; on borders of macroblocks."""
    return 0, (height // BLOCK - 2) * BLOCK


def _counter(frame: VideoFrame) -> int | None:
    """Read the number drawn by `_with_counter`; None unless all rows agree on one."""
    if frame.width < COUNTER_BITS * BLOCK or frame.height < 4 * BLOCK:
        return None
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        return None
    plane = frame.planes[0]
    luma, stride = memoryview(plane), plane.line_size
    upper, lower = (_number(luma[top * stride :], stride) for top in _counter_tops(frame.height))
    return upper if upper == lower else None


def _number(luma: memoryview, stride: int) -> int | None:
    """Read one counter from the lines that begin with it."""
    number = 0
    for bit in range(COUNTER_BITS):
        x = bit * BLOCK + BLOCK // 2
        straight = luma[BLOCK // 2 * stride + x] - MIDDLE
        inverse = luma[(BLOCK + BLOCK // 2) * stride + x] - MIDDLE
        if min(abs(straight), abs(inverse)) < MARGIN or (straight > 0) == (inverse > 0):
            return None
        number |= (straight > 0) << bit
    return number


def _padded(pixels: bytes, width: int, stride: int) -> bytes:
    """Lay rows of pixels out as the frame's memory wants them."""
    if stride == width:
        return pixels
    padding = bytes(stride - width)
    rows = (pixels[start : start + width] for start in range(0, len(pixels), width))
    return b"".join(row + padding for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the sample videos in a directory."""
    parser = argparse.ArgumentParser("python -m toom_scenarios.videos", description=main.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--small", action="store_true", help="leave out the one of 50 MB")
    options = parser.parse_args(argv)
    for recipe in (SAMPLE,) if options.small else (SAMPLE, LARGE):
        path = made(recipe, options.directory)
        sys.stdout.write(f"{path} {path.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
