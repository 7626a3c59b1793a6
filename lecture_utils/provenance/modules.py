"""The package's modules as syntax trees, with the names that each defines and imports; where chapters are."""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

PACKAGE = "lecture_utils"
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def chapter_folders(chapter: str = "??") -> list[Path]:
    """Return the folders of all chapters, or of one ("07"): engines find chapters, and import none."""
    chapters = Path(__file__).parent.parent / "chapters"
    return sorted(folder for folder in chapters.glob(f"ch{chapter}") if folder.is_dir())


def chapter_modules(name: str, chapter: str = "??") -> list[ModuleType]:
    """Import the module of that name of every chapter that has it, or of one chapter.

    Parameters
    ----------
    name : str
        ``"claims"``, ``"exercises"``, or ``"widgets.*"`` for every module of that folder.
    chapter : str
        Two digits; all chapters without.
    """
    found = []
    for folder in chapter_folders(chapter):
        for path in sorted(folder.glob(f"{name.replace('.', '/')}.py")):
            if path.stem != "__init__":
                inner = path.relative_to(folder).with_suffix("").parts
                found.append(importlib.import_module(".".join((PACKAGE, "chapters", folder.name, *inner))))
    return found


def has_submodule(module: str, name: str) -> bool:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return False
    return importlib.util.find_spec(f"{module}.{name}") is not None


class Module:
    """A module's syntax tree with the names that it defines and imports."""

    _loaded: ClassVar[dict[str, tuple[str, "Module"]]] = {}
    _seen: ClassVar[dict[str, "Module"] | None] = None  # in a `reading`: what was read in it

    def __init__(self, name: str, text: str, is_package: bool) -> None:
        self.name, self.text = name, text
        self.package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(text)
        self.definitions: dict[str, Definition] = {}
        self.imports: dict[str, tuple[str, str]] = {}
        self.kept: dict[str, Any] = {}  # what others made of its definitions, while the file is unchanged
        self._collect(tree.body, "")
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and (target := _by_name(node)):
                for leaf in node.targets:
                    self.definitions.pop(dotted(leaf), None)
                    self.imports[dotted(leaf)] = (target, "")
            elif isinstance(node, ast.ImportFrom):
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
    def load(cls, name: str) -> "Module":
        """Parse a module, or take it from the cache while its file is unchanged; see `reading`."""
        if cls._seen is None:
            return cls._load(name)
        if name not in cls._seen:
            cls._seen[name] = cls._load(name)
        return cls._seen[name]

    @classmethod
    @contextmanager
    def reading(cls) -> Iterator[None]:
        """Read no file twice until the end of a ``with`` or a decorated function: none may change in it."""
        outer, cls._seen = cls._seen, {} if cls._seen is None else cls._seen
        try:
            yield
        finally:
            cls._seen = outer

    @classmethod
    def _load(cls, name: str) -> "Module":
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
            if isinstance(node, SCOPES):
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
        if base != self.name and inner and (found := Module.load(base).origin(inner)):
            return found
        module = base
        while inner and has_submodule(module, inner.partition(".")[0]):
            head, _, inner = inner.partition(".")
            module = f"{module}.{head}"
        if module != base and inner:
            return Module.load(module).origin(inner)
        obj = getattr(importlib.import_module(base), imported, None)  # what a package passes on when asked
        home = getattr(obj, "__module__", None) or ""
        own = home.partition(".")[0] == PACKAGE and home != base and hasattr(obj, "__qualname__")
        return (home, obj.__qualname__) if own else None  # type: ignore[union-attr]

    def resolve(self, name: str) -> tuple[tuple[str, str] | None, str]:
        """Say what a name that may carry dots is here: (definition of the package or None, the rest).

        Without a definition the rest is the whole name, written as if nothing had been renamed on import.
        """
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            key = self.origin(".".join(parts[:count]))
            if key is not None and key[0].partition(".")[0] in (PACKAGE, self.name):
                return key, "".join(f".{part}" for part in parts[count:])
        base, imported = self.imports.get(parts[0], ("", parts[0]))
        if base.partition(".")[0] == PACKAGE:  # a module of the package, which may be renamed
            base, imported = "", "module"
        return None, ".".join(part for part in (base, imported, *parts[1:]) if part)


def _by_name(node: ast.Assign) -> str:
    """The module that ``x = importlib.import_module("…")`` imports, or nothing."""
    call = node.value
    if isinstance(call, ast.Call) and dotted(call.func).endswith("import_module") and len(call.args) == 1:
        given = call.args[0]
        return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
    return ""


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


def definition(module: str, qualname: str) -> Definition | None:
    try:
        return Module.load(module).definitions.get(qualname)
    except (ImportError, OSError, SyntaxError):
        return None


def docstring(node: ast.AST) -> ast.Expr | None:
    if not isinstance(node, SCOPES) or not node.body:
        return None
    first = node.body[0]
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return None
    return first if isinstance(first.value.value, str) else None
