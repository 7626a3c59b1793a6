"""What can be known of an answer without running it: its code, its fingerprint, whether it was touched."""

import dis
import hashlib
import inspect
from types import CodeType
from typing import Any

from lecture_utils.exercises import compare

_BARE = {
    "RESUME",
    "NOP",
    "LOAD_CONST",
    "RETURN_CONST",
    "RETURN_VALUE",
    "POP_TOP",
    "CACHE",
    "LOAD_COMMON_CONSTANT",
}


def source_file(answer: Any) -> str | None:
    """Return the file, or the notebook cell's stand-in, where a function or class is written."""
    code = next(iter(code_objects(answer)), None)
    return None if code is None else code.co_filename


def code_objects(answer: Any) -> list[CodeType]:
    """Return the code of a function, or of all methods of a class."""
    try:
        answer = getattr(answer, "__wrapped__", answer)
        if isinstance(answer, type):
            members = [getattr(m, "__func__", getattr(m, "fget", m)) for m in vars(answer).values()]
            found = [m.__code__ for m in members if hasattr(m, "__code__")]
            return [code for code in found if code.co_filename != "<string>"]
        answer = getattr(answer, "__func__", answer)
        return [answer.__code__] if isinstance(getattr(answer, "__code__", None), CodeType) else []
    except Exception:  # an object of the learner's whose attributes cannot be read
        return []


def untouched(answer: Any) -> bool:
    """Return whether an answer is still the stub: only a docstring, ``...``, ``pass`` or ``return None``."""
    if answer is ... or answer is None:
        return True
    found = code_objects(answer)
    return (bool(found) or isinstance(answer, type)) and all(map(_bare, found))


def _bare(code: CodeType) -> bool:
    steps = list(dis.get_instructions(code))
    returned = [s.argval for s in steps if s.opname == "RETURN_CONST"]
    loaded = [s.argval for s in steps if s.opname == "LOAD_CONST"]
    return all(s.opname in _BARE for s in steps) and all(v is None or v is ... for v in returned + loaded)


def fingerprint(answer: Any) -> str:
    """Identify an answer by its code, and by that of the functions of the same notebook that it calls."""
    parts: list[str] = []
    seen: set[int] = set()
    todo = [answer]
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        found = code_objects(item)
        parts += [_code_text(code) for code in found] or [compare.show(item)]
        around, home = getattr(item, "__globals__", {}), getattr(item, "__module__", None)
        called = [around.get(name) for code in found for name in code.co_names]
        todo += [f for f in called if inspect.isfunction(f) and f.__module__ == home]
    return digest("\n".join(parts))


def digest(text: str) -> str:
    """Return a short fingerprint of a text."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _code_text(code: CodeType) -> str:
    constants = [
        _code_text(c)
        if isinstance(c, CodeType)
        else str(sorted(map(repr, c)))
        if isinstance(c, frozenset)
        else repr(c)
        for c in code.co_consts
    ]
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames}"
