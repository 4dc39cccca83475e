"""The server's log on stderr: one event a line, as text for people or as JSON for machines.

Belongs here: its form. Does not: what is worth an event (whoever tells it), the conference's
console (hub.py). Nothing secret may be told: no password, no key.
"""

import json
import logging
from datetime import datetime
from typing import Any, Final

from toom_server.line_writer import LineWriter

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("text", "json")
_log: Final = logging.getLogger("toom_server")


def tell(level: int, event: str, **fields: object) -> None:
    """Log one event.

    Args:
        level: of `logging`, such as `logging.INFO`.
        event: its name, words with hyphens.
        fields: what is to be known about it; values are shown as text.
    """
    if _log.isEnabledFor(level):
        _log.log(level, event, extra={"fields": fields})


def listen(writer: LineWriter, level: str, form: str) -> None:
    """Write events to a stream from now on.

    Args:
        level: one of `LEVELS`; what is below it is left out.
        form: one of `FORMATS`.
    """
    handler = _Handler(writer)
    handler.setFormatter(_Json() if form == "json" else _Text())
    logging.basicConfig(handlers=[handler], level=getattr(logging, level.upper()), force=True)


class _Handler(logging.Handler):
    """Hands lines over; it never waits for a reader."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.say(self.format(record))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What was told; what a library says by `logging` itself has a message alone."""
    if hasattr(record, "fields"):
        return {"event": record.getMessage(), **record.fields}
    return {"event": "message", "text": record.getMessage()}


class _Text(logging.Formatter):
    """`2026-11-24 10:32:15,123 level=INFO event=connected address=10.0.0.7`."""

    def format(self, record: logging.LogRecord) -> str:
        words = [f"{name}={_word(value)}" for name, value in _fields(record).items()]
        line = f"{self.formatTime(record)} level={record.levelname} {' '.join(words)}"
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return f"{line}\n{trace}" if trace else line


class _Json(logging.Formatter):
    """An object a line; `time` is RFC 3339 with the local offset."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created)
            .astimezone()
            .isoformat("T", "milliseconds"),
            "level": record.levelname.lower(),
            **_fields(record),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, default=str, ensure_ascii=True)


def _word(value: object) -> str:
    """A value in one word: in quotes where it holds anything that could be taken for more.

    What cannot be seen, or tells a terminal to do something, is escaped in these (PROTOCOL 7.5).
    """
    text = str(value)
    if text and text.isprintable() and not set(text) & set(" =\"'\\"):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in quoted)
