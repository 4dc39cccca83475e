"""The answer to RDM, log by log and part by part (SPEC S10, PROTOCOL 3.2)."""

from collections.abc import Iterator
from logging import ERROR

from toom_protocol.messages import End, LogLines, Message, NotStored
from toom_server.events import tell
from toom_server.outcomes import ReadPlan
from toom_server.store import Store


def parts_of(plan: ReadPlan, store: Store) -> Iterator[Message]:
    """Yield the answer, its end included; what cannot be read ends it in another way."""
    try:
        for log in plan.logs:
            for block in store.read(log, plan.since):
                yield LogLines(log, block)
    except OSError as exc:
        tell(ERROR, "not-read", why=exc)
        yield NotStored(f"The server's disk refuses: {exc.strerror}.")
    else:
        yield End()
