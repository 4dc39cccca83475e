"""What the records of a trace look like: qlog (PROTOCOL 5.11).

Belongs here: the header of a file, frames and data packets in JSON. Does not: which events there
are (trace.py). No key and no byte of a file comes near a record.

Source: RFC 7464 (JSON text sequences), draft-ietf-quic-qlog-main-schema (header, fields of all
events).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from toom_protocol.transfer.frames import (
    LEAF_SIZE,
    Abort,
    Accept,
    Ack,
    Frame,
    Leaves,
    Offer,
    Refuse,
    Repair,
    Skip,
    Skipped,
)
from toom_protocol.transfer.packets import OVERHEAD

SEPARATOR: Final = "\x1e"  # RS, before each record; RFC 7464 2.2
QLOG_VERSION: Final = "0.3"
FILE_SCHEMA: Final = "urn:ietf:params:qlog:file:sequential"
SERIALIZATION: Final = "application/qlog+json-seq"
EVENT_SCHEMA: Final = (
    "urn:x-toom:events:transfer-3"  # the namespace toom, for transfers of version 3
)

Json = Mapping[str, object]

_VANTAGE: Final = {"presenter": "client", "audience": "server"}  # who begins is qlog's client
to_json: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def header(connection: int, role: str, peer: str, began: str) -> str:
    """The first record: what the trace is of, as `Trace.header` is told it."""
    named = f"{connection:07x}"
    trace = {
        "title": f"{role} {named}",
        "common_fields": {
            "group_id": named,
            "protocol_type": ["TOOM"],
            "time_format": "relative_to_epoch",
            "reference_time": {
                "clock_type": "monotonic",
                "epoch": "unknown",
                "wall_clock_time": began,
            },
        },
        "vantage_point": {"name": f"{role}, peer {peer}", "type": _VANTAGE[role]},
        "event_schemas": [EVENT_SCHEMA],
    }
    content = {
        "qlog_version": QLOG_VERSION,
        "qlog_format": "JSON-SEQ",
        "file_schema": FILE_SCHEMA,
        "serialization_format": SERIALIZATION,
        "title": "Toom transfer",
        "trace": trace,
    }
    return f"{SEPARATOR}{to_json(content)}\n"


def data_packet(head: str, size: int) -> str:
    """A record of one data packet, with places for its number and its offset in the file."""
    return (
        f'{head}{{"header":{{"packet_type":"1RTT","packet_number":%d}},'
        f'"raw":{{"length":{size + OVERHEAD}}},'
        f'"frames":[{{"frame_type":"stream","stream_id":0,"offset":%d,"length":{size}}}]}}}}\n'
    )


def frame_of(frame: Frame) -> str:
    """A frame in JSON, but for digests, which nobody needs to see."""
    kind = type(frame).__name__.lower()
    match frame:
        case Ack(delay, credit, _, ranges, leaves, marked):
            ce = f',"ce":{marked}' if marked else ""
            acked = ",".join([f"[{start},{end - 1}]" for start, end in ranges])
            return (
                f'{{"frame_type":"ack","ack_delay":{delay * 1e3:.3f},"acked_ranges":[{acked}],'
                f'"credit":{credit},"leaves":{leaves}{ce}}}'
            )
        case Offer(size, filename):
            return to_json({"frame_type": kind, "size": size, "file_name": filename})
        case Accept():
            return to_json(
                {
                    "frame_type": kind,
                    "chunk_size": frame.chunk_size,
                    "credit": frame.credit,
                    "receive_buffer": frame.receive_buffer,
                    "blocks": frame.blocks,
                }
            )
        case Refuse(reason) | Abort(reason):
            return to_json({"frame_type": kind, "reason": reason.name.lower()})
        case Leaves(first, leaves):
            count = len(leaves) // LEAF_SIZE
            return to_json({"frame_type": kind, "first": first, "count": count})
        case Repair(damaged):
            return to_json({"frame_type": kind, "blocks": [block for block, _ in damaged]})
        case Skip(blocks) | Skipped(blocks):
            return to_json({"frame_type": kind, "blocks": blocks})
        case _:
            return f'{{"frame_type":"{kind}"}}'
