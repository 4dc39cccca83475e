"""PROTOCOL 3.1, 3.2 and 3.3 list exactly the messages that there are, field by field."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from toom_protocol.messages import Located, LogIn, Message

PROTOCOL = (Path(__file__).parents[2] / "PROTOCOL.md").read_text()


def test_the_tables_are_true() -> None:
    section = PROTOCOL[PROTOCOL.index("## 3 ") : PROTOCOL.index("## 4 ")]
    rows = re.findall(r"(?m)^\| ([0-9]+) \| ([A-Z][A-Za-z]+) \| ([a-z_, ]*)\|", section)
    written = {(int(kind), name, fields_.strip()) for kind, name, fields_ in rows}
    known = {
        (message.KIND, message.__name__, ", ".join(field.name for field in fields(message)))
        for message in get_args(Message)
    }
    assert written == known


def test_secrets_are_not_shown() -> None:
    assert "sesame" not in repr(LogIn("Yoda", "sesame", 8000))
    assert "kkkk" not in repr(Located("Yoda", "10.0.0.1", 8000, 7, b"kkkk"))
