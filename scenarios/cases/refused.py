"""What was refused appears nowhere (SPEC S13)."""

import re
import signal as signals

from toom_scenarios import Host, Stage, scenario
from toom_scenarios.spec import LONG_AGO, NO_NEW_MESSAGE, ROOM_BUILT, Talk, room_log
from toom_scenarios.talking import broadcasts, refusal, room_of, says, seats

DISK = 1_000_000  # bytes: a small one is soon full


@scenario("S13.9", builds_on="messages_and_rooms_survive_a_restart")
def what_was_refused_appears_nowhere(stage: Stage) -> None:
    """Commands of every kind are refused: their words stand in no file, nobody reads them, and a restart does not bring them back."""
    server = stage.server(attempts=3)
    people = seats(stage, "Yoda", "Han", "Luke")
    yoda, _, luke = people
    talk, room = Talk(), room_of(yoda, "Han")
    broadcasts(yoda, "kept", talk)
    secret = f"refused-{stage.random.randrange(10**12)}"
    for client, line in (
        (luke, f"SRM {room} {secret}"),
        (yoda, f"SRM 77 {secret}"),
        (yoda, f"SRM 0 {secret}"),  # no room, whatever else has this number
        (yoda, f"SRM x {secret}"),
        (yoda, f"SRB Han {secret}"),
        (yoda, f"BCM {secret}\x01"),
        (yoda, f"SRM {room} {secret}\x01"),
        (yoda, f"BCM {secret}{'x' * 8192}"),
        (yoda, f"bcm {secret}"),
    ):
        refusal(client, line)

    def nowhere() -> None:
        found = server.host.run(["grep", "-rlF", secret, "."])
        assert not found.output, f"it stands in {found.output.decode()}"
        for client in people:
            told = client.asks(f"RDM b {LONG_AGO}") + client.asks(f"RDM s {LONG_AGO}")
            assert told == [talk.said[0].read_line, NO_NEW_MESSAGE], f"{client.user} reads {told}"
        talk.check(server.file("messagelog.txt"))
        server.file(room_log(room)).has_lines([])

    nowhere()
    server.stops(signals.SIGKILL)
    server.starts_again()
    people = seats(stage, "Yoda", "Han", "Luke")
    nowhere()
    assert room_of(people[2], "Han") == room + 1, "a refused room has used up an ID"


def fills(place: Host) -> None:
    """Leave no byte of its disk free; what takes them is the file `filler`."""
    place.run(["sh", "-c", "cat /dev/zero >filler; true"])


@scenario("S13.9", builds_on="messages_and_rooms_survive_a_restart")
def what_a_full_disk_refuses_appears_nowhere(stage: Stage) -> None:
    """The server's disk is full, so a room, then a long broadcast and a room message are refused; when there is room again the same names get the first ID, numbers go on, and the refused words are nowhere."""
    place = stage.host("server", disk=DISK)
    server = stage.server(attempts=3, host=place)
    yoda, han = seats(stage, "Yoda", "Han")
    talk, in_room = Talk(), Talk()
    broadcasts(yoda, "kept", talk)
    fills(place)
    told = yoda.asks("SRB Han")
    place.remove("filler")
    if not any(re.fullmatch(ROOM_BUILT, line) for line in told):  # it may need no more room
        names = [found.name for found in place.files()]
        assert room_log(1) not in names, f"there is a log of the room that was refused by {told}"
        told = yoda.asks("SRB Han")
    built = re.fullmatch(ROOM_BUILT, "\n".join(told))
    assert built, f"a room that a full disk refused is refused for good: {told}"
    room = int(built["room"])
    assert room == 1, f"a refused room has used up an ID: {told}"
    secret = f"refused-{stage.random.randrange(10**12)}"
    fills(place)
    refusal(yoda, f"BCM {secret}{'x' * 8000}")
    refusal(han, f"SRM {room} {secret}{'x' * 8000}")
    place.remove("filler")
    broadcasts(han, "after", talk)
    says(yoda, room, "in the room", in_room)
    server.stops(signals.SIGKILL)
    server.starts_again()
    found = place.run(["grep", "-rlF", secret, "."])
    assert not found.output, f"it stands in {found.output.decode()}"
    talk.check(server.file("messagelog.txt"))
    in_room.check(server.file(room_log(room)))
    _, han = seats(stage, "Yoda", "Han")
    assert han.asks(f"RDM b {LONG_AGO}") == [said.read_line for said in talk.said]
    assert han.asks(f"RDM s {LONG_AGO}") == [f"room-{room}:", in_room.said[0].read_line]
