"""How a scenario is run once more: the command for it, and on Docker its hosts to try by hand.

Belongs here: what stands beside the evidence for that. Does not: the evidence (stage.py).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .discovery import cases_folder
from .results import Results, Row

COMPOSE: Final = "compose.yaml"
SERVER_HOST: Final = "server"  # has the server's image, every other the client's
COMMAND: Final = re.compile(r" *[0-9.]+ = (.+ \$ .+)")  # of the first row of a transcript
HEADING: Final = """\
# The hosts of {name}, to try by hand. Here: `docker compose up -d`, then
# `docker compose exec HOST bash`; at the end `docker compose down`. What they left is in /evidence.
# In the scenario these ran; here a host's name stands for its address:
"""
SERVICE: Final = """\
  {host}:
    image: {image}
    hostname: {host}
    init: true
    command: ["sleep", "infinity"]
    volumes: [{evidence}]
    networks: [stage]
"""


def command(results: Results, row: Row) -> str:
    """What runs this scenario in the same way."""
    own = row.scenario.path.parent == cases_folder()
    name = row.scenario.name if own else str(row.scenario.path)
    words = ["toom", "run", name, "--on", results.on, "--seed", str(results.seed)]
    return shlex.join([*words, *results.options])


def write_compose(results: Results, row: Row) -> Path | None:
    """Write a compose file with the scenario's hosts into its folder; only those of Docker."""
    folder = results.folder / row.directory
    hosts = sorted(path.name for path in folder.glob("hosts/*") if path.is_dir())
    if results.images is None or not hosts:
        return None
    services = "".join(_service(host, results.images) for host in hosts)
    ran = "".join(f"#   {line}\n" for line in _commands(folder))
    heading = HEADING.format(name=row.scenario.name) + ran
    network = "networks:\n  stage:\n    internal: true\n"
    place = folder / COMPOSE
    place.write_text(f"{heading}services:\n{services}{network}", encoding="utf-8")
    return place


def _service(host: str, images: tuple[str, str]) -> str:
    server, client = (json.dumps(image) for image in images)
    evidence = json.dumps(f"./hosts/{host}:/evidence:ro")
    image = server if host == SERVER_HOST else client
    return SERVICE.format(host=json.dumps(host), image=image, evidence=evidence)


def _commands(folder: Path) -> Iterator[str]:
    """Each terminal's host and command line."""
    for path in sorted(folder.glob("terminals/*.txt")):
        with path.open(encoding="utf-8", errors="replace") as file:
            if found := COMMAND.match(file.readline()):
                yield found[1]
