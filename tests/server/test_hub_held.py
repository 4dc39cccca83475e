"""What a client sends while it is held, and what of it arrives too late: SPEC S3; PROTOCOL 2.5."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server.following import until
from tests.server.hashes import quick
from tests.server.running import BareClient, Running, play
from toom_protocol import messages as m
from toom_protocol.codec import encode
from toom_server.accounts import Accounts
from toom_server.disk import Done


class WaitingDisk:
    """Syncs when it is told to, so that a batch is under way for as long as a test needs it."""

    def __init__(self) -> None:
        self._done: list[Done] = []
        self.waits = True

    def sync(self, _: int, done: Done) -> None:
        if self.waits:
            self._done.append(done)
        else:
            done(None)

    def close(self) -> None:
        self.go_on()

    @property
    def is_busy(self) -> bool:
        return bool(self._done)

    def end_one(self) -> None:
        """The batch that is under way is on the disk, and the next one waits in its turn."""
        self._done.pop()(None)

    def go_on(self) -> None:
        self.waits = False
        while self._done:
            self.end_one()


def unanswered(server: Running, count: int) -> Callable[[], bool]:
    """Whether so many requests have arrived at the server's connections and wait."""
    connections = server.hub._connections
    return lambda: sum(each._unanswered for each in connections.values()) == count


async def a_batch_under_way(server: Running) -> tuple[WaitingDisk, BareClient, BareClient]:
    """A message of Han's is on its way to the disk; somebody else is there too."""
    disk = WaitingDisk()
    server.hub.use_disk(disk)
    han, guest = await server.client(), await server.client()
    await han.log_in("Han")
    han.send(1, m.Broadcast("hello"))
    await until(lambda: disk.is_busy)
    return disk, han, guest


async def end_beside_it(
    server: Running, disk: WaitingDisk, han: BareClient, guest: BareClient
) -> None:
    """The guest's connection ends while that is so; then everything is answered."""
    guest.writer.transport.abort()
    await until(lambda: server.hub.connections == 1)
    disk.go_on()
    assert isinstance((await han.receive())[1], m.BroadcastSent)
    await server.hub.settle()


def test_order_is_kept_where_a_batch_ends_behind_a_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toom_server.hub.LARGEST_BATCH", 2)

    async def story(server: Running) -> None:
        disk = WaitingDisk()
        disk.waits = False
        server.hub.use_disk(disk)
        han, yoda = await server.client(), await server.client()
        await han.log_in("Han")
        disk.waits = True
        han.send(1, m.Broadcast("0"))
        await until(lambda: disk.is_busy)
        han.send(2, m.Broadcast("1"))
        await until(unanswered(server, 2))
        yoda.writer.write(encode(1, m.LogIn("Yoda", "pw", 8000)) + encode(2, m.Broadcast("2")))
        await until(unanswered(server, 4))
        disk.end_one()  # the second batch is Han's message and the log-in
        assert disk.is_busy
        yoda.send(3, m.Broadcast("3"))
        await until(unanswered(server, 4))
        disk.go_on()
        assert [(await yoda.receive())[0] for _ in range(3)] == [1, 2, 3]
        assert [line[-1] for line in server.lines("messagelog.txt")] == list("0123")

    play(tmp_path, story)


@pytest.mark.parametrize(
    "requests",
    [
        (m.LogIn("Yoda", "pw", 8000), m.LogIn("Yoda", "pw", 8000)),
        (m.LogIn("Yoda", "pw", 8000), m.LogOut(), m.LogIn("Yoda", "pw", 8000)),
    ],
)
def test_nobody_is_let_in_whose_connection_has_ended(
    tmp_path: Path, requests: tuple[m.Request, ...]
) -> None:
    """All of it arrives while one batch is under way, the end of the connection too."""

    async def story(server: Running) -> None:
        disk, han, yoda = await a_batch_under_way(server)
        yoda.writer.write(b"".join(encode(n, each) for n, each in enumerate(requests, 2)))
        await until(unanswered(server, 1 + len(requests)))
        await end_beside_it(server, disk, han, yoda)
        assert [line.split("; ")[2] for line in server.lines("userlog.txt")] == ["Han"]
        again = await server.client()
        await again.log_in("Yoda")

    play(tmp_path, story)


def test_log_ins_of_hashed_accounts_sent_at_once_are_answered_in_order(tmp_path: Path) -> None:
    """SPEC S2: each failure counts, so the third one blocks."""
    accounts = Accounts({"Yoda": quick("pw")})

    async def story(server: Running) -> None:
        guest = await server.client()
        guest.send(1, m.Broadcast("too early"))
        guest.send(2, m.LogIn("Yoda", "wrong", 8000))
        guest.send(3, m.LogIn("Yoda", "bad", 8000))
        guest.send(4, m.LogIn("Yoda", "pw", 8000))
        guest.send(5, m.Broadcast("hello"))
        replies = [await guest.receive() for _ in range(5)]
        assert [request_id for request_id, _ in replies] == [1, 2, 3, 4, 5]
        assert [type(reply) for _, reply in replies] == [
            *(m.Refused, m.LoginFailed, m.LoginFailed, m.LoggedIn, m.BroadcastSent)
        ]

    play(tmp_path, story, accounts=accounts)


def test_each_of_two_wrong_passwords_sent_at_once_counts(tmp_path: Path) -> None:
    """SPEC S2; of an account of which only a hash is kept."""
    accounts = Accounts({"Yoda": quick("pw")})

    async def story(server: Running) -> None:
        for faults in ([m.LoginFault.WRONG] * 2, [m.LoginFault.NOW_BLOCKED, m.LoginFault.BLOCKED]):
            guest = await server.client()
            for number in range(2):
                guest.send(number, m.LogIn("Yoda", f"wrong {number}", 8000))
            assert [await guest.receive() for _ in range(2)] == [
                (number, m.LoginFailed(fault)) for number, fault in enumerate(faults)
            ]

    play(tmp_path, story, accounts=accounts)


def test_a_password_is_not_proved_for_who_has_ended(tmp_path: Path) -> None:
    async def story(server: Running) -> None:
        disk, han, yoda = await a_batch_under_way(server)
        yoda.send(1, m.LogIn("Yoda", "pw", 8000))
        yoda.send(2, m.LogIn("Yoda", "pw", 8000))
        await until(unanswered(server, 3))
        await end_beside_it(server, disk, han, yoda)
        assert not server.hub._held
        again = await server.client()
        await again.log_in("Yoda")

    play(tmp_path, story, accounts=Accounts({"Yoda": quick("pw"), "Han": "pw"}))
