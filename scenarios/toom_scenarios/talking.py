"""What many stories do on their way: seat people, say something, build a room, read.

Belongs here: steps that wait for the reply of SPEC.md and note what was said. Does not: judging
more than that the reply came; that is the story's own business.
"""

from __future__ import annotations

from typing import Final

from .errors import ExpectationFailed
from .programs import Client
from .spec import BROADCAST_SENT, ROOM_BUILT, Said, Talk, room_message_sent
from .stage import Stage

SEATS: Final = "seats"  # the host that people share where addresses do not matter
SUCCESSES: Final = (  # how the replies begin to what was done; SPEC S6, S8, S9
    "Broadcast message, #",
    "Separate chat room has been created",
    "Separate room message, #",
)
SHOWN: Final = 60  # characters of a typed line, in a diagnosis


def seats(stage: Stage, *users: str, host: str = SEATS) -> list[Client]:
    """Clients at terminals of one host, logged in one after another in this order.

    Their programs start at the same time, which is quicker than one after another.
    """
    place = stage.host(host)
    clients = [stage.terminal(place) for _ in users]
    for client, user in zip(clients, users, strict=True):
        client.logs_in(user, stage.password(user))
    return clients


def broadcasts(client: Client, text: str, talk: Talk) -> Said:
    """BCM: type it, see the reply and the prompt, note what was said."""
    client.types(f"BCM {text}")
    reply = client.sees(BROADCAST_SENT)
    client.sees_prompt()
    return talk.add(reply, client.user, text)


def room_of(client: Client, *names: str) -> int:
    """SRB: build a room with these users, however its members are told. Returns its ID."""
    client.types(f"SRB {' '.join(names)}")
    reply = client.sees(ROOM_BUILT)
    client.sees_prompt()
    return int(reply["room"])


def says(client: Client, room: int, text: str, talk: Talk) -> Said:
    """SRM: type it, see the reply and the prompt, note what was said."""
    client.types(f"SRM {room} {text}")
    reply = client.sees(room_message_sent(room))
    client.sees_prompt()
    return talk.add(reply, client.user, text)


def refusal(client: Client, line: str) -> str:
    """Type a command that must be refused by one clear line, whatever its words. Returns the line.

    Raises:
        ExpectationFailed: no line or several, a traceback, or the reply of a success.
    """
    reply = client.asks(line)
    shown = line if len(line) <= SHOWN else f"{line[:SHOWN]}…"
    if len(reply) != 1 or not reply[0].strip() or "Traceback" in reply[0]:
        raise ExpectationFailed(f"{shown!r} is not refused by one clear line: {reply[:5]}")
    if reply[0].startswith(SUCCESSES):
        raise ExpectationFailed(f"{shown!r} was done: {reply[0]}")
    return reply[0]
