"""How long silence on a TCP connection may last (PROTOCOL 2.4).

SPEC S3 wants a line of userlog.txt gone within 15 s after its client fell silent.
"""

from typing import Final

PING_INTERVAL: Final = 3.0  # seconds; four of them fit into the limit, so that one may be late
SILENCE_LIMIT: Final = 12.0  # seconds; leaves 3 s of S3's 15 for the sweep and a busy host
SWEEP_INTERVAL: Final = 1.0  # seconds between two looks at who is silent
DEAD_WITHIN: Final = 15.0  # seconds after which nobody is listed whose connection is gone; SPEC S3
LOGIN_LIMIT: Final = 120.0  # seconds that a connection may take until somebody has logged in
TICKET_LIFETIME: Final = 30.0  # seconds; how long an audience waits for an announced presenter
