"""What no suite has time for: `toom run scenarios/more/two_gigabytes.py` (SPEC S12)."""

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.host import Host
from toom_scenarios.transfers import digest, sends

SIZE = 2_000_000_000  # bytes
MOST = 100_000_000  # bytes of memory that a client may ever have in use
IN_TIME = 600.0  # seconds for the file: 27 Mbit/s
COMMAND = 120.0  # seconds for a command that goes through all of it
# The peak of each process that runs a client in the directory of who asks: local hosts share /proc.
PEAKS = """
for each in $(grep -lE 'toom[-_]client' /proc/[0-9]*/cmdline); do
  [ "$(readlink "${each%cmdline}cwd")" = "$(pwd -P)" ] && grep VmHWM "${each%cmdline}status"
done
"""


def peak(client: Client) -> int:
    """The most memory that a client's processes have had, in bytes (VmHWM, proc(5))."""
    told = client.host.run(["sh", "-c", PEAKS]).output.decode()
    peaks = [int(line.split()[1]) * 1024 for line in told.splitlines() if "VmHWM" in line]
    assert peaks, f"no client runs at {client.name}'s: {told!r}"
    return sum(peaks)


def makes(host: Host, name: str) -> None:
    """A file of two gigabytes that nothing can pack."""
    command = 'head -c "$2" /dev/urandom > "$1"'
    host.run(["sh", "-c", command, "sh", name, str(SIZE)], within=COMMAND)


@scenario(section="S12", hosts=2, time_limit=1500.0)
def two_gigabytes_in_little_memory(stage: Stage) -> None:
    """Yoda sends Han two gigabytes; neither client ever has 100 MB of memory in use."""
    stage.server(attempts=3)
    yoda, han = stage.clients(yoda="Yoda", han="Han")
    makes(yoda.host, "film.bin")
    before = peak(yoda), peak(han)
    began = stage.now()
    film = sends(yoda, han, "film.bin")
    film.uploaded(within=IN_TIME)
    took = stage.now() - began
    film.received()
    peaks = peak(yoda), peak(han)
    there = digest(yoda.host, "film.bin"), digest(han.host, film.stored)
    for client, name in ((yoda, "film.bin"), (han, film.stored)):
        client.host.remove(name)  # else it would go into the evidence
    figures = (
        f"{SIZE} bytes in {took:.1f} s; VmHWM in bytes: presenter {before[0]} before and "
        f"{peaks[0]} after, audience {before[1]} and {peaks[1]}"
    )
    (stage.folder / "memory.txt").write_text(figures + "\n")
    assert there[0] == there[1], f"they differ: {there}"
    assert max(peaks) < MOST, figures
