"""Hashes in credentials.txt: their form, and the log-in with them."""

import asyncio
import hashlib
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.server.hashes import phc, quick
from tests.server.programs import free_port, serving, start
from tests.server.running import PATIENCE, Running, play
from toom_protocol import messages as m
from toom_server.accounts import Accounts, BadCredentials
from toom_server.passwords import fault_of_hash, matches, new_hash
from toom_server.proving import PROVERS

Dialogue = Callable[[Running], Awaitable[None]]
RFC_7914 = bytes.fromhex(  # section 12, the third vector; its first 32 bytes are the hash so long
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
)


def test_a_hash_of_the_standard() -> None:
    word = phc(14, 8, 1, b"SodiumChloride", RFC_7914)
    assert fault_of_hash(word) is None
    assert matches(word, "pleaseletmein")
    assert not matches(word, "pleaseletmeout")


def test_a_hash_that_asks_for_all_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL takes no bound of 2 GiB, and none below what it counts."""
    asked = {}
    monkeypatch.setattr(hashlib, "scrypt", lambda *_, **how: asked.update(how) or b"made")
    word = "$scrypt$ln=20,r=8,p=1$c2FsdA$c2FsdA"
    assert fault_of_hash(word) is None
    assert not matches(word, "jedi")
    assert 128 * 8 * ((1 << 20) + 1 + 2) <= asked["maxmem"] < 1 << 31


@pytest.mark.parametrize(
    ("cost", "block", "most"), [(14, 8, 64), (17, 8, 8), (20, 8, 1), (19, 9, 1), (10, 1, 999)]
)
def test_a_hash_may_not_take_longer_than_the_largest(cost: int, block: int, most: int) -> None:
    """Who proves it keeps others waiting: time is as N times r times p (RFC 7914, section 6)."""
    word = f"$scrypt$ln={cost},r={block},p={{}}$c2FsdA$c2FsdA"
    assert fault_of_hash(word.format(most)) is None
    if most < 999:  # which the form allows
        assert f"at most {most} with" in str(fault_of_hash(word.format(most + 1)))


@pytest.mark.parametrize(("memory", "most"), [(1 << 20, 4), (1 << 16, 64), (8, 1 << 19)])
def test_an_argon2_hash_may_not_take_longer_than_the_strongest(memory: int, most: int) -> None:
    pytest.importorskip("argon2")
    word = f"$argon2id$v=19$m={memory},t={{}},p=1$c29tZXNhbHQ$AAAAAAAA"
    assert fault_of_hash(word.format(most)) is None
    assert f"at most {most} with" in str(fault_of_hash(word.format(most + 1)))


def test_an_argon2_hash_may_not_take_a_thread_for_each_of_its_many_lanes() -> None:
    pytest.importorskip("argon2")
    word = "$argon2id$v=19$m=65536,t=1,p={}$c29tZXNhbHQ$AAAAAAAA"
    assert fault_of_hash(word.format(64)) is None
    assert "at most 64" in str(fault_of_hash(word.format(65)))


def test_a_hash_that_takes_too_long_is_refused_by_all_who_read_it(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.txt"
    slow = "Han $scrypt$ln=14,r=8,p=999$c2FsdA$c2FsdA\n"
    with serving(tmp_path) as (server, _port, _said):
        credentials.write_text(f"Yoda jedi\n{slow}")
        server.send_signal(signal.SIGHUP)
        assert server.stderr is not None
        assert "credentials.txt, line 2: its hash has p=999" in server.stderr.readline()
    for arguments, status in (((free_port(), "3"), 2), (("--check",), 1)):
        done = start(tmp_path, *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1)
        assert "credentials.txt, line 2: its hash has p=999" in done.stderr


def test_a_proof_without_memory_is_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise ValueError("memory limit exceeded")

    accounts = Accounts({"Yoda": quick("jedi")})
    monkeypatch.setattr(hashlib, "scrypt", refuse)
    accounts.prove("Yoda", "jedi")
    assert not accounts.verify("Yoda", "jedi")


def test_two_hashes_of_one_password_differ_and_fit() -> None:
    one, two = new_hash("jedi"), new_hash("jedi")
    assert one != two
    assert fault_of_hash(one) is None
    assert matches(one, "jedi")
    assert not matches(one, "Jedi")


@pytest.mark.parametrize(
    "word",
    [
        *("$scrypt$", "$scrypt$ln=14,r=8,p=1$$", "$scrypt$ln=99,r=8,p=1$c2FsdA$c2FsdA"),
        *("$scrypt$ln=14,r=8,p=1$c2FsdA", "$scrypt$ln=0,r=8,p=1$c2FsdA$c2FsdA", "$argon2id$x"),
        "$scrypt$ln=14,r=8,p=1$c2Fsd$c2FsdA",
        *("$scrypt$ln=18,r=1,p=1$c2FsdA$c2FsdA", "$scrypt$ln=21,r=8,p=1$c2FsdA$c2FsdA"),
        *(
            f"$argon2id$v=19${words}"
            for words in (
                "m=64,t=1,p=9$c29tZXNhbHQ$AAAAAAAA",
                "m=1048577,t=1,p=1$c29tZXNhbHQ$AAAAAAAA",
                "m=64,t=0,p=1$c29tZXNhbHQ$AAAAAAAA",
                "m=64,t=1,p=1$c29tZXNhbH$AAAAA",
                "m=64,t=1,p=1$????$AAAAAAAA",
                "m=64,t=1,p=1$c2FsdA$AAAAAAAA",
            )
        ),
    ],
)
def test_what_is_no_hash_is_refused_at_start(word: str) -> None:
    with pytest.raises(BadCredentials) as caught:
        Accounts.parse(f"Han solo\nYoda {word}\n".encode())
    assert [(line.number, "its hash" in line.reason) for line in caught.value.lines] == [(2, True)]


def test_a_hash_is_proved_before_it_is_verified() -> None:
    accounts = Accounts.parse(f"Yoda {quick('jedi')}\nHan solo\n".encode())
    assert ("Yoda" in accounts, "Han" in accounts, len(accounts)) == (True, True, 2)
    for name, password, right in (
        *(("Yoda", "sith", False), ("Yoda", "jedi", True), ("Yoda", quick("jedi"), False)),
        *(("Han", "luke", False), ("Han", "solo", True), ("Maul", "", False)),
    ):
        assert accounts.must_prove(name, password), "time would tell which names there are"
        accounts.prove(name, password)
        assert accounts.verify(name, password) is right
    assert not accounts.must_prove("Yoda", "jedi"), "who was right once is let in at once"
    assert accounts.must_prove("Yoda", "sith")


def test_without_hashes_nothing_is_slow() -> None:
    assert not Accounts.parse(b"Yoda jedi\n").must_prove("Yoda", "sith")


def test_argon2_where_its_library_is() -> None:
    argon2 = pytest.importorskip("argon2")
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    accounts = Accounts.parse(f"Yoda {hasher.hash('jedi')}\n".encode())
    for password, right in (("sith", False), ("jedi", True)):
        accounts.prove("Yoda", password)
        assert accounts.verify("Yoda", password) is right


def test_log_in_and_more_in_one_go(tmp_path: Path) -> None:
    """What is sent behind the log-in waits for it; a wrong password is one; others come in too."""
    accounts = Accounts({"Yoda": quick("jedi"), "Han": "pw"})

    async def dialogue(server: Running) -> None:
        yoda = await server.client()
        for number, password in enumerate(("sith", "jedi"), start=1):
            yoda.send(number, m.LogIn("Yoda", password, 8000))
        yoda.send(3, m.Broadcast("hello"))
        assert await yoda.receive() == (1, m.LoginFailed(m.LoginFault.WRONG))
        assert await yoda.receive() == (2, m.LoggedIn("Yoda"))
        number, reply = await yoda.receive()
        assert (number, type(reply)) == (3, m.BroadcastSent)
        han = await server.client()
        await han.log_in("Han")

    play(tmp_path, dialogue, accounts=accounts)


def test_who_is_gone_before_the_proof_is_not_logged_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts({"Yoda": quick("jedi"), "Han": quick("pw")})
    released, prove = threading.Event(), accounts.prove

    def slow(name: str, password: str) -> None:
        released.wait(PATIENCE)
        prove(name, password)

    monkeypatch.setattr(accounts, "prove", slow)

    async def dialogue(server: Running) -> None:
        yoda, han = await server.client(), await server.client()
        yoda.send(1, m.LogIn("Yoda", "jedi", 8000))
        assert isinstance(await yoda.ask(m.Ping(), 0), m.Pong), "pings do not wait"
        yoda.writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            while server.hub.connections > 1:
                assert isinstance(await han.ask(m.Ping(), 0), m.Pong)
        released.set()
        await han.log_in("Han")
        assert [line.split("; ")[2] for line in server.lines("userlog.txt")] == ["Han"]

    play(tmp_path, dialogue, accounts=accounts)


def test_who_is_gone_costs_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People who come, ask and go do not keep others from logging in."""
    accounts = Accounts({"Han": quick("pw")})
    released, prove, proved = threading.Event(), accounts.prove, []

    def slow(name: str, password: str) -> None:
        proved.append(name)
        released.wait(PATIENCE)
        prove(name, password)

    monkeypatch.setattr(accounts, "prove", slow)

    async def dialogue(server: Running) -> None:
        guests = [await server.client() for _ in range(20)]
        for number, guest in enumerate(guests):
            guest.send(1, m.LogIn(f"guest{number}", "x", 8000))
            assert isinstance(await guest.ask(m.Ping(), 0), m.Pong)
            guest.writer.transport.abort()
        han = await server.client()
        async with asyncio.timeout(PATIENCE):
            while server.hub.connections > 1:
                assert isinstance(await han.ask(m.Ping(), 0), m.Pong)
        await han.ask(m.Ping(), 0)  # a turn later the last of them is taken from the queue
        released.set()
        await han.log_in("Han")
        assert len(proved) <= PROVERS + 1

    play(tmp_path, dialogue, accounts=accounts)
