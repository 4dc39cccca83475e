"""PROTOCOL 5: what is done in the transfers' thread for others."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import pytest

from toom_client.jobs import Job, Jobs


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def test_what_is_posted_is_done_in_order_by_the_thread_that_asks(jobs: Jobs) -> None:
    done: list[int] = []
    for number in range(3):
        jobs.post(lambda number=number: done.append(number))  # type: ignore[misc]
    assert not done
    assert jobs.do_posted()
    assert done == [0, 1, 2]
    assert not jobs.do_posted()


class _Late(deque[Job]):
    """An inbox into which another thread puts a job just when it was found to be empty."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._late = [job]

    def __bool__(self) -> bool:
        if len(self):
            return True
        self.extend(self._late)
        self._late.clear()
        return False


def test_whoever_has_done_a_job_says_so_though_it_came_late(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would ask the transfers anew when they are due, and one would be late."""
    done: list[str] = []
    monkeypatch.setattr(jobs, "_inbox", _Late(lambda: done.append("late")))
    said = [jobs.do_posted()]
    assert bool(done) is said[0]
    said.append(jobs.do_posted())
    assert done == ["late"]
    assert any(said)
