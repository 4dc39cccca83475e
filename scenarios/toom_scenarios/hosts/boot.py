"""How the agent gets into a host: as text through its stdin, before the first message.

So it needs nothing of the host but Python, and the host's list of processes stays readable.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from . import agent

# Each after those that it imports; the last one begins.
MODULES: Final = ("wire", "programs", "roster", "files", "fresh", "loop", "start")
PACKAGE: Final = "toom_agent"  # their name inside
PRELUDE: Final = f"""
import sys
def load(name, text):
    module = sys.modules[name] = type(sys)(name)
    module.__package__ = {PACKAGE!r}
    exec(compile(text, name, "exec"), module.__dict__)
    setattr(sys.modules[{PACKAGE!r}], name.rpartition(".")[2], module)
    return module
package = sys.modules[{PACKAGE!r}] = type(sys)({PACKAGE!r})
package.__path__ = []
"""
READ: Final = "import sys;exec(sys.stdin.buffer.read(%d))"


def _text() -> bytes:
    folder = Path(agent.__file__).parent
    loads = [
        f"load('{PACKAGE}.{name}', {(folder / f'{name}.py').read_text()!r})" for name in MODULES
    ]
    begin = f"sys.modules['{PACKAGE}.{MODULES[-1]}'].main(sys.argv[1:])"
    return "\n".join([PRELUDE, *loads, begin]).encode()


TEXT: Final = _text()  # the first thing to send


def command(folder: str, *, lifetime: float, stays: bool) -> list[str]:
    """The host's first command, which waits for `TEXT`.

    Args:
        folder: the working directory; absolute, or `.`, or a name in the user's home.
        lifetime: seconds until everything in the host ends by itself; 0: never.
        stays: the host goes on when the runner is gone.
    """
    python = ["python3", "-I", "-S", "-c", READ % len(TEXT)]
    return [*python, folder, str(int(lifetime)), "stays" if stays else "goes"]
