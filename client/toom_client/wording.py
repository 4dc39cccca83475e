"""Values to the sentences that the user reads (SPEC S2, S6 to S12; PROTOCOL 4.2). Pure."""

from collections.abc import Iterator
from typing import Final, assert_never

from toom_client.progress import Direction, State
from toom_client.roster import Action, Answer, Listing, Misfit, Obeyed, Row
from toom_client.transfers import Received, ReceiveFailed, Report, SendFailed, Uploaded
from toom_protocol import messages as m
from toom_protocol.characters import seen
from toom_protocol.errors import MalformedLine
from toom_protocol.lines import parse_active_user, parse_post
from toom_protocol.liveness import DEAD_WITHIN, LOGIN_LIMIT
from toom_protocol.timestamps import format_timestamp

WELCOME = "Welcome to TOOM!"
SERVER_GONE = "The server is gone."
NO_TOOM = "It has not said a word of Toom: if it expects TLS, start the client with --tls."
NOBODY_ELSE = "no other active user"
NO_NEW_MESSAGE = "no new message"
BROADCASTS: Final = 0  # where the broadcasts stand among the rooms; PROTOCOL 3.2

_LOGIN_FAULTS = {
    m.LoginFault.WRONG: "Invalid Password. Please try again",
    m.LoginFault.NOW_BLOCKED: (
        "Invalid Password. Your account has been blocked. Please try again later"
    ),
    m.LoginFault.BLOCKED: (
        "Your account is blocked due to multiple login failures. Please try again later"
    ),
}
_ROOM_FAULTS = {
    m.RoomFault.NO_SUCH_ROOM: "The separate room does not exist",
    m.RoomFault.NOT_A_MEMBER: "You are not in this separate room chat",
}


def say_login_fault(fault: m.LoginFault, username: str) -> str:
    """Word why a log-in was refused (SPEC S2)."""
    if fault is m.LoginFault.ALREADY:
        return f"{seen(username)} is already logged in."
    return _LOGIN_FAULTS[fault]


class Teller:
    """Words the answer to one command, reply by reply, however many parts it has."""

    def __init__(self, username: str) -> None:
        """Speak to the user of this name."""
        self._username = username
        self._room = BROADCASTS  # whose messages are being told
        self._told = 0  # users or messages so far

    def tell(self, reply: m.Reply, request: m.Request) -> Iterator[str]:
        """Give the lines for one reply."""
        match reply:
            case m.ActiveLines(lines):
                yield from self._active(lines)
            case m.LogLines(room_id, lines):
                yield from self._messages(room_id, lines)
            case m.End():
                if not self._told:
                    listing = isinstance(request, m.ListActive)
                    yield NOBODY_ELSE if listing else NO_NEW_MESSAGE
            case m.LoggedOut():
                yield f"Bye, {seen(self._username)}!"
            case _:
                yield say_reply(reply)

    def _active(self, lines: bytes) -> Iterator[str]:
        """Word ATU's answer (SPEC S7)."""
        for line in _split(lines):
            try:
                user = parse_active_user(line)
            except MalformedLine:
                continue  # a server that speaks otherwise
            self._told += 1
            since = format_timestamp(user.at)
            name = seen(user.username)
            yield f"{name}, {user.address}, {user.udp_port}, active since {since}."

    def _messages(self, room_id: int, lines: bytes) -> Iterator[str]:
        """Word RDM's answer; rooms have a heading, broadcasts have none (SPEC S10)."""
        for line in _split(lines):
            try:
                post = parse_post(line.rstrip("\r"))
            except MalformedLine:
                continue  # somebody wrote it into the log by hand
            if room_id != self._room:
                self._room = room_id
                yield f"room-{room_id}:"
            self._told += 1
            at = format_timestamp(post.at)
            yield f"#{post.number}; {seen(post.username)}: {post.text} at {at}."


RECONNECTED: Final = "Reconnected."
NOT_CONNECTED: Final = "Not connected; trying again. Type it again when it says Reconnected."
CUT_OFF: Final = "The connection was lost before the whole answer was here. Please type it again."
LOG_IN_CUT_OFF: Final = (
    "The connection was lost before the answer: it is unknown whether you are logged in."
)
PASSWORD_AGAIN: Final = "Please type the password again."
START_AGAIN: Final = "Please start the client again."
OUT_CUT_OFF: Final = (
    "The connection was lost before the answer to OUT: if you are still logged in, "
    f"the server logs you out within {DEAD_WITHIN:.0f} s."
)
UNKNOWN: Final = (
    "The connection was lost before the answer: it is unknown whether it was done. "
    "It is repeated as soon as possible, and done only once."
)
REPEATED: Final = "Repeated what was unanswered; it is done once:"
STILL_UNKNOWN: Final = (
    "It stays unknown whether what was unanswered was done: the server does not remember. "
    "Look with RDM, and type it again if it is not there."
)
NO_RECONNECT: Final = "The server knows no --reconnect: when it goes, this client ends."
NO_LIVE: Final = "The server knows no --live: use RDM."


def say_pause(seconds: float, *, first: bool) -> str:
    """Say that the connection is gone, and when it is tried again."""
    what = "Connection lost" if first else "Still no connection"
    return f"{what}; trying again in {seconds:.1f} s …"


def say_end(cause: m.Cause | None, *, may_want_tls: bool = False) -> str:
    """Word the end of the connection, for which the server may have told a cause (SPEC S11).

    Args:
        may_want_tls: the server ended a plain connection without a word of Toom (PROTOCOL 2.6).
    """
    if cause is m.Cause.NO_LOG_IN:
        return f"Nobody has logged in here for {LOGIN_LIMIT:.0f} s."
    if cause is m.Cause.FULL:
        return "The server is full. Please try again later."
    if cause is m.Cause.TOO_MANY:
        return "The server takes no more connections from this address."
    return f"{SERVER_GONE} {NO_TOOM}" if may_want_tls else SERVER_GONE


def say_no_key(username: str) -> str:
    """Say that somebody is here, but with a client that has no key (PROTOCOL 5.8)."""
    return f"The client of {seen(username)} is too old: it takes no encrypted files."


def say_reply(reply: m.Reply) -> str:
    """Word a reply that is one line."""
    match reply:
        case m.BroadcastSent(number, at):
            return f"Broadcast message, #{number} broadcast at {at}."
        case m.RoomBuilt(room_id, members):
            return (
                f"Separate chat room has been created, room ID: {room_id}, "
                f"users in this room: {', '.join(map(seen, members))}"
            )
        case m.RoomExists(room_id):
            return f"a separate room (ID: {room_id}) already created for these users"
        case m.RoomRefused():
            return _say_room_refused(reply)
        case m.RoomMessageSent(number, room_id, at):
            return f"Separate room message, #{number} sent to room {room_id} at {at}."
        case m.RoomMessageRefused(fault):
            return _ROOM_FAULTS[fault]
        case m.NotActive(name):
            return f"{seen(name)} is offline"
        case m.Refused(reason):
            return reason
        case m.NotStored(reason):
            return f"Not done, please try again later. {reason}"
        case m.Unsupported():
            return "The server does not know this command; it may be of an older version."
        case _:
            return f"The server gave an answer that does not fit: {type(reply).__name__}."


def _split(lines: bytes) -> list[str]:
    return [line for line in lines.decode(errors="replace").split("\n") if line]


def _say_room_refused(reply: m.RoomRefused) -> str:
    """Name all faults of the names in one line, unknown ones first (SPEC S8)."""
    faults = [f"{seen(name)} does not exist" for name in reply.unknown]
    faults += [f"{seen(name)} is offline" for name in reply.offline]
    if reply.oneself:
        faults.append("you cannot name yourself, you are a member anyway")
    return "The separate room has not been created: " + ", ".join(faults)


def say_report(report: Report) -> str:
    """Word what became of a transfer (SPEC S12)."""
    match report:
        case Uploaded(filename):
            return f"{seen(filename)} has been uploaded"
        case Received(filename, presenter):
            return f"Received {seen(filename)} from {seen(presenter)}"
        case SendFailed(filename, audience, reason):
            return f"Transfer of {seen(filename)} to {seen(audience)} failed: {reason}"
        case ReceiveFailed(filename, presenter, reason):
            return f"Transfer of {seen(filename)} from {seen(presenter)} failed: {reason}"
        case _:
            assert_never(report)


NO_TRANSFERS: Final = "no transfers"
_OBEYED = {
    Action.PAUSE: "Transfer {0} is paused.",
    Action.CONTINUE: "Transfer {0} goes on.",
    Action.CANCEL: "Transfer {0} is cancelled.",
}
_UNITS: Final = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def say_answer(answer: Answer) -> list[str]:
    """Word what TRF has found or done (PROTOCOL 5.15)."""
    match answer:
        case Listing(rows):
            return [_say_row(row) for row in rows] or [NO_TRANSFERS]
        case Obeyed(order) if order.action is not None:
            return [_OBEYED[order.action].format(order.number)]
        case Misfit(order, None):
            return [f"There is no transfer {order.number}."]
        case Misfit(order, row) if row is not None and order.action is not None:
            return [f"Transfer {row.number} {_say_misfit(order.action, row)}"]
        case _:
            return []


def _say_row(row: Row) -> str:
    way, preposition = (
        ("sending", "to") if row.direction is Direction.SENDING else ("receiving", "from")
    )
    what = f"{row.number}: {way} {seen(row.filename)} {preposition} {seen(row.peer)}"
    words = [what, row.state.value]
    if row.state is State.FAILED:
        words[-1] += f": {row.reason}"
    elif row.state is not State.DONE:
        words.append(f"{int(100 * row.share)} %")
    if row.state is State.MOVING:
        words.append(_say_rate(row.rate))
    return ", ".join(words)


def _say_rate(rate: float) -> str:
    for unit, size in _UNITS:
        if rate >= size:
            return f"{rate / size:.1f} {unit}/s"
    return f"{rate:.0f} B/s"


def _say_misfit(action: Action, row: Row) -> str:
    """Say why an order does not fit, behind the transfer's number."""
    match action, row.state:
        case Action.RETRY, State.DONE:
            return "has not failed."
        case Action.RETRY, State.FAILED:
            return f"came from {seen(row.peer)}, who alone can send it again."
        case Action.RETRY, _:
            return "has not ended."
        case _, State.DONE | State.FAILED:
            return "has ended."
        case Action.CONTINUE, State.HELD:
            return f"is paused by {seen(row.peer)}, who alone can let it go on."
        case Action.PAUSE, State.PAUSED:
            return "is paused already."
        case Action.PAUSE, State.CHECKING:
            return "is whole, and being checked."
        case _:
            return "is not paused."
