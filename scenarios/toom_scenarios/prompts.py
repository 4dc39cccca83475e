"""The prompts that SPEC S2 and S5 promise, and taking them off the front of a line.

A program that echoes nothing leaves its reply on the prompt's own line (`Password: Welcome to
TOOM!`).
That is a matter of taste, so every line is judged without the prompts that stand before it.
"""

from __future__ import annotations

from typing import Final

USERNAME: Final = "Username: "  # SPEC S2
PASSWORD: Final = "Password: "  # SPEC S2
COMMAND: Final = (
    "Enter one of the following commands (BCM, ATU, SRB, SRM, RDM, OUT, UPD): "  # SPEC S5
)
PROMPTS: Final = (USERNAME, PASSWORD, COMMAND)


def without_prompts(text: str) -> str:
    """The line without the prompts at its start, however many stand there."""
    while True:
        for prompt in PROMPTS:
            if text.startswith(prompt):
                text = text[len(prompt) :]
                break
        else:
            return text
