"""Metrics and health over HTTP, for those who run a server (`--metrics`).

Belongs here: names, and the two pages. Does not: counting itself, which is the official client
library's, nor anything about users by name.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from logging import DEBUG
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from toom_protocol import messages as m
from toom_server.events import tell
from toom_server.hub import Hub

HEALTH: Final = "/health"
SECONDS: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # a sync, quick to hopeless
NAMES: Final = {
    m.LogIn: "login",
    m.LogOut: "OUT",
    m.Broadcast: "BCM",
    m.ListActive: "ATU",
    m.BuildRoom: "SRB",
    m.RoomMessage: "SRM",
    m.ReadMessages: "RDM",
    m.Locate: "UPD",
    m.Ping: "ping",
    m.Keep: "keep",
    m.Resume: "resume",
    m.Follow: "follow",
}
App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Metrics:
    """What a server tells about itself."""

    def __init__(self, hub: Hub) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        requests = Counter("toom_requests", "Requests", ["kind"], registry=self.registry)
        self._requests = {kind: requests.labels(name) for kind, name in NAMES.items()}
        self._entries = Counter(
            "toom_entries", "Messages and rooms that were kept", registry=self.registry
        )
        self._refused = Counter(
            "toom_batches_refused", "Batches that the disk refused", registry=self.registry
        )
        self._seconds = Histogram(
            "toom_batch_seconds",
            "From the decision about a batch to its replies",
            registry=self.registry,
            buckets=SECONDS,
        )
        for name, text, value in (
            ("toom_connections", "TCP connections", lambda: hub.connections),
            ("toom_users", "Users who are logged in", lambda: hub.users),
            ("toom_buffered_bytes", "Bytes that clients have not taken", lambda: hub.buffered),
            ("toom_healthy", "1: the last write to the disk went well", lambda: hub.is_healthy),
        ):
            Gauge(name, text, registry=self.registry).set_function(value)

    def request(self, request: m.Request) -> None:
        self._requests[type(request)].inc()

    def batch(self, entries: int, seconds: float, *, kept: bool) -> None:
        self._seconds.observe(seconds)
        if kept:
            self._entries.inc(entries)
        else:
            self._refused.inc()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Log who hung up or said nothing; the library would print a traceback."""
        tell(DEBUG, "metrics-visit-failed", address=client_address, why=sys.exception())


class _Handler(WSGIRequestHandler):
    timeout = 10.0  # seconds; a visitor who says nothing holds a thread no longer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing: a visit every few seconds is no event."""


@contextmanager
def telling(hub: Hub, host: str, port: int) -> Iterator[None]:
    """Tell `/metrics` and `/health` while the block lasts.

    Raises:
        OSError: the address cannot be had.
    """
    metrics = Metrics(hub)
    app = _app(hub, make_wsgi_app(metrics.registry))
    with make_server(host, port, app, server_class=_Server, handler_class=_Handler) as server:
        hub.observe(metrics)
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()


def _app(hub: Hub, metrics: App) -> App:
    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != HEALTH:
            return metrics(environ, start)
        healthy = hub.is_healthy
        status = "200 OK" if healthy else "503 Service Unavailable"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [b"ok\n" if healthy else b"the disk refused the last write\n"]

    return app
