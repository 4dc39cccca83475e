"""Who may log in: the accounts of credentials.txt (SPEC S2).

Belongs here: reading the file's text and comparing passwords. Does not: counting failures
(doorkeeper.py), opening files (app.py).
"""

import hmac
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from toom_protocol.texts import fault_of_account_word


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
    """The names and passwords, both case-sensitive."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = dict(passwords)

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
        return username in self._passwords

    def __len__(self) -> int:
        """Count the accounts."""
        return len(self._passwords)

    def verify(self, username: str, password: str) -> bool:
        """Tell whether the password is right; an unknown name costs the same comparison."""
        expected = self._passwords.get(username)
        same = hmac.compare_digest((expected or "").encode(), password.encode())
        return same and expected is not None


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
    yield username, rest[0]
