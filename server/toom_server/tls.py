"""TLS for whoever asks for it (PROTOCOL 2.6): a certificate that is given, or one made at first.

A certificate that was made is kept in `.toom/`, since clients remember it. Belongs here: making
it, keeping it, reading it, its fingerprint. Does not: what is said over it.
"""

import base64
import hashlib
import os
import re
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from logging import INFO, WARNING
from pathlib import Path
from typing import Final

from toom_server.events import tell

CERTIFICATE: Final = "tls-certificate.pem"
KEY: Final = "tls-key.pem"
VALID: Final = timedelta(days=3650)  # clients know it by its fingerprint, not by its date
NOTE: Final = "clients that remember another certificate of this server refuse this one"
NAME: Final = "toom-server"
MODE: Final = 0o644  # of the certificate
KEY_MODE: Final = 0o600
_PEM: Final = re.compile(  # one certificate, under any of the names that OpenSSL takes
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----", re.DOTALL
)


class CannotEncrypt(Exception):
    """There is no usable certificate; the text is for whoever starts the server."""


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """Give the certificate and key in a folder, made now if they are not there.

    Raises:
        CannotEncrypt: they cannot be made.
    """
    certificate, key = folder / CERTIFICATE, folder / KEY
    if not (certificate.exists() and key.exists()):
        if certificate.exists() or key.exists():
            lost = KEY if certificate.exists() else CERTIFICATE
            tell(WARNING, "found", what=f"{lost} is missing: making a new certificate and key")
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            _make(certificate, key)
            tell(INFO, "certificate-made", file=certificate, note=NOTE)
        except ImportError as exc:
            raise CannotEncrypt(
                "--tls without --tls-certificate makes one with the library cryptography: "
                "pip install 'toom[tls]'"
            ) from exc
        except OSError as exc:
            raise CannotEncrypt(f"Cannot keep a certificate in {folder}: {exc.strerror}") from exc
    return certificate, key


def keeper(certificate: Path, key: Path) -> Callable[[], None]:
    """Give what puts both files back as they are now, when one of them has been deleted.

    Clients know a server by its certificate, so one that was made outlasts its files while the
    server runs: the next start would make another.

    Raises:
        CannotEncrypt: they cannot be read.
    """
    try:
        contents = (key, key.read_bytes(), KEY_MODE), (certificate, certificate.read_bytes(), MODE)
    except OSError as exc:
        raise CannotEncrypt(f"Cannot read {certificate} or {key}: {exc.strerror}") from exc

    def put_back() -> None:
        if certificate.exists() and key.exists():
            return
        for path, content, mode in contents:
            _write(path, content, mode)
        tell(WARNING, "certificate-put-back", file=certificate)

    return put_back


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Give what encrypts connections: TLS 1.3 alone.

    Raises:
        CannotEncrypt: the files cannot be used.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3

    def refuse() -> str:
        raise CannotEncrypt(f"{key} has a passphrase; a server needs a key without one")

    try:
        made.load_cert_chain(certificate, key, refuse)
    except ssl.SSLError as exc:
        raise CannotEncrypt(f"{certificate} and {key} do not go together, or are none") from exc
    except OSError as exc:
        raise CannotEncrypt(f"Cannot read {certificate} or {key}: {exc.strerror}") from exc
    return made


def fingerprint(certificate: Path) -> str:
    """Give what clients show and remember: `SHA256:` and 43 characters, as ssh writes it.

    Raises:
        CannotEncrypt: the first certificate of the file cannot be read.
    """
    try:
        found = _PEM.search(certificate.read_bytes())
        if found is None or found[1] != b"CERTIFICATE":
            raise CannotEncrypt(
                f"{certificate} has no `BEGIN CERTIFICATE` as its first certificate"
            )
        der = ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))
    except OSError as exc:
        raise CannotEncrypt(f"Cannot read {certificate}: {exc.strerror}") from exc
    except ValueError as exc:
        raise CannotEncrypt(f"{certificate} has a CERTIFICATE that is none") from exc
    digest = hashlib.sha256(der).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _make(certificate: Path, key: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID)
        .sign(secret, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    written = secret.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, written, KEY_MODE)
    _write(certificate, made.public_bytes(pem), MODE)


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
