"""Transfers over simulated paths, as a table: `python -m tests.simulate [--control NAME] [NAME …]`.

All figures are of virtual time: the real recovery and controllers on the links of tests/doubles.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.doubles.bottleneck import Conditions
from tests.doubles.flows import Plan, Simulation
from toom_protocol.transfer.congestion import CONTROLLERS, DEFAULT

PACKET = 1480  # bytes on the link
PAYLOAD = 1424  # bytes of file in one
TCP = Plan("cubic", ack_every=2, paced=False)


def link(mbit: float = 100, rtt: float = 0.050, buffer: float = 1.0, **more: object) -> Conditions:
    """A path; the buffer in bandwidth-delay products."""
    rate = mbit * 1e6 / 8 / PACKET
    return replace(Conditions(rate, rtt, max(buffer * rate * rtt, 2)), **more)  # type: ignore[arg-type]


def packets(megabytes: float) -> int:
    return round(megabytes * 1e6 / PAYLOAD)


@dataclass(frozen=True, slots=True)
class Case:
    """One path and who sends on it; the first flow is the one under test where it says `None`."""

    conditions: Conditions
    megabytes: float = 100
    others: tuple[Plan, ...] = ()
    seconds: float = 600
    start: float = 0.0


RATE = link().rate
SLOW = link(20, 0.200)
CASES = {
    "0 %": Case(link()),
    "0.1 %": Case(link(loss=0.001)),
    "1 %": Case(link(loss=0.01)),
    "5 %": Case(link(loss=0.05)),
    "10 %": Case(link(loss=0.10)),
    "20 Mbit/s 200 ms 2 %": Case(replace(SLOW, loss=0.02), 20),
    "10 Mbit/s 600 ms 1 %": Case(link(10, 0.600, loss=0.01), 20),
    "1 Gbit/s 20 ms 1 %": Case(link(1000, 0.020, loss=0.01), 200),
    "buffer 4": Case(link(buffer=4)),
    "buffer 0.25": Case(link(buffer=0.25)),
    "buffer 0.1": Case(link(buffer=0.1)),
    "bursts of 10, 5 %": Case(link(loss=0.05, burst=10)),
    "5 % late 5 ms": Case(link(reorder=0.05, late=0.005)),
    "5 % late 40 ms": Case(link(reorder=0.05, late=0.040)),
    "jitter 5 ms": Case(link(jitter=0.005)),
    "duplicates 2 %": Case(link(duplicate=0.02)),
    "acks lost 20 %": Case(link(ack_loss=0.2)),
    "policer 50 %, 64 kB": Case(link(police=(RATE / 2, 64_000 / PACKET)), 50),
    "policer 50 %, 500 kB": Case(link(police=(RATE / 2, 500_000 / PACKET)), 50),
    "rate to a half at 4 s": Case(link(changes=((4.0, RATE / 2),)), 70),
    "rate doubles at 4 s": Case(link(50, changes=((4.0, RATE),)), 70),
    "marks above 0.3": Case(link(mark=0.3 * link().pipe)),
    "two, 2 s apart": Case(link(), 0, (Plan(),), 20, start=2.0),
    "four, 0.5 s apart": Case(
        link(), 0, (Plan(), Plan(start=0.5), Plan(start=1.0)), 40, start=1.5
    ),
    "beside TCP CUBIC": Case(link(), 0, (TCP,), 33, start=3.0),
}  # fmt: skip


def simulate(case: Case, control: str, seed: int) -> Simulation:
    chunks = packets(case.megabytes) or None
    plans = (Plan(control, start=case.start, chunks=chunks), *case.others)
    return Simulation(case.conditions, *plans, seed=seed).run(until=case.seconds)


def ideal(conditions: Conditions, seconds: float) -> float:
    """Packets that the path lets through in that time from its beginning on."""
    allowed, rate, before = 0.0, conditions.rate, 0.0
    for time, changed in (*conditions.changes, (seconds, 0.0)):
        allowed += (min(time, seconds) - before) * rate
        rate, before = changed, min(time, seconds)
    if conditions.police is not None:
        per_second, bucket = conditions.police
        allowed = min(allowed, bucket + seconds * per_second)
    return allowed * (1 - conditions.loss)


def row(name: str, done: Simulation) -> str:
    path, since = done.path, max(flow.plan.start for flow in done.flows)
    arrived = sum(flow.arrived for flow in done.flows)
    shares = ""
    if len(done.flows) > 1:
        parts = (f"{done.share(i, since, done.now):.2f}" for i in range(len(done.flows)))
        shares = " : ".join(parts)
    dropped = (path.overflowed + path.policed) / path.sent
    return (
        f"{name:<24}{done.now:7.2f}{arrived / ideal(path.conditions, done.now):9.3f}"
        f"{path.lost / path.sent:8.3f}{dropped:9.4f}"
        f"{path.mean_queue / path.conditions.queue:7.2f}  {shares}"
    )


def table(control: str, names: list[str], seed: int) -> Iterator[str]:
    yield (
        f"{control:<24}{'s':>7}{'of ideal':>9}{'lost':>8}{'dropped':>9}{'queue':>7}  share of each"
    )
    for name, case in CASES.items():
        if not names or any(wanted in name for wanted in names):
            yield row(name, simulate(case, control, seed))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--control", choices=sorted(CONTROLLERS), default=DEFAULT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("name", nargs="*", help="only paths with this in their name")
    chosen = parser.parse_args()
    for line in table(chosen.control, chosen.name, chosen.seed):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
