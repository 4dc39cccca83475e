"""How many connections there may be: PROTOCOL 2.5."""

from toom_protocol.messages import Cause
from toom_server.doorway import Doorway


def test_places_are_counted_in_all_and_by_address() -> None:
    doorway = Doorway(3, per_address=2)
    assert [doorway.enter("a") for _ in range(3)] == [None, None, Cause.TOO_MANY]
    assert doorway.enter("b") is None
    assert doorway.enter("c") is Cause.FULL
    doorway.leave("a")
    assert [doorway.enter(who) for who in "ca"] == [None, Cause.FULL]


def test_nobody_is_counted_by_address_unless_asked_for() -> None:
    doorway = Doorway(100)
    assert not any(doorway.enter("a") for _ in range(100))
