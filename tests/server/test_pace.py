"""PROTOCOL 2.5: how often one user may ask where others are."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.server.running import Running, play
from toom_protocol import messages as m
from toom_server.pace import AT_ONCE, EVERY, Pace

gaps = st.lists(st.floats(0, 30), max_size=50)


@given(gaps=gaps, ahead=st.integers(1, 2 * AT_ONCE))
def test_whoever_waits_as_told_may_then_and_never_more_than_were_saved(
    gaps: list[float], ahead: int
) -> None:
    pace, now, counted = Pace(), 1000.0, []
    for gap in [0.0] * ahead + gaps:
        now += gap
        wait = pace.wait(now)
        assert (wait == 0) or 0 < wait <= EVERY + 1e-9
        if wait:
            now += wait + 1e-9
            assert pace.wait(now) == 0
        counted.append(now)
    for first, earliest in enumerate(counted):
        for last in range(first + AT_ONCE, len(counted)):
            more = last - first - AT_ONCE  # and one by rounding
            assert counted[last] - earliest >= more * EVERY - 1e-6


def test_many_files_at_once_are_no_flood() -> None:
    pace = Pace()
    assert [pace.wait(5.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert pace.wait(5.0) > 0


def test_a_flood_of_questions_is_answered_in_order_and_slowly(tmp_path: Path) -> None:
    """The one who is asked for hears of each; the others' commands go on meanwhile."""
    more = 5

    async def story(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await han.log_in("Han")
        for number in range(AT_ONCE + more):
            yoda.send(number, m.Locate("Han"))
        yoda.send(1000, m.Broadcast("after them"))
        replies = [await yoda.receive() for _ in range(AT_ONCE)]
        assert server.lines("userlog.txt")
        yoda.send(2000, m.Ping())
        replies += [await yoda.receive() for _ in range(more + 2)]
        order = [request_id for request_id, _ in replies]
        assert [number for number in order if number != 2000] == [*range(AT_ONCE + more), 1000]
        assert order[-1] != 2000, "a sign of life waits for nothing"
        assert all(isinstance(reply, m.Located) for _, reply in replies[:AT_ONCE])

    play(tmp_path, story)


def test_who_leaves_while_waiting_is_gone(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        await yoda.log_in("Yoda")
        await han.log_in("Han")
        for number in range(AT_ONCE + 2):
            yoda.send(number, m.Locate("Han"))
        for _ in range(AT_ONCE):
            await yoda.receive()
        yoda.writer.transport.abort()
        while len(server.lines("userlog.txt")) > 1:
            han.send(1, m.Ping())
            await han.receive()  # the answer, or a notice: one more may have been let through

    play(tmp_path, story)
