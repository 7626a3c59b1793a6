"""Copies of a module with a fault planted in them, to see whether a test can turn red."""

import importlib
import inspect
import sys
import types


def planted(module: str, *faults: tuple[str, str]) -> types.ModuleType:
    """Return a fresh copy of a module in which texts of its source are replaced.

    Parameters
    ----------
    module : str
        Its dotted name, such as "lecture_utils.backbones.swin". The real one stays as it is.
    faults : pairs of str
        The text as it stands in the source, exactly once, and what takes its place.

    Raises
    ------
    ValueError
        If a text does not stand there exactly once: then the fault would be another, or none.
    """
    source = inspect.getsource(importlib.import_module(module))
    for right, wrong in faults:
        if (count := source.count(right)) != 1:
            raise ValueError(f"{module}: got {right!r} {count} times in the source, want once")
        source = source.replace(right, wrong)
    copy = types.ModuleType(f"{module}__planted")
    copy.__dict__["__file__"] = f"<{module}, with a fault>"
    sys.modules[copy.__name__] = copy  # where dataclasses and annotations look for it
    try:
        exec(compile(source, copy.__dict__["__file__"], "exec"), copy.__dict__)
    finally:
        del sys.modules[copy.__name__]
    return copy
