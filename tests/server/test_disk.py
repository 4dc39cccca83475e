"""Waiting for the disk beside the event loop: PROTOCOL 6.2."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from toom_server.disk import Disk, KernelDisk, ThreadedDisk, best_disk

PATIENCE = 10.0  # seconds

MAKERS = [pytest.param(lambda _: ThreadedDisk(), id="thread"), pytest.param(best_disk, id="best")]


async def synced(disk: Disk, handle: int) -> OSError | None:
    ended: asyncio.Future[OSError | None] = asyncio.get_running_loop().create_future()
    disk.sync(handle, ended.set_result)
    assert not ended.done()  # never from within: the next batch is not to begin in this one
    async with asyncio.timeout(PATIENCE):
        return await ended


@pytest.mark.parametrize("make", MAKERS)
def test_it_hears_of_each_sync_and_of_its_failure(
    tmp_path: Path, make: Callable[[asyncio.AbstractEventLoop], Disk]
) -> None:
    async def story() -> None:
        disk = make(asyncio.get_running_loop())
        handle = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        receiving, sending = os.pipe()
        try:
            for _ in range(20):
                os.write(handle, b"x")
                assert await synced(disk, handle) is None
            fault = await synced(disk, sending)  # a pipe cannot be synced
            assert fault is not None
            assert fault.errno == errno.EINVAL
            assert await synced(disk, handle) is None
        finally:
            disk.close()
            for each in (handle, receiving, sending):
                os.close(each)

    asyncio.run(story())


def test_what_the_kernel_says_of_a_broken_disk_is_understood() -> None:
    heard: list[OSError | None] = []
    KernelDisk._synced(heard.append, (1 << 64) - errno.EIO)  # as the library passes -EIO on
    [fault] = heard
    assert fault is not None
    assert (fault.errno, fault.strerror) == (errno.EIO, os.strerror(errno.EIO))


def test_the_kernel_waits_where_the_library_is_there() -> None:
    pytest.importorskip("caio.linux_aio", reason="caio is not installed")

    async def story() -> None:
        disk = best_disk(asyncio.get_running_loop())
        assert isinstance(disk, KernelDisk)
        disk.close()

    asyncio.run(story())
