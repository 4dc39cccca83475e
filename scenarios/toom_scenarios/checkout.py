"""This working tree: what of it goes into images, and the names that follow from that.

Belongs here: the files, the hash over them, the `.env` that compose reads. Does not: the engine.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .base_image import Base, ImageError

ROLES: Final = ("server", "client", "scenarios")
SOURCES: Final = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "protocol",
    "server",
    "client",
    "scenarios",
    "containers",
)


@dataclass(frozen=True, slots=True)
class Images:
    """The three images, by the names under which the engine has them."""

    server: str
    client: str
    scenarios: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working tree that images are built from."""

    root: Path

    @property
    def mark(self) -> str:
        """Tell this checkout from others on the same machine."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def project(self) -> str:
        """The name under which compose keeps this checkout's conference."""
        return f"toom-{self.mark}"

    def files(self) -> list[Path]:
        """Every file that can go into an image, in a fixed order."""
        found = []
        for source in SOURCES:
            path = self.root / source
            found += [path] if path.is_file() else sorted(path.rglob("*"))
        return [path for path in found if path.is_file() and not _left_out(path)]

    def content(self, base: Base) -> str:
        """Name what the images consist of."""
        content = hashlib.sha256(base.image_id.encode())
        for path in self.files():
            executable = os.access(path, os.X_OK)
            content.update(f"{path.relative_to(self.root)} {executable}\n".encode())
            content.update(hashlib.sha256(path.read_bytes()).digest())
        return content.hexdigest()[:12]


def this_checkout() -> Checkout:
    """Find the working tree that this module was started from.

    Raises:
        ImageError: the package is installed without its sources.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "Dockerfile").exists():
        raise ImageError(
            "images are built in a checkout; elsewhere name those that the engine has in "
            + ", ".join(variable(role) for role in ROLES)
        )
    return Checkout(root)


def write_env(checkout: Checkout, base: Base, built: Images) -> None:
    """Tell compose, in an untracked `.env`, what it must know; replaced as a whole."""
    engine = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
    lines = [
        "# Written by make; docker compose reads it. Changes made here are lost.",
        f"BASE_IMAGE={base.name}",
        f"COMPOSE_PROJECT_NAME={checkout.project}",
        *(f"{variable(role)}={getattr(built, role)}" for role in ROLES),
        *([f"TOOM_ENGINE_SOCKET={engine}"] if engine.startswith("/") else []),
    ]
    unfinished = checkout.root / f".env.{os.getpid()}"
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(checkout.root / ".env")


def given_images(environment: Mapping[str, str]) -> Images | None:
    """The images that the environment names; None unless it names all three."""
    names = {role: environment.get(variable(role), "") for role in ROLES}
    return Images(**names) if all(names.values()) else None


def variable(role: str) -> str:
    """In which an image of this role is named."""
    return f"TOOM_{role.upper()}_IMAGE"


def _left_out(path: Path) -> bool:
    """Tell what neither the images nor their names depend on, as .dockerignore has it."""
    inside = ("__pycache__" in path.parts, ".toom" in path.parts, path.suffix == ".pyc")
    return any(inside) or (path.parent.name == "server" and path.name.endswith("log.txt"))
