"""What holds for every test."""

import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A shell that starts a job in the background has it ignore SIGINT, and so would every program that
# a test starts, to interrupt it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline for an example: these hosts are shared, and a slow moment is no fault of the code.
settings.register_profile("toom", deadline=None)
settings.load_profile("toom")


def is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is slow comes first, so that the workers end together."""
    items.sort(key=lambda item: not is_slow(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """What is slow does not count for coverage: tracing makes it three to four times slower.

    pytest-cov's `no_cover` would say so, but does nothing in a worker of xdist: an earlier
    tracer of the same process goes on there.
    """
    tracer = sys.gettrace()
    if is_slow(item):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
