"""The sentences that SPEC quotes, and those of PROTOCOL 4.2."""

import pytest

from toom_client.progress import Direction, State
from toom_client.reports import Received, ReceiveFailed, Report, SendFailed, Uploaded
from toom_client.roster import Action, Listing, Misfit, Obeyed, Order, Row
from toom_client.wording import (
    Teller,
    say_answer,
    say_end,
    say_login_fault,
    say_reply,
    say_report,
)
from toom_protocol import messages as m

ESCAPED = r"a\u200bb.mp4"
AT = "1 Jun 2022 16:05:00"


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (m.LoginFault.WRONG, "Invalid Password. Please try again"),
        (
            m.LoginFault.NOW_BLOCKED,
            "Invalid Password. Your account has been blocked. Please try again later",
        ),
        (
            m.LoginFault.BLOCKED,
            "Your account is blocked due to multiple login failures. Please try again later",
        ),
        (m.LoginFault.ALREADY, "Yoda is already logged in."),
    ],
)
def test_log_in_faults(fault: m.LoginFault, line: str) -> None:
    assert say_login_fault(fault, "Yoda") == line


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (m.BroadcastSent(1, AT), f"Broadcast message, #1 broadcast at {AT}."),
        (
            m.RoomBuilt(1, ("Yoda", "Obi-wan")),
            "Separate chat room has been created, room ID: 1, users in this room: Yoda, Obi-wan",
        ),
        (m.RoomExists(1), "a separate room (ID: 1) already created for these users"),
        (
            m.RoomRefused(("X",), ("Han", "Y"), 1),
            "The separate room has not been created: X does not exist, Han is offline, "
            "Y is offline, you cannot name yourself, you are a member anyway",
        ),
        (m.RoomMessageSent(1, 1, AT), f"Separate room message, #1 sent to room 1 at {AT}."),
        (m.RoomMessageRefused(m.RoomFault.NO_SUCH_ROOM), "The separate room does not exist"),
        (m.RoomMessageRefused(m.RoomFault.NOT_A_MEMBER), "You are not in this separate room chat"),
        (m.NotActive("Han"), "Han is offline"),
        (m.NotActive("Ha\u200bn"), r"Ha\u200bn is offline"),  # PROTOCOL 7.5
        (m.Refused("Because."), "Because."),
    ],
)
def test_replies(reply: m.Reply, line: str) -> None:
    assert say_reply(reply) == line


def told(request: m.Request, *replies: m.Reply) -> list[str]:
    teller = Teller("Yoda")
    return [line for reply in replies for line in teller.tell(reply, request)]


def test_active_users() -> None:
    lines = f"1; {AT}; Obi-wan; 129.129.2.1; 8001\n".encode()
    wanted = [f"Obi-wan, 129.129.2.1, 8001, active since {AT}."]
    assert told(m.ListActive(), m.ActiveLines(lines), m.End()) == wanted
    assert told(m.ListActive(), m.End()) == ["no other active user"]
    assert told(m.ListActive(), m.ActiveLines(b"what?\n"), m.End()) == ["no other active user"]


def test_messages_are_grouped_by_room_over_any_number_of_parts() -> None:
    request = m.ReadMessages(m.LogChoice.ROOMS, AT)
    parts = [
        m.LogLines(1, f"1; {AT}; Yoda; hello; there\n".encode()),
        m.LogLines(1, f"a note\n2; {AT}; Han; hi\n".encode()),
        m.LogLines(3, f"1; {AT}; Han; hm\n".encode()),
    ]
    assert told(request, *parts, m.End()) == [
        "room-1:",
        f"#1; Yoda: hello; there at {AT}.",
        f"#2; Han: hi at {AT}.",
        "room-3:",
        f"#1; Han: hm at {AT}.",
    ]


def test_broadcasts_have_no_heading() -> None:
    request = m.ReadMessages(m.LogChoice.BROADCASTS, AT)
    part = m.LogLines(0, f"1; {AT}; Yoda; hi\n".encode())
    assert told(request, part, m.End()) == [f"#1; Yoda: hi at {AT}."]
    assert told(request, m.End()) == ["no new message"]


def test_goodbye() -> None:
    assert told(m.LogOut(), m.LoggedOut()) == ["Bye, Yoda!"]


def test_the_end_of_the_connection() -> None:
    assert say_end(None) == "The server is gone."
    assert say_end(m.Cause.NO_LOG_IN) == "Nobody has logged in here for 120 s."


SENT = (Direction.SENDING, "Han", "a.mp4")
CAME = (Direction.RECEIVING, "Luke", "b.mp4")


def test_transfers_in_a_list() -> None:
    """PROTOCOL 5.15"""
    rows = (
        Row(1, *SENT, State.MOVING, 0.436, 1_250_000.0),
        Row(2, *CAME, State.PAUSED, 0.999, 10.0),
        Row(3, *SENT, State.FAILED, reason="no answer"),
        Row(4, *CAME, State.DONE, 1.0),
        Row(5, *CAME, State.HELD),
        Row(12, *SENT, State.MOVING, 0.0, 999.4),
    )
    assert say_answer(Listing(rows)) == [
        "1: sending a.mp4 to Han, under way, 43 %, 1.2 MB/s",
        "2: receiving b.mp4 from Luke, paused, 99 %",
        "3: sending a.mp4 to Han, failed: no answer",
        "4: receiving b.mp4 from Luke, done",
        "5: receiving b.mp4 from Luke, paused by the other side, 0 %",
        "12: sending a.mp4 to Han, under way, 0 %, 999 B/s",
    ]
    assert say_answer(Listing(())) == ["no transfers"]


@pytest.mark.parametrize(
    ("action", "row", "line"),
    [
        (Action.PAUSE, None, "There is no transfer 7."),
        (Action.PAUSE, Row(7, *SENT, State.PAUSED), "Transfer 7 is paused already."),
        (Action.PAUSE, Row(7, *SENT, State.CHECKING), "Transfer 7 is whole, and being checked."),
        (Action.CONTINUE, Row(7, *SENT, State.MOVING), "Transfer 7 is not paused."),
        (
            Action.CONTINUE,
            Row(7, *SENT, State.HELD),
            "Transfer 7 is paused by Han, who alone can let it go on.",
        ),
        (Action.CANCEL, Row(7, *SENT, State.DONE), "Transfer 7 has ended."),
        (Action.RETRY, Row(7, *SENT, State.DONE), "Transfer 7 has not failed."),
        (Action.RETRY, Row(7, *SENT, State.PAUSED), "Transfer 7 has not ended."),
        (
            Action.RETRY,
            Row(7, *CAME, State.FAILED),
            "Transfer 7 came from Luke, who alone can send it again.",
        ),
    ],
)
def test_orders_that_do_not_fit(action: Action, row: Row | None, line: str) -> None:
    assert say_answer(Misfit(Order(action, 7), row)) == [line]


def test_orders_that_are_obeyed() -> None:
    said = [say_answer(Obeyed(Order(action, 1))) for action in list(Action)[:3]]
    assert said == [
        ["Transfer 1 is paused."],
        ["Transfer 1 goes on."],
        ["Transfer 1 is cancelled."],
    ]


@pytest.mark.parametrize(
    "report",
    [
        Uploaded("a\u200bb.mp4", "Ha\u200bn"),
        Received("a\u200bb.mp4", "Ha\u200bn"),
        SendFailed("a\u200bb.mp4", "Ha\u200bn", "no answer"),
        ReceiveFailed("a\u200bb.mp4", "Ha\u200bn", "no answer"),
    ],
)
def test_no_two_names_of_transfers_look_alike(report: Report) -> None:
    """PROTOCOL 7.5."""
    line = say_report(report)
    assert line.isprintable()
    assert ESCAPED in line


def test_no_two_names_in_lists_look_alike() -> None:
    """PROTOCOL 7.5; what somebody says is shown as it was typed, joined emoji and all."""
    row = Row(1, Direction.RECEIVING, "Ha\u200bn", "a\u200bb.mp4", State.DONE, 1.0)
    [line] = say_answer(Listing((row,)))
    assert line == rf"1: receiving {ESCAPED} from Ha\u200bn, done"
    teller = Teller("Yoda")
    [line] = teller.tell(
        m.ActiveLines(f"1; {AT}; Ha\u200bn; 10.0.0.2; 8000\n".encode()), m.ListActive()
    )
    assert line.startswith(r"Ha\u200bn, ")
    asked = m.ReadMessages(m.LogChoice.BROADCASTS, AT)
    [line] = teller.tell(m.LogLines(0, f"1; {AT}; Ha\u200bn; 👨\u200d👩\n".encode()), asked)
    assert line == r"#1; Ha\u200bn: " + f"👨\u200d👩 at {AT}."
