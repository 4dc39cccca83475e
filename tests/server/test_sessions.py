"""Taking a session up on another connection, and repeating commands: PROTOCOL 3.6; SPEC S2, S3."""

import pytest

from tests.server.test_conference import START, World, wrong
from toom_protocol import messages as m
from toom_protocol.lines import ActiveUser
from toom_server.accounts import Accounts
from toom_server.outcomes import Session
from toom_server.replies import REMEMBERED, Replies
from toom_server.sessions import LIFETIME, MOST_ENDED, Sessions

INSTANCE = b"i" * 16


def kept(world: World, session: Session) -> bytes:
    reply = world.reply(session, m.Keep(INSTANCE))
    assert isinstance(reply, m.Kept)
    return reply.token


def resume(world: World, token: bytes, address: str = "10.0.0.1", port: int = 8000) -> Session:
    session = Session(address)
    assert isinstance(world.reply(session, m.Resume(token, port)), m.LoggedIn)
    return session


def no_session(world: World, token: bytes) -> bool:
    reply = world.reply(Session("10.0.0.1"), m.Resume(token, 8000))
    return bool(reply == m.LoginFailed(m.LoginFault.NO_SESSION))


@pytest.fixture
def world() -> World:
    return World()


def test_a_session_goes_on_elsewhere_and_is_no_second_log_in(world: World) -> None:
    yoda, _ = world.enter("Yoda"), world.enter("Han")
    token = kept(world, yoda)
    before = world.conference.generation
    world.seconds = 5
    session = Session("10.0.0.1")
    outcome = world.do(session, m.Resume(token, 8000))
    assert outcome.replies == (m.LoggedIn("Yoda"),)
    assert outcome.replaces is yoda
    assert not outcome.console
    assert world.conference.generation == before  # userlog.txt stays as it is
    assert world.conference.active_users()[0] == ActiveUser(1, START, "Yoda", "10.0.0.1", 8000)
    assert world.conference.leave(yoda, world.at()).console == ""
    assert len(world.conference.active_users()) == 2
    assert isinstance(world.reply(yoda, m.ListActive()), m.Refused)
    assert isinstance(world.reply(session, m.Broadcast("hi")), m.BroadcastSent)


def test_who_comes_back_from_elsewhere_keeps_place_and_time(world: World) -> None:
    yoda, _ = world.enter("Yoda"), world.enter("Han")
    token = kept(world, yoda)
    before = world.conference.generation
    world.seconds = 5
    resume(world, token, "10.0.0.7", 8001)
    assert world.conference.generation != before
    assert world.conference.active_users()[0] == ActiveUser(1, START, "Yoda", "10.0.0.7", 8001)


def test_a_session_goes_on_while_the_account_is_blocked(world: World) -> None:
    token = kept(world, world.enter("Yoda"))
    for _ in range(3):
        wrong(world, "Yoda")
    resume(world, token)


def test_a_log_in_by_token_waits_for_the_block(world: World) -> None:
    """SPEC S2: whoever is gone logs in anew, and a log-in is refused while blocked."""
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    world.conference.leave(yoda, world.at())
    for _ in range(3):
        wrong(world, "Yoda")
    reply = world.reply(Session("10.0.0.1"), m.Resume(token, 8000))
    assert reply == m.LoginFailed(m.LoginFault.BLOCKED)
    world.seconds += 10
    resume(world, token)


def test_a_token_is_good_for_a_while_after_its_connection(world: World) -> None:
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    world.conference.leave(yoda, world.at())
    world.seconds += LIFETIME
    again = resume(world, token)
    assert world.conference.active_users()[0].at > START  # that was a log-in
    world.conference.leave(again, world.at())
    world.seconds += LIFETIME + 1
    assert no_session(world, token)


def test_a_token_is_good_as_long_as_its_user_is_here(world: World) -> None:
    token = kept(world, world.enter("Yoda"))
    world.seconds += 100 * LIFETIME
    resume(world, token)


def test_what_ends_a_token(world: World) -> None:
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    newer = kept(world, yoda)
    assert no_session(world, token)  # there is one at a time
    world.reply(yoda, m.LogOut())
    assert no_session(world, newer)
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    world.conference.leave(yoda, world.at())
    world.enter("Yoda")  # by the password, from elsewhere
    assert no_session(world, token)
    assert no_session(world, b"")
    assert no_session(world, b"x" * 32)


def test_a_token_does_not_outlive_its_password(world: World) -> None:
    yoda, han = world.enter("Yoda"), world.enter("Han")
    of_yoda, of_han = kept(world, yoda), kept(world, han)
    world.conference.use_accounts(Accounts({"Yoda": "another", "Han": "Han-pw"}))
    assert no_session(world, of_yoda)
    resume(world, of_han)
    assert isinstance(world.reply(yoda, m.Broadcast("still here")), m.BroadcastSent)


def test_what_is_refused(world: World) -> None:
    yoda = world.enter("Yoda")
    token = kept(world, yoda)
    assert isinstance(world.reply(yoda, m.Resume(token, 8000)), m.Refused)
    assert isinstance(world.reply(yoda, m.Keep(b"")), m.Refused)
    for request in (m.Resume(token, 0), m.Resume(token, 8000, version=2), m.Keep(INSTANCE)):
        assert isinstance(world.reply(Session("10.0.0.1"), request), m.Refused)


@pytest.mark.parametrize("is_gone", [False, True])
def test_the_key_is_that_of_the_connection_on_which_the_session_goes_on(
    world: World, is_gone: bool
) -> None:
    """PROTOCOL 5.8."""
    han, yoda = world.enter("Han"), Session("10.0.0.1")
    world.do(yoda, m.LogIn("Yoda", "Yoda-pw", 8000, public_key=b"1" * 32))
    token = kept(world, yoda)
    if is_gone:
        world.conference.leave(yoda, world.at())
    again = Session("10.0.0.1")
    odd = m.Resume(token, 8000, public_key=b"short")
    assert isinstance(world.reply(again, odd), m.Refused)
    world.do(again, m.Resume(token, 8000, public_key=b"2" * 32))
    assert world.reply(han, m.Locate("Yoda")).public_key == b"2" * 32


def test_whose_commands_are_known(world: World) -> None:
    yoda = world.enter("Yoda")
    reply = world.reply(yoda, m.Keep(INSTANCE))
    assert not reply.remembers
    world.conference.leave(yoda, world.at())
    yoda = world.enter("Yoda")
    assert world.reply(yoda, m.Keep(INSTANCE)).remembers
    assert not world.reply(yoda, m.Keep(b"other")).remembers


def test_of_those_who_are_gone_the_oldest_is_forgotten() -> None:
    drawn = iter(range(10 * MOST_ENDED))
    sessions = Sessions(lambda: b"%d" % next(drawn))
    tokens = []
    for number in range(MOST_ENDED + 2):
        tokens.append(sessions.keep(f"user{number}", INSTANCE)[0])
        sessions.went(f"user{number}", float(number))
        assert len(list(sessions)) <= MOST_ENDED
    assert sessions.find(tokens[1], float(MOST_ENDED)) is None
    assert sessions.find(tokens[-1], float(MOST_ENDED)) is not None


def test_replies_are_remembered_up_to_a_number() -> None:
    replies: Replies[int] = Replies()
    for number in range(REMEMBERED + 1):
        assert replies.recall(number, 0) is False
        assert replies.told(number, m.BroadcastSent(number, "now")) == []
    assert replies.recall(0, 0) is False
    assert replies.recall(1, 0) == m.BroadcastSent(1, "now")


def test_who_asks_for_what_is_under_way_waits_for_it() -> None:
    replies: Replies[str] = Replies()
    assert replies.recall(1, "first") is False
    assert replies.recall(1, "second") is True
    assert replies.told(1, m.NotStored("full")) == ["second"]
    assert replies.recall(1, "second") is False  # it was not done: it is now


def test_no_token_is_shown() -> None:
    for message in (m.Kept(b"sesame"), m.Resume(b"sesame", 8000)):
        assert "sesame" not in repr(message)
