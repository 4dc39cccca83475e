"""Take a seat from a checkout: `python client.py SERVER_IP SERVER_PORT CLIENT_UDP_PORT`."""

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"


def hand_over() -> None:
    """Go on in the checkout's own environment when there is one."""
    python = VENV / "bin" / "python"
    if python.exists() and Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606


def main() -> None:
    """Find the sources beside this file and run the program."""
    hand_over()
    sys.path[:0] = [str(CHECKOUT / "client"), str(CHECKOUT / "protocol")]
    try:
        from toom_client.app import run
    except ImportError as exc:
        sys.exit(f"{exc}: run `make setup` in {CHECKOUT} (Python 3.11 or later is needed).")
    run()


if __name__ == "__main__":
    main()
