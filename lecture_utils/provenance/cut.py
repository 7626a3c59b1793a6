"""Cut a source text down to what carries the idea, for notebooks to show.

Three things go by themselves: of a docstring all but its summary; guards, that is bare calls of a ``check_…``
function and ``if``s that do nothing but raise; and comments to tools (``# noqa``, ``# type: ignore``).
The rest is marked in the package by a comment at a line's end:

``# not shown``
    Leaves out the statement that begins on this line, with its block (of an ``elif`` or ``else``: that
    branch); inside brackets, such as in a signature or a call, this line alone.
``# not shown: begin`` and ``# not shown: end``
    On lines of their own, leave out what stands between them.
``# shown``
    Keeps a guard that is part of the idea.

What is left must be valid Python in which every name is still defined; else `cut` raises.
"""

import ast
import inspect
import io
import itertools
import re
import textwrap
import tokenize
from collections.abc import Iterator
from typing import Any

from lecture_utils.provenance.modules import docstring

WIDTH = 100
_HIDDEN = re.compile(r"#\s*not shown\s*$")
_KEPT = re.compile(r"\s*#\s*shown\s*$")
_BEGIN, _END = re.compile(r"#\s*not shown:\s*begin\s*$"), re.compile(r"#\s*not shown:\s*end\s*$")
_FOR_TOOLS = re.compile(r"\s*#\s*(noqa\b|type:\s*ignore|fmt:|mypy:|pragma:|ruff:).*$")
_CHECK = re.compile(r"_?check_\w+")
_JOINED = "\0"  # a line that has become part of the one before
_BLOCKS = ("body", "orelse", "finalbody")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def cut(text: str) -> str:
    """Return a definition's source as a notebook shows it.

    Parameters
    ----------
    text : str
        Whole statements, not indented.

    Raises
    ------
    ValueError
        If marks leave something that is no Python, or that uses a name which they have left out.
    """
    tree, lines = ast.parse(text), text.splitlines()
    comments = _comments(text)
    gone = _marked(tree, lines, comments) | _guards(tree, comments)
    while unread := _only_for_guards(tree, gone):
        gone |= unread
    gone |= {above for line in gone for above in _comments_above(line, lines)}
    kept: list[str | None] = [None if number in gone else line for number, line in enumerate(lines, start=1)]
    for number, (column, comment) in comments.items():
        plain = _FOR_TOOLS.sub("", _KEPT.sub("", " " + comment)).strip()
        if plain != comment and kept[number - 1] is not None:
            left = f"{lines[number - 1][:column]}{plain}".rstrip()
            kept[number - 1] = left or None
    for block in _blocks(tree):
        if all(line in gone for line in _lines_of(block)) and _first(block[0]) - 1 not in gone:
            kept[_first(block[0]) - 1] = " " * block[0].col_offset + "pass"
    ends = _summaries(tree, kept)
    cut_text = "\n".join(_without_gaps(kept, ends)).rstrip()
    try:
        after = ast.parse(cut_text)
    except SyntaxError as error:
        raise ValueError(
            f"What '# not shown' leaves is no Python: {error.msg} in {(error.text or '').strip()!r}."
        ) from None
    _check_names(tree, after)
    return _joined(cut_text, after, tree)


def _comments(text: str) -> dict[int, tuple[int, str]]:
    """Return {line: (column, comment)}."""
    tokens = tokenize.generate_tokens(io.StringIO(text + "\n").readline)
    return {t.start[0]: (t.start[1], t.string) for t in tokens if t.type == tokenize.COMMENT}


def _first(node: ast.stmt) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def _last(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _lines_of(block: list[ast.stmt]) -> Iterator[int]:
    for node in block:
        yield from range(_first(node), _last(node) + 1)


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield the blocks inside definitions, loops and branches; an ``elif`` is none of its own."""
    for node in ast.walk(tree):
        for name in () if isinstance(node, ast.Module) else _BLOCKS:
            block = getattr(node, name, None)
            if isinstance(block, list) and block and block[0].col_offset > getattr(node, "col_offset", -1):
                yield block


def _marked(tree: ast.Module, lines: list[str], comments: dict[int, tuple[int, str]]) -> set[int]:
    """Return the lines that comments leave out."""
    gone: set[int] = set()
    begins = [line for line, (_, comment) in comments.items() if _BEGIN.search(comment)]
    ends = [line for line, (_, comment) in comments.items() if _END.search(comment)]
    order = sorted([*begins, *ends])
    if order[::2] != begins or order[1::2] != ends or len(begins) != len(ends):
        raise ValueError("'# not shown: begin' and '# not shown: end' do not come in pairs.")
    for begin, end in zip(begins, ends, strict=True):
        gone |= set(range(begin, end + 1))
    for line, (_, comment) in comments.items():
        if _HIDDEN.search(comment):
            gone |= _statement(tree, line, lines[line - 1].strip())
    return gone


def _statement(tree: ast.Module, line: int, code: str) -> set[int]:
    """Return the lines that a mark at the end of this line speaks of."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        if isinstance(node, ast.If) and code.startswith("elif") and node.lineno == line:
            return set(range(line, _last(node.body[-1]) + 1))
        body, otherwise = getattr(node, "body", None), getattr(node, "orelse", None)
        if code.startswith("else:") and body and otherwise and _last(body[-1]) < line <= otherwise[0].lineno:
            return set(range(line, _last(otherwise[-1]) + 1))
        closing = not code.partition("#")[0].strip(" )]}:,")
        begins = line in (node.lineno, _first(node))
        if begins or (closing and line == _last(node) and not hasattr(node, "body")):
            return set(range(_first(node), _last(node) + 1))
    return {line}


def _guards(tree: ast.Module, comments: dict[int, tuple[int, str]]) -> set[int]:
    """Return the lines of checks that no mark keeps."""
    kept = {line for line, (_, comment) in comments.items() if _KEPT.search(" " + comment)}
    gone: set[int] = set()
    for function in ast.walk(tree):
        if not isinstance(function, _Function):
            continue
        body = function.body[1:] if docstring(function) else function.body
        if all(_is_guard(node, kept) or isinstance(node, ast.Raise) for node in body):
            continue  # a check of its own: its guards are what it does
        inner = (block for node in body for block in _blocks(node))
        gone |= {
            line
            for block in (body, *inner)
            for node in block
            if _is_guard(node, kept)
            for line in _lines_of([node])
        }
    return gone


def _only_for_guards(tree: ast.Module, gone: set[int]) -> set[int]:
    """Return the lines that give a value to a name which only lines that go have read."""
    found: set[int] = set()
    for function in ast.walk(tree):
        if isinstance(function, _Function):
            names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
            reads = [node for node in names if isinstance(node.ctx, ast.Load)]
            lost = {node.id for node in reads if node.lineno in gone}
            lost -= {node.id for node in reads if node.lineno not in gone}
            for node in ast.walk(function):
                if isinstance(node, ast.Assign) and all(
                    isinstance(t, ast.Name) and t.id in lost for t in node.targets
                ):
                    found |= set(_lines_of([node]))
    return found - gone


def _is_guard(node: ast.stmt, kept: set[int]) -> bool:
    if node.lineno in kept:
        return False
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = getattr(node.value.func, "attr", getattr(node.value.func, "id", ""))
        return bool(_CHECK.fullmatch(name))
    if isinstance(node, ast.If | ast.For):
        return all(_only_checks(part, kept) for part in (node.body, node.orelse))
    return False


def _only_checks(block: list[ast.stmt], kept: set[int]) -> bool:
    """Whether a block is guards alone, or raises and before it makes at most the message."""
    if block and isinstance(block[-1], ast.Raise):
        return all(isinstance(node, ast.Assign) or _is_guard(node, kept) for node in block[:-1])
    return all(_is_guard(node, kept) for node in block)


def _comments_above(line: int, lines: list[str]) -> Iterator[int]:
    indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    for above in range(line - 1, 0, -1):
        text = lines[above - 1]
        if not text.lstrip().startswith("#") or len(text) - len(text.lstrip()) != indent:
            return
        yield above


def _summaries(tree: ast.Module, kept: list[str | None]) -> set[int]:
    """Cut each docstring to its summary; returns the lines on which docstrings now end."""
    ends = set()
    for node in ast.walk(tree):
        doc = docstring(node)
        if doc is None or kept[doc.lineno - 1] is None:
            continue
        value: str = doc.value.value  # type: ignore[attr-defined]
        summary = " ".join(inspect.cleandoc(value).partition("\n\n")[0].split())
        indent = " " * doc.col_offset
        quote = 'r"""' if "\\" in summary else '"""'
        wrapped = textwrap.wrap(summary, WIDTH - len(indent) - len(quote), break_long_words=False) or [""]
        text_lines = [indent + quote + wrapped[0], *(indent + line for line in wrapped[1:])]
        if summary.endswith('"'):
            text_lines[-1] += " "
        text_lines[-1] += '"""'
        for line in range(doc.lineno, _last(doc) + 1):
            kept[line - 1] = _JOINED
        kept[doc.lineno - 1] = "\n".join(text_lines)
        ends.add(doc.lineno)
    return ends


def _without_gaps(kept: list[str | None], docstrings: set[int]) -> Iterator[str]:
    """Yield the lines that are left; where lines went, no more blank ones stay than stood on one side."""
    before, after_header = None, True
    numbered = [(number, line) for number, line in enumerate(kept, start=1) if line != _JOINED]
    for empty, run in itertools.groupby(numbered, lambda item: not (item[1] or "").strip()):
        part = list(run)
        if not empty:
            for _, line in part:
                assert line is not None
                yield line
            number, before = part[-1]
            after_header = (before or "").rstrip().endswith(":") or number in docstrings
            continue
        dropped = any(line is None for _, line in part)
        streaks = [
            len(list(group)) for blank, group in itertools.groupby(part, lambda i: i[1] is not None) if blank
        ]
        if not dropped or not after_header or part[0][1] is not None:
            yield from [""] * max(streaks, default=0)


def _functions(tree: ast.Module) -> dict[str, _Function]:
    return {node.name: node for node in ast.walk(tree) if isinstance(node, _Function)}


def _names(function: _Function) -> tuple[set[str], set[str]]:
    """Return the names that a function binds and those that it reads."""
    bound: set[str] = set()
    read: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, _Function | ast.ClassDef) and node is not function:
            bound.add(node.name)
    return bound, read


def _check_names(before: ast.Module, after: ast.Module) -> None:
    olds = _functions(before)
    for name, function in _functions(after).items():
        bound, read = _names(function)
        lost = sorted((_names(olds[name])[0] - bound) & read)
        if lost:
            raise ValueError(f"'# not shown' leaves out {', '.join(lost)}, which {name} still uses.")


def _joined(text: str, after: ast.Module, before: ast.Module) -> str:
    """Put a signature that has lost a parameter on one line, where it fits."""
    lines, olds = text.splitlines(), _functions(before)
    for name, function in sorted(_functions(after).items(), key=lambda item: -item[1].lineno):
        if len(_arguments(function)) == len(_arguments(olds[name])):
            continue
        first, last = function.lineno, function.body[0].lineno - 1
        head = [line.strip() for line in lines[first - 1 : last]]
        one = re.sub(r",? \)", ")", " ".join(head)).replace("( ", "(")
        one = " " * function.col_offset + one
        if len(one) <= WIDTH and not any("#" in line for line in head) and one.endswith(":"):
            lines[first - 1 : last] = [one]
    return "\n".join(lines)


def _arguments(function: Any) -> list[ast.arg]:
    return [node for node in ast.walk(function.args) if isinstance(node, ast.arg)]
