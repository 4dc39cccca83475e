"""PROTOCOL 5.7: which announcement is dropped when one presenter announces too many."""

from dataclasses import dataclass
from typing import cast

from toom_client.audiences import MAX_FROM_ONE, Audiences
from toom_client.berths import Berths
from toom_client.listening import Listening


@dataclass(eq=False)
class Announced:
    """As much of a `Listening` as is asked for."""

    presenter: str = "Yoda"
    expecting: bool = True


def announce(audiences: Audiences, announced: Announced) -> Announced | None:
    return cast("Announced | None", audiences.add(cast(Listening, announced)))


def test_the_oldest_that_nobody_came_to_is_dropped() -> None:
    audiences = Audiences(0, Berths())
    announced = [Announced() for _ in range(MAX_FROM_ONE)]
    assert [announce(audiences, each) for each in announced] == [None] * MAX_FROM_ONE
    assert announce(audiences, Announced()) is announced[0]


def test_those_that_have_begun_take_nobodys_place() -> None:
    audiences = Audiences(0, Berths())
    for _ in range(2 * MAX_FROM_ONE):
        assert announce(audiences, Announced(expecting=False)) is None
    assert announce(audiences, Announced()) is None


def test_each_presenter_has_room_of_their_own() -> None:
    audiences = Audiences(0, Berths())
    for _ in range(MAX_FROM_ONE):
        announce(audiences, Announced("Luke"))
    assert announce(audiences, Announced("Yoda")) is None
