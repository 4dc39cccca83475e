"""`python -m toom_scenarios` is `toom`."""

from .cli import run

run()
