"""Are two answers the same, and if not, how do they differ? Type and shape are looked at before values.

Knows torch's tensors without importing torch: an answer can only be a tensor if torch is loaded.
"""

import copy
import re
import sys
from typing import Any

import numpy as np

RTOL, ATOL = 1e-4, 1e-5
SHOWN_VALUES, SHOWN_CHARACTERS = 48, 400
_RANKS = {
    "whole numbers": 1,
    "floating-point numbers": 2,
    "complex numbers": 3,
}  # a whole number may stand for a float


def difference(got: Any, want: Any, name: str = "") -> str | None:
    """Return one sentence on how an answer differs from the one that is wanted, or None.

    Parameters
    ----------
    got, want : object
        Tensors, arrays, numbers, strings, None, and tuples, lists and dicts of them. The widths of floats do
        not matter, nor list against tuple, nor a 0-dimensional tensor in place of a number; NaN equals NaN.
    name : str
        What the sentence calls the answer, for a part of a tuple or a dict.
    """
    where = f"{name}: " if name else ""
    if _is_tensor(want) or isinstance(want, np.ndarray):
        return _array_difference(got, want, where)
    if isinstance(want, bool | int | float | complex | np.generic):
        return _number_difference(got, want, where)
    if isinstance(want, tuple | list):
        return _sequence_difference(got, want, name, where)
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return f"{where}expected a dict, got {describe_kind(got)}."
        if got.keys() != want.keys():
            return f"{where}expected the keys {sorted(map(str, want))}, got {sorted(map(str, got))}."
        found = (difference(got[key], want[key], f"{name}[{key!r}]") for key in want)
        return next((text for text in found if text), None)
    if not isinstance(got, type(want)):
        return f"{where}expected {describe_kind(want)}, got {describe_kind(got)}."
    return None if _equal(got, want) else f"{where}expected {show(want)}, got {show(got)}."


def same_kind(got: Any, want: Any) -> bool:
    """Return whether an answer is of the wanted kind: type, number of parts, whole numbers or floats.

    An answer of another kind needs no hint: `difference` says what is wanted. Shapes are part of the answer.
    """
    if _is_tensor(want) or isinstance(want, np.ndarray):
        alike = _is_tensor(got) == _is_tensor(want) and (_is_tensor(got) or isinstance(got, np.ndarray))
        return alike and _dtype_family(got) == _dtype_family(want)
    if isinstance(want, bool | int | float | complex | np.generic):
        if (_is_tensor(got) or isinstance(got, np.ndarray)) and got.ndim == 0:
            got = _numpy(got)[()]
        if not isinstance(got, bool | int | float | complex | np.generic):
            return False
        ranks = [_RANKS.get(_family(np.asarray(number)), 0) for number in (got, want)]
        return ranks[0] <= ranks[1] and (ranks[0] == 0) == (ranks[1] == 0)
    if isinstance(want, tuple | list):
        if not isinstance(got, tuple | list) or len(got) != len(want):
            return False
        return all(same_kind(g, w) for g, w in zip(got, want, strict=True))
    if isinstance(want, dict):
        return (
            isinstance(got, dict)
            and got.keys() == want.keys()
            and all(same_kind(got[key], want[key]) for key in want)
        )
    return isinstance(got, type(want))


def _sequence_difference(got: Any, want: Any, name: str, where: str) -> str | None:
    if not isinstance(got, tuple | list):
        return f"{where}expected {describe_kind(want)}, got {describe_kind(got)}."
    if len(got) != len(want):
        return f"{where}expected {len(want)} values, got {len(got)}."
    if all(isinstance(part, int | float | str) for part in (*got, *want)):  # short ones are shown whole
        wrong = any(difference(g, w) for g, w in zip(got, want, strict=True))
        return f"{where}expected {show(want)}, got {show(got)}." if wrong else None
    labels = (f"{name}[{i}]" if name else f"value {i + 1} of {len(want)}" for i in range(len(want)))
    found = (difference(g, w, label) for g, w, label in zip(got, want, labels, strict=True))
    return next((text for text in found if text), None)


def _array_difference(got: Any, want: Any, where: str) -> str | None:
    if _is_tensor(got) != _is_tensor(want) or not (_is_tensor(got) or isinstance(got, np.ndarray)):
        return f"{where}expected {describe_kind(want)}, got {describe_kind(got)}."
    g, w = _numpy(got), _numpy(want)
    if g.shape != w.shape:
        return f"{where}expected shape {w.shape}, got {g.shape}."
    if _family(g) != _family(w):
        return f"{where}expected {_family(w)} ({_dtype(want)}), got {_family(g)} ({_dtype(got)})."
    wrong = ~_close(g, w)
    if not wrong.any():
        return None
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    at = f"at {list(first)} " if first else ""
    share = f" ({int(wrong.sum())} of {wrong.size} values are wrong)" if wrong.size > 1 else ""
    return f"{where}{at}expected {_scalar(w[first])}, got {_scalar(g[first])}{share}."


def _number_difference(got: Any, want: Any, where: str) -> str | None:
    if (_is_tensor(got) or isinstance(got, np.ndarray)) and got.ndim == 0:
        got = _numpy(got)[()]
    if not isinstance(got, bool | int | float | complex | np.generic):
        return f"{where}expected {describe_kind(want)}, got {describe_kind(got)}."
    g, w = np.asarray(got), np.asarray(want)
    rank_got, rank_want = _RANKS.get(_family(g), 0), _RANKS.get(_family(w), 0)
    if rank_got > rank_want or (rank_got == 0) != (rank_want == 0):
        return f"{where}expected {describe_kind(want)}, {_scalar(w)}, got {describe_kind(got)}, {_scalar(g)}."
    return None if bool(_close(g, w).all()) else f"{where}expected {_scalar(w)}, got {_scalar(g)}."


def _close(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    if want.dtype.kind in "fc":
        return np.isclose(got, want, rtol=RTOL, atol=ATOL, equal_nan=True)
    return np.asarray(got == want)


def _equal(got: Any, want: Any) -> bool:
    try:
        return bool(got == want)
    except Exception:  # an odd __eq__ of the learner's own class
        return False


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _numpy(value: Any) -> np.ndarray:
    if not _is_tensor(value):
        return np.asarray(value)
    value = value.detach().cpu()
    if value.is_floating_point():
        value = value.double()  # numpy has no bfloat16
    return np.asarray(value.resolve_conj().numpy() if not value.is_sparse else value.to_dense().numpy())


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _family(array: np.ndarray) -> str:
    names = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "floating-point numbers"}
    return names.get(array.dtype.kind, "complex numbers" if array.dtype.kind == "c" else str(array.dtype))


def _dtype_family(value: Any) -> str:
    """As `_family`, without reading the values: an answer may hold none (a tensor on "meta")."""
    return _family(
        np.empty(0, _numpy(value.new_empty(0, device="cpu")).dtype) if _is_tensor(value) else value
    )


def _scalar(value: Any) -> str:
    value = np.asarray(value)[()]
    return f"{value:.6g}" if np.asarray(value).dtype.kind == "f" else str(value)


def describe_kind(value: Any) -> str:
    """Name a value's type, with the shape of an array: ``a tensor of shape (2, 3)``."""
    if value is None:
        return "None"
    if _is_tensor(value) or isinstance(value, np.ndarray):
        noun = "a tensor" if _is_tensor(value) else "a numpy array"
        return f"{noun} of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        noun = "tuple" if isinstance(value, tuple) else "list"  # also for torch.Size and named tuples
        return f"a {noun} of {len(value)} {'value' if len(value) == 1 else 'values'}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def show(value: Any) -> str:
    """Write a value for a learner: small arrays in full, large ones by shape and range, the same on every
    run."""
    if _is_tensor(value) or isinstance(value, np.ndarray):
        array = _numpy(value)
        head = f"{'tensor' if _is_tensor(value) else 'array'} {tuple(array.shape)} {_dtype(value)}"
        if array.size == 0:
            return f"{head}, empty"
        if array.size <= SHOWN_VALUES:
            body = np.array2string(
                array, precision=4, suppress_small=True, separator=", ", max_line_width=100
            )
            return f"{head}\n{body}" if "\n" in body else f"{head} {body}"
        return f"{head}, values from {_scalar(array.min())} to {_scalar(array.max())}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if type(value) in (tuple, list) and any(_is_tensor(v) or isinstance(v, np.ndarray) for v in value):
        return "\n".join(f"[{i}] {show(part)}" for i, part in enumerate(value))
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"


def clone(value: Any) -> Any:
    """Copy a value so deeply that nothing done to the copy changes the original."""
    if _is_tensor(value):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) in (tuple, list):
        return type(value)(clone(part) for part in value)
    if type(value) is dict:
        return {key: clone(part) for key, part in value.items()}
    try:
        return copy.deepcopy(value)
    except Exception:  # a generator, a lock, a file
        return value


def changed(before: Any, after: Any) -> bool:
    """Return whether an input was altered; looks into arrays, lists, dicts and tuples only."""
    if _is_tensor(before) or isinstance(before, np.ndarray):
        b, a = _numpy(before), _numpy(after)
        return b.shape != a.shape or not np.array_equal(b, a, equal_nan=b.dtype.kind in "fc")
    if type(before) in (tuple, list):
        return len(before) != len(after) or any(changed(b, a) for b, a in zip(before, after, strict=True))
    if type(before) is dict:
        return before.keys() != after.keys() or any(changed(before[key], after[key]) for key in before)
    return False
