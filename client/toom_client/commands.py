"""A typed line to a command (SPEC S5, PROTOCOL 7.3). Pure.

Belongs here: which words make which command, and what is wrong with a line. Does not: what the
server says to it (wording.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from toom_client.line_editor import MAX_LINE
from toom_client.roster import Action, Order
from toom_protocol.errors import MalformedTimestamp
from toom_protocol.messages import (
    Broadcast,
    BuildRoom,
    ListActive,
    LogChoice,
    LogOut,
    ReadMessages,
    Request,
    RoomMessage,
)
from toom_protocol.texts import fault_of_message, has_control_character
from toom_protocol.timestamps import format_timestamp, parse_timestamp

COMMANDS: Final = ("BCM", "ATU", "SRB", "SRM", "RDM", "OUT", "UPD")
MANAGE: Final = "TRF"  # with `--manage` alone; PROTOCOL 5.15
INVALID: Final = "Error. Invalid command!"
BAD_TIMESTAMP: Final = "Invalid timestamp. The format is: 1 Jun 2022 16:01:20"
TOO_LONG: Final = f"The line is too long: it must be shorter than {MAX_LINE} bytes."
TRANSFER_DIGITS: Final = 9  # a number of more cannot be that of a transfer
SHOWN_DIGITS: Final = 20  # of such a number
MAX_ROOM_ID: Final = 2**63 - 1  # a longer number cannot be the ID of any room

USAGE: Final = {
    "BCM": "Usage: BCM message",
    "ATU": "Usage: ATU",
    "SRB": "Usage: SRB username [username ...]",
    "SRM": "Usage: SRM roomID message",
    "RDM": "Usage: RDM messageType timestamp (messageType is b or s)",
    "OUT": "Usage: OUT",
    "UPD": "Usage: UPD username filename",
    "TRF": f"Usage: TRF [{'|'.join(action.value for action in Action)} number]",
}
_ACTIONS: Final = {action.value: action for action in Action}
_CHOICES: Final = {"b": LogChoice.BROADCASTS, "s": LogChoice.ROOMS}


def prompt_of(commands: tuple[str, ...]) -> str:
    """What stands before a line that is to be typed (SPEC S5)."""
    return f"Enter one of the following commands ({', '.join(commands)}): "


PROMPT: Final = prompt_of(COMMANDS)


@dataclass(frozen=True, slots=True)
class Upload:
    """UPD: the one command that is more than a request to the server (SPEC S12)."""

    username: str
    filename: str
    number: int | None = None  # of the transfer that is tried again


@dataclass(frozen=True, slots=True)
class Complaint:
    """The line is no command; the text is for the user."""

    text: str


Command = Request | Upload | Order


def parse_command(line: str, commands: tuple[str, ...] = COMMANDS) -> Command | Complaint | None:
    """Read a line as it was typed, without its newline; None for an empty one.

    Bytes that were no UTF-8 stand in it as lone surrogates (`surrogateescape`).

    Args:
        commands: that this client knows.

    Source: SPEC S5.
    """
    word, space, rest = line.partition(" ")
    if not line.strip(" "):
        return None
    if word not in commands:
        return Complaint(INVALID)
    size = len(line.encode(errors="surrogateescape"))
    if size >= MAX_LINE and word != "BCM":  # of which the message is too long, and that is said
        return Complaint(TOO_LONG)
    if word in ("BCM", "SRM"):
        return _PARSERS[word](rest) if space else Complaint(USAGE[word])
    if fault := _fault_of_words(rest):
        return Complaint(fault)
    return _PARSERS[word](rest.rstrip(" "))


def _broadcast(rest: str) -> Command | Complaint:
    return _with_message("BCM", rest) or Broadcast(rest)


def _room_message(rest: str) -> Command | Complaint:
    room, _, text = rest.partition(" ")
    if not (room.isascii() and room.isdigit()):
        return Complaint(USAGE["SRM"])
    digits = room.lstrip("0") or "0"
    too_long = len(digits) > len(str(MAX_ROOM_ID))
    room_id = MAX_ROOM_ID if too_long else min(int(digits), MAX_ROOM_ID)
    return _with_message("SRM", text) or RoomMessage(room_id, text)


def _with_message(word: str, text: str) -> Complaint | None:
    """Judge the message of a command: none at all is a fault of usage."""
    if not text.strip(" "):
        return Complaint(USAGE[word])
    fault = fault_of_message(text)
    return Complaint(fault) if fault else None


def _list_active(rest: str) -> Command | Complaint:
    return Complaint(USAGE["ATU"]) if rest else ListActive()


def _log_out(rest: str) -> Command | Complaint:
    return Complaint(USAGE["OUT"]) if rest else LogOut()


def _build_room(rest: str) -> Command | Complaint:
    names = tuple(rest.split(" "))
    return BuildRoom(names) if all(names) else Complaint(USAGE["SRB"])


def _read_messages(rest: str) -> Command | Complaint:
    kind, _, timestamp = rest.partition(" ")
    if not kind or not timestamp:
        return Complaint(USAGE["RDM"])
    if kind not in _CHOICES:
        return Complaint(f"Invalid message type: {kind}. The valid types are b and s")
    try:
        since = parse_timestamp(timestamp)
    except MalformedTimestamp:
        return Complaint(BAD_TIMESTAMP)
    return ReadMessages(_CHOICES[kind], format_timestamp(since))


def _upload(rest: str) -> Command | Complaint:
    words = rest.split(" ")
    if len(words) != 2 or not all(words):
        return Complaint(USAGE["UPD"])
    username, filename = words
    return Upload(username, filename)


def _manage(rest: str) -> Command | Complaint:
    if not rest:
        return Order()
    word, _, number = rest.partition(" ")
    if word not in _ACTIONS or not (number.isascii() and number.isdigit()):
        return Complaint(USAGE["TRF"])
    digits = number.lstrip("0") or "0"
    if len(digits) > TRANSFER_DIGITS:
        shown = digits if len(digits) <= SHOWN_DIGITS else f"{digits[:SHOWN_DIGITS]}…"
        return Complaint(f"There is no transfer {shown}.")
    return Order(_ACTIONS[word], int(digits))


def _fault_of_words(rest: str) -> str | None:
    """Refuse what could be no argument at all; messages are judged by `fault_of_message`."""
    try:
        rest.encode()
    except UnicodeEncodeError:
        return "The line is not valid UTF-8."
    if has_control_character(rest):
        return "The line holds a control character."
    return None


_PARSERS: Final[dict[str, Callable[[str], Command | Complaint]]] = {
    "BCM": _broadcast,
    "ATU": _list_active,
    "SRB": _build_room,
    "SRM": _room_message,
    "RDM": _read_messages,
    "OUT": _log_out,
    "UPD": _upload,
    "TRF": _manage,
}
