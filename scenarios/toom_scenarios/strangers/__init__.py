"""Small programs that a scenario runs in a host, to be a stranger on the wire.

Belongs here: programs that need Python alone and know nobody's protocol: they send what no protocol
can expect, or spoil what passes. Does not: anything that judges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..host import Host
from ..programs import Server
from ..stage import Stage
from ..terminal import Terminal

FOLDER: Final = Path(__file__).resolve().parent


def garbage(stage: Stage, host: Host, server: Server) -> Terminal:
    """Send the server garbage from this host. Says `done`, and holds its connections then."""
    return _start(stage, host, "garbage", server, stage.seed)


def middleman(stage: Stage, host: Host, server: Server) -> Terminal:
    """Stand between clients and the server; what it says and obeys is told in middleman.py."""
    return _start(stage, host, "middleman", server)


def _start(stage: Stage, host: Host, name: str, server: Server, *more: object) -> Terminal:
    program = f"{name}.py"
    host.put(program, FOLDER / program)
    return stage.command(
        host, "python3", program, server.address, str(server.port), *map(str, more)
    )
