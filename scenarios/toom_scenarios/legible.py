"""Patterns and values as a person would write them.

Belongs here: text to text, pure. Does not: finding anything out.
"""

from __future__ import annotations

import difflib
import pprint
import re
from collections.abc import Sequence
from typing import Final

from .facts import SAME, SEEN, WANTED, Compared
from .timestamps import AT

TIME: Final = "<time>"
NUMBER: Final = "<number>"
ANYTHING: Final = "…"
CLOCK: Final = "\ue000"  # stands for AT while a pattern is read; no pattern has it
NAMED: Final = re.compile(r"\(\?P<(\w+)>")
DIGITS: Final = re.compile(r"(?:\\d|\[0-9\])[+*]")
WIDTH: Final = 240  # characters of a line that a person reads; the evidence has the whole
LEAD: Final = 30  # characters shown before the first that differs, in a long line
AROUND: Final = 2  # lines alike that are shown before and after a difference
MOST_COMPARED: Final = 400  # lines of each side; more nobody reads, and it takes time
SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
PICTURES: Final = {code: 0x2400 + code for code in range(32) if code != 9} | {127: 0x2421}


def legible(pattern: str) -> str:
    r"""A regular expression in a person's words: `\d+` is `<number>`, a group its name, a timestamp
    `<time>`, and what was escaped is itself.
    """
    return _read(pattern.replace(AT, CLOCK)).replace(CLOCK, TIME)


def _read(pattern: str) -> str:
    told, here = "", 0
    while here < len(pattern):
        words, here = _piece(pattern, here)
        told += words
    return told


def _piece(pattern: str, here: int) -> tuple[str, int]:
    """The first piece at this place in words, and where the next begins."""
    if found := DIGITS.match(pattern, here):
        return NUMBER, found.end()
    if pattern[here : here + 2] in (".+", ".*"):
        return ANYTHING, here + 2
    if pattern[here] == "\\":
        escaped = pattern[here + 1 : here + 2]
        return (pattern[here : here + 2] if escaped.isalnum() else escaped), here + 2
    if pattern[here] == "[":
        end = _end_of_class(pattern, here)
        return pattern[here:end], end
    if pattern[here] == "(":
        end = _end_of_group(pattern, here)
        return _group(pattern[here:end]), end
    return pattern[here], here + 1


def _group(text: str) -> str:
    if named := NAMED.match(text):
        return CLOCK if text[named.end() : -1] == CLOCK else f"<{named[1]}>"
    if text.startswith("(?!"):
        return f"<not {_read(text[3:-1])}>"
    if text.startswith("(?") and not text.startswith("(?:"):
        return text
    inner = _read(text[3:-1] if text.startswith("(?:") else text[1:-1])
    return inner if inner in (NUMBER, ANYTHING, CLOCK) else f"({inner})"


def _end_of_group(pattern: str, here: int) -> int:
    depth = 0
    while here < len(pattern):
        character = pattern[here]
        if character == "\\":
            here += 1
        elif character == "[":
            here = _end_of_class(pattern, here) - 1
        depth += {"(": 1, ")": -1}.get(character, 0)
        here += 1
        if depth == 0:
            return here
    return here


def _end_of_class(pattern: str, here: int) -> int:
    here += 2 if pattern[here : here + 2] != "[^" else 3  # a first `]` is a member
    while here < len(pattern) and pattern[here] != "]":
        here += 2 if pattern[here] == "\\" else 1
    return here + 1


def visible(text: str) -> str:
    r"""A line without anything that a terminal or a page would obey: `\x1b` becomes `␛`, a byte
    that is no UTF-8 (a lone surrogate here) `\xff`.
    """
    return SURROGATE.sub(_escaped, text).translate(PICTURES)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def clipped(text: str, width: int = WIDTH) -> str:
    """The first `width` characters, and how many more there are."""
    return text if len(text) <= width else f"{text[:width]}… ({len(text) - width} more)"


def as_lines(value: object) -> list[str]:
    """A value line by line: a text's lines, a list's or a set's members, else as Python has it."""
    if isinstance(value, str):
        return value.split("\n")
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return list(value)
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return pprint.pformat(value, width=100).splitlines()


def compared(wanted: Sequence[str], seen: Sequence[str]) -> tuple[Compared, ...]:
    """Two texts side by side, line by line; of what is alike only what lies near a difference."""
    return _side_by_side(wanted, wanted, seen, seen)


def compared_with_patterns(patterns: Sequence[str], lines: Sequence[str]) -> tuple[Compared, ...]:
    """Regular expressions, each of which should match a whole line, and the lines."""
    keys = [_fitting(line, number, patterns) for number, line in enumerate(lines[:MOST_COMPARED])]
    return _side_by_side(patterns, [legible(each) for each in patterns], keys, lines)


def _fitting(line: str, number: int, patterns: Sequence[str]) -> str:
    """The pattern that a line fits, the one at its own place first; else what is no pattern."""
    own = patterns[number : number + 1]
    near = patterns[:MOST_COMPARED]
    return next((each for each in (*own, *near) if re.fullmatch(each, line)), f"\n{line}")


def _side_by_side(
    wanted: Sequence[str], wanted_shown: Sequence[str], seen: Sequence[str], lines: Sequence[str]
) -> tuple[Compared, ...]:
    left, right = wanted[:MOST_COMPARED], seen[:MOST_COMPARED]
    rows: list[Compared] = []
    blocks = difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    for kind, begin, end, first, last in blocks:
        if kind == "equal":
            rows += _alike(lines[first:last], begin == 0, end == len(left))
        else:
            rows += _unlike(wanted_shown[begin:end], lines[first:last])
    left_out = max(len(wanted_shown), len(lines)) - MOST_COMPARED
    return (*rows, Compared(SAME, f"… {left_out} lines more")) if left_out > 0 else tuple(rows)


def _alike(lines: Sequence[str], first: bool, last: bool) -> list[Compared]:
    before, after = (0 if first else AROUND), (0 if last else AROUND)
    hidden = len(lines) - before - after
    if hidden <= 1:
        return [Compared(SAME, line) for line in lines]
    rest = lines[len(lines) - after :]
    alike = [Compared(SAME, line) for line in lines[:before]]
    alike.append(Compared(SAME, f"… {hidden} lines alike"))
    return alike + [Compared(SAME, line) for line in rest]


def _unlike(wanted: Sequence[str], seen: Sequence[str]) -> list[Compared]:
    """Pairs one after another, so that an eye can compare them."""
    rows = []
    for number in range(max(len(wanted), len(seen))):
        pair = [each[number] if number < len(each) else None for each in (wanted, seen)]
        cut = _cut(*pair)
        for mark, line in zip((WANTED, SEEN), pair, strict=True):
            if line is not None:
                rows.append(Compared(mark, f"{'…' if cut else ''}{_ended(line[cut:])}"))
    return rows


def _cut(wanted: str | None, seen: str | None) -> int:
    """How much of the beginning to leave out, so that the difference of long lines is seen."""
    if wanted is None or seen is None or max(len(wanted), len(seen)) <= WIDTH:
        return 0
    pairs = zip(wanted, seen, strict=False)
    alike = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(wanted), len(seen)))
    return max(0, alike - LEAD)


def _ended(line: str) -> str:
    """A line whose last spaces can be seen."""
    bare = line.rstrip(" ")
    return bare + "␠" * (len(line) - len(bare))
