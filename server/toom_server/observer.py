"""Who counts what goes on: metrics.py, where they are asked for."""

from typing import Protocol

from toom_protocol.messages import Request


class Observer(Protocol):
    """Counts requests and batches; it is called in the event loop and must not wait."""

    def request(self, request: Request) -> None:
        """A request was handled."""

    def batch(self, entries: int, seconds: float, *, kept: bool) -> None:
        """A batch went to the disk, with so many messages and rooms, and came back."""
