"""Steps of a batch that can be taken back, should a later one fail (PROTOCOL 6.2)."""

from collections.abc import Callable
from logging import ERROR

from toom_server.events import tell


class Undo:
    """What takes back the steps of a batch that were done, last first."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        """Note how to take back what is done next."""
        self._steps.append(step)

    def run(self) -> None:
        """Take everything back, as far as the disk allows."""
        for step in reversed(self._steps):
            try:
                step()
            except OSError as exc:  # the disk is worse than full; the next step may still help
                tell(ERROR, "not-taken-back", why=exc)
