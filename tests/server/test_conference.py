"""The rules of SPEC S2 to S12 without sockets, files or clocks; PROTOCOL 3.4, 7.3."""

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, Decoder, encode
from toom_protocol.lines import ActiveUser
from toom_server.accounts import Accounts
from toom_server.conference import Conference
from toom_server.entries import History, LastPost
from toom_server.outcomes import Instant, Outcome, ReadPlan, Session
from toom_server.sessions import Sessions
from toom_server.tails import Additions
from toom_server.talk import SAYINGS

START = datetime(2022, 6, 1, 16, 0, 0)


class World:
    """A conference with a clock that moves when told."""

    def __init__(self, history: History | None = None) -> None:
        accounts = Accounts({name: f"{name}-pw" for name in ("Yoda", "Han", "Luke", "Leia")})
        drawn = itertools.count(1)
        sessions = Sessions(lambda: b"token %d" % next(drawn))
        self.conference = Conference(
            accounts, 3, history or History(), lambda: (7, b"k" * 32), sessions
        )
        self.seconds = 0.0
        self.additions = Additions()
        """Of all that was done."""

    def at(self) -> Instant:
        return Instant(self.seconds, START + timedelta(seconds=int(self.seconds)))

    def do(self, session: Session, request: m.Request) -> Outcome:
        if not isinstance(request, SAYINGS) or session.username is None:
            outcome = self.conference.handle(session, request, self.at())
            self.additions.entries += outcome.entries
            return outcome
        tails = self.additions.tails
        said = self.conference.talk.say(session.username, 1, request, self.at().local, tails)
        if not isinstance(said, tuple):
            return Outcome((said,))
        answer, shown = said
        [(_, reply)] = client_of_a_server().receive(answer)
        return Outcome((reply,), console=shown)  # type: ignore[arg-type]

    def reply(self, session: Session, request: m.Request) -> Any:
        [reply] = self.do(session, request).replies
        return reply

    def enter(self, name: str, address: str = "10.0.0.1") -> Session:
        session = Session(address)
        reply = self.reply(session, m.LogIn(name, f"{name}-pw", 8000))
        assert reply == m.LoggedIn(name)
        return session


def client_of_a_server() -> Decoder:
    decoder = Decoder()
    decoder.receive(PREFACE)
    return decoder


@pytest.fixture
def world() -> World:
    return World()


def wrong(world: World, name: str, address: str = "10.0.0.9") -> m.LoginFault:
    reply = world.reply(Session(address), m.LogIn(name, "wrong", 8000))
    assert isinstance(reply, m.LoginFailed)
    return reply.fault


def test_log_in_and_out(world: World) -> None:
    yoda = world.enter("Yoda")
    [line] = world.conference.active_users()
    assert line == ActiveUser(1, START, "Yoda", "10.0.0.1", 8000)
    assert world.reply(yoda, m.LogOut()) == m.LoggedOut()
    assert world.conference.active_users() == ()


def test_blocked_from_every_address_and_not_for_longer(world: World) -> None:
    faults = [wrong(world, "Yoda", f"10.0.0.{n}") for n in range(3)]
    assert faults == [m.LoginFault.WRONG, m.LoginFault.WRONG, m.LoginFault.NOW_BLOCKED]
    world.seconds = 9.9
    right = m.LogIn("Yoda", "Yoda-pw", 8000)
    assert world.reply(Session("10.0.0.77"), right) == m.LoginFailed(m.LoginFault.BLOCKED)
    world.seconds = 10.0
    assert world.reply(Session("10.0.0.77"), right) == m.LoggedIn("Yoda")


def test_an_unknown_name_answers_as_a_wrong_password(world: World) -> None:
    assert [wrong(world, "Nobody") for _ in range(4)] == [wrong(world, "Yoda") for _ in range(4)]


def test_a_second_log_in_is_refused_after_its_right_password(world: World) -> None:
    world.enter("Yoda")
    assert wrong(world, "Yoda") is m.LoginFault.WRONG
    again = world.reply(Session("10.0.0.2"), m.LogIn("Yoda", "Yoda-pw", 8001))
    assert again == m.LoginFailed(m.LoginFault.ALREADY)
    assert [user.udp_port for user in world.conference.active_users()] == [8000]


def test_commands_need_a_log_in(world: World) -> None:
    assert world.reply(Session("a"), m.Broadcast("hi")) == m.Refused("Log in first.")
    assert world.reply(Session("a"), m.Ping()) == m.Pong()


@pytest.mark.parametrize(
    "request_", [m.LogIn("Yoda", "Yoda-pw", 0), m.LogIn("Yoda", "Yoda-pw", 65536)]
)
def test_a_udp_port_out_of_range(world: World, request_: m.LogIn) -> None:
    assert isinstance(world.reply(Session("a"), request_), m.Refused)


def test_another_version_is_refused_in_words(world: World) -> None:
    assert isinstance(world.reply(Session("a"), m.LogIn("Yoda", "Yoda-pw", 1, 9)), m.Refused)


def test_those_below_move_up(world: World) -> None:
    sessions = [world.enter(name) for name in ("Yoda", "Han", "Luke")]
    world.conference.leave(sessions[1], world.at())
    users = world.conference.active_users()
    assert [(user.sequence, user.username) for user in users] == [(1, "Yoda"), (2, "Luke")]


def test_a_broadcast(world: World) -> None:
    outcome = world.do(world.enter("Yoda"), m.Broadcast("Hello"))
    assert outcome.replies == (m.BroadcastSent(1, "1 Jun 2022 16:00:00"),)
    assert outcome.console == 'Yoda broadcasted BCM #1 "Hello" at 1 Jun 2022 16:00:00.'
    assert world.additions.tails[0].content == b"1; 1 Jun 2022 16:00:00; Yoda; Hello\n"


def test_a_hostile_client_cannot_say_what_may_not_be_said(world: World) -> None:
    yoda = world.enter("Yoda")
    world.do(yoda, m.BuildRoom(("Han",)))
    for text in ("a\nb", "", "x" * 9000):
        assert isinstance(world.reply(yoda, m.Broadcast(text)), m.Refused)
    assert world.reply(yoda, m.Broadcast("next")).number == 1


def test_no_room_has_the_number_of_the_broadcasts(world: World) -> None:
    refused = m.RoomMessageRefused(m.RoomFault.NO_SUCH_ROOM)
    assert world.reply(world.enter("Yoda"), m.RoomMessage(0, "private")) == refused


def test_times_in_a_log_never_go_backwards() -> None:
    late = START + timedelta(hours=1)
    world = World(History(last={0: LastPost(41, late)}))
    reply = world.reply(world.enter("Yoda"), m.Broadcast("hi"))
    assert reply == m.BroadcastSent(42, "1 Jun 2022 17:00:00")


def test_active_users_are_the_others_in_order(world: World) -> None:
    world.enter("Han")
    yoda = world.enter("Yoda")
    world.enter("Luke")
    lines, end = world.do(yoda, m.ListActive()).replies
    assert isinstance(lines, m.ActiveLines)
    assert [line.split(b"; ")[2] for line in lines.lines.splitlines()] == [b"Han", b"Luke"]
    assert end == m.End()


def test_nobody_else(world: World) -> None:
    assert world.do(world.enter("Yoda"), m.ListActive()).replies == (m.End(),)


def test_a_long_list_comes_in_parts() -> None:
    names = [f"user-{number}" for number in range(2000)]
    conference = Conference(Accounts(dict.fromkeys(names, "x")), 3, History(), lambda: (1, b""))
    sessions = [Session("10.0.0.1") for _ in names]
    at = Instant(0, START)
    for name, session in zip(names, sessions, strict=True):
        conference.handle(session, m.LogIn(name, "x", 1), at)
    listed = conference.handle(sessions[0], m.ListActive(), at)
    assert isinstance(listed, Outcome)
    *said, end = listed.replies
    assert end == m.End()
    parts = [part.lines for part in said if isinstance(part, m.ActiveLines)]
    assert len(parts) == len(said) > 1
    assert all(len(part) < 0xFFFF for part in parts)
    text = b"".join(parts)
    assert [line.split(b"; ")[2].decode() for line in text.splitlines()] == names[1:]


def test_a_room(world: World) -> None:
    yoda, han = world.enter("Yoda"), world.enter("Han")
    assert world.reply(yoda, m.BuildRoom(("Han", "Han"))) == m.RoomBuilt(1, ("Yoda", "Han"))
    assert world.reply(han, m.BuildRoom(("Yoda",))) == m.RoomExists(1)


def test_faults_of_the_names_come_before_the_twin(world: World) -> None:
    yoda = world.enter("Yoda")
    names = ("Han", "Nobody", "Yoda", "Luke", "No-one", "Nobody")
    refusal = m.RoomRefused(("Nobody", "No-one"), ("Han", "Luke"), 1)
    assert world.reply(yoda, m.BuildRoom(names)) == refusal
    world.enter("Han")
    assert world.reply(yoda, m.BuildRoom(("Han",))) == m.RoomBuilt(1, ("Yoda", "Han"))


def test_no_names_at_all(world: World) -> None:
    assert isinstance(world.reply(world.enter("Yoda"), m.BuildRoom(())), m.Refused)


def test_room_messages(world: World) -> None:
    yoda, luke = world.enter("Yoda"), world.enter("Luke")
    world.enter("Han")
    world.do(yoda, m.BuildRoom(("Han",)))
    assert world.reply(yoda, m.RoomMessage(1, "hi")) == m.RoomMessageSent(
        1, 1, "1 Jun 2022 16:00:00"
    )
    missing, foreign = m.RoomFault.NO_SUCH_ROOM, m.RoomFault.NOT_A_MEMBER
    assert world.reply(luke, m.RoomMessage(1, "hi")) == m.RoomMessageRefused(foreign)
    assert world.reply(luke, m.RoomMessage(2, "hi")) == m.RoomMessageRefused(missing)
    assert isinstance(world.reply(yoda, m.RoomMessage(1, "a\x01")), m.Refused)


def test_reading_is_of_ones_own_rooms(world: World) -> None:
    yoda, luke = world.enter("Yoda"), world.enter("Luke")
    world.enter("Han")
    for names in (("Luke",), ("Han",), ("Han", "Luke")):
        world.do(yoda, m.BuildRoom(names))
    since = "1 Jun 2022 15:00:00"
    rooms, broadcasts = m.LogChoice.ROOMS, m.LogChoice.BROADCASTS
    when = datetime(2022, 6, 1, 15)
    assert world.do(luke, m.ReadMessages(rooms, since)).read == ReadPlan((1, 3), when)
    assert world.do(luke, m.ReadMessages(broadcasts, since)).read == ReadPlan((0,), when)
    assert isinstance(world.reply(luke, m.ReadMessages(rooms, "yesterday")), m.Refused)


def test_locating_tells_the_audience(world: World) -> None:
    yoda, han = world.enter("Yoda", "10.0.0.1"), world.enter("Han", "10.0.0.2")
    outcome = world.do(yoda, m.Locate("Han"))
    assert outcome.replies == (m.Located("Han", "10.0.0.2", 8000, 7, b"k" * 32),)
    assert outcome.notice == (han, m.Expected("Yoda", "10.0.0.1", 8000, 7, b"k" * 32))
    assert world.reply(yoda, m.Locate("Leia")) == m.NotActive("Leia")
    assert world.reply(yoda, m.Locate("Nobody")) == m.NotActive("Nobody")
    assert isinstance(world.reply(yoda, m.Locate("Yoda")), m.Refused)


def test_both_ends_are_told_the_others_key(world: World) -> None:
    """PROTOCOL 5.8."""
    yoda, han, leia = Session("10.0.0.1"), Session("10.0.0.2"), world.enter("Leia")
    world.do(yoda, m.LogIn("Yoda", "Yoda-pw", 8000, public_key=b"y" * 32))
    world.do(han, m.LogIn("Han", "Han-pw", 8000, public_key=b"h" * 32))
    outcome = world.do(yoda, m.Locate("Han"))
    assert outcome.notice is not None
    assert outcome.replies[0].public_key == b"h" * 32  # type: ignore[union-attr]
    assert outcome.notice[1].public_key == b"y" * 32
    outcome = world.do(leia, m.Locate("Han"))  # of a client of before
    assert outcome.notice is not None
    assert outcome.replies[0].public_key == b"h" * 32  # type: ignore[union-attr]
    assert outcome.notice[1].public_key == b""
    assert world.reply(han, m.Locate("Leia")).public_key == b""


def test_who_logs_in_next_on_a_connection_has_another_key(world: World) -> None:
    """PROTOCOL 5.8."""
    yoda, session = world.enter("Yoda"), Session("10.0.0.2")
    world.do(session, m.LogIn("Han", "Han-pw", 8000, public_key=b"h" * 32))
    world.do(session, m.LogOut())
    world.do(session, m.LogIn("Luke", "Luke-pw", 8000))
    assert world.reply(yoda, m.Locate("Luke")).public_key == b""


@pytest.mark.parametrize("size", [1, 31, 33, 64])
def test_a_key_of_another_size_is_refused(world: World, size: int) -> None:
    """PROTOCOL 5.8."""
    refused = world.reply(Session("a"), m.LogIn("Yoda", "Yoda-pw", 8000, public_key=bytes(size)))
    assert refused == m.Refused("The public key must have 32 bytes.")
    assert world.conference.active_count == 0


def test_what_could_not_be_kept_is_taken_back(world: World) -> None:
    yoda, han = world.enter("Yoda"), world.enter("Han")
    world.do(yoda, m.BuildRoom(("Han",)))
    world.do(yoda, m.RoomMessage(1, "hi"))
    world.do(han, m.Broadcast("a"))
    world.do(han, m.Broadcast("b"))
    world.conference.undo(world.additions)
    assert world.reply(yoda, m.RoomMessage(1, "hi")) == m.RoomMessageRefused(
        m.RoomFault.NO_SUCH_ROOM
    )
    assert world.reply(han, m.BuildRoom(("Yoda",))) == m.RoomBuilt(1, ("Han", "Yoda"))
    assert world.reply(yoda, m.RoomMessage(1, "hi")).number == 1
    assert world.reply(han, m.Broadcast("c")).number == 1


def test_a_refusal_of_very_many_names_fits_into_a_frame(world: World) -> None:
    names = tuple(f"{n:0>40000}" for n in range(4))
    reply = world.reply(world.enter("Yoda"), m.BuildRoom(names))
    assert encode(1, reply)
