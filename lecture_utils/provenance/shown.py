"""Find and print the package's own source: what notebooks show (cut.py says what they leave out)."""

import ast
import difflib
import importlib
import inspect
import textwrap
from pathlib import Path
from typing import Any

from lecture_utils.provenance.cut import cut
from lecture_utils.provenance.modules import Definition, Module, definition, has_submodule


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

    The first line is ``# from MODULE``, of a method ``# from MODULE, class NAME``. What carries no idea is
    cut: see `lecture_utils.provenance.cut`.

    Parameters
    ----------
    path : str
        A function, class, method or module-level constant.

    Raises
    ------
    ValueError
        If nothing has that name, or what has it is a module, or its marks leave no whole function.
    """
    module, qualname, found = _find(path)
    owner = owner_of(module, qualname)
    head = f"# from {module}, class {owner}" if owner else f"# from {module}"
    try:
        return f"{head}\n{cut(_segment(module, found))}"
    except ValueError as error:
        raise ValueError(f"Cannot show {path!r}: {error}") from None


def method_of(path: str) -> tuple[str, str] | None:
    """Return the module and the class of the method that a path names; None of anything else.

    Raises
    ------
    ValueError
        If nothing has that name, or if it is a method that only works inside its class.
    """
    module, qualname, found = _find(path)
    owner = owner_of(module, qualname)
    if not owner or not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    for node in ast.walk(found):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "super" and not node.args:
            raise ValueError(f"Cannot show {path!r} alone: it calls super(). Show the class.")
        if isinstance(node, ast.Attribute) and node.attr.startswith("__") and not node.attr.endswith("__"):
            raise ValueError(f"Cannot show {path!r} alone: {node.attr} is a private name of its class.")
    return module, owner


def owner_of(module: str, qualname: str) -> str:
    """Return the class that a name stands in, or nothing."""
    owner = qualname.rpartition(".")[0]
    return owner if owner and isinstance(definition(module, owner), ast.ClassDef) else ""


def _find(path: str) -> tuple[str, str, Definition]:
    """Return the module, the name in it and the definition of what a dotted path names."""
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
    return module, qualname, found


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
