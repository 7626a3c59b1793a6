"""`import lecture_utils` costs nothing: what is heavy is loaded by the modules that need it."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "IPython",
    "ipywidgets",
    "sklearn",
    "skimage",
    "scipy",
)
LIGHT = (
    "lecture_utils",
    "lecture_utils.__main__",
    "lecture_utils.kernel.doctor",
    "lecture_utils.runtime",
    "lecture_utils.provenance.shown",
    "lecture_utils.zoo",
    "lecture_utils.exercises.progress",
)


def loaded_by(module: str) -> list[str]:
    """Name the heavy packages that a fresh interpreter has loaded after importing a module."""
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert loaded_by("lecture_utils") == []


@pytest.mark.parametrize("module", LIGHT)
def test_no_torch_until_asked(module: str) -> None:
    assert not {"torch", "torchvision", "matplotlib"} & set(loaded_by(module))
