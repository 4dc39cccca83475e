"""One file on its way from a client to another, and what may become of it (SPEC S12).

Belongs here: sending, catching a file in the middle of its way, what both terminals must say, and
what then lies on the audience's disk. Does not: films (videos.py).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .deadline import Deadline
from .errors import Broken, ExpectationFailed
from .host import Host
from .output import Mark
from .programs import Client

HIDDEN: Final = ".toom/"  # where unfinished data may wait; SPEC S12
FAILED: Final = "Transfer of "  # how the other notice begins; SPEC S12
PATIENCE: Final = 40.0  # seconds that a file may take, on a busy host
SILENCE: Final = 15.0  # a peer silent for so long is gone; SPEC S12
TOLD: Final = SILENCE + 5.0  # seconds in which a survivor must have been told, on a busy host
FAIR: Final = 12.0  # seconds that a client may be held up by us before others may take it for gone

UNDER_WAY: Final = 500_000  # bytes after which an audience has begun to take a file
SMALLEST: Final = 12_000_000  # bytes of a file that is to be caught in the middle
LARGEST: Final = 400_000_000
GROWTH: Final = 4  # times the size, when a file had arrived before it was caught
NEARLY_THERE: Final = 0.8  # of a file: it may be there when the client that was stopped goes on


@dataclass(frozen=True, slots=True)
class Upload:
    """One UPD, as both terminals and the audience's disk show it.

    Attributes:
        since: where the presenter's and the audience's terminal stood before.
    """

    presenter: Client
    audience: Client
    name: str
    since: tuple[Mark, Mark]
    _fair: Deadline = field(default_factory=lambda: Deadline(FAIR))

    @property
    def stored(self) -> str:
        """Under which name the audience stores it."""
        return f"{self.presenter.user}_{self.name}"

    def is_there(self) -> bool:
        """Whether a file stands under its final name."""
        return self.audience.host.file(self.stored).exists()

    def over(self) -> bool:
        """Whether the audience has been told that it has arrived."""
        line = f"Received {self.name} from {self.presenter.user}"
        return line in self.audience.lines(since=self.since[1])

    def announced(self) -> None:
        """The presenter is told that it is being sent."""
        line = f"Sending {self.name} to {self.audience.user}"
        self.presenter.sees_exactly(line, since=self.since[0])

    def uploaded(self, within: float = PATIENCE) -> None:
        """The presenter is told that it has arrived."""
        self._success(self._told_presenter(within))

    def received(self, within: float = PATIENCE) -> None:
        """The audience is told that it has arrived."""
        self._success(self._told_audience(within))

    def arrives(self, within: float = PATIENCE) -> None:
        """Both are told, and what has arrived is byte-identical."""
        self.received(within)
        self.uploaded(within)
        sent, there = (
            digest(self.presenter.host, self.name),
            digest(self.audience.host, self.stored),
        )
        if sent != there:
            raise ExpectationFailed(
                f"{self.stored} is not what {self.presenter.user} sent",
                f"SHA-256 at the presenter {sent}, at the audience {there}",
            )

    def fails_at_the_presenter(self, within: float = TOLD) -> None:
        """The presenter is told that it has not arrived, and why."""
        pattern = (
            rf"Transfer of {re.escape(self.name)} to {re.escape(self.audience.user)} failed: .+"
        )
        self.presenter.sees(pattern, within=within, since=self.since[0])

    def fails_at_the_audience(self, within: float = TOLD) -> None:
        """The audience is told that it has not arrived, and why."""
        pattern = (
            rf"Transfer of {re.escape(self.name)} from {re.escape(self.presenter.user)} failed: .+"
        )
        self.audience.sees(pattern, within=within, since=self.since[1])

    def fails(self, within: float = TOLD) -> None:
        """Both are told that it has not arrived."""
        self.fails_at_the_presenter(within)
        self.fails_at_the_audience(within)

    def ends(self, within: float = PATIENCE) -> bool:
        """Both are told what became of it, and the same. Returns whether it has arrived."""
        told = self._told_presenter(within), self._told_audience(within)
        arrived = [not each.startswith(FAILED) for each in told]
        if arrived[0] != arrived[1]:
            raise ExpectationFailed(f"the terminals disagree about {self.name}", "\n".join(told))
        return arrived[0]

    def _told_presenter(self, within: float) -> str:
        name, user = re.escape(self.name), re.escape(self.audience.user)
        pattern = rf"{name} has been uploaded|Transfer of {name} to {user} failed: .+"
        return self.presenter.sees(pattern, within=within, since=self.since[0])[0]

    def _told_audience(self, within: float) -> str:
        name, user = re.escape(self.name), re.escape(self.presenter.user)
        pattern = rf"Received {name} from {user}|Transfer of {name} from {user} failed: .+"
        return self.audience.sees(pattern, within=within, since=self.since[1])[0]

    def _success(self, told: str) -> None:
        if told.startswith(FAILED):
            raise ExpectationFailed(f"{self.name} has not arrived: {told}")

    def goes_on(self, stopped: Client) -> None:
        """Let a client that was stopped go on.

        Raises:
            Broken: it was held up for so long that others may have taken it for gone.
        """
        stopped.kill(signal.SIGCONT)
        if self._fair.passed():
            raise Broken(f"{stopped.name} was held up for over {FAIR:.0f} s: the host is too slow")


def sends(presenter: Client, audience: Client, name: str) -> Upload:
    """Type UPD. What comes of it is for the scenario to look at."""
    upload = Upload(presenter, audience, name, (presenter.mark(), audience.mark()))
    presenter.types(f"UPD {audience.user} {name}")
    return upload


def caught(presenter: Client, audience: Client, name: str, *, stops: Client) -> Upload:
    """A file that is on its way when one of the two clients is stopped; see `all_caught`."""
    return all_caught(presenter, audience, [name], stops=stops)[0]


def all_caught(
    presenter: Client, audience: Client, names: Sequence[str], *, stops: Client
) -> list[Upload]:
    """Files that are on their way, surely begun and not yet there, when a client is stopped.

    They are made anew; where a program was too fast, once more and larger, with the audience's
    directory as it was before. Needs hosts with network counters of their own.

    Args:
        stops: the presenter or the audience; it gets SIGSTOP and waits for `Upload.goes_on`.

    Raises:
        ExpectationFailed: hardly a byte came to the audience.
        Broken: the file was there each time.
    """
    size = SMALLEST
    stored = [audience.host.file(f"{presenter.user}_{name}") for name in names]
    stood = {file.name: file.bytes() if file.exists() else None for file in stored}
    while True:
        for name in names:
            fill(presenter.host, name, size // len(names))
        before = audience.host.received()
        uploads = [sends(presenter, audience, name) for name in names]
        if not audience.host.comes_to_receive(before + UNDER_WAY, within=TOLD):
            raise ExpectationFailed(
                f"{', '.join(names)}: less than {UNDER_WAY} bytes came to {audience.name}",
                "\n".join(presenter.lines()),
            )
        stops.kill(signal.SIGSTOP)
        came = audience.host.received() - before
        told = any(each.over() for each in uploads)
        if not told and (came < NEARLY_THERE * size or size == LARGEST):
            return uploads
        stops.kill(signal.SIGCONT)
        for each in uploads:
            each.arrives()
        if size == LARGEST:
            raise Broken(f"{size} bytes came to {audience.name} before they could be stopped")
        for stored_name, content in stood.items():
            if content is None:
                audience.host.remove(stored_name)
            else:
                audience.host.put(stored_name, content)
        size = min(GROWTH * size, LARGEST)


def fill(host: Host, name: str, size: int) -> None:
    """Make a file of random bytes in a host, as a film is: nothing can pack it."""
    made = host.run(["sh", "-c", 'head -c "$2" /dev/urandom > "$1"', "sh", name, str(size)])
    if made.status:
        raise Broken(f"{host.name}: {name} of {size} bytes cannot be made: {made.output!r}")


def digest(host: Host, name: str) -> str | None:
    """SHA-256 of a file, computed in its host; None when there is none."""
    told = host.run(["sh", "-c", 'sha256sum < "$1"', "sh", name])
    return None if told.status else told.output.decode().split()[0]


def only_has(client: Client, *names: str) -> None:
    """Outside the hidden folder, the client's directory holds exactly these files.

    Raises:
        ExpectationFailed: it holds others, or lacks one.
    """
    there = [each.name for each in client.host.files() if not each.name.startswith(HIDDEN)]
    if sorted(there) != sorted(names):
        raise ExpectationFailed(f"{client.name}'s directory holds {there}, not {sorted(names)}")
