"""Write the first inputs of each target: one of every message, some lines, some plays."""

import random
from pathlib import Path

from toom_protocol import messages as m
from toom_protocol.codec import PREFACE, encode

EXAMPLES: tuple[m.Message, ...] = (
    m.LogIn("Yoda", "pw", 8000),
    m.LogOut(),
    m.Broadcast("hello; there"),
    m.ListActive(),
    m.BuildRoom(("Han", "Luke")),
    m.RoomMessage(1, "hi"),
    m.ReadMessages(m.LogChoice.ROOMS, "1 Jun 2022 16:01:20"),
    m.Locate("Han"),
    m.Ping(),
    m.LoggedIn("Yoda"),
    m.Refused("no"),
    m.End(),
)

DATAGRAMS = (12, 13, 14, 15)  # seeds of plays
PEERS = (2, 21, 92, 118, 120)  # of such in which a file comes through, or a block is damaged


def main(folder: Path = Path(__file__).parent / "corpus") -> None:
    """Write them."""
    streams = [PREFACE + encode(number, each) for number, each in enumerate(EXAMPLES)]
    inputs = {
        "codec": [*streams, PREFACE + b"".join(stream[5:] for stream in streams)],
        "line": [b"1; 1 Jun 2022 16:00:00; Yoda; a; b", b"9; 31 Feb 2022 25:00:00; Yoda; x"],
        "server": [bytes(range(7, 250, 3)), b"\x00\x05\x00\x00" * 20, bytes(range(256))],
        "datagrams": [b"", *(random.Random(seed).randbytes(600) for seed in DATAGRAMS)],
        "peer": [b"\0", b"\1", *(random.Random(seed).randbytes(1000) for seed in PEERS)],
    }
    for target, some in inputs.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(some):
            (folder / target / f"{number:02d}").write_bytes(data)


if __name__ == "__main__":
    main()
