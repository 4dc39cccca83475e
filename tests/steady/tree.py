"""The sources that a result belongs to: a commit, and a digest of what is not committed.

Belongs here: asking git. Does not: where results are kept.
"""

import hashlib
import subprocess
from pathlib import Path
from typing import Final

from toom_scenarios.errors import Broken

COMMIT_LENGTH: Final = 12  # hexadecimal digits: what a person can compare
DIGEST_LENGTH: Final = 8


def identity(root: Path) -> str:
    """Name the sources: `<commit>`, or `<commit>-dirty-<digest>` with changes that no commit has.

    Raises:
        Broken: git does not know.
    """
    commit = _git(root, "rev-parse", f"--short={COMMIT_LENGTH}", "HEAD").decode().strip()
    changed = _git(root, "diff", "--binary", "HEAD")
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    if not changed and not new:
        return commit
    digest = hashlib.sha256(changed)
    for name in sorted(filter(None, new.split(b"\0"))):
        digest.update(b"\0" + name + b"\0" + _content(root / name.decode(errors="surrogateescape")))
    return f"{commit}-dirty-{digest.hexdigest()[:DIGEST_LENGTH]}"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a broken link, or a file that has just gone
        return b""


def _git(root: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, check=False)
    except OSError as error:
        raise Broken(f"git: {error}") from error
    if done.returncode:
        raise Broken(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
