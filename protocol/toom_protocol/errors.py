"""Everything this project raises on purpose, named by who must act.

    ToomError
    ├── MisuseError          our own code called at the wrong time: fix the code
    └── PeerError            the other end broke the protocol: drop it, keep serving
        ├── MalformedFrame       bytes on a TCP connection that are no Toom frames
        └── MalformedPacket      a datagram that cannot be decoded: count it, ignore it
            └── BadHandshake         a handshake that does not verify: the same

A refusal ("room does not exist") is no error: it is a reply, a value of `messages`.
"""


class ToomError(Exception):
    """Root of the tree."""


class MisuseError(ToomError):
    """Our own code was called at the wrong time or with values that can never be sent."""


class PeerError(ToomError):
    """The other end broke the protocol."""


class MalformedFrame(PeerError):
    """Bytes on a TCP connection that cannot be decoded (PROTOCOL 2)."""


class MalformedPacket(PeerError):
    """A datagram that cannot be decoded (PROTOCOL 5)."""


class BadHandshake(MalformedPacket):
    """A handshake that is not what it must be, or not from whom (PROTOCOL 5.8)."""


class MalformedTimestamp(ToomError):
    """Text that is no timestamp of the form `1 Jun 2022 16:01:20` (SPEC S4)."""


class MalformedLine(ToomError):
    """A line that does not have the format of its log file (PROTOCOL 4.1)."""


class MalformedMark(ToomError):
    """Text that is no mark of the form `LOG NUMBER` (PROTOCOL 3.5)."""
