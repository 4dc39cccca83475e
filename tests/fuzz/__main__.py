"""`make fuzz`: look for bytes that break the codec, the logs' lines, the server or a transfer.

Each target runs for a while under atheris, guided by what its inputs reach. Inputs that reach
something new are kept in build/fuzz/TARGET and used the next time; what breaks a target is left in
build/fuzz/broken and becomes a test. Exit status: 0 nothing broke; 1 something did; 2 wrong usage;
3 could not find out.
"""

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .targets import TARGETS

ROOT: Final = Path(__file__).parents[2]
CORPUS: Final = Path(__file__).parent / "corpus"
FOUND: Final = ROOT / "build" / "fuzz"
SECONDS: Final = 600  # for each target
FAREWELL: Final = 120  # seconds more that a run may take
LONGEST: Final = 4096  # bytes of an input
HANGS: Final = 20  # seconds that one input may take
BROKE: Final = 77  # how libFuzzer ends when an input broke the target
RUNNER: Final = """
import logging, sys, atheris
logging.disable()
with atheris.instrument_imports(include=["toom_protocol", "toom_server", "toom_client"]):
    from tests.fuzz.targets import TARGETS
atheris.Setup(sys.argv, TARGETS[{name!r}])
atheris.Fuzz()
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz each target in turn."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=SECONDS, metavar="N", help="for each")
    options = parser.parse_args(argv)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}")
    if options.seconds < 1:
        parser.error("--seconds: must be at least 1")
    if importlib.util.find_spec("atheris") is None and not _install():
        print("make fuzz: atheris cannot be installed here", file=sys.stderr)  # noqa: T201
        return 3
    return max(_fuzz(name, options.seconds) for name in options.targets or TARGETS)


def _install() -> bool:
    command = [sys.executable, "-m", "pip", "install", "-q", "atheris"]
    return subprocess.run(command, check=False).returncode == 0


def _fuzz(name: str, seconds: int) -> int:
    kept, broken = FOUND / name, FOUND / "broken"
    for folder in (kept, broken):
        folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", RUNNER.format(name=name), str(kept), str(CORPUS / name)]
    command += [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={HANGS}"]
    command += [f"-artifact_prefix={broken}/{name}-", "-print_final_stats=1", "-verbosity=0"]
    before = set(broken.glob(f"{name}-*"))  # another target may run at the same time
    try:
        done = subprocess.run(command, cwd=ROOT, check=False, timeout=seconds + FAREWELL)
    except subprocess.TimeoutExpired:
        print(f"{name}: did not come to an end", file=sys.stderr)  # noqa: T201
        return 3
    new = sorted(str(path) for path in set(broken.glob(f"{name}-*")) - before)
    if new or done.returncode == BROKE:
        print(f"{name}: broken by {', '.join(new) or 'an input'}")  # noqa: T201
        return 1
    if done.returncode:
        print(f"{name}: the fuzzer ended with {done.returncode}", file=sys.stderr)  # noqa: T201
        return 3
    print(f"{name}: nothing found in {seconds} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
