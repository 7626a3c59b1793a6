"""Showing and hashing the package's source."""

import ast
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lecture_utils.provenance import fingerprint, modules, shown

ROOT = Path(__file__).resolve().parents[3]
Write = Callable[[str, str], None]

FILES = {
    "__init__.py": "",
    "blocks.py": '''
        """Blocks."""
        WIDTH = 8
        UNUSED = 1


        def double(x):
            """Twice.

            At length.
            """
            return WIDTH * x


        def other(x):
            return x
        ''',
    "net.py": '''
        from functools import cache

        from toycourse import blocks
        from toycourse.blocks import double as twice


        class Net:
            """A net \\\\ with a backslash.

            Parameters
            ----------
            x : int
            """

            size = 3

            @staticmethod
            def forward(x):
                """Go
                forward."""
                # a comment stays
                return twice(x)


        @cache
        def build():
            """Build."""

            def inner():
                """Inner doc.

                More.
                """
                return Net().forward

            return inner()


        def by_module(x):
            return blocks.double(x)


        def alone(x):
            return x + 1
        ''',
    "api/__init__.py": """
        from .deep import made


        def __getattr__(name):
            from . import deep

            if name == "late":
                return deep.late
            raise AttributeError(name)
        """,
    "api/deep.py": "def made():\n    return 1\n\n\ndef late():\n    return 2\n",
    "user.py": "from toycourse.api import late, made\n\n\ndef use():\n    return made() + late()\n",
    "loop_a.py": "from toycourse import loop_b\n\n\ndef a(n):\n    return loop_b.b(n)\n",
    "loop_b.py": "def b(n):\n    from toycourse.loop_a import a\n\n    return a(n - 1) if n else 0\n",
    "broken.py": "import no_such_thing_here\n",
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Make a package `toycourse`; returns a function that changes one of its files."""
    folder = tmp_path / "toycourse"

    def put(name: str, text: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")

    for name, text in FILES.items():
        put(name, text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(modules, "PACKAGE", "toycourse")
    monkeypatch.setattr(fingerprint, "PACKAGE", "toycourse", raising=False)
    yield put
    for name in [n for n in sys.modules if n.partition(".")[0] == "toycourse"]:
        del sys.modules[name]


def _hash(path: str) -> str:
    return fingerprint.closure_hash(shown.resolve(path))


def test_resolve_finds_functions_classes_methods_and_constants(write: Write) -> None:
    from toycourse import blocks, net

    assert shown.resolve("toycourse.blocks.double") is blocks.double
    assert shown.resolve("toycourse.net.Net") is net.Net
    assert shown.resolve("toycourse.net.Net.forward") is net.Net.forward
    assert shown.resolve("toycourse.blocks.WIDTH") == 8
    assert shown.resolve("toycourse.api.made").__module__ == "toycourse.api.deep"
    assert shown.resolve("toycourse.net") is net


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("toycourse.blocks.doubel", "toycourse.blocks.double"),
        ("toycourse.blokcs.double", "toycourse.blocks"),
        ("toycourse.net.Net.foward", "toycourse.net.Net.forward"),
        ("no_such_package_at_all.x", "No package"),
        ("toycourse..x", "not a dotted path"),
        ("", "not a dotted path"),
    ],
)
def test_an_unknown_path_offers_the_nearest_names(write: Write, path: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint.replace(".", r"\.")):
        shown.resolve(path)


def test_an_error_inside_a_module_is_not_taken_for_a_wrong_path(write: Write) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_here"):
        shown.resolve("toycourse.broken.x")


def test_shown_has_its_module_first_and_only_docstring_summaries(write: Write) -> None:
    assert shown.shown("toycourse.blocks.double") == (
        '# from toycourse.blocks\ndef double(x):\n    """Twice."""\n    return WIDTH * x'
    )
    net = shown.shown("toycourse.net.Net")
    assert net.startswith('# from toycourse.net\nclass Net:\n    r"""A net \\ with a backslash."""\n')
    assert '"""Go forward."""' in net and "# a comment stays" in net and "Parameters" not in net
    build = shown.shown("toycourse.net.build")
    assert "@cache\ndef build():" in build and '"""Inner doc."""' in build and "More." not in build
    assert shown.shown("toycourse.net.Net.forward").splitlines()[1:3] == ["@staticmethod", "def forward(x):"]
    assert shown.shown("toycourse.blocks.WIDTH") == "# from toycourse.blocks\nWIDTH = 8"
    assert shown.shown("toycourse.api.made").startswith("# from toycourse.api.deep\ndef made")
    assert shown.shown("toycourse.api.late").startswith("# from toycourse.api.deep\ndef late")


def test_what_is_shown_runs_as_the_original(write: Write) -> None:
    space: dict[str, object] = {"WIDTH": 8}
    exec(shown.shown("toycourse.blocks.double"), space)
    assert space["double"](3) == 24  # type: ignore[operator]


def test_a_module_cannot_be_shown(write: Write) -> None:
    with pytest.raises(ValueError, match="wanted a function, class or constant"):
        shown.shown("toycourse.net")


@pytest.mark.parametrize("path", ["toycourse.net.build", "toycourse.net.by_module", "toycourse.net.Net"])
def test_a_hash_follows_code_at_any_distance(write: Write, path: str) -> None:
    before = _hash(path)
    assert len(before) == 16 and before == _hash(path)
    write("blocks.py", FILES["blocks.py"].replace("WIDTH = 8", "WIDTH = 9"))
    constant = _hash(path)
    write("blocks.py", FILES["blocks.py"].replace("WIDTH * x", "x * WIDTH"))
    assert len({before, constant, _hash(path)}) == 3


def test_a_hash_ignores_docstrings_comments_layout_and_strangers(write: Write) -> None:
    before = _hash("toycourse.net.build")
    changed = (
        FILES["blocks.py"]
        .replace("Twice.", "Two times.")
        .replace("return WIDTH", "# why\n            return  WIDTH")
    )
    write("blocks.py", changed.replace("UNUSED = 1", "UNUSED = 2").replace("return x\n", "return -x\n"))
    assert _hash("toycourse.net.build") == before
    assert _hash("toycourse.net.alone") != before


def test_a_hash_sees_through_names_that_a_package_passes_on(write: Write) -> None:
    before = _hash("toycourse.user.use")
    write("api/deep.py", FILES["api/deep.py"].replace("return 1", "return 3"))
    early = _hash("toycourse.user.use")
    write("api/deep.py", FILES["api/deep.py"].replace("return 2", "return 3"))
    assert len({before, early, _hash("toycourse.user.use")}) == 3


def test_a_hash_of_functions_that_call_each_other_ends(write: Write) -> None:
    before = _hash("toycourse.loop_a.a")
    write("loop_b.py", FILES["loop_b.py"].replace("else 0", "else 1"))
    assert _hash("toycourse.loop_a.a") != before


LOADERS = """
from toycourse import zoo
from toycourse.zoo import load as fetch

def near():
    return zoo.load("b"), zoo.card("no")

def far(seed):
    return near() if seed else fetch("a")

def local():
    from toycourse import zoo as z
    return z.load("b"), far(1), load("not this one")

def load(name):
    return name

def none():
    return load("not this one")

def looked_up(arm):
    return zoo.load({"first": "d", "second": "c"}[arm])

def by_variable(name):
    return zoo.load(name)

def looked_up_in_part(name):
    return zoo.load({"first": "d", "second": name}["second"])

def handed_on(names):
    return list(map(zoo.load, names))

def by_keyword():
    return far(0), zoo.load(name="a")
"""


def test_the_names_that_a_function_is_called_with_are_read_at_any_distance(write: Write) -> None:
    write("zoo.py", "def load(name):\n    return name\n\ndef card(name):\n    return name\n")
    write("loaders.py", LOADERS)
    wanted = {"near": ["b"], "far": ["a", "b"], "local": ["a", "b"], "looked_up": ["c", "d"], "none": []}
    for name, found in wanted.items():
        function = shown.resolve(f"toycourse.loaders.{name}")
        assert fingerprint.names_given_to("toycourse.zoo.load", function) == found, name
    for name in ("by_variable", "looked_up_in_part", "handed_on", "by_keyword"):
        with pytest.raises(ValueError, match=f"loaders.{name}: wanted zoo.load called with a text"):
            fingerprint.names_given_to("toycourse.zoo.load", shown.resolve(f"toycourse.loaders.{name}"))


def test_what_stands_in_no_file_cannot_be_hashed() -> None:
    with pytest.raises(ValueError, match="stands in a file"):
        fingerprint.closure_hash(eval("lambda: 1"))
    with pytest.raises(ValueError, match="stands in a file"):
        fingerprint.closure_hash(3)


def test_every_object_of_the_package_can_be_shown() -> None:
    for name in MODULES:
        path = ROOT / "lecture_utils" / f"{name.replace('.', '/')}.py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                text = shown.shown(f"lecture_utils.{name}.{node.name}")
                assert ast.parse(text).body[0].name == node.name


MODULES = ("runtime", "provenance.modules", "kernel.missing_names", "kernel.gpu_magic")

SYNTAX = """
    def f(a, /, b: int = 1, *c, d=f'{a!r:>{b}} {1}', **e) -> None:
        try:
            x = [y for y in c if y], f"{a:.{b}f}" f"{b=}" "tail"
        except* OSError as o:
            raise
        match a:
            case [1, *z]:
                return lambda: (yield)

    class A(B, metaclass=C):
        x: "int"
"""


def _others() -> list[str]:
    found = [shutil.which(f"python3.{minor}") for minor in (11, 12, 13, 14)]
    return [path for path in found if path and Path(path).resolve() != Path(sys.executable).resolve()]


def test_a_fingerprint_is_the_same_on_every_python(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(textwrap.dedent(SYNTAX), encoding="utf-8")
    run = (
        f"import sys, ast; sys.path.insert(0, {str(ROOT)!r})\n"
        "from lecture_utils.provenance.fingerprint import fingerprint\n"
        f"print(fingerprint(ast.parse(open({str(code)!r}, encoding='utf-8').read())))"
    )
    here = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True).stdout
    compared = 0
    for python in _others():
        there = subprocess.run([python, "-S", "-c", run], capture_output=True, text=True)
        if there.returncode == 0:
            assert there.stdout == here, python
            compared += 1
    if not compared:
        pytest.skip("no other Python on the path to compare with")


def test_source_and_runtime_import_no_torch() -> None:
    modules = ", ".join(f"lecture_utils.{name}" for name in MODULES)
    run = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", run], check=True)
