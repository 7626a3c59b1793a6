"""Find and print the package's own source: what notebooks show."""

import ast
import difflib
import importlib
import inspect
import textwrap
from pathlib import Path
from typing import Any

from lecture_utils.provenance.modules import Definition, Module, definition, docstring, has_submodule

_WIDTH = 100


def resolve(path: str) -> object:
    """Return the object that a dotted path names.

    Parameters
    ----------
    path : str
        For example ``"lecture_utils.ops.nms.nms"`` or ``"lecture_utils.backbones.resnet.ResNet.forward"``.

    Raises
    ------
    ValueError
        If nothing has that name; the message offers the nearest names. An error inside an imported module
        is not hidden: it is raised as it is.
    """
    return _locate(path)[0]


def shown(path: str) -> str:
    """Return an object's source as a notebook shows it.

    The first line is ``# from MODULE``; each docstring is cut to its summary.

    Parameters
    ----------
    path : str
        A function, class, method or module-level constant.

    Raises
    ------
    ValueError
        If nothing has that name, or what has it is a module.
    """
    obj, module, qualname = _locate(path)
    found = definition(module, qualname)
    if found is None and hasattr(obj, "__qualname__") and hasattr(obj, "__module__"):
        module, qualname = obj.__module__, obj.__qualname__  # a name that a package passes on
        found = definition(module, qualname)
    if found is None and qualname:
        origin = Module.load(module).origin(qualname)
        if origin is not None:
            module, qualname = origin
            found = definition(module, qualname)
    if found is None:
        kind = type(obj).__name__
        raise ValueError(f"Cannot show {path!r}: wanted a function, class or constant, got a {kind}.")
    return f"# from {module}\n{_trimmed(_segment(module, found))}"


def _locate(path: str) -> tuple[object, str, str]:
    """Split a dotted path into its module and the name within, and fetch the object."""
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts):
        raise ValueError(f"{path!r} is not a dotted path such as 'lecture_utils.ops.convolution.conv2d'.")
    try:
        obj: Any = importlib.import_module(parts[0])
    except ModuleNotFoundError as error:
        if error.name != parts[0]:
            raise
        raise ValueError(f"No package {parts[0]!r} for {path!r}.") from None
    module = parts[0]
    for i, name in enumerate(parts[1:], start=1):
        owner = ".".join(parts[:i])
        if module == owner and has_submodule(module, name):
            attribute = getattr(obj, name, None)
            if attribute is None or inspect.ismodule(attribute) or i < len(parts) - 1:
                module = f"{module}.{name}"
                obj = importlib.import_module(module)
                continue
        if not hasattr(obj, name):
            raise ValueError(_unknown(path, obj, name, owner))
        obj = getattr(obj, name)
    return obj, module, path[len(module) + 1 :]


def _unknown(path: str, owner: object, name: str, owner_path: str) -> str:
    names = {n for n in dir(owner) if not n.startswith("_")}
    for folder in getattr(owner, "__path__", []):
        names |= {p.stem for p in Path(folder).iterdir() if p.suffix == ".py" or p.is_dir()}
    near = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    hint = " Did you mean " + " or ".join(f"{owner_path}.{n}" for n in near) + "?" if near else ""
    return f"No {name!r} in {owner_path} (asked for {path!r}).{hint}"


def _segment(module: str, node: Definition) -> str:
    lines = Module.load(module).text.splitlines()
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))


def _trimmed(text: str) -> str:
    """Cut each docstring in a source text to its summary."""
    lines = text.splitlines()
    docs = [doc for node in ast.walk(ast.parse(text)) if (doc := docstring(node))]
    for doc in sorted(docs, key=lambda d: -d.lineno):
        value: str = doc.value.value  # type: ignore[attr-defined]
        summary = " ".join(inspect.cleandoc(value).partition("\n\n")[0].split())
        indent = " " * doc.col_offset
        quote = 'r"""' if "\\" in summary else '"""'
        wrapped = textwrap.wrap(summary, _WIDTH - len(indent) - len(quote), break_long_words=False) or [""]
        text_lines = [indent + quote + wrapped[0], *(indent + line for line in wrapped[1:])]
        if summary.endswith('"'):
            text_lines[-1] += " "
        text_lines[-1] += '"""'
        end = doc.end_lineno or doc.lineno
        lines[doc.lineno - 1 : end] = text_lines
    return "\n".join(lines).rstrip()
