"""userlog.txt in step with who is logged in, at a bounded cost (SPEC S3; PROTOCOL 6.2).

Belongs here: when the list is written, and who waits for that. Does not: what it says, how it is
written, what those who waited are told.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Generic, TypeVar

from toom_server.store import StoreError

# Seconds between two writings: many who come and go in one moment cost one. The first waits for
# nothing.
INTERVAL: Final = 0.05


Waiting = TypeVar("Waiting")


class Presence(Generic[Waiting]):
    """Writes the list after each change, in a thread of its own."""

    def __init__(
        self,
        content: Callable[[], bytes],
        publish: Callable[[bytes], None],
        told: Callable[[list[Waiting], str | None], None],
    ) -> None:
        """Prepare.

        Args:
            content: gives the list as it should be, in the event loop.
            publish: writes it, in the thread; raises StoreError.
            told: hears in the event loop which changes are written, or why they are not.
        """
        self._content = content
        self._publish = publish
        self._told = told
        self._waiting: list[Waiting] = []
        self._timer: asyncio.Handle | None = None
        self._is_writing = False
        self._last = float("-inf")  # when the last writing began; seconds of the event loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="presence")
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_right = True  # whether the last writing went well

    def changed(self, waiting: Waiting) -> None:
        """Write the list soon, and tell when it is written."""
        self._waiting.append(waiting)
        self._schedule()

    def retry(self) -> None:
        """Write the list again if the last writing failed: the disk may have room by now."""
        if not self.is_right:
            self._schedule()

    @property
    def is_idle(self) -> bool:
        """Whether every change is written, or has failed to be."""
        return self._idle.is_set()

    async def flush(self) -> None:
        """Wait until every change is written, or has failed to be."""
        await self._idle.wait()

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=True)

    def _schedule(self) -> None:
        if self._is_writing or self._timer is not None:
            return
        self._idle.clear()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(max(loop.time(), self._last + INTERVAL), self._write)

    def _write(self) -> None:
        self._timer = None
        self._is_writing = True
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        written = loop.run_in_executor(self._thread, self._publish, self._content())
        written.add_done_callback(lambda done: self._written(waiting, done))

    def _written(self, waiting: list[Waiting], done: "asyncio.Future[None]") -> None:
        self._is_writing = False
        fault = done.exception()
        if fault is not None and not isinstance(fault, StoreError):
            raise fault
        self.is_right = fault is None
        self._told(waiting, None if fault is None else str(fault))
        if self._waiting:
            self._schedule()
        elif self._timer is None and not self._is_writing:
            self._idle.set()
