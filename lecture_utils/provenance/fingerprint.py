"""Fingerprint code: what the ledgers hash, and what an experiment's code loads.

A fingerprint covers *logic*: what a run would compute. It is made from syntax trees, so that it depends on
neither layout nor the Python version, and by these rules.

- Reached is what an object names, and what that names, through the whole package.
- Definitions go by their qualified names, not by module: a file that is moved or renamed changes nothing.
  Imported names go by where they come from, so an alias changes nothing, and another library does.
- Left out are comments, docstrings, annotations and imports; what an exception, a warning, `assert` or
  `print` says; texts given to a ``check_…`` function; and the modules in `IGNORED`, which record and show.
- Of a class count its bases and decorators, its dunder methods, those that override a base's, what stands in
  its body by plain assignment; and of its other methods those that reached code names: as an attribute, a
  keyword or a text. Of a dataclass, fields likewise: named, or filled by position somewhere (all of them
  where a call unpacks ``*arguments`` or the class itself is handed on), each with its default.
"""

import ast
import copy
import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from lecture_utils.provenance.modules import Module, definition, docstring, dotted

Key = tuple[str, str]  # module, qualified name
#: They decide, keep, show and watch; they compute no figure. What `zoo` hands out the ledger holds to by its
#: SHA-256 and the network's own code. The last is where `kernel.watch` lay before.
IGNORED = (
    "lecture_utils.experiments.rules", "lecture_utils.experiments.record",
    "lecture_utils.experiments.ledger", "lecture_utils.experiments.card",
    "lecture_utils.zoo", "lecture_utils.kernel", "lecture_utils.training.watch",
)  # fmt: skip
NO_NAMES = ("isinstance", "issubclass", "fields", "cast")  # a class handed to these is not filled by them


@Module.reading()
def closure_hash(*objects: Any) -> str:
    """Return a fingerprint of the logic of objects and of all package code that they reach.

    Parameters
    ----------
    *objects : functions or classes
        Where to begin.

    Returns
    -------
    str
        The first 16 hexadecimal digits of a SHA-256.

    Raises
    ------
    ValueError
        If an object has no source file.
    """
    reached = _Reach(objects)
    short = {
        key: hashlib.sha256(reached.text(key, {}).encode()).hexdigest()[:8] for key in reached.parts
    }  # tells apart what has the same name in two modules
    lines = sorted(f"{key[1]}:{reached.text(key, short)}" for key in reached.parts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@Module.reading()
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
    for (module, qualname), part in _Reach((obj,)).parts.items():
        node, home = part.tree, Module.load(module)
        calls = {id(part.func): part for part in ast.walk(node) if isinstance(part, ast.Call)}
        for spot in ast.walk(node):
            origin = home.origin(name) if (name := dotted(spot)) else None
            if origin is None or ".".join(origin) != function:
                continue
            call = calls.get(id(spot))
            given = _texts(call.args[0]) if call and call.args else []
            if not given:
                raise ValueError(
                    f"{module}.{qualname}: wanted {name} called with a text that stands there, so that it "
                    f"can be read from the code, got {ast.unparse(call or spot)}."
                )
            found.update(given)
    return sorted(found)


def _texts(node: ast.expr) -> list[str]:
    """The texts that an expression can be: one that stands there, or those of a dict that is looked up in."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Dict):
        each = [_texts(value) for value in node.value.values]
        return [text for texts in each for text in texts] if all(each) else []
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


class _Part:
    """The logic of a definition, or of a class's member, and what it names; kept with its module."""

    def __init__(self, tree: ast.AST) -> None:
        self.tree = tree
        self.text = fingerprint(tree, "\0{}\0".format)  # names between marks: they are written later
        self.members: set[str] = set()  # named as attribute, keyword or text
        self.names: set[str] = set()
        self.filled: list[tuple[str, int]] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                self.members.add(node.attr)
            elif isinstance(node, ast.keyword) and node.arg:
                self.members.add(node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.members.add(node.value)
            elif isinstance(node, ast.Call):
                self.filled += _filled(node)
            if name := dotted(node):
                self.names.add(name)


class _Reach:
    """What objects reach: `parts` holds the logic of each definition, and of each member of a class."""

    def __init__(self, objects: tuple[Any, ...]) -> None:
        self.parts: dict[Key, _Part] = {}
        self.named: set[str] = set()
        self.waiting: dict[str, list[tuple[Key, ast.AST]]] = {}  # members that nobody has named yet, by name
        self.fields: dict[Key, list[str]] = {}  # of dataclasses, in order
        self.filled: dict[Key, int] = {}  # how many of them are filled by position
        self.resolved: dict[Key, tuple[Key | None, str]] = {}
        self.todo: list[tuple[Key, ast.AST | None]] = []
        for obj in objects:
            obj = inspect.unwrap(obj) if callable(obj) else obj
            key = getattr(obj, "__module__", None), getattr(obj, "__qualname__", None)
            if key[0] is None or key[1] is None or definition(*key) is None:  # type: ignore[arg-type]
                raise ValueError(f"Cannot hash {obj!r}: wanted a function or class that stands in a file.")
            self.todo.append((key, None))  # type: ignore[arg-type]
            if isinstance(obj, type):
                self._name(vars(obj))
                self.filled[key] = len(vars(obj))  # type: ignore[index]
        while self.todo:
            self._take(*self.todo.pop())

    def resolve(self, module: str, name: str) -> tuple[Key | None, str]:
        """`Module.resolve`, remembered."""
        if (module, name) not in self.resolved:
            self.resolved[module, name] = Module.load(module).resolve(name)
        return self.resolved[module, name]

    def text(self, key: Key, short: dict[Key, str]) -> str:
        """A part's fingerprint, each name as what it is: a definition with its short hash, or from where."""

        def written(match: re.Match[str]) -> str:
            found, rest = self.resolve(key[0], match[1])
            return rest if found is None else f"@{found[1]}#{short.get(found, '')}{rest}"

        return re.sub("\0(.*?)\0", written, self.parts[key].text)

    def _take(self, key: Key, node: ast.AST | None) -> None:
        """Add a definition (given: a member of a class), and note what it names."""
        if key in self.parts or any(key[0] == m or key[0].startswith(m + ".") for m in IGNORED):
            return
        found = node or definition(*key)
        if found is None:
            return
        owner = key[1].rpartition(".")[0]
        if node is None and owner and isinstance(definition(key[0], owner), ast.ClassDef):
            self._name([key[1].rpartition(".")[2]])
            self.todo.append(((key[0], owner), None))  # a method named through its class: the class as well
        if isinstance(found, ast.ClassDef):
            found = self._shell(key, found)
        kept = Module.load(key[0]).kept
        if key[1] not in kept:
            logic = _Logic(lambda name: self._ignores(key[0], name)).visit(copy.deepcopy(found))
            kept[key[1]] = _Part(logic)
        part = self.parts[key] = kept[key[1]]
        self._name(part.members)
        for callee, count in part.filled:
            own = (key[0], key[1].partition(".")[0])
            if called := own if callee == "cls" else self.resolve(key[0], callee)[0]:
                self._fill(called, count)
        self.todo += [(there, None) for n in part.names if (there := self.resolve(key[0], n)[0])]

    def _ignores(self, module: str, name: str) -> bool:
        key, _ = self.resolve(module, name)
        return key is not None and key[0] in IGNORED

    def _shell(self, key: Key, node: ast.ClassDef) -> ast.ClassDef:
        """Split a class: what always counts, and members that count once they are named."""
        live: Any = sys.modules.get(key[0])
        for name in key[1].split("."):
            live = getattr(live, name, None)
        inherited = {n for base in getattr(live, "__mro__", (object,))[1:-1] for n in vars(base)}
        is_data = any(_last(d) == "dataclass" for d in node.decorator_list)
        always: list[ast.stmt] = []
        members: dict[str, list[ast.stmt]] = {}
        for part in node.body:
            if is_data and isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                self.fields.setdefault(key, []).append(part.target.id)
                members.setdefault(part.target.id, []).append(part)
            elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and isinstance(live, type):
                dunder = part.name.startswith("__") and part.name.endswith("__")
                if dunder or part.name in inherited:
                    always.append(part)
                else:
                    members.setdefault(part.name, []).append(part)
            else:
                always.append(part)
        for name, body in members.items():
            keep = ast.ClassDef(name=name, bases=[], keywords=[], body=body, decorator_list=[])
            self.waiting.setdefault(name, []).append(((key[0], f"{key[1]}.{name}"), keep))
            if name in self.named:
                self._name([name], again=True)
        self._fill(key, 0)
        shell = copy.copy(node)
        shell.body = always
        return shell

    def _name(self, names: Any, *, again: bool = False) -> None:
        for name in names:
            if again or name not in self.named:
                self.named.add(name)
                self.todo += self.waiting.pop(name, [])

    def _fill(self, key: Key, count: int) -> None:
        """Note that somebody fills the first fields of a dataclass by position."""
        self.filled[key] = max(count, self.filled.get(key, 0))
        names = self.fields.get(key, [])[: self.filled[key]]
        for name in names:
            rest = self.waiting.get(name, [])
            mine = [one for one in rest if one[0] == (key[0], f"{key[1]}.{name}")]
            self.todo += mine
            self.waiting[name] = [one for one in rest if one not in mine]


def _filled(call: ast.Call) -> Iterator[tuple[str, int]]:
    """Classes, if they are such, whose first fields a call fills by position; -1 stands for the own class."""
    callee = dotted(call.func)
    if isinstance(call.func, ast.Call) and dotted(call.func.func) == "type":
        callee = "cls"  # type(self)(…)
    if callee:
        starred = any(isinstance(a, ast.Starred) for a in call.args)
        yield ("cls" if callee.endswith("__class__") else callee), 999 if starred else len(call.args)
    if callee.rpartition(".")[2] not in NO_NAMES:
        for given in (*call.args, *(k.value for k in call.keywords)):
            if name := dotted(given):
                yield name, 999


def _last(node: ast.AST) -> str:
    """The last part of what is named or called: "dataclass" of ``@dataclasses.dataclass(frozen=True)``."""
    return dotted(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]


class _Logic(ast.NodeTransformer):
    """Takes out of a syntax tree what no run depends on; see the head of this file."""

    def __init__(self, ignores: Callable[[str], bool]) -> None:
        self.ignores = ignores

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: Any) -> ast.AST:
        node.returns = None
        node.decorator_list = [d for d in node.decorator_list if not self.ignores(_name_of(d))]
        if docstring(node) is not None:
            node.body = node.body[1:]
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if docstring(node) is not None:
            node.body = node.body[1:]
        for i, part in enumerate(node.body):
            if isinstance(part, ast.AnnAssign) and part.value is None:  # a field without a default
                node.body[i] = ast.Expr(value=part.target)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.Assign(targets=[node.target], value=node.value))

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        node.cause = None
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = _last(node)
        if name.endswith(("Error", "Exception", "Warning")) or name in ("print", "warn"):
            node.args, node.keywords = [], []
        elif name == "cast" and len(node.args) == 2:
            return self.visit(node.args[1])
        elif name.startswith("check_"):
            node.args = [a for a in node.args if not _is_text(a)]
            node.keywords = [k for k in node.keywords if not _is_text(k.value)]
        return self.generic_visit(node)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _name_of(node: ast.AST) -> str:
    return dotted(node.func if isinstance(node, ast.Call) else node)


def fingerprint(node: Any, name: Callable[[str], str] | None = None) -> str:
    """Dump a syntax tree the same way on every Python version: no positions, empty fields or docstrings.

    Parameters
    ----------
    node : ast.AST
    name : callable, optional
        How a name, with its dots, is written; as it stands without.
    """
    if isinstance(node, list):
        return "[" + ",".join(fingerprint(part, name) for part in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if name is not None and (dots := dotted(node)):
        return f"Name({name(dots)})"
    skipped = docstring(node)
    fields = []
    for field, value in ast.iter_fields(node):
        if field in ("ctx", "kind", "type_comment", "type_params") or value is None or value == []:
            continue
        if field == "values" and isinstance(node, ast.JoinedStr):  # some versions add empty pieces
            value = [part for part in value if not (isinstance(part, ast.Constant) and part.value == "")]
        if field == "body" and skipped is not None:
            value = value[1:]
        fields.append(f"{field}={fingerprint(value, name)}")
    return f"{type(node).__name__}({','.join(fields)})"
