"""What other threads want done in the transfers' thread, and what that has done beside it.

Belongs here: the inbox, the wake-up, the workers for what waits for a disk. Does not: what the jobs
do. A thread that waits in select(2) hears of nothing but descriptors: so a byte through a socket
pair wakes it.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final

from toom_client.files import FileFault

Job = Callable[[], None]


class Jobs:
    """`post` may be called from any thread; the rest belongs to the transfers' thread."""

    def __init__(self) -> None:
        self._inbox: deque[Job] = deque()
        self._wake_up, self.wake = socket.socketpair()
        self.wake.setblocking(False)
        self._wake_up.setblocking(False)
        self._worker: Final = ThreadPoolExecutor(1, thread_name_prefix="transfer-files")
        self._syncer: Final = ThreadPoolExecutor(1, thread_name_prefix="transfer-syncs")

    def post(self, job: Job) -> None:
        """Have a job done in the transfers' thread."""
        self._inbox.append(job)
        with suppress(OSError):  # full: a wake-up is on its way anyhow; closed: too late
            self._wake_up.send(b"\0")

    def wakened(self) -> None:
        """`wake` is readable: take the bytes that have woken the thread."""
        with suppress(OSError):
            self.wake.recv(4096)

    def do_posted(self) -> bool:
        """Do what has been posted, oldest first; whether that was anything."""
        any_done = False
        while self._inbox:  # not looked at before: another thread may post between two looks
            self._inbox.popleft()()
            any_done = True
        return any_done

    def work(self, job: Job, then: Callable[[FileFault | None], None]) -> None:
        """Run what may wait for the disk beside the loop, then tell the thread how it went."""
        self._run(self._worker, job, then)

    def sync(self, job: Job, then: Callable[[FileFault | None], None]) -> None:
        """As `work`, for what may take long and nobody waits for: it holds up no other job."""
        self._run(self._syncer, job, then)

    def _run(
        self, worker: ThreadPoolExecutor, job: Job, then: Callable[[FileFault | None], None]
    ) -> None:
        def run() -> None:
            fault: FileFault | None = None
            try:
                job()
            except FileFault as raised:
                fault = raised
            self.post(partial(then, fault))

        worker.submit(run)

    def run_beside(self, job: Job) -> None:
        """Run a job beside the loop of which nobody waits to hear."""
        self._worker.submit(job)

    def close(self) -> None:
        """Begin nothing more in workers, and do what is posted still: who asked waits for it."""
        for worker in (self._worker, self._syncer):
            worker.shutdown(wait=False, cancel_futures=True)
        self.wake.close()
        self._wake_up.close()
        self.do_posted()
