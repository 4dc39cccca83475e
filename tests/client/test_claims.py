"""PROTOCOL 5.14: what an audience disputes is looked at in turns."""

from typing import cast

from toom_client.claims import CHECKED_PER_TURN, Claims
from toom_client.outgoing import OutgoingFile
from toom_protocol.transfer.presenter import Presenter


class Closed:
    """A file of which each block is asked for, and nothing can be read any more."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def read_block(self, block: int) -> None:
        self.asked.append(block)


def test_an_audience_that_disputes_everything_gets_a_turn_at_a_time() -> None:
    file = Closed()
    claims = Claims(cast(OutgoingFile, file), cast(Presenter, None))
    claims.disputed.extend(range(2 * CHECKED_PER_TURN + 1))
    for turn in (1, 2):
        claims.check(None, now=0.0)
        assert file.asked == list(range(turn * CHECKED_PER_TURN))
    claims.check(None, now=0.0)
    assert not claims.disputed
