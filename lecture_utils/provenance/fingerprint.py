"""Fingerprint code: what the ledgers hash, and what an experiment's code loads.

Everything here reads syntax trees, so a hash depends neither on comments, docstrings nor layout, nor on the
Python version that computes it.
"""

import ast
import hashlib
import inspect
from typing import Any

from lecture_utils.provenance.modules import Definition, Module, definition, docstring, dotted


def closure_hash(obj: Any) -> str:
    """Return a fingerprint of an object's code and of all package code that it reaches.

    Covers functions, classes and module-level constants of ``lecture_utils``, found by name, transitively.
    Comments, docstrings and layout do not count.

    Parameters
    ----------
    obj : function or class
        Where to begin.

    Returns
    -------
    str
        The first 16 hexadecimal digits of a SHA-256.

    Raises
    ------
    ValueError
        If the object has no source file.
    """
    lines = [
        f"{m}:{q}:{fingerprint(node)}"
        for (m, q), node in sorted(_reached(obj).items(), key=lambda item: item[0])
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def names_given_to(function: str, obj: Any) -> list[str]:
    """Return the texts with which an object's code, and all package code it reaches, calls a function.

    Found by reading, without running: ``zoo.load("shapes_vit")`` gives "shapes_vit", and
    ``zoo.load({"MAE": "shapes_mae", "DINO": "shapes_dino"}[arm])`` gives both.

    Parameters
    ----------
    function : str
        A function of the package that takes a text first, for example ``"lecture_utils.zoo.load"``.
    obj : function or class
        Where to begin, as for `closure_hash`.

    Returns
    -------
    list of str
        Sorted, each once.

    Raises
    ------
    ValueError
        If the object has no source file, or the function is used in another way than called with a text that
        stands there: then what it is given cannot be read.
    """
    found = set()
    for (module, qualname), node in _reached(obj).items():
        calls = {id(part.func): part for part in ast.walk(node) if isinstance(part, ast.Call)}
        for part in ast.walk(node):
            origin = Module.load(module).origin(name) if (name := dotted(part)) else None
            if origin is None or ".".join(origin) != function:
                continue
            call = calls.get(id(part))
            given = _texts(call.args[0]) if call and call.args else []
            if not given:
                raise ValueError(
                    f"{module}.{qualname}: wanted {name} called with a text that stands there, so that it "
                    f"can be read from the code, got {ast.unparse(call or part)}."
                )
            found.update(given)
    return sorted(found)


def _texts(node: ast.expr) -> list[str]:
    """The texts that an expression can be: one that stands there, or those of a dict that is looked up in."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        each = [_texts(value) for value in node.value.values]
        return [text for texts in each for text in texts] if all(each) else []
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _reached(obj: Any) -> dict[tuple[str, str], Definition]:
    """Return the syntax trees of an object and of all package code that it reaches, by (module, name)."""
    obj = inspect.unwrap(obj) if callable(obj) else obj
    module, qualname = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
    if module is None or qualname is None or definition(module, qualname) is None:
        raise ValueError(f"Cannot hash {obj!r}: wanted a function or class that stands in a file.")
    reached: dict[tuple[str, str], Definition] = {}
    todo = [(module, qualname)]
    while todo:
        key = todo.pop()
        node = definition(*key)
        if key in reached or node is None:
            continue
        reached[key] = node
        todo += Module.load(key[0]).uses(node)
    return reached


def fingerprint(node: Any) -> str:
    """Dump a syntax tree the same way on every Python version: no positions, empty fields or docstrings."""
    if isinstance(node, list):
        return "[" + ",".join(map(fingerprint, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = docstring(node)
    fields = []
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment") or value is None or value == []:
            continue
        if name == "values" and isinstance(node, ast.JoinedStr):  # some versions add empty pieces
            value = [part for part in value if not (isinstance(part, ast.Constant) and part.value == "")]
        if name == "body" and skipped is not None:
            value = value[1:]
        fields.append(f"{name}={fingerprint(value)}")
    return f"{type(node).__name__}({','.join(fields)})"
