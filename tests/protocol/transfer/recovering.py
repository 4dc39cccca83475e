"""Books of what was sent, for the tests of what is lost."""

from toom_protocol.transfer.recovery import Recovery


def sending(*runs: tuple[float, int, int]) -> Recovery:
    """A recovery that sent runs (time, first packet, count); chunk = packet + 1000."""
    recovery = Recovery(now=0.0)
    recovery.rtt.sample(0.100, ack_delay=0.0)
    for time, number, count in runs:
        recovery.on_sent(number, number + 1000, count, now=time, limited=False)
    return recovery


def as_ranges(numbers: set[int]) -> tuple[tuple[int, int], ...]:
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    ends = sorted(n + 1 for n in numbers if n + 1 not in numbers)
    return tuple(reversed(list(zip(starts, ends, strict=True))))
