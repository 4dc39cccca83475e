"""What a scenario may conclude from two terminals and a disk, and catching a file on its way."""

import re
import signal
from dataclasses import dataclass, field
from typing import Any

import pytest

from toom_scenarios import Broken, ExpectationFailed
from toom_scenarios.files import HostFile
from toom_scenarios.hosts.base import Completed, FileFound
from toom_scenarios.output import START
from toom_scenarios.transfers import (
    GROWTH,
    LARGEST,
    SMALLEST,
    UNDER_WAY,
    Upload,
    all_caught,
    caught,
    only_has,
    sends,
)

UPLOADED, RECEIVED = "film.bin has been uploaded", "Received film.bin from Yoda"
NOT_SENT = "Transfer of film.bin to Han failed: no answer"
NOT_COME = "Transfer of film.bin from Yoda failed: no answer"


@dataclass
class Machine:
    """A host with files, of which only digests and sizes count."""

    digests: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)  # of files that were made
    contents: dict[str, bytes] = field(default_factory=dict)
    came: int = 0
    name: str = "host"

    def file(self, name: str) -> HostFile:
        return HostFile(self, name)  # type: ignore[arg-type]

    def read_file(self, name: str) -> bytes:
        return self.contents[name]

    def put(self, name: str, content: bytes) -> None:
        self.contents[name] = content

    def remove(self, name: str) -> None:
        del self.contents[name]

    def run(self, command: list[str]) -> Completed:
        name = command[4]
        if "urandom" in command[2]:
            self.sizes.append(int(command[5]))
            return Completed(0, b"")
        return Completed(0, f"{self.digests.get(name, 'same')}  -\n".encode())

    def files(self) -> list[FileFound]:
        return [FileFound(name, 1) for name in [*self.names, *self.contents]]

    def received(self) -> int:
        return self.came

    def comes_to_receive(self, total: int, *, within: float) -> bool:
        return self.came > total


@dataclass
class Person:
    """A client whose terminal has said all that it will ever say."""

    user: str
    said: list[str] = field(default_factory=list)
    host: Machine = field(default_factory=Machine)
    signals: list[signal.Signals] = field(default_factory=list)
    on_upload: Any = None

    @property
    def name(self) -> str:
        return self.user.lower()

    def mark(self) -> Any:
        return START

    def types(self, line: str) -> None:
        if self.on_upload is not None:
            self.on_upload()

    def kill(self, number: signal.Signals) -> None:
        self.signals.append(number)

    def lines(self, *, since: Any = START) -> list[str]:
        return self.said

    def sees(self, pattern: str, *, within: float, since: Any) -> re.Match[str]:
        found = next(filter(None, (re.fullmatch(pattern, line) for line in self.said)), None)
        if found is None:
            raise ExpectationFailed(f"no line {pattern}")
        return found


def upload(told: str, heard: str) -> Upload:
    yoda, han = Person("Yoda", [told]), Person("Han", [heard])
    return sends(yoda, han, "film.bin")  # type: ignore[arg-type]


def test_a_file_has_arrived_when_both_are_told_and_the_digests_agree() -> None:
    film = upload(UPLOADED, RECEIVED)
    film.arrives()
    assert film.ends()
    film.audience.host.digests["Yoda_film.bin"] = "other"  # type: ignore[attr-defined]
    with pytest.raises(ExpectationFailed, match="is not what Yoda sent"):
        film.arrives()


def test_a_file_is_known_not_to_arrive_as_soon_as_it_is_told() -> None:
    film = upload(NOT_SENT, NOT_COME)
    with pytest.raises(ExpectationFailed, match="has not arrived: Transfer of film.bin from"):
        film.received()
    with pytest.raises(ExpectationFailed, match="has not arrived: Transfer of film.bin to Han"):
        film.uploaded()
    film.fails()
    assert not film.ends()


@pytest.mark.parametrize(("told", "heard"), [(UPLOADED, NOT_COME), (NOT_SENT, RECEIVED)])
def test_two_terminals_must_say_the_same(told: str, heard: str) -> None:
    with pytest.raises(ExpectationFailed, match="the terminals disagree about film.bin"):
        upload(told, heard).ends()


def test_a_reason_must_be_given() -> None:
    with pytest.raises(ExpectationFailed):
        upload("Transfer of film.bin to Han failed: ", NOT_COME).fails()
    with pytest.raises(ExpectationFailed, match="no line"):
        upload("Transfer of film.bin to Han failed: ", NOT_COME).ends()


class Road:
    """Yoda and Han, and how many bytes pass before a client can be stopped."""

    def __init__(self, *passing: int) -> None:
        self.passing = list(passing)
        self.yoda, self.han = Person("Yoda", [UPLOADED]), Person("Han")
        self.yoda.on_upload = self.drive

    def drive(self) -> None:
        passing = self.passing.pop(0)
        self.han.host.came += passing
        there = passing >= self.yoda.host.sizes[-1]
        self.han.said = [RECEIVED] if there else []
        if there:
            self.han.host.contents["Yoda_film.bin"] = b"what came"

    def catch(self) -> Upload:
        return caught(self.yoda, self.han, "film.bin", stops=self.han)  # type: ignore[arg-type]


def test_a_file_on_its_way_is_caught_and_its_client_left_stopped() -> None:
    road = Road(UNDER_WAY + 1)
    assert not road.catch().over()
    assert road.han.signals == [signal.SIGSTOP]
    assert road.yoda.host.sizes == [SMALLEST]


def test_what_was_there_too_soon_is_tried_again_and_larger() -> None:
    road = Road(SMALLEST, GROWTH * SMALLEST - 1, UNDER_WAY + 1)  # there, nearly there, caught
    with pytest.raises(ExpectationFailed):  # nearly there, and lost: that is not excused
        road.catch()
    assert road.yoda.host.sizes == [SMALLEST, GROWTH * SMALLEST]
    assert road.han.signals == [signal.SIGSTOP, signal.SIGCONT] * 2


@pytest.mark.parametrize("before", [{}, {"Yoda_film.bin": b"an older one"}])
def test_what_was_there_too_soon_leaves_no_trace(before: dict[str, bytes]) -> None:
    road = Road(SMALLEST, UNDER_WAY + 1)
    road.han.host.contents = dict(before)
    road.catch()
    assert road.han.host.contents == before


def test_a_program_that_is_always_too_fast_is_not_judged() -> None:
    road = Road(*[LARGEST] * 9)
    with pytest.raises(Broken, match="before they could be stopped"):
        road.catch()
    assert road.yoda.host.sizes[-1] == LARGEST


def test_a_program_of_which_nothing_comes_has_failed() -> None:
    with pytest.raises(ExpectationFailed, match="less than 500000 bytes came to han"):
        Road(UNDER_WAY).catch()


def test_several_files_share_the_size() -> None:
    road = Road(UNDER_WAY, UNDER_WAY)
    names = ["film.bin", "more.bin"]
    films = all_caught(road.yoda, road.han, names, stops=road.yoda)  # type: ignore[arg-type]
    assert [film.name for film in films] == names
    assert road.yoda.host.sizes == [SMALLEST // 2] * 2
    assert road.yoda.signals == [signal.SIGSTOP]


def test_only_the_hidden_folder_may_hold_more() -> None:
    han = Person("Han")
    han.host.names = [".toom/1.part", "Yoda_film.bin"]
    only_has(han, "Yoda_film.bin")  # type: ignore[arg-type]
    with pytest.raises(ExpectationFailed, match="han's directory holds"):
        only_has(han)  # type: ignore[arg-type]
    han.host.names.append(".hidden")
    with pytest.raises(ExpectationFailed, match="hidden"):
        only_has(han, "Yoda_film.bin")  # type: ignore[arg-type]
