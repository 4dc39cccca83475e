"""Encrypted connections: PROTOCOL 2.6."""

import errno
import logging
import os
import shutil
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.test_app import free_udp_port
from tests.doubles.patience import wait_until
from tests.server.programs import PATIENCE, free_port, serving, start
from toom_client.pins import fingerprint as fingerprint_of
from toom_server import tls
from toom_server.file_store import FileStore

pytest.importorskip("cryptography")
CLIENT = [sys.executable, str(Path(__file__).parents[2] / "client" / "client.py")]
HINT = "It has not said a word of Toom: if it expects TLS, start the client with --tls."
TALK = "Yoda\njedi\nBCM hello\nOUT\n"


def test_a_certificate_is_made_once(tmp_path: Path) -> None:
    certificate, key = tls.own_certificate(tmp_path)
    before = certificate.read_bytes(), key.read_bytes()
    assert tls.own_certificate(tmp_path) == (certificate, key)
    assert (certificate.read_bytes(), key.read_bytes()) == before
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    tls.context(certificate, key)
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    assert tls.fingerprint(certificate) == fingerprint_of(der)


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    certificate, key = tls.own_certificate(tmp_path / ".toom")
    with pytest.raises(tls.CannotEncrypt, match="go together"):
        tls.context(key, certificate)
    with pytest.raises(tls.CannotEncrypt, match="No such file"):
        tls.context(tmp_path / "missing", key)


def test_a_certificate_among_other_things(tmp_path: Path) -> None:
    certificate, key = tls.own_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(b"caf\xe9\n" + key.read_bytes() + certificate.read_bytes())
    tls.context(both, both)
    assert tls.fingerprint(both) == tls.fingerprint(certificate)
    for content in (
        certificate.read_bytes().replace(b" CERT", b" TRUSTED CERT") + certificate.read_bytes(),
        b"-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n",
        key.read_bytes(),
    ):
        both.write_bytes(content)
        with pytest.raises(tls.CannotEncrypt, match="CERTIFICATE"):
            tls.fingerprint(both)


def test_a_key_with_a_passphrase(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    certificate, key = tls.own_certificate(tmp_path / ".toom")
    secret = form.load_pem_private_key(key.read_bytes(), None)
    locked = form.BestAvailableEncryption(b"jedi")
    key.write_bytes(secret.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked))
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    words = ("--tls", "--tls-certificate", str(certificate), "--tls-key", str(key))
    done = start(tmp_path, free_port(), "3", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "passphrase" in done.stderr


def test_what_is_made_is_private(tmp_path: Path) -> None:
    folder = tmp_path / ".toom"
    tls.own_certificate(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_certificate_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(tls.CannotEncrypt, match="Cannot keep a certificate in"):
        tls.own_certificate(tmp_path / "file")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(tls.CannotEncrypt, match="pip install"):
        tls.own_certificate(tmp_path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nothing_older_than_tls_1_3_is_spoken(tmp_path: Path, version: ssl.TLSVersion) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asked.check_hostname, asked.verify_mode = False, ssl.CERT_NONE
    asked.maximum_version = version
    client = asked.wrap_bio(to_client, to_server)
    server = tls.context(*tls.own_certificate(tmp_path)).wrap_bio(
        to_server, to_client, server_side=True
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    if version is ssl.TLSVersion.TLSv1_3:
        with pytest.raises(ssl.SSLWantReadError):
            server.do_handshake()
        client.do_handshake()
        server.do_handshake()
        assert server.version() == "TLSv1.3"
    else:
        with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
            server.do_handshake()


def talk(directory: Path, port: int, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLIENT, "127.0.0.1", str(port), free_udp_port(), *words],
        cwd=directory,
        input=TALK,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin"},
    )


def test_a_client_remembers_whom_it_met(tmp_path: Path) -> None:
    """The first certificate is believed, the same again is, and another one is refused."""
    pins = tmp_path / ".config" / "toom" / "known_servers"
    with serving(tmp_path, "--tls") as (_server, port, said):
        assert "encrypted=yes fingerprint=SHA256:" in said
        first, second = talk(tmp_path, port, "--tls"), talk(tmp_path, port, "--tls")
        plain = talk(tmp_path, port)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stderr.count("remembered in") == 1
    assert second.stderr == ""
    assert "hello" in (tmp_path / "messagelog.txt").read_text()
    assert (plain.returncode, plain.stderr) == (1, "")
    assert plain.stdout.splitlines()[-1] == f"The server is gone. {HINT}"
    assert pins.read_text().split()[1] in said
    for path in (tmp_path / ".toom").glob("tls-*"):
        path.unlink()
    pins.write_text(pins.read_text().replace(f":{port} ", ":4711 "))
    with serving(tmp_path, "--tls") as (_server, other, _said):
        pins.write_text(pins.read_text().replace(":4711 ", f":{other} "))
        changed = talk(tmp_path, other, "--tls")
    assert changed.returncode == 1
    assert "has changed" in changed.stderr
    assert "Traceback" not in changed.stderr
    assert (tmp_path / "messagelog.txt").read_text().count("hello") == 2


def test_a_certificate_outlasts_its_folder_while_the_server_runs(tmp_path: Path) -> None:
    """PROTOCOL 6.3: nobody need say anything for it, and clients know the next start by it."""
    hidden = tmp_path / ".toom"
    with serving(tmp_path, "--tls") as (_server, _port, said):
        before = (hidden / tls.CERTIFICATE).read_bytes(), (hidden / tls.KEY).read_bytes()
        shutil.rmtree(hidden)
        wait_until((hidden / tls.CERTIFICATE).exists, PATIENCE)
    assert ((hidden / tls.CERTIFICATE).read_bytes(), (hidden / tls.KEY).read_bytes()) == before
    assert stat.S_IMODE((hidden / tls.KEY).stat().st_mode) == 0o600
    with serving(tmp_path, "--tls") as (_server, _port, again):
        assert again.partition("fingerprint=")[2] == said.partition("fingerprint=")[2] != ""


@pytest.mark.parametrize("deleted", [[tls.CERTIFICATE, tls.KEY], [tls.KEY], [tls.CERTIFICATE]])
def test_a_certificate_that_is_deleted_is_put_back_while_the_server_runs(
    tmp_path: Path, deleted: list[str]
) -> None:
    """PROTOCOL 6.3: else the next start would make another, which clients refuse."""
    hidden = tmp_path / ".toom"
    with serving(tmp_path, "--tls") as (server, _port, said):
        before = (hidden / tls.CERTIFICATE).read_bytes(), (hidden / tls.KEY).read_bytes()
        for name in deleted:
            (hidden / name).unlink()
        assert server.stderr is not None
        assert "event=certificate-put-back" in server.stderr.readline()
        assert (
            (hidden / tls.CERTIFICATE).read_bytes(),
            (hidden / tls.KEY).read_bytes(),
        ) == before
    with serving(tmp_path, "--tls") as (_server, _port, again):
        assert again.partition("fingerprint=")[2] == said.partition("fingerprint=")[2] != ""


@pytest.mark.parametrize("lost", [tls.CERTIFICATE, tls.KEY])
def test_half_of_a_certificate_is_said_to_be_of_no_use(
    tmp_path: Path, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificate, key = tls.own_certificate(tmp_path)
    before = tls.fingerprint(certificate)
    (tmp_path / lost).unlink()
    caplog.clear()
    tls.context(*tls.own_certificate(tmp_path))
    assert tls.fingerprint(certificate) != before
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    warning, _ = caplog.records
    assert lost in str(vars(warning))


def test_a_certificate_that_cannot_be_put_back_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FileStore(tmp_path)
    store.load()
    tries: list[None] = []

    def put_back() -> None:
        tries.append(None)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "tls-key.new")

    store.shelter(put_back)
    for _ in range(3):
        store.keep_hold()
    store.close()
    assert len(tries) == 3
    [told] = caplog.records
    assert "tls-key.new" in str(vars(told))


def test_a_certificate_that_was_put_there_meanwhile_stays(tmp_path: Path) -> None:
    certificate, key = tls.own_certificate(tmp_path)
    put_back = tls.keeper(certificate, key)
    certificate.write_text("another")
    put_back()
    assert certificate.read_text() == "another"


def test_a_server_that_speaks_no_tls(tmp_path: Path) -> None:
    with serving(tmp_path) as (_server, port, said):
        assert "encrypted=no" in said
        done = talk(tmp_path, port, "--tls")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "was it started with --tls?" in done.stderr


@pytest.mark.parametrize(
    "words", [("--tls-key", "x"), ("--tls", "--tls-key", "x"), ("--tls", "--tls-certificate", "x")]
)
def test_options_that_do_not_go_together(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "credentials.txt").write_text("Yoda jedi\n")
    done = start(tmp_path, free_port(), "3", *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
