"""A stand-in for `toom run` as `make steady` sees it: in each run it does what a test wants.

    python toom_run.py FOLDER run --on … --report DIR …

FOLDER/todo holds a word for each run to come; when there is none, it passes. The command lines go
to FOLDER/seen, the number of a process that hangs to FOLDER/hangs.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

RUN: Final = f"stand-in-{os.getpid()}"
STATUS: Final = {"fail": 1, "nonsense": 3, "status": 3}
LONG: Final = "4000"  # seconds that what leaks would live
QUIET: Final[Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)


def leave(what: str, report: Path) -> None:
    """Leave something behind, or hang."""
    scratch = Path(tempfile.gettempdir())
    if what == "process":
        subprocess.Popen(["sleep", LONG], **QUIET)
    if what == "home":  # as hosts on this machine are given it
        subprocess.Popen(
            ["sleep", LONG], cwd="/", env={"HOME": f"{report}/hosts/.homes/yoda"}, **QUIET
        )
    if what == "directory":
        subprocess.Popen(["sleep", LONG], cwd=report, env={"PATH": "/bin:/usr/bin"}, **QUIET)
    if what == "daemon":  # cut off from its ancestry, its environment and its directory
        inner = ["env", "-i", "PATH=/bin:/usr/bin", "sh", "-c", f"sleep {LONG} & exit 0"]
        subprocess.run(["setsid", *inner], cwd="/", check=True, **QUIET)
    if what == "file":
        tempfile.mkdtemp(prefix="toom-")
    if what == "pool":
        (scratch / f"toom-ports-{os.getuid()}").mkdir()
        (scratch / f"toom-ports-{os.getuid()}" / "21000").touch()
    if what == "mount":
        (scratch / "place").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", str(scratch / "place")], check=True)
    if what == "network":
        import docker

        docker.from_env().networks.create(RUN, labels={"toom.run": RUN}, internal=True)


def hang(folder: Path) -> None:
    """Wait for a signal."""
    (folder / "hangs").write_text(str(os.getpid()))
    signal.sigwait([signal.SIGUSR1])


def main(folder: Path, words: list[str]) -> int:
    what, *rest = (folder / "todo").read_text().split() or ["pass"]
    (folder / "todo").write_text(" ".join(rest))
    with (folder / "seen").open("a") as seen:
        seen.write(" ".join(words) + "\n")
    report = Path(words[words.index("--report") + 1])
    (report / "run.json").write_text(json.dumps({"run": RUN}))
    leave(what, report)
    if what == "hang":
        hang(folder)
    if what == "edit":  # the sources, while they are examined
        (folder / "source").resolve().write_text(str(time.time()))
    rows = [{"name": "it_passes", "verdict": "pass", "reason": "", "seconds": 1.0}]
    if what == "fail":
        rows.append({"name": "it_fails", "verdict": "fail", "reason": "yoda waited 5 s"})
    marks = {"earned": 18.0, "possible": 18.0}
    if what == "nonsense":
        sys.stderr.write("what?\n")
    else:
        json.dump({"marks": marks, "scenarios": [] if what == "empty" else rows}, sys.stdout)
    return STATUS.get(what, 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
