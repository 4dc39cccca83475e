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

picks = st.integers(0, 99)
passwords = st.sampled_from(["right", "right", "right", "wrong"])
texts = st.one_of(
    st.sampled_from(
        ["hello; there", "; ", " x ", "\t", "2; 1 Jun 2022 16:00:00; Yoda; x", "é" * 40]
    ),
    st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).filter(
        lambda text: text.strip(" ")
    ),
)
bad_texts = st.sampled_from(["\a", "a\nb", "x" * 8193, "  ", "\x85"])
ends = st.sampled_from(["stop", "kill"])


@dataclass
class Seat:
    """A client."""

    wire: Wire
    address: str
    since: float  # when it came, or was last seen logged in
    name: str = ""  # while logged in


class Everybody(RuleBasedStateMachine):
    """People and a server."""

    @initialize(attempts=st.integers(1, 5))
    def begin(self, attempts: int) -> None:
        self.directory = Path(mkdtemp(prefix="toom-whole-"))
        self.whole = Whole(self.directory, PASSWORDS, attempts)
        self.model = Model(PASSWORDS, attempts)
        self.seats: list[Seat] = []
        self.said = 0
        assert self.whole.begin() == ()

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

    @precondition(lambda self: len(self.seats) < 6)
    @rule(host=st.integers(1, 3))
    def connect(self, host: int) -> None:
        address = f"10.0.0.{host}"
        self.seats.append(Seat(self.whole.connect(address), address, self.now))

    @precondition(lambda self: self.guests)
    @rule(pick=picks, name=st.sampled_from([*NAMES, STRANGER]), given=passwords)
    def log_in(self, pick: int, name: str, given: str) -> None:
        seat = self.guests[pick % len(self.guests)]
        word = PASSWORDS.get(name, "any") if given == "right" else "wrong"
        user = User(name, self.whole.clock.now(), seat.address, 8000 + pick)
        expected = self.model.log_in(user, word, self.now)
        answer = self.whole.ask(seat.wire, m.LogIn(name, word, user.port), name)
        assert answer == [expected]
        if expected == "Welcome to TOOM!":
            seat.name = name
        elif expected != "Invalid Password. Please try again":  # the client ends
            self.leave(seat)

    def leave(self, seat: Seat) -> None:
        self.seats.remove(seat)
        self.whole.hang_up(seat.wire)

    @precondition(lambda self: self.users)
    @rule(pick=picks)
    def log_out(self, pick: int) -> None:
        seat = self.user(pick)
        assert self.ask(seat, m.LogOut()) == [self.model.leave(seat.name)]
        self.leave(seat)

    @precondition(lambda self: self.seats)
    @rule(pick=picks)
    def vanish(self, pick: int) -> None:
        seat = self.seats[pick % len(self.seats)]
        self.model.leave(seat.name)
        self.leave(seat)

    @precondition(lambda self: self.seats)
    @rule(pick=picks)
    def fall_silent(self, pick: int) -> None:
        """Its cable is pulled; the others are heard of every second."""
        silent = self.seats[pick % len(self.seats)]
        self.pass_time(SILENT, silent)
        assert silent.wire.is_closing()
        self.model.leave(silent.name)
        if silent in self.seats:
            self.seats.remove(silent)

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
    @rule(pick=picks, named=st.lists(st.sampled_from([*NAMES, STRANGER]), min_size=1, max_size=3))
    def build_room(self, pick: int, named: list[str]) -> None:
        seat = self.user(pick)
        expected = self.model.build_room(seat.name, named)
        assert self.ask(seat, m.BuildRoom(tuple(named))) == [expected]

    @precondition(lambda self: len(self.users) > 1)
    @rule(pick=picks, size=st.integers(1, 3))
    def build_room_of_those_who_are_there(self, pick: int, size: int) -> None:
        seat = self.user(pick)
        others = [each.name for each in self.users if each is not seat][:size]
        expected = self.model.build_room(seat.name, others)
        assert self.ask(seat, m.BuildRoom(tuple(others))) == [expected]

    @precondition(lambda self: self.users)
    @rule(pick=picks, room=st.integers(0, 4), text=texts)
    def say_in_room(self, pick: int, room: int, text: str) -> None:
        seat = self.user(pick)
        expected = self.model.say_in_room(room, seat.name, text, self.whole.clock.now())
        assert self.ask(seat, m.RoomMessage(room, text)) == [expected]

    @precondition(lambda self: self.users)
    @rule(pick=picks, ago=st.integers(-2, 40), rooms=st.booleans())
    def read(self, pick: int, ago: int, rooms: bool) -> None:
        seat = self.user(pick)
        since = self.whole.clock.now() - timedelta(seconds=ago)
        choice = m.LogChoice.ROOMS if rooms else m.LogChoice.BROADCASTS
        model = self.model
        expected = model.read_rooms(seat.name, since) if rooms else model.read_broadcasts(since)
        assert self.ask(seat, m.ReadMessages(choice, stamp(since))) == expected

    @precondition(lambda self: self.users)
    @rule(pick=picks)
    def ask_who_is_there(self, pick: int) -> None:
        seat = self.user(pick)
        assert self.ask(seat, m.ListActive()) == self.model.others(seat.name)

    # --- what becomes of the server -----------------------------------------------------------

    @rule(end=ends)
    def the_server_ends(self, end: str) -> None:
        self.restart(end)

    @precondition(lambda self: self.users)
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
        self.end("kill")
        assert self.whole.begin() == ()
        there = self.whole.files()
        for (seat, log, text), is_answered in zip(asked, answered, strict=True):
            said = self.model.say(log, seat.name, text, self.whole.clock.now())
            name = f"SR_{log}_messagelog.txt" if log else "messagelog.txt"
            if said.line() not in there[name].splitlines():
                assert not is_answered
                self.model.logs[log].pop()

    @rule(end=ends)
    def the_hidden_folder_is_deleted(self, end: str) -> None:
        self.end(end)
        shutil.rmtree(self.directory / ".toom")
        self.model.forget_rooms()
        assert self.whole.begin() == ()

    @rule(end=ends, pick=picks, kept=st.integers(0, 3))
    def a_log_is_shortened(self, end: str, pick: int, kept: int) -> None:
        """One line of warning, and it goes on after the last line that is there."""
        self.end(end)
        log = sorted(self.model.logs)[pick % len(self.model.logs)]
        was_longer = len(self.model.logs[log]) > kept
        self.model.shorten(log, kept)
        name = f"SR_{log}_messagelog.txt" if log else "messagelog.txt"
        (self.directory / name).write_bytes(self.model.files()[name].encode())
        assert len(self.whole.begin()) == was_longer

    @rule(end=ends, pick=picks, cut=st.integers(1, 30))
    def a_last_line_is_half_written(self, end: str, pick: int, cut: int) -> None:
        self.end(end)
        log = sorted(self.model.logs)[pick % len(self.model.logs)]
        name = f"SR_{log}_messagelog.txt" if log else "messagelog.txt"
        number = len(self.model.logs[log]) + 1
        with (self.directory / name).open("a") as file:
            file.write(f"{number + 100}; 1 Jun 2022 16:00:00; Yoda; half"[:cut])
        assert len(self.whole.begin()) == 1

    def restart(self, end: str) -> None:
        self.end(end)
        assert self.whole.begin() == ()

    def end(self, end: str) -> None:
        if end == "stop":
            self.whole.stop()
            assert not list((self.directory / ".toom").glob("journal-*"))
        else:
            self.whole.kill()
        self.seats = []
        self.model.restart()

    @invariant()
    def the_files_are_as_spec_says(self) -> None:
        if hasattr(self, "whole"):
            assert self.whole.files() == self.model.files()


pytestmark = pytest.mark.timeout(120 + 2 * CONFERENCES)  # seconds; each has some lives of a server
Everybody.TestCase.settings = settings(
    max_examples=CONFERENCES, stateful_step_count=40, deadline=None
)
TestEverybody = Everybody.TestCase
