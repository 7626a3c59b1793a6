"""Find, print and fingerprint the package's own source: what notebooks show and what the ledgers hash.

Everything here reads syntax trees, so a hash depends neither on comments, docstrings nor layout, nor on the
Python version that computes it.
"""

import ast
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
import textwrap
from pathlib import Path
from typing import Any, ClassVar

PACKAGE = "lecture_utils"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
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
    found = _definition(module, qualname)
    if found is None and hasattr(obj, "__qualname__") and hasattr(obj, "__module__"):
        module, qualname = obj.__module__, obj.__qualname__  # a name that a package passes on
        found = _definition(module, qualname)
    if found is None and qualname:
        origin = _Module.load(module).origin(qualname)
        if origin is not None:
            module, qualname = origin
            found = _definition(module, qualname)
    if found is None:
        kind = type(obj).__name__
        raise ValueError(f"Cannot show {path!r}: wanted a function, class or constant, got a {kind}.")
    return f"# from {module}\n{_trimmed(_segment(module, found))}"


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
            origin = _Module.load(module).origin(name) if (name := _dotted(part)) else None
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
    if module is None or qualname is None or _definition(module, qualname) is None:
        raise ValueError(f"Cannot hash {obj!r}: wanted a function or class that stands in a file.")
    reached: dict[tuple[str, str], Definition] = {}
    todo = [(module, qualname)]
    while todo:
        key = todo.pop()
        node = _definition(*key)
        if key in reached or node is None:
            continue
        reached[key] = node
        todo += _Module.load(key[0]).uses(node)
    return reached


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
        if module == owner and _has_submodule(module, name):
            attribute = getattr(obj, name, None)
            if attribute is None or inspect.ismodule(attribute) or i < len(parts) - 1:
                module = f"{module}.{name}"
                obj = importlib.import_module(module)
                continue
        if not hasattr(obj, name):
            raise ValueError(_unknown(path, obj, name, owner))
        obj = getattr(obj, name)
    return obj, module, path[len(module) + 1 :]


def _has_submodule(module: str, name: str) -> bool:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return False
    return importlib.util.find_spec(f"{module}.{name}") is not None


def _unknown(path: str, owner: object, name: str, owner_path: str) -> str:
    names = {n for n in dir(owner) if not n.startswith("_")}
    for folder in getattr(owner, "__path__", []):
        names |= {p.stem for p in Path(folder).iterdir() if p.suffix == ".py" or p.is_dir()}
    near = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    hint = " Did you mean " + " or ".join(f"{owner_path}.{n}" for n in near) + "?" if near else ""
    return f"No {name!r} in {owner_path} (asked for {path!r}).{hint}"


class _Module:
    """A module's syntax tree with the names that it defines and imports."""

    _loaded: ClassVar[dict[str, tuple[str, "_Module"]]] = {}

    def __init__(self, name: str, text: str, is_package: bool) -> None:
        self.name, self.text = name, text
        self.package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(text)
        self.definitions: dict[str, Definition] = {}
        self.imports: dict[str, tuple[str, str]] = {}
        self._collect(tree.body, "")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    base = importlib.util.resolve_name("." * node.level + base, self.package)
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = (base, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    target = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.imports[alias.asname or target] = (target, "")

    @classmethod
    def load(cls, name: str) -> "_Module":
        """Parse a module, or take it from the cache while its file is unchanged."""
        module = sys.modules.get(name) or importlib.import_module(name)
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            return cls(name, "", False)
        text = Path(file).read_text(encoding="utf-8")
        cached = cls._loaded.get(name)
        if cached is None or cached[0] != text:
            cached = cls._loaded[name] = (text, cls(name, text, hasattr(module, "__path__")))
        return cached[1]

    def _collect(self, body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, _SCOPES):
                self.definitions[prefix + node.name] = node
                inner = prefix + node.name + ("." if isinstance(node, ast.ClassDef) else ".<locals>.")
                self._collect(node.body, inner)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and not prefix.endswith(".<locals>."):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    for leaf in ast.walk(target):
                        if isinstance(leaf, ast.Name):
                            self.definitions[prefix + leaf.id] = node
            else:
                for field in ("body", "orelse", "finalbody"):
                    self._collect(getattr(node, field, []), prefix)

    def origin(self, name: str) -> tuple[str, str] | None:
        """Follow a name that may carry dots to the package module that defines it."""
        head, _, rest = name.partition(".")
        if head in self.definitions:
            return self.name, name if name in self.definitions else head
        if head not in self.imports:
            return None
        base, imported = self.imports[head]
        if base.partition(".")[0] != PACKAGE:
            return None
        inner = f"{imported}.{rest}" if imported and rest else imported or rest
        if base != self.name and inner and (found := _Module.load(base).origin(inner)):
            return found
        module = base
        while inner and _has_submodule(module, inner.partition(".")[0]):
            head, _, inner = inner.partition(".")
            module = f"{module}.{head}"
        if module != base and inner:
            return _Module.load(module).origin(inner)
        obj = getattr(importlib.import_module(base), imported, None)  # what a package passes on when asked
        home = getattr(obj, "__module__", None) or ""
        own = home.partition(".")[0] == PACKAGE and home != base and hasattr(obj, "__qualname__")
        return (home, obj.__qualname__) if own else None  # type: ignore[union-attr]

    def uses(self, node: ast.AST) -> list[tuple[str, str]]:
        """Return the package definitions whose names occur in a piece of this module."""
        names = {dotted for part in ast.walk(node) if (dotted := _dotted(part))}
        found = (self.origin(name) for name in sorted(names))
        return [key for key in found if key is not None and key[0].partition(".")[0] in (PACKAGE, self.name)]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := _dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


def _definition(module: str, qualname: str) -> Definition | None:
    try:
        return _Module.load(module).definitions.get(qualname)
    except (ImportError, OSError, SyntaxError):
        return None


def _docstring(node: ast.AST) -> ast.Expr | None:
    if not isinstance(node, _SCOPES) or not node.body:
        return None
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    return first if isinstance(first.value.value, str) else None


def fingerprint(node: Any) -> str:
    """Dump a syntax tree the same way on every Python version: no positions, empty fields or docstrings."""
    if isinstance(node, list):
        return "[" + ",".join(map(fingerprint, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = _docstring(node)
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


def _segment(module: str, node: Definition) -> str:
    lines = _Module.load(module).text.splitlines()
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))


def _trimmed(text: str) -> str:
    """Cut each docstring in a source text to its summary."""
    lines = text.splitlines()
    docs = [doc for node in ast.walk(ast.parse(text)) if (doc := _docstring(node))]
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
