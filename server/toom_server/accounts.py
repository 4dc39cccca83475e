"""Who may log in: the accounts of credentials.txt (SPEC S2).

Belongs here: reading the file's text and comparing passwords. Does not: counting failures
(doorkeeper.py), opening files (app.py).
"""

import hashlib
import hmac
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from toom_protocol.characters import hides_something
from toom_protocol.texts import fault_of_account_word
from toom_server.passwords import fault_of_hash, is_hash, matches

DIGEST_SIZE: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of credentials.txt that cannot be an account."""

    number: int  # counted from 1
    reason: str


class BadCredentials(Exception):
    """The file holds lines that are refused; the server must not start (SPEC S2)."""

    def __init__(self, lines: list[BadLine]) -> None:
        super().__init__(f"{len(lines)} lines cannot be accounts")
        self.lines = lines


class Accounts:
    """The names and passwords, both case-sensitive; a password may be a hash of one.

    Checking a hash is slow on purpose. So it is done beforehand, by `prove`, in a thread; whoever
    has given the right password is then remembered by a digest under a key of this object, and
    `verify` is quick. Where one password is a hash, every other attempt takes as long as that, so
    that time tells nothing about names.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = {name: word for name, word in passwords.items() if not is_hash(word)}
        self._hashes = {name: word for name, word in passwords.items() if is_hash(word)}
        self._proved: dict[str, bytes] = {}  # digests of passwords that were right
        self._key = secrets.token_bytes(DIGEST_SIZE)
        self._anybodys = next(iter(self._hashes.values()), "")  # takes as long as any other

    @classmethod
    def parse(cls, content: bytes) -> "Accounts":
        """Read the content of credentials.txt: one `username password` a line.

        Blank lines, CRLF, spaces at the end, a byte order mark and a missing last newline are
        taken as they come, since other people edit the file.

        Raises:
            BadCredentials: with every line that cannot be an account.
        Source: SPEC S2, PROTOCOL 7.2.
        """
        passwords: dict[str, str] = {}
        stands_in: defaultdict[str, list[int]] = defaultdict(list)
        bad: list[BadLine] = []
        for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
            try:
                for username, password in _account(raw):
                    passwords[username] = password
                    stands_in[username].append(number)
            except ValueError as exc:
                bad.append(BadLine(number, str(exc)))
        for name, numbers in stands_in.items():
            if len(numbers) > 1:
                bad += [BadLine(number, f"the name {name} stands twice") for number in numbers]
        if bad:
            raise BadCredentials(sorted(bad, key=lambda line: line.number))
        return cls(passwords)

    def __contains__(self, username: object) -> bool:
        """Tell whether there is an account of this name."""
        return username in self._passwords or username in self._hashes

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._passwords) + len(self._hashes)

    def has_same(self, username: str, other: "Accounts") -> bool:
        """Tell whether this account is there, with the same password, in both."""
        if username not in self:
            return False
        return (self._passwords.get(username), self._hashes.get(username)) == (
            other._passwords.get(username),
            other._hashes.get(username),
        )

    def verify(self, username: str, password: str) -> bool:
        """Tell whether the password is right; an unknown name costs the same comparison.

        A password that has only a hash must have been proved before (`must_prove`).
        """
        if username in self._hashes:
            return hmac.compare_digest(self._proved.get(username, b""), self._digest(password))
        expected = self._passwords.get(username)
        same = hmac.compare_digest((expected or "").encode(), password.encode())
        return same and expected is not None

    def must_prove(self, username: str, password: str) -> bool:
        """Tell whether `prove` must come before `verify`."""
        if not self._hashes:
            return False
        return not hmac.compare_digest(self._proved.get(username, b""), self._digest(password))

    def prove(self, username: str, password: str) -> None:
        """Check a password against its hash, and remember it when it is right. Slow; any thread."""
        word = self._hashes.get(username)
        if matches(word or self._anybodys, password) and word is not None:
            self._proved[username] = self._digest(password)

    def _digest(self, password: str) -> bytes:
        words = password.encode(errors="surrogatepass")
        return hashlib.blake2b(words, key=self._key, digest_size=DIGEST_SIZE).digest()


def _account(raw: bytes) -> Iterator[tuple[str, str]]:
    """Yield the account of a line, or nothing for a blank one; ValueError says why not."""
    try:
        line = raw.decode().rstrip(" \r")
    except UnicodeDecodeError:
        raise ValueError("it is not valid UTF-8") from None
    if not line:
        return
    username, *rest = line.split(" ")
    if len(rest) != 1:
        raise ValueError("it is not `username password` with one space between")
    for what, word in (("name", username), ("password", rest[0])):
        if fault := fault_of_account_word(word):
            raise ValueError(f"the {what} cannot be one: {fault}")
    if ";" in username:
        raise ValueError("the name holds a `;`")
    if is_hash(rest[0]) and (fault := fault_of_hash(rest[0])):
        raise ValueError(fault)
    if hides_something(username):  # two accounts would look alike, or one cannot be typed
        raise ValueError(f"the name holds a character that cannot be seen: {username!a:.80}")
    yield username, rest[0]
