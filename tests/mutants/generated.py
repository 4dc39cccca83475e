"""Mutants that nobody wrote: which sources, the draw, and the selection in generated.toml.

Belongs here: from a name to a mutant and from a seed to names. Does not: syntax trees (sites.py).
"""

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final

from tests.mutants.mutant import FOLDER, Mutant
from tests.mutants.programs import ROOT, BadPatch
from tests.mutants.sites import Site, sites_in

SERVER: Final = "server/toom_server"
TRANSFER: Final = "protocol/toom_protocol/transfer"
TARGETS: Final = {  # sources, and the sections of SPEC.md that tell what they do
    f"{SERVER}/conference.py": "S2 S3 S7 S8 S10 S11 S13",
    f"{SERVER}/talk.py": "S4 S5 S6 S9 S13",
    f"{SERVER}/reception.py": "S2 S3 S11",
    f"{SERVER}/roster.py": "S3 S7",
    f"{SERVER}/rooms.py": "S8 S9 S10 S13",
    **dict.fromkeys((f"{SERVER}/accounts.py", f"{SERVER}/doorkeeper.py"), "S2"),
    f"{SERVER}/file_store.py": "S3 S6 S8 S9 S10 S13",
    f"{SERVER}/log_shelf.py": "S6 S8 S9 S10 S13",
    **{f"{SERVER}/log_{noun}.py": "S4 S6 S9 S10 S13" for noun in ("file", "lines", "scan")},
    f"{SERVER}/mending.py": "S13",
    f"{SERVER}/rooms_file.py": "S8 S13",
    **{
        f"{TRANSFER}/{stem}.py": "S11 S12"
        for stem in ("presenter", "sending", "audience", "recovery", "reordering", "chunks")
    },
}
LOCATING: Final = "._locate."  # the one function of the conference that UPD needs
SELECTION: Final = FOLDER / "generated.toml"


@dataclass(frozen=True, slots=True)
class Edit:
    """One site of one source, changed."""

    path: str  # beneath the checkout
    site: Site

    @property
    def sections(self) -> set[str]:
        """The sections of SPEC.md that tell what the source does."""
        more = {"S12"} if LOCATING in self.site.name else set()
        return more | set(TARGETS[self.path].split())

    def apply(self, directory: Path) -> None:
        """Break the source in a directory.

        Raises:
            BadPatch: the source is not the one that the site was found in.
        """
        path = directory / self.path
        source = path.read_bytes()
        if source[self.site.start : self.site.end] != self.site.before.encode():
            raise BadPatch(f"{self.path} has changed under {self.site.name}")
        path.write_bytes(self.site.broken(source))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A row of generated.toml: a mutant, and what is expected of it.

    Attributes:
        survives: why nothing can kill it, for one that is expected to survive; else "".
    """

    mutant: Mutant
    survives: str = ""


@cache
def population() -> dict[str, Edit]:
    """Every change that could be made to the sources as they are now, by name."""
    edits = {}
    for path in TARGETS:
        for site in sites_in(Path(path).stem, (ROOT / path).read_bytes()):
            edits[site.name] = Edit(path, site)
    return edits


def draw(seed: int, count: int, leave: Iterable[str] = ()) -> list[str]:
    """Draw names of changes, the same for the same seed, as many from each source as it goes.

    Each name has its own lot, so that code which is added elsewhere does not change the draw.
    """
    kept = [name for name in population() if name not in set(leave)]
    by_lot = sorted(kept, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    piles = [[name for name in by_lot if population()[name].path == path] for path in TARGETS]
    dealt = chain.from_iterable(zip_longest(*piles))
    return [name for name in dealt if name is not None][:count]


def mutant_of(name: str, promise: str = "", control: str = "") -> Mutant:
    """Make the mutant of a name.

    Raises:
        BadPatch: the sources have no such site now.
    """
    edit = population().get(name)
    if edit is None:
        raise BadPatch(f"{name}: the sources have no such site now; draw another (--generate)")
    what = f"{edit.path}, line {edit.site.line}: {edit.site.what}"
    return Mutant(name, what, edit, promise, control, generated=True)


def selection() -> list[Chosen]:
    """Read generated.toml.

    Raises:
        BadPatch: a name has no site, or a row says neither `killed-by` nor `survives`.
    """
    rows: Sequence[dict[str, Any]] = tomllib.loads(SELECTION.read_text())["mutant"]
    return [_chosen(row) for row in rows]


def _chosen(row: dict[str, Any]) -> Chosen:
    name, survives = row["name"], row.get("survives", "")
    if bool(survives) == ("killed-by" in row):
        raise BadPatch(f"{name}: needs either `killed-by` or `survives`")
    mutant = mutant_of(name, row.get("killed-by", ""), row.get("control", ""))
    return Chosen(mutant, survives)
