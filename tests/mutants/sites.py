"""Where a source may be broken by a machine: one node of its syntax tree, changed in place.

Belongs here: which nodes, what becomes of each, and names that outlive a change of line numbers.
Does not: files, and which sites are tried (generated.py).
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SMALL: Final = 10  # whole numbers below it are raised by one, larger ones are doubled

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Kind(StrEnum):
    """What is done to a node."""

    CONSTANT = "constant"
    COMPARISON = "comparison"
    NEGATION = "negation"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Site:
    """One change: the bytes from `start` to `end` of the source become `after`."""

    name: str
    kind: Kind
    line: int  # counted from 1
    text: str  # the lines of the source that hold it
    start: int
    end: int
    before: str
    after: str

    def broken(self, source: bytes) -> bytes:
        """Give the source with this one change."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    @property
    def what(self) -> str:
        """The change in a line, for people."""
        if self.kind is Kind.DROPPED:
            return f"`{_short(self.before)}` is left out"
        return f"in `{_short(self.text)}` {self.before} becomes {_short(self.after)}"


_SWAPPED: Final[dict[type[ast.cmpop], tuple[str, str]]] = {  # the operator, and what it becomes
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ORDER: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)  # to negate them is another change than to swap


def sites_in(stem: str, source: bytes) -> list[Site]:
    """Find every site of a source, in order; `stem` begins their names."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    counts: Counter[tuple[str, Kind]] = Counter()
    lines = source.splitlines()
    sites = []
    for function, kind, start, end, after in sorted(finder.found, key=lambda each: each[2:4]):
        counts[function, kind] += 1
        before = source[start:end].decode()
        line, last = (source.count(b"\n", 0, place) for place in (start, end))
        text = " ".join(each.strip().decode() for each in lines[line : last + 1])
        digest = hashlib.sha256(f"{lines[line].strip()!r}{before}".encode()).hexdigest()[:4]
        name = f"{stem}.{function}.{kind}.{counts[function, kind]}-{digest}"
        sites.append(Site(name, kind, line + 1, text, start, end, before, after))
    return sites


def differences(one: object, other: object) -> int:
    """Count the smallest subtrees in which two syntax trees differ."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return sum(differences(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, ast.AST) and type(one) is type(other):
        return sum(differences(getattr(one, name), getattr(other, name)) for name in one._fields)
    return int(type(one) is not type(other) or one != other)


class _Finder(ast.NodeVisitor):
    """Walks a tree and notes what may be changed; skips what a run of the program does not do."""

    def __init__(self, source: bytes) -> None:
        self.found: list[tuple[str, Kind, int, int, str]] = []
        self._source = source
        self._lines = [0, *(match.end() for match in re.finditer(rb"\n", source))]
        self._scope: list[str] = []
        self._last: set[ast.stmt] = set()  # statements after which a function ends anyway

    # --- where we are -------------------------------------------------------------------------

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._enter(node.name, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: Function) -> None:
        if node.name == "__repr__":
            return
        self._last.add(node.body[-1])
        self._enter(node.name, [*node.args.defaults, *filter(None, node.args.kw_defaults)])
        self._enter(node.name, node.body)

    def _enter(self, name: str, body: Sequence[ast.stmt | ast.expr]) -> None:
        self._scope.append(name)
        for node in body:
            self.visit(node)
        self._scope.pop()

    # --- what is left alone -------------------------------------------------------------------

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Words; before Python 3.12 places in them are not exact either."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            if not isinstance(node.target, ast.Name):
                self._drop(node)
            self.visit(node.value)

    # --- what is changed ----------------------------------------------------------------------

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._note(Kind.CONSTANT, node, repr(not value))
        elif isinstance(value, int):
            self._note(Kind.CONSTANT, node, str(value + 1 if value < SMALL else value * 2))
        elif isinstance(value, float):
            self._note(Kind.CONSTANT, node, repr(value * 2 or 1.0))

    def visit_Compare(self, node: ast.Compare) -> None:
        left: ast.expr = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            old, new = _SWAPPED[type(operator)]
            _, begin = self._place(left)
            end, _ = self._place(right)
            between = re.search(
                rb"(?<![\w<>=!])" + old.replace(" ", r"\s+").encode() + rb"(?![\w<>=])",
                self._source[begin:end],
            )
            if between is not None:
                self._add(Kind.COMPARISON, begin + between.start(), begin + between.end(), new)
            left = right
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if _is_logging(node) or isinstance(node.value, ast.Constant):
            return  # a word for developers, or a docstring
        self._drop(node)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(
            isinstance(each, ast.Name) for target in node.targets for each in _parts(target)
        ):
            self._drop(node)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._drop(node)
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._drop(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._drop(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node not in self._last:
            self._drop(node)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            if not isinstance(test.ops[0], _ORDER):
                return  # to swap the operator says the same
        elif isinstance(test, ast.Constant):
            return
        start, end = self._place(test)
        self._add(Kind.NEGATION, start, end, f"not ({self._source[start:end].decode()})")

    def _drop(self, node: ast.stmt) -> None:
        if self._scope[-1:] != ["__init__"]:  # an object that lacks a part is no plausible bug
            self._note(Kind.DROPPED, node, "pass")

    def _note(self, kind: Kind, node: ast.expr | ast.stmt, after: str) -> None:
        self._add(kind, *self._place(node), after)

    def _add(self, kind: Kind, start: int, end: int, after: str) -> None:
        self.found.append((".".join(self._scope) or "module", kind, start, end, after))

    def _place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a node stands in the source, in bytes."""
        last_line, last_column = node.end_lineno, node.end_col_offset
        assert last_line is not None
        assert last_column is not None
        begin = self._lines[node.lineno - 1] + node.col_offset
        return begin, self._lines[last_line - 1] + last_column


def _parts(target: ast.expr) -> Iterator[ast.expr]:
    """The single targets of an assignment."""
    if isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _parts(each)
    else:
        yield target


def _is_logging(node: ast.Expr) -> bool:
    called = node.value.func if isinstance(node.value, ast.Call) else None
    return isinstance(called, ast.Attribute) and ast.unparse(called.value).endswith("_log")


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 70 else f"{words[:69]}…"
