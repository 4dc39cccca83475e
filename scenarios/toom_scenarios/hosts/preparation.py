"""Getting ready for a run in containers: what dead runs left is swept, and the images are there."""

from __future__ import annotations

from collections.abc import Callable

from docker.errors import ImageNotFound

from ..base_image import ImageError
from ..checkout import Images
from ..engine import connect
from ..errors import Broken
from ..images import images
from .sweep import sweep


def prepare(say: Callable[[str], None]) -> Images:
    """Before a run: sweep what dead runs left, and have the images.

    Raises:
        Broken: an image is not to be had.
    """
    client = connect()
    try:
        for line in sweep(client):
            say(line)
        try:
            names = images(say)
        except ImageError as error:
            raise Broken(f"{error} (make image)") from error
        for name in (names.server, names.client):
            try:
                client.images.get(name)
            except ImageNotFound as error:
                raise Broken(f"the engine has no image {name}: run `make image`") from error
        return names
    finally:
        client.close()
