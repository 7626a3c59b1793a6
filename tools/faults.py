"""Small faults that could be planted in a Python file: where they stand and what the source becomes.

An operator, a comparison's edge, a constant, a sign, a call, the order of two arguments, or a condition.
Docstrings, messages, imports and types are left alone: a fault there is none of the system's.
"""

import ast
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

OPERATORS = {"Add": "+-", "Sub": "-+", "Mult": "*/", "Div": "/*", "FloorDiv": ("//", "*"), "Mod": ("%", "//")}
OPERATORS |= {"Pow": ("**", "*"), "BitAnd": "&|", "BitOr": "|&"}
COMPARISONS = {
    "Lt": ("<", "<="),
    "LtE": ("<=", "<"),
    "Gt": (">", ">="),
    "GtE": (">=", ">"),
    "Eq": ("==", "!="),
}
COMPARISONS |= {"NotEq": ("!=", "=="), "Is": ("is", "is not"), "IsNot": ("is not", "is")}
COMPARISONS |= {"In": ("in", "not in"), "NotIn": ("not in", "in")}
MODULES = ("torch.", "F.", "nn.", "np.", "math.")
LEFT_ALONE = {
    "super",
    "len",
    "range",
    "isinstance",
    "enumerate",
    "zip",
    "warn",
    "print",
}  # or it crashes at once


class Fault(NamedTuple):
    """Bytes `begin` to `end` of the source become `text`."""

    kind: str
    line: int
    begin: int
    end: int
    text: str

    def planted(self, source: bytes) -> bytes:
        """The source with this fault in it."""
        return source[: self.begin] + self.text.encode() + source[self.end :]


class _Places:
    """Walks through a file's code and gathers the faults that could be planted there."""

    def __init__(self, source: bytes, draw: random.Random) -> None:
        self.source, self.draw, self.faults = source, draw, list[Fault]()
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.walk(ast.parse(source))

    def span(self, node: Any) -> tuple[int, int]:
        begin = self.starts[node.lineno - 1] + node.col_offset
        return begin, self.starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.AST) -> str:
        begin, end = self.span(node)
        return self.source[begin:end].decode()

    def add(self, kind: str, node: Any, text: str) -> None:
        self.faults.append(Fault(kind, node.lineno, *self.span(node), text))

    def between(self, kind: str, left: ast.AST, right: ast.AST, change: Sequence[str]) -> None:
        """Change the operator that stands between two operands."""
        begin, end = self.span(left)[1], self.span(right)[0]
        gap = self.source[begin:end].decode()
        if change[0] in gap:
            line = self.source[:begin].count(b"\n") + 1
            self.faults.append(Fault(kind, line, begin, end, gap.replace(change[0], change[1], 1)))

    def walk(self, node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            return  # messages: no fault of the system
        self.look(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "msg", "op", "ops", "ctx"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.walk(child)

    def look(self, node: ast.AST) -> None:
        match node:
            case ast.BinOp(left, op, right) if type(op).__name__ in OPERATORS:
                self.between("operator", left, right, OPERATORS[type(op).__name__])
            case ast.AugAssign(target, op, value) if type(op).__name__ in OPERATORS:
                self.between("operator", target, value, OPERATORS[type(op).__name__])
            case ast.Compare(left, [op], [right]):
                self.between("comparison", left, right, COMPARISONS[type(op).__name__])
            case ast.BoolOp(op, [left, right, *_]):
                pair = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                self.between("condition", left, right, pair)
            case ast.Constant(bool() as value):
                self.add("condition", node, str(not value))
            case ast.Constant(int() | float() as value):
                near = [" + 1", " - 1"] if isinstance(value, int) or not value else [" * 2", " / 2"]
                self.add("constant", node, f"({self.text(node)}{self.draw.choice(near)})")
            case ast.UnaryOp(ast.USub() | ast.Not() as op, operand):
                self.add("sign" if isinstance(op, ast.USub) else "condition", node, self.text(operand))
            case ast.Tuple([first, second, *_], ast.Store()):
                self.swap(first, second)
            case ast.Call():
                self.call(node)
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            self.add("condition", node.test, f"(not ({self.text(node.test)}))")

    def call(self, node: ast.Call) -> None:
        name = self.text(node.func).rpartition(".")[2]
        if name in LEFT_ALONE or name[:1].isupper() or name.startswith("__"):
            return
        match node:
            case ast.Call(func, [first, *_]) if isinstance(func, ast.Name) or self.text(func).startswith(
                MODULES
            ):
                self.add("dropped call", node, self.text(first))
            case ast.Call(ast.Name(), []):
                self.add("dropped call", node, "None")
            case ast.Call(ast.Attribute(receiver)):
                self.add("dropped call", node, self.text(receiver))
        if len(node.args) > 1 and not any(isinstance(a, ast.Starred) for a in node.args[:2]):
            self.swap(*node.args[:2])

    def swap(self, first: Any, second: Any) -> None:
        (begin, a), (b, end) = self.span(first), self.span(second)
        text = self.text(second) + self.source[a:b].decode() + self.text(first)
        self.faults.append(Fault("swap", first.lineno, begin, end, text))


def draw(source: bytes, count: int, seed: int) -> list[Fault]:
    """Draw faults at random, the kinds in turn, each of which changes what the file says."""
    chance = random.Random(seed)
    kinds: dict[str, list[Fault]] = {}
    for fault in chance.sample(found := _Places(source, chance).faults, len(found)):
        kinds.setdefault(fault.kind, []).append(fault)
    drawn: list[Fault] = []
    right = ast.dump(ast.parse(source))
    while len(drawn) < count and any(kinds.values()):
        for left in kinds.values():
            if left and len(drawn) < count and _changes(fault := left.pop(), source, right):
                drawn.append(fault)
    return drawn


def _changes(fault: Fault, source: bytes, right: str) -> bool:
    try:
        return ast.dump(ast.parse(fault.planted(source))) != right
    except SyntaxError:
        return False
