"""Waiting for the disk without holding the conference up (PROTOCOL 6.2).

Belongs here: ways to sync a descriptor beside the event loop. Does not: what is synced, and when.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from logging import DEBUG
from typing import TYPE_CHECKING, Any, Final, Protocol

from toom_server.events import tell

if TYPE_CHECKING:
    from caio.linux_aio import Context

Done = Callable[[OSError | None], None]
REQUESTS: Final = 8  # syncs that the kernel is asked to have room for; one is under way at a time
# With these the library says that the kernel, or the rules of a container, do not let it.
REFUSALS: Final = (OSError, ValueError, RuntimeError, SystemError)


class Disk(Protocol):
    """Syncs one descriptor at a time."""

    def sync(self, handle: int, done: Done) -> None:
        """Begin a sync; `done` hears in the event loop how it ended."""

    def close(self) -> None:
        """Wait for what is under way and let go."""


class ThreadedDisk:
    """A thread that waits in fdatasync(2): works everywhere."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")

    def sync(self, handle: int, done: Done) -> None:
        """Let the thread wait."""
        synced = asyncio.get_running_loop().run_in_executor(self._thread, os.fdatasync, handle)
        synced.add_done_callback(partial(self._synced, done))

    @staticmethod
    def _synced(done: Done, synced: "asyncio.Future[None]") -> None:
        fault = synced.exception()
        if fault is not None and not isinstance(fault, OSError):
            raise fault
        done(fault)

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=True)


class KernelDisk:
    """The kernel waits, and tells the event loop (io_submit(2) with IOCB_CMD_FDSYNC): no thread,
    whose waking costs more than the sync itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, context: "Context", operation: Any) -> None:
        """Use what the library `caio` offers; see `best_disk`."""
        self._loop = loop
        self._context = context
        self._operation = operation
        self._failed = ThreadedDisk()
        loop.add_reader(context.fileno, self._told)

    def sync(self, handle: int, done: Done) -> None:
        """Hand it to the kernel; to a thread when the kernel does not take it."""
        operation = self._operation.fdsync(handle)
        operation.set_callback(partial(self._synced, done))
        try:
            self._context.submit(operation)
        except REFUSALS:
            self._failed.sync(handle, done)

    def _told(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the count may have been taken already
            self._context.poll()
        self._context.process_events()

    @staticmethod
    def _synced(done: Done, result: int) -> None:
        fault = -_signed(result)
        done(OSError(fault, os.strerror(fault)) if fault > 0 else None)

    def close(self) -> None:
        """Hear no more of it."""
        self._loop.remove_reader(self._context.fileno)
        self._failed.close()


def _signed(result: int) -> int:
    """The kernel's answer is a signed number; the library passes its 64 bits on."""
    return result - (1 << 64) if result >= 1 << 63 else result


def best_disk(loop: asyncio.AbstractEventLoop) -> Disk:
    """Give the quickest way that works here."""
    try:
        from caio.linux_aio import Context, Operation

        context = Context(max_requests=REQUESTS)
    except (ImportError, *REFUSALS) as exc:
        tell(DEBUG, "disk-threaded", why=exc)
        return ThreadedDisk()
    return KernelDisk(loop, context, Operation)
