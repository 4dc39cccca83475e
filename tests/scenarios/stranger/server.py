# ruff: noqa: T201
"""A stranger's server: it only listens, and says so."""

import socket
import sys

with socket.create_server(("", int(sys.argv[1]))) as listener:
    print(f"serving, {sys.argv[2]} attempts", flush=True)
    while True:
        listener.accept()[0].close()
