"""What survives a restart of the server, and what people do to its files meanwhile (SPEC S13)."""

import re
import signal as signals

from toom_scenarios import HostFile, Server, Stage, scenario
from toom_scenarios.spec import (
    AT,
    BROADCAST_SENT,
    LONG_AGO,
    NO_NEW_MESSAGE,
    NO_SUCH_ROOM,
    NOT_A_MEMBER,
    Said,
    Talk,
    room_exists,
    room_log,
)
from toom_scenarios.talking import broadcasts, room_of, says, seats

SURVIVING = "messages_and_rooms_survive_a_restart"
BURST = 60  # lines of each client: more than a server keeps before it is killed


def restarts(server: Server, signal: signals.Signals = signals.SIGTERM) -> None:
    server.stops(signal)
    server.starts_again()


def reading(room: int, *messages: Said) -> list[str]:
    """The answer to RDM s: the messages of one room."""
    return [f"room-{room}:", *(said.read_line for said in messages)]


def goes_on_after(stage: Stage, signal: signals.Signals) -> None:
    """Talk, end the server by this signal, start it again, and go on talking."""
    server = stage.server(attempts=3)
    yoda, obi, luke = seats(stage, "Yoda", "Obi-wan", "Luke")
    talk, in_room, among_three = Talk(), Talk(), Talk()
    two, last = room_of(yoda, "Obi-wan"), room_of(luke, "Yoda", "Obi-wan")
    says(luke, last, "among three", among_three)
    broadcasts(luke, "before; the end", talk)
    says(obi, two, "in the room", in_room)
    restarts(server, signal)
    stage.promise("S13.5")
    server.file("userlog.txt").has_lines([])
    obi, luke, _ = seats(stage, "Obi-wan", "Luke", "Yoda")
    assert len(server.file("userlog.txt").lines()) == 3, "three have logged in since"
    stage.promise("S13.3")
    of_three = reading(last, *among_three.said)
    assert obi.asks(f"RDM s {LONG_AGO}") == reading(two, *in_room.said) + of_three
    assert luke.asks(f"RDM s {LONG_AGO}") == of_three
    broadcasts(obi, "after", talk)
    says(obi, two, "still in the room", in_room)
    talk.check(server.file("messagelog.txt"))
    in_room.check(server.file(room_log(two)))
    assert luke.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said]
    assert luke.asks(f"SRM {two} let me in") == [NOT_A_MEMBER]
    assert obi.asks("SRB Yoda") == [room_exists(two)]
    assert room_of(luke, "Yoda") == last + 1


@scenario("S13.3", "S13.5", builds_on="a_message_in_a_room", seconds=4)
def messages_and_rooms_survive_a_restart(stage: Stage) -> None:
    """The server is stopped and started again: nobody is logged in, messages, rooms and their members are as before, numbers go on."""
    goes_on_after(stage, signals.SIGTERM)


@scenario("S13.3", "S13.5", builds_on="a_message_in_a_room", seconds=4)
def messages_and_rooms_survive_a_kill(stage: Stage) -> None:
    """The same when the server is killed by the signal that it cannot refuse."""
    goes_on_after(stage, signals.SIGKILL)


@scenario("S13.3", "S13.4", builds_on=SURVIVING, seconds=4)
def a_server_killed_in_the_middle_of_bursts(stage: Stage) -> None:
    """Two people paste line after line and the server is killed meanwhile: whatever was acknowledged is kept, no line is a half."""
    server = stage.server(attempts=3)
    clients = seats(stage, "Yoda", "Han")
    texts = {each.user: [f"{each.user} {n} end" for n in range(BURST)] for each in clients}
    for client in clients:
        client.sends("".join(f"BCM {text}\r" for text in texts[client.user]))
    clients[0].sees(BROADCAST_SENT)
    server.stops(signals.SIGKILL)
    for client in clients:
        client.ends(None)
    server.starts_again()
    (luke,) = seats(stage, "Luke")
    last = broadcasts(luke, "after", Talk())
    stage.promise("S13.4")
    lines = [re.fullmatch(rf"(\d+); ({AT}); (\w+); (.+)", x) for x in log_of(server).lines()]
    kept = [line.groups() for line in lines if line]
    assert len(kept) == len(lines), "messagelog.txt holds a line that is no message"
    assert kept.pop() == (str(last.number), last.at, "Luke", "after")
    for user, said in texts.items():
        mine = [text for _, _, who, text in kept if who == user]
        assert mine == said[: len(mine)], f"not what {user} typed, in this order: {mine}"
    stage.promise("S13.3")
    assert [int(number) for number, *_ in kept] == list(range(1, last.number))
    for client in clients:
        told = [re.fullmatch(BROADCAST_SENT, line) for line in client.lines()]
        acknowledged = [(found["number"], found["at"]) for found in told if found]
        mine = [(number, at) for number, at, who, _ in kept if who == client.user]
        assert acknowledged == mine[: len(acknowledged)], f"{client.user} was told otherwise"


def log_of(server: Server) -> HostFile:
    return server.file("messagelog.txt")


def is_whole(log: HostFile, before: Talk, last: Said) -> None:
    """Messages and nothing else, numbered from 1: those before, perhaps one that was torn, the last."""
    lines = log.lines()
    first = [said.log_line for said in before.said]
    assert lines[: len(first)] == first, f"{log.name} does not begin with {first}: {lines}"
    assert len(lines) - len(first) in (1, 2), f"{log.name}: {lines}"
    assert lines[-1] == last.log_line, f"{log.name} does not end with {last.log_line!r}: {lines}"
    log.has_lines([rf"{n}; {AT}; [^;]+; .+" for n in range(1, len(lines) + 1)])
    log.bytes().decode()  # UTF-8


@scenario("S13.4", builds_on=SURVIVING)
def a_half_written_last_line_is_repaired(stage: Stage) -> None:
    """The server was killed while it wrote: the broadcasts end in half a message, a room's log in half a time, another's in half a letter."""
    server = stage.server(attempts=3)
    yoda, _, _ = seats(stage, "Yoda", "Obi-wan", "Luke")
    rooms = room_of(yoda, "Obi-wan"), room_of(yoda, "Obi-wan", "Luke")
    talk, talks = Talk(), [Talk(), Talk()]
    at = broadcasts(yoda, "before", talk).at
    broadcasts(yoda, "and before", talk)
    for room, each in zip(rooms, talks, strict=True):
        says(yoda, room, "before", each)
    server.stops(signals.SIGKILL)
    for name, torn in (
        ("messagelog.txt", f"3; {at}; Yoda; ha".encode()),
        (room_log(rooms[0]), f"2; {at[:5]}".encode()),
        (room_log(rooms[1]), f"2; {at}; Yoda; ".encode() + "é".encode()[:1]),
    ):
        server.host.put(name, server.file(name).bytes() + torn)
    server.starts_again()
    (yoda,) = seats(stage, "Yoda")
    is_whole(log_of(server), talk, broadcasts(yoda, "after", Talk()))
    for room, each in zip(rooms, talks, strict=True):
        is_whole(server.file(room_log(room)), each, says(yoda, room, "after", Talk()))
    told = [line for line in yoda.asks(f"RDM s {LONG_AGO}") if line.startswith("#")]
    in_logs = [line for room in rooms for line in server.file(room_log(room)).lines()]
    assert len(told) == len(in_logs), f"RDM tells {told}, the logs hold {in_logs}"


@scenario("S13.6", "S13.8", builds_on=SURVIVING)
def a_server_on_text_logs_alone(stage: Stage) -> None:
    """Somebody brings text logs from elsewhere: broadcasts are read and go on from their last number; the room is lost, its ID is not given again."""
    old = [
        Said(39, "1 Jun 2022 15:00:01", "Yoda", "a; b"),
        Said(40, "12 Jun 2022 9:00:00".replace(" 9:", " 09:"), "Han", "older than this server"),
    ]
    in_room = "1; 1 Jun 2022 16:05:00; Yoda; of old\n"
    files = {
        "messagelog.txt": "".join(f"{said.log_line}\n" for said in old),
        room_log(2): in_room,
    }
    server = stage.server(attempts=3, files=files)
    yoda, _, _ = seats(stage, "Yoda", "Han", "Luke")
    talk = Talk(list(old))
    assert yoda.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in old]
    said = broadcasts(yoda, "new", talk)
    assert said.number == 41
    log_of(server).has_lines([re.escape(each.log_line) for each in talk.said])
    assert yoda.asks(f"RDM b {old[0].at}") == [each.read_line for each in talk.said[1:]]
    stage.promise("S13.8")
    assert yoda.asks("SRM 2 is anybody here") == [NO_SUCH_ROOM]
    assert yoda.asks(f"RDM s {LONG_AGO}") == [NO_NEW_MESSAGE]
    built = {room_of(yoda, "Han"), room_of(yoda, "Luke")}
    assert len(built) == 2, "two rooms of one ID"
    assert 2 not in built, "the ID of the old log is given again"
    assert server.file(room_log(2)).text() == in_room, "the old log is not as it was"


@scenario("S13.8", "S13.6", builds_on=SURVIVING)
def the_hidden_folder_is_lost(stage: Stage) -> None:
    """Somebody deletes `.toom/` while the server is down: the messages are there and go on, the room is lost, its ID is not given again."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    talk, in_room = Talk(), Talk()
    broadcasts(yoda, "before", talk)
    room = room_of(yoda, "Han")
    says(yoda, room, "in the room", in_room)
    server.stops()
    server.host.run(["rm", "-rf", ".toom"])
    server.starts_again()
    yoda, han = seats(stage, "Yoda", "Han")
    assert han.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said], "a message lost"
    in_room.check(server.file(room_log(room)))
    assert yoda.asks(f"SRM {room} hello") == [NO_SUCH_ROOM]
    assert yoda.asks(f"RDM s {LONG_AGO}") == [NO_NEW_MESSAGE]
    assert room_of(han, "Yoda") != room, "the ID of the old log is given again"
    in_room.check(server.file(room_log(room)))
    stage.promise("S13.6")
    broadcasts(han, "after", talk)
    talk.check(log_of(server))


def lines_of_a_session(stage: Stage, server: Server, room: int, talk: Talk, in_room: Talk) -> int:
    """Start the server, let Yoda say and read the same every time, stop it. Returns how many lines its console has shown; only then all are there, since they come in two streams."""
    server.starts_again()
    (yoda,) = seats(stage, "Yoda")
    broadcasts(yoda, "the server is up", talk)
    says(yoda, room, "in the room too", in_room)
    talk.check(log_of(server))
    in_room.check(server.file(room_log(room)))
    assert yoda.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said]
    assert yoda.asks(f"RDM s {LONG_AGO}") == reading(room, *in_room.said)
    server.stops()
    return len(server.log)


@scenario("S13.7", builds_on=SURVIVING, seconds=5)
def logs_are_shortened_and_deleted(stage: Stage) -> None:
    """While the server is down the last broadcast is cut off, then a room's log deleted, then the broadcasts: each costs a line of warning, and numbers go on after what is there."""
    server = stage.server(attempts=3)
    yoda, _ = seats(stage, "Yoda", "Han")
    talk, in_room, room = Talk(), Talk(), room_of(yoda, "Han")
    for text in ("first", "second", "third"):
        broadcasts(yoda, text, talk)
    says(yoda, room, "one", in_room)
    server.stops()
    usual = lines_of_a_session(stage, server, room, talk, in_room)  # nobody has touched anything

    del talk.said[2:]
    server.host.put("messagelog.txt", "".join(f"{said.log_line}\n" for said in talk.said))
    warned = lines_of_a_session(stage, server, room, talk, in_room)
    assert warned - usual == 1, f"{warned - usual} lines of warning that messagelog.txt is shorter"

    server.host.remove(room_log(room))
    in_room.said.clear()
    warned = lines_of_a_session(stage, server, room, talk, in_room)
    assert warned - usual == 1, f"{warned - usual} lines of warning that a room's log is gone"

    server.host.remove("messagelog.txt")
    talk.said.clear()
    warned = lines_of_a_session(stage, server, room, talk, in_room)
    assert warned - usual == 1, f"{warned - usual} lines of warning that messagelog.txt is gone"
