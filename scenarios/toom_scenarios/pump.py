"""One thread for a stage that reads every terminal as soon as it prints.

So the times in a transcript are true, and no program is held up because nobody reads its terminal.
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable
from typing import Final

from .hosts.base import Carrier

READS_IN_A_ROW: Final = 16  # of one terminal, before the others get their turn


class Feed:
    """A carrier and where its output goes. Reading and feeding are one step, under one lock."""

    def __init__(
        self, carrier: Carrier, take: Callable[[bytes], None], end: Callable[[], None]
    ) -> None:
        self.carrier = carrier
        self._take = take
        self._end = end
        self._lock = threading.Lock()
        self._ended = False

    def drain(self) -> bool:
        """Read what is there now. Returns False when nothing will come any more."""
        with self._lock:
            for _ in range(READS_IN_A_ROW):
                if self._ended:
                    return False
                try:
                    data = self.carrier.read()
                except BlockingIOError:
                    return True
                except EOFError:
                    self._ended = True
                    self._end()
                    return False
                self._take(data)
            return True

    def close(self) -> None:
        """Read what is there, once more, and end; the carrier may be closed after this."""
        self.drain()
        with self._lock:
            if not self._ended:
                self._ended = True
                self._end()


class Pump:
    """Reads all feeds of a stage until closed."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._changes: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._stopped = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="terminals", daemon=True)
        self._thread.start()

    def add(self, feed: Feed) -> None:
        """Read this one too from now on."""
        self._change(lambda: self._register(feed))

    def _register(self, feed: Feed) -> None:
        self._selector.register(feed.carrier, selectors.EVENT_READ, feed)

    def remove(self, feed: Feed) -> None:
        """Stop reading it. When this returns, the thread will not touch its carrier again."""
        done = threading.Event()

        def forget() -> None:
            self._forget(feed)
            done.set()

        if self._change(forget):
            while not done.wait(0.2) and self._thread.is_alive():
                pass

    def _forget(self, feed: Feed) -> None:
        for key in list(self._selector.get_map().values()):
            if key.data is feed:
                self._selector.unregister(key.fileobj)

    def _change(self, change: Callable[[], None]) -> bool:
        with self._lock:
            if self._stopped or not self._thread.is_alive():
                return False
            self._changes.append(change)
        os.write(self._wake_write, b"!")
        return True

    def failure(self) -> BaseException | None:
        """What ended the thread, if anything did."""
        return self._failure

    def _run(self) -> None:
        try:
            while not self._stopped:
                self._turn()
        except BaseException as error:  # noqa: BLE001 - the thread's one broad catch: kept, and raised by who waits
            self._failure = error

    def _turn(self) -> None:
        for key, _ in self._selector.select():
            if isinstance(key.data, Feed):
                if not key.data.drain():
                    self._forget(key.data)
            else:
                os.read(self._wake_read, 1024)
        with self._lock:
            changes, self._changes = self._changes, []
        for change in changes:
            change()

    def close(self) -> None:
        """End the thread."""
        self._change(self._stop)
        self._thread.join(5.0)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _stop(self) -> None:
        self._stopped = True
