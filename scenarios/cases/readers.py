"""Reading userlog.txt while it changes (SPEC S3)."""

import json
import re

from toom_scenarios import Client, Stage, scenario
from toom_scenarios.spec import user_line
from toom_scenarios.talking import seats

LOOKING = 20.0  # seconds after which the looker ends, whatever becomes of the scenario
# Opens the file and reads half of it; looks at it, anew each time, until Enter is typed; then reads
# on where it stopped. Prints the half with what came then, and every different look; null: no file.
# A look may miss a moment, so the kernel is asked too (inotify(7)): a file that is made under this
# name (IN_CREATE) and written afterwards (IN_MODIFY) was empty for whoever looked between the two.
LOOKER = """
import ctypes, json, os, struct, sys, threading, time
name, told, libc = sys.argv[1], threading.Event(), ctypes.CDLL(None)
events = libc.inotify_init1(os.O_NONBLOCK)
libc.inotify_add_watch(events, b".", 0x100 | 0x2)
held = os.open(name, os.O_RDONLY)
half = os.read(held, os.fstat(held).st_size // 2)
threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
print("looking", flush=True)
looks, last, end = [], b"", time.monotonic() + float(sys.argv[2])
while not told.is_set() and time.monotonic() < end:
    try:
        with open(name, "rb") as file:
            now = file.read()
    except FileNotFoundError:
        now = None
    if now != last:
        looks.append(now)
        last = now
looks.insert(0, half + os.read(held, 1 << 20))
made = False
try:
    rest = os.read(events, 1 << 20)
except OSError:
    rest = b""
while rest:
    _, mask, _, size = struct.unpack_from("iIII", rest)
    if rest[16:16 + size].rstrip(b"\\0") == name.encode():
        if mask & 0x2 and made:
            looks.append(b"")
        made = made or mask & 0x100
    rest = rest[16 + size:]
looks = [None if look is None else look.decode(errors="replace") for look in looks]
print(json.dumps(looks), flush=True)
"""


@scenario("S3.7", builds_on="log_in_and_out", seconds=4)
def a_reader_of_the_user_log(stage: Stage) -> None:
    """Somebody reads userlog.txt over and over, and once slowly, while users come and go and one stays: whatever is read is a whole list."""
    server = stage.server(attempts=3)
    userlog = server.file("userlog.txt")
    first, stays = seats(stage, "Leia", "Yoda")
    second, third = (stage.terminal(stays.host) for _ in range(2))
    people = {"Leia": first, "Yoda": stays, "Luke": second, "Han": third}
    userlog.waits_until(lambda text: "; Leia; " in text, wanted="a list with Leia")
    looker = stage.command(
        server.host, "python3", "-c", LOOKER, "userlog.txt", str(LOOKING), name="looker"
    )
    looker.sees_exactly("looking")
    first.leaves()
    for client, user in ((second, "Luke"), (third, "Han")):
        client.logs_in(user, stage.password(user))
    second.leaves()
    third.kill()
    userlog.waits_until(lambda text: "; Han; " not in text, wanted="without Han")
    looker.types("")
    looks = json.loads(looker.sees(r"\[.+\]")[0])
    for look in looks:
        assert is_whole(look, people), f"a reader saw {look!r}"


def is_whole(look: str | None, people: dict[str, Client]) -> bool:
    """Whether this is a list of some of these people, numbered without a hole; Yoda was always in."""
    told = look.splitlines() if look else []
    names = [line.split("; ")[2] for line in told if line.count("; ") == 4]
    known = [people[name] for name in names if name in people]
    wanted = [user_line(n, c.user, c.address, c.udp_port) for n, c in enumerate(known, start=1)]
    return (
        "Yoda" in names
        and len(wanted) == len(told)
        and all(re.fullmatch(want, line) for want, line in zip(wanted, told, strict=True))
    )
