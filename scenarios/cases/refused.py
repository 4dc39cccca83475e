"""What was refused appears nowhere (SPEC S13)."""

import signal as signals

from toom_scenarios import Stage, scenario
from toom_scenarios.spec import LONG_AGO, NO_NEW_MESSAGE, Talk, room_log
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


@scenario("S13.9", builds_on="messages_and_rooms_survive_a_restart")
def what_a_full_disk_refuses_appears_nowhere(stage: Stage) -> None:
    """The server's disk is full, so a long broadcast and a room message are refused; when there is room again numbers go on, and the refused words are nowhere."""
    place = stage.host("server", disk=DISK)
    server = stage.server(attempts=3, host=place)
    yoda, han = seats(stage, "Yoda", "Han")
    talk, in_room, room = Talk(), Talk(), room_of(yoda, "Han")
    broadcasts(yoda, "kept", talk)
    secret = f"refused-{stage.random.randrange(10**12)}"
    place.run(["sh", "-c", "cat /dev/zero >filler; true"])
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
