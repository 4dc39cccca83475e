"""Metrics and health over HTTP: visitors who do not behave."""

import socket
import struct
from wsgiref.simple_server import make_server

import pytest


def test_a_visitor_who_resets_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("prometheus_client")
    from toom_server.metrics import _Handler, _Server

    with make_server(
        "127.0.0.1", 0, lambda _, __: [], server_class=_Server, handler_class=_Handler
    ) as server:
        visitor = socket.create_connection(("127.0.0.1", server.server_port))
        request, address = server.get_request()
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        visitor.close()
        server.process_request_thread(request, address)
    assert capfd.readouterr() == ("", "")
