"""What notebooks leave out of the source that they show."""

import ast
import textwrap

import pytest

from lecture_utils.kernel.live_methods import method_of
from lecture_utils.provenance.cut import cut


def _cut(text: str) -> str:
    return cut(textwrap.dedent(text).strip("\n"))


def _text(text: str) -> str:
    return textwrap.dedent(text).strip("\n")


def test_guards_go_and_take_what_only_they_needed() -> None:
    before = '''
        def warp(image, matrix, size=None):
            """Warp.

            At length.
            """
            check_image(image)
            # it must be one that can be turned around
            ops.check_matrix(matrix)

            if size is None:
                size = image.shape
            limit = max(size)
            fits = limit < 9
            if not fits:
                found = str(size)
                raise ValueError(f"got {found}")
            elif image is None:
                raise TypeError("none")
            for side in size:
                if side < 1:
                    raise ValueError("empty")
            return image @ matrix  # type: ignore[operator]
        '''
    assert _cut(before) == _text(
        '''
        def warp(image, matrix, size=None):
            """Warp."""
            if size is None:
                size = image.shape
            return image @ matrix
        '''
    )


def test_a_guard_that_is_the_idea_is_kept_by_a_mark_that_does_not_show() -> None:
    before = """
        def depth(z):
            if z <= 0:  # shown
                raise ValueError("behind the camera")
            return 1 / z
        """
    assert _cut(before) == _text(before).replace("  # shown", "")


@pytest.mark.parametrize(
    "text",
    [
        "def check_all(x):\n    check_some(x)\n    if x is None:\n        raise ValueError",
        "class Net:\n    def forward(self, x):\n        raise NotImplementedError",
        "WIDTH = 8",
        "def f(x):\n    if x:\n        x = 1\n    else:\n        raise ValueError\n    return x",
        "def f(x):\n    y = check_number(x)\n    return y",
        'def f(x):\n    """A string with # not shown"""\n    return "# not shown"',
    ],
)
def test_what_is_no_mere_guard_stays(text: str) -> None:
    assert cut(text) == text


def test_marks_leave_out_statements_branches_arguments_and_stretches() -> None:
    before = '''
        def conv(
            x,
            weight,
            *,
            stride=1,
            groups=1,  # not shown
        ):
            """Convolve."""
            if groups > 1:  # not shown
                return by_group(x, weight)

            # the plain way
            columns = im2col(
                x,
                stride=stride,
                precision="high",  # not shown
            )
            if stride == 1:
                out = weight @ columns
            elif stride == 7:  # not shown
                out = special(columns)
            else:  # not shown
                out = other(columns)
            # not shown: begin
            tick = time()
            report(
                tick
            )
            # not shown: end

            log(
                out
            )  # not shown
            while True:
                wait()  # not shown
            return out  # (B, C)
        '''
    assert _cut(before) == _text(
        '''
        def conv(x, weight, *, stride=1):
            """Convolve."""
            # the plain way
            columns = im2col(
                x,
                stride=stride,
            )
            if stride == 1:
                out = weight @ columns

            while True:
                pass
            return out  # (B, C)
        '''
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(\n    x,\n    y,  # not shown\n):\n    return x + y", "leaves out y, which f still uses"),
        ("def f(x):\n    y = x  # not shown\n    return y", "leaves out y, which f still uses"),
        ("def f(\n    x,\n    *,\n    y=1,  # not shown\n):\n    return x", "no Python"),
        ("def f(x):\n    # not shown: begin\n    return x", "do not come in pairs"),
        ("def f(x):\n    # not shown: end\n    # not shown: begin\n    return x", "do not come in pairs"),
    ],
)
def test_a_mark_that_breaks_the_code_is_an_error(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cut(text)


def test_classes_are_cut_method_by_method() -> None:
    before = '''
        class Net(Module):
            """A net.

            Long.
            """

            def __init__(self, width):
                """Make."""
                check_width(width)
                self.width = width

            @cache  # noqa: B019
            def slow(self):  # not shown
                return 1

            def forward(self, x):
                return x
        '''
    assert _cut(before) == _text(
        '''
        class Net(Module):
            """A net."""

            def __init__(self, width):
                """Make."""
                self.width = width

            def forward(self, x):
                return x
        '''
    )
    assert ast.parse(_cut(before))


def test_a_method_finds_its_names_in_its_module_and_what_the_notebook_defined() -> None:
    import types

    module = types.ModuleType("live_methods_home")
    exec(
        "import math\nSCALE = 3\n\n\ndef helper(x):\n    return x + 1\n\n\n"
        "class Net:\n    def forward(self, x):\n        return helper(x) * SCALE * math.floor(1.5)\n",
        vars(module),
    )
    import sys

    sys.modules[module.__name__] = module
    try:
        net = module.Net()
        assert net.forward(1) == 6
        shown = "@method_of(Net)\ndef forward(self, x):\n    return helper(x) * SCALE * math.floor(1.5)\n"
        notebook = {"method_of": method_of, "Net": module.Net, "SCALE": "a variable", "__name__": "__main__"}
        exec(shown, notebook)
        assert net.forward(1) == 6 and notebook["forward"](net, 1) == 6
        assert module.Net.forward.__qualname__ == "Net.forward"
        exec(shown.replace("helper(x)", "(helper(x) + mine)"), {**notebook, "mine": 10})
        assert net.forward(1) == 36
        exec("def helper(x):\n    return 100\n\n\n" + shown, dict(notebook))  # an edited function shown above
        assert net.forward(1) == 300
        exec(shown, dict(notebook))
        assert net.forward(1) == 6
        exec("@method_of(Net)\n@staticmethod\ndef size(n):\n    return n * SCALE", dict(notebook))
        exec("@method_of(Net)\n@property\ndef wide(self):\n    return SCALE", dict(notebook))
        assert module.Net.size(2) == 6 and net.wide == 3
    finally:
        del sys.modules[module.__name__]
