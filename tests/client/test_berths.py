"""PROTOCOL 5.9: which files of a presenter come at a time, and which wait."""

from toom_client.berths import AT_ONCE, MOST_WAITING, Berths
from toom_protocol.transfer.reasons import Reason


class Quay:
    """Berths, and who was told to begin, in order."""

    def __init__(self) -> None:
        self.berths = Berths()
        self.begun: list[str] = []

    def takes(self, name: str, presenter: str = "Yoda") -> Reason | None:
        return self.berths.take(presenter, name, lambda: self.begun.append(name))

    def fills(self, count: int) -> list[str]:
        names = [f"Yoda_{number}" for number in range(count)]
        assert [self.takes(name) for name in names] == [None] * count
        return names


def test_the_next_one_begins_when_one_has_left() -> None:
    quay = Quay()
    names = quay.fills(AT_ONCE + 3)
    assert quay.begun == names[:AT_ONCE]
    quay.berths.leave("Yoda", names[5])
    assert quay.begun == names[: AT_ONCE + 1]
    quay.berths.leave("Yoda", names[AT_ONCE + 1])  # it waits, and nobody begins for it
    assert quay.begun == names[: AT_ONCE + 1]
    quay.berths.leave("Yoda", names[0])
    assert quay.begun == [*names[: AT_ONCE + 1], names[AT_ONCE + 2]]


def test_nobodys_files_keep_others_from_coming() -> None:
    quay = Quay()
    quay.fills(AT_ONCE + 1)
    assert quay.takes("Luke_1", "Luke") is None
    assert quay.begun[-1] == "Luke_1"


def test_a_name_is_taken_while_its_file_waits_too() -> None:
    quay = Quay()
    names = quay.fills(AT_ONCE + 1)
    assert quay.takes(names[0]) is quay.takes(names[-1]) is Reason.NAME_BUSY
    quay.berths.leave("Yoda", names[-1])
    assert quay.takes(names[-1]) is None


def test_there_is_an_end_to_those_who_wait() -> None:
    quay = Quay()
    names = quay.fills(AT_ONCE + MOST_WAITING)
    assert quay.takes("one more") is Reason.TOO_MANY
    assert quay.takes("Luke_1", "Luke") is None
    quay.berths.leave("Yoda", names[0])
    assert quay.takes("one more") is None


def test_all_that_have_left_have_left_their_places() -> None:
    quay = Quay()
    for name in quay.fills(AT_ONCE + 2):
        quay.berths.leave("Yoda", name)
    assert len(quay.berths) == 0
    quay.begun.clear()
    names = quay.fills(AT_ONCE + 1)
    assert quay.begun == names[:AT_ONCE]


def test_at_the_end_nobody_begins() -> None:
    quay = Quay()
    names = quay.fills(AT_ONCE + 2)
    quay.berths.close()
    quay.berths.leave("Yoda", names[0])
    assert quay.begun == names[:AT_ONCE]
