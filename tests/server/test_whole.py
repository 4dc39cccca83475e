"""Whatever people do, in whatever order, the server does what SPEC says.

Rules drawn by Hypothesis are done to a whole server and to a model of SPEC; all that a user reads,
and after each step all that lies in the directory, must be the same: SPEC S2 to S4, S6 to S11, S13;
PROTOCOL 2.4, 6.2, 6.3.
"""

import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.fuzz.play import Wire
from tests.server.durability import CONFERENCES
from tests.server.model import BROADCASTS, Model, User, stamp
from tests.server.whole import Whole
from toom_protocol import messages as m

PASSWORDS = {"Yoda": "jedi", "Han": "Falcon1", "Luke": "x-wing", "Leia": "jedi"}
NAMES = sorted(PASSWORDS)
STRANGER = "Nobody"
SILENT = 15  # seconds after which who is silent is gone at the latest; SPEC S3
LONG_ALONE = 120  # seconds after which who has not logged in is let go; PROTOCOL 3.3

LIFE = 5  # steps that a server lives at least

picks = st.integers(0, 99)
texts = st.one_of(
    st.sampled_from(
        ["hello; there", "; ", " x ", "\t", "2; 1 Jun 2022 16:00:00; Yoda; x", "é" * 40]
    ),
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).filter(
        lambda text: text.strip(" ")
    ),
)
bad_texts = st.sampled_from(["\a", "a\nb", "x" * 8193, "  ", "\x85"])


def file_of(log: int) -> str:
    return f"SR_{log}_messagelog.txt" if log else "messagelog.txt"


@dataclass
class Seat:
    """A client."""

    wire: Wire
    address: str
    since: float  # when it came, or was last seen logged in
    name: str = ""  # while logged in


class Everybody(RuleBasedStateMachine):
    """People and a server."""

    @initialize(attempts=st.integers(1, 5), crowd=st.permutations(NAMES), count=st.integers(2, 4))
    def begin(self, attempts: int, crowd: list[str], count: int) -> None:
        self.directory = Path(mkdtemp(prefix="toom-whole-"))
        self.whole = Whole(self.directory, PASSWORDS, attempts)
        self.model = Model(PASSWORDS, attempts)
        self.seats: list[Seat] = []
        self.said = self.looks = 0
        assert self.whole.begin() == ()
        for name in crowd[:count]:
            self.log_in(self.connect(1), name, PASSWORDS[name])
        self.build_a_room(self.users[0], [self.users[1].name])

    def teardown(self) -> None:
        if hasattr(self, "whole"):
            self.whole.stop()
            self.whole.close()
            shutil.rmtree(self.directory)

    # --- who is there -------------------------------------------------------------------------

    @property
    def guests(self) -> list[Seat]:
        return [seat for seat in self.seats if not seat.name]

    @property
    def users(self) -> list[Seat]:
        return [seat for seat in self.seats if seat.name]

    def user(self, pick: int) -> Seat:
        return self.users[pick % len(self.users)]

    def ask(self, seat: Seat, request: m.Request) -> list[str]:
        return self.whole.ask(seat.wire, request, seat.name)

    @property
    def now(self) -> float:
        return self.whole.clock.monotonic()

    def connect(self, host: int) -> Seat:
        address = f"10.0.0.{host}"
        self.seats.append(Seat(self.whole.connect(address), address, self.now))
        return self.seats[-1]

    def log_in(self, seat: Seat, name: str, password: str) -> None:
        user = User(name, self.whole.clock.now(), seat.address, 8000 + len(self.seats))
        expected = self.model.log_in(user, password, self.now)
        answer = self.whole.ask(seat.wire, m.LogIn(name, password, user.port), name)
        assert answer == [expected]
        if expected == "Welcome to TOOM!":
            seat.name = name
        elif expected != "Invalid Password. Please try again":  # the client ends
            self.leave(seat)

    @precondition(lambda self: len(self.users) < len(NAMES))
    @rule(pick=picks, host=st.integers(1, 3))
    def come(self, pick: int, host: int) -> None:
        away = [name for name in NAMES if name not in {seat.name for seat in self.users}]
        name = away[pick % len(away)]
        self.log_in(self.connect(host), name, PASSWORDS[name])

    @rule(
        name=st.sampled_from([*NAMES, STRANGER]),
        tries=st.lists(
            st.sampled_from(["right", "right", "wrong", "wrong", "wrong", "goes", "9", "1"]),
            max_size=12,
        ),
        is_new=st.booleans(),
    )
    def try_to_come(self, name: str, tries: list[str], is_new: bool) -> None:
        """Somebody tries passwords, at a terminal that was open or at new ones, and goes again."""
        for given in tries:
            inside = [seat for seat in self.users if seat.name == name]
            if given == "goes":
                for seat in inside:
                    self.model.leave(name)
                    self.leave(seat)
            elif given.isdigit():  # seconds; a block lasts ten
                self.pass_time(int(given))
            else:
                seat = self.connect(2) if is_new or not self.guests else self.guests[-1]
                word = PASSWORDS.get(name, "any") if given == "right" else "wrong"
                self.log_in(seat, name, word)

    def leave(self, seat: Seat) -> None:
        self.seats.remove(seat)
        self.whole.hang_up(seat.wire)

    @precondition(lambda self: self.seats)
    @rule(pick=picks, how=st.sampled_from(["OUT", "OUT", "vanishes", "is silent"]))
    def somebody_goes(self, pick: int, how: str) -> None:
        seat = self.seats[pick % len(self.seats)]
        if how == "is silent":  # its cable is pulled; the others are heard of every second
            self.pass_time(SILENT, seat)
            assert seat.wire.is_closing()
            if seat in self.seats:
                self.seats.remove(seat)
        else:
            if how == "OUT" and seat.name:
                assert self.ask(seat, m.LogOut()) == [f"Bye, {seat.name}!"]
            self.leave(seat)
        self.model.leave(seat.name)

    @rule(seconds=st.sampled_from([1, 1, 2, 9, 10, 11]))
    def time_passes(self, seconds: int) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: int, silent: Seat | None = None) -> None:
        for _ in range(seconds):
            self.whole.clock.go_on(1)
            self.whole.send(*((each.wire, m.Ping()) for each in self.seats if each is not silent))
            self.whole.sweep()
            for seat in self.users:
                seat.since = self.now
            for seat in [guest for guest in self.guests if self.now - guest.since > LONG_ALONE]:
                assert seat.wire.is_closing()
                self.seats.remove(seat)
        assert not [seat for seat in self.seats if seat is not silent and seat.wire.is_closing()]

    @rule(seconds=st.integers(1, 20))
    def the_clock_is_set_back(self, seconds: int) -> None:
        self.whole.clock.set_back(seconds)

    # --- what they say ------------------------------------------------------------------------

    @precondition(lambda self: self.users)
    @rule(pick=picks, text=texts)
    def broadcast(self, pick: int, text: str) -> None:
        seat = self.user(pick)
        expected = self.model.broadcast(seat.name, text, self.whole.clock.now())
        assert self.ask(seat, m.Broadcast(text)) == [expected]

    @precondition(lambda self: self.users)
    @rule(pick=picks, text=bad_texts, room=st.integers(0, 2))
    def say_what_cannot_be_said(self, pick: int, text: str, room: int) -> None:
        """One line says so; that nothing else has happened, the invariant sees."""
        seat = self.user(pick)
        is_member = seat.name in self.model.rooms.get(room, ())
        request = m.RoomMessage(room, text) if is_member else m.Broadcast(text)
        [line] = self.ask(seat, request)
        assert line.startswith("The message ")

    @precondition(lambda self: self.users)
    @rule(
        pick=picks,
        others=st.permutations(NAMES),
        size=st.integers(1, 3),
        odd=st.lists(st.sampled_from([*NAMES, STRANGER]), max_size=2),
    )
    def build_room(self, pick: int, others: list[str], size: int, odd: list[str]) -> None:
        """Of people who are there, most of the time."""
        seat = self.user(pick)
        there = {each.name for each in self.users} - {seat.name}
        named = [name for name in others if name in there][:size] + odd
        named = named or [STRANGER]
        self.build_a_room(seat, named)

    def build_a_room(self, seat: Seat, named: list[str]) -> None:
        expected = self.model.build_room(seat.name, named)
        assert self.ask(seat, m.BuildRoom(tuple(named))) == [expected]

    @precondition(lambda self: self.users)
    @rule(pick=picks, which=picks, text=texts)
    def say_in_room(self, pick: int, which: int, text: str) -> None:
        """In one that there is, most of the time."""
        seat = self.user(pick)
        rooms = [*self.model.rooms, *self.model.rooms, max(self.model.logs) + 1]
        room = rooms[which % len(rooms)]
        expected = self.model.say_in_room(room, seat.name, text, self.whole.clock.now())
        assert self.ask(seat, m.RoomMessage(room, text)) == [expected]

    # --- what becomes of the server -----------------------------------------------------------

    @precondition(lambda self: self.users and self.looks >= LIFE)
    @rule(
        picked=st.lists(st.tuples(picks, st.integers(0, 2)), min_size=1, max_size=6),
        turns=st.integers(0, 4),
    )
    def the_server_is_killed_while_they_talk(
        self, picked: list[tuple[int, int]], turns: int
    ) -> None:
        """What was acknowledged is there; of the rest what came first, or nothing."""
        asked: list[tuple[Seat, int, str]] = []  # who, in which log, what
        for pick, room in picked:
            seat = self.user(pick)
            self.said += 1
            log = room if seat.name in self.model.rooms.get(room, ()) else BROADCASTS
            asked.append((seat, log, f"{seat.name} says {self.said}"))
        ids = self.whole.send(
            *(
                (seat.wire, m.RoomMessage(log, text) if log else m.Broadcast(text))
                for seat, log, text in asked
            )
        )
        self.whole.turn(turns)
        answered = [
            bool(self.whole.replies(seat.wire, request_id))
            for (seat, _, _), request_id in zip(asked, ids, strict=True)
        ]
        came = [seat.name for seat in self.users]
        self.end(kill=True)
        assert self.whole.begin() == ()
        there = self.whole.files()
        for (seat, log, text), is_answered in zip(asked, answered, strict=True):
            said = self.model.say(log, seat.name, text, self.whole.clock.now())
            if said.line() not in there[file_of(log)].splitlines():
                assert not is_answered
                self.model.logs[log].pop()
        self.come_again(came)

    @precondition(lambda self: self.looks >= LIFE)
    @rule(
        kill=st.booleans(),
        harm=st.sampled_from(["", "", "folder", "shortened", "torn"]),
        pick=picks,
        place=st.integers(0, 40),
    )
    def the_server_ends(self, kill: bool, harm: str, pick: int, place: int) -> None:
        """Something is done to its files meanwhile; those who were in come again."""
        came = [seat.name for seat in self.users]
        self.end(kill)
        log = sorted(self.model.logs)[pick % len(self.model.logs)]
        match harm:
            case "folder":
                shutil.rmtree(self.directory / ".toom")
                self.model.forget_rooms()
                warnings = 0
            case "shortened":
                warnings = self.shorten(log, place % 4)
            case "torn":
                warnings = self.tear(log, place + 1)
            case _:
                warnings = 0
        self.begin_again(warnings)
        self.come_again(came[: 4 - pick % 3])
        if harm == "folder" and len(self.users) > 1:
            self.build_a_room(self.users[0], [self.users[1].name])

    def begin_again(self, warnings: int) -> None:
        assert len(self.whole.begin()) == warnings
        self.the_files_are_as_spec_says()

    def come_again(self, names: list[str]) -> None:
        for name in names:
            self.log_in(self.connect(3), name, PASSWORDS[name])

    def shorten(self, log: int, kept: int) -> int:
        """One line of warning, and the log goes on after the last line that is there."""
        warnings = len(self.model.logs[log]) > kept
        self.model.shorten(log, kept)
        (self.directory / file_of(log)).write_bytes(self.model.files()[file_of(log)].encode())
        return warnings

    def tear(self, log: int, cut: int) -> int:
        number = len(self.model.logs[log]) + 100
        with (self.directory / file_of(log)).open("a") as file:
            file.write(f"{number}; 1 Jun 2022 16:00:00; Yoda; half"[:cut])
        return 1

    def end(self, kill: bool) -> None:
        if kill:
            self.whole.kill()
        else:
            self.whole.stop()
            assert not list((self.directory / ".toom").glob("journal-*"))
        self.seats = []
        self.looks = 0
        self.model.restart()

    @invariant()
    def people_see_what_spec_says(self) -> None:
        """One of those who are in looks, another one after each step."""
        self.looks += 1
        if not self.users:
            return
        seat, model = self.user(self.looks), self.model
        since = self.whole.clock.now() - timedelta(seconds=(-1, 0, 1, 5, 10**6)[self.looks % 5])
        broadcasts, rooms = (m.ReadMessages(choice, stamp(since)) for choice in m.LogChoice)
        assert self.ask(seat, m.ListActive()) == model.others(seat.name)
        assert self.ask(seat, broadcasts) == model.read_broadcasts(since)
        assert self.ask(seat, rooms) == model.read_rooms(seat.name, since)

    @invariant()
    def the_files_are_as_spec_says(self) -> None:
        assert self.whole.files() == self.model.files()


pytestmark = pytest.mark.timeout(120 + 2 * CONFERENCES)  # seconds; each has some lives of a server
Everybody.TestCase.settings = settings(
    max_examples=CONFERENCES, stateful_step_count=40, deadline=None
)
TestEverybody = Everybody.TestCase
