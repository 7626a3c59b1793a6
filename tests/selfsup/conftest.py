"""For tests that must be able to fail: a module with a fault planted in its source."""

import types
from collections.abc import Callable
from pathlib import Path

import pytest

Planter = Callable[[types.ModuleType, str, str], types.ModuleType]


@pytest.fixture
def planted() -> Planter:
    """Make a copy of a module in which one text, found exactly once, is replaced by another."""

    def plant(module: types.ModuleType, text: str, fault: str) -> types.ModuleType:
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert source.count(text) == 1, f"want {text!r} once in {module.__name__}, got {source.count(text)}"
        copy = types.ModuleType(f"{module.__name__}_with_a_fault")
        copy.__file__ = module.__file__
        exec(compile(source.replace(text, fault), str(module.__file__), "exec"), copy.__dict__)
        return copy

    return plant
