"""Arrays out of a pickle that is not trusted (S20.3): SMPL's published files, without running what they say.

A pickle is a program: it names any function of Python and calls it, so that opening a file can do anything
(https://docs.python.org/3/library/pickle.html, the warning on top). Here it may name only what NAMES lists,
and gets for each name a `Record`: a class that keeps what it is called with, and does nothing. When the
program has ended, the records are read, and arrays made from their bytes with checks. Neither NumPy nor SciPy
nor chumpy (in whose arrays the published files hold the template) is called by the file.

Left out: whatever SMPL's files do not need, such as arrays of objects, or chumpy's expressions other than a
plain array and a selection from one.
"""

import io
import math
import pickle
import pickletools
from collections.abc import Iterator
from typing import Any

import numpy as np


class Record:
    """What stands for an object of a file: what it was called with, and the state it was given."""

    name = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> "Record":
        record = super().__new__(cls)
        record.args, record.state = args, None
        return record

    def __setstate__(self, state: Any) -> None:  # without it a file could set any attribute
        self.state = state


# What a file may name, by modules of Python 2 and 3 and of older and newer libraries; what it stands for.
NAMES = {
    "numpy.ndarray": "array type",
    "numpy.dtype": "dtype",
    "numpy.core.multiarray._reconstruct": "array",
    "numpy._core.multiarray._reconstruct": "array",
    "numpy.core.multiarray.scalar": "scalar",
    "numpy._core.multiarray.scalar": "scalar",
    "scipy.sparse.csc.csc_matrix": "sparse matrix",
    "scipy.sparse._csc.csc_matrix": "sparse matrix",
    "chumpy.ch.Ch": "chumpy array",
    "chumpy.reordering.Select": "chumpy selection",
    "_codecs.encode": "bytes",
    "copy_reg._reconstructor": "object",
    "copyreg._reconstructor": "object",
    "__builtin__.object": "object type",
    "builtins.object": "object type",
    "__builtin__.set": "set",
    "builtins.set": "set",
}
_CLASSES = {kind: type(f"Record of {kind}", (Record,), {"name": kind}) for kind in set(NAMES.values())}
# Operations that build data, name something on the list, or call a record.
_OPERATIONS = {
    "MARK", "STOP", "POP", "POP_MARK", "DUP", "FLOAT", "INT", "BININT", "BININT1", "LONG", "BININT2",
    "NONE", "REDUCE", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "APPEND",
    "BUILD", "GLOBAL", "DICT", "EMPTY_DICT", "APPENDS", "GET", "BINGET", "LONG_BINGET", "LIST",
    "EMPTY_LIST", "PUT", "BINPUT", "LONG_BINPUT", "SETITEM", "TUPLE", "EMPTY_TUPLE", "SETITEMS",
    "BINFLOAT", "PROTO", "NEWOBJ", "TUPLE1", "TUPLE2", "TUPLE3", "NEWTRUE", "NEWFALSE", "LONG1", "LONG4",
    "BINBYTES", "SHORT_BINBYTES", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES8", "EMPTY_SET", "ADDITEMS",
    "FROZENSET", "STACK_GLOBAL", "MEMOIZE", "FRAME",
}  # fmt: skip
_BY_CODE = {operation.code.encode("latin1"): operation for operation in pickletools.opcodes}
_DAMAGED = (pickle.UnpicklingError, AttributeError, EOFError, LookupError, TypeError, ValueError,
            ArithmeticError, MemoryError, RecursionError)  # fmt: skip
_DTYPES = {f"{kind}{size}" for kind in "fiu" for size in (1, 2, 4, 8)} - {"f1"} | {"b1"}


class _Refused(ValueError):
    """What a file names is not on the list."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        kind = NAMES.get(f"{module}.{name}")
        if kind is None:
            raise _Refused(f"got a file that calls {module}.{name}, want arrays only; it was not called")
        return _CLASSES[kind]


def read_records(data: bytes) -> Any:
    """Return what a pickle holds: plain Python data, and a `Record` for each object.

    Raises
    ------
    ValueError
        If it names anything but what NAMES lists, uses another operation, is damaged, or ends too early.
    """
    for count, (operation, argument) in enumerate(_operations(data)):
        if operation not in _OPERATIONS:
            raise ValueError(f"got a file with the operation {operation}, want arrays only")
        if operation.endswith("PUT") and int(argument) > count:  # room would be made for all below it
            raise ValueError(f"got a pickle that notes object {argument}, want {count} or less there")
    try:
        return _Unpickler(io.BytesIO(data), encoding="latin1").load()
    except _Refused:
        raise
    except _DAMAGED as error:
        raise ValueError(f"got a damaged pickle ({error}), want a whole one") from error


def _operations(data: bytes) -> Iterator[tuple[str, Any]]:
    """Every operation of a pickle with its argument, none of them run."""
    stream = io.BytesIO(data)
    while code := stream.read(1):
        operation = _BY_CODE.get(code)
        if operation is None:
            raise ValueError(f"got a damaged pickle (byte {code!r} is no operation), want a whole one")
        argument: Any = None
        try:
            if operation.name == "STRING":  # `pickletools` wants ASCII in it, and Python 2 has numbers there
                argument = stream.readline()
            elif operation.arg is not None:
                argument = operation.arg.reader(stream)
        except ValueError as error:
            raise ValueError(f"got a damaged pickle ({error}), want a whole one") from None
        yield operation.name, argument
        if operation.name == "STOP":
            return
    raise ValueError("got a pickle that ends too early, want a whole one")


def as_array(value: Any, depth: int = 4) -> np.ndarray:
    """Return a record of an array, sparse matrix or chumpy array, or a plain number, as an array of numbers.

    Raises
    ------
    ValueError
        If it is anything else, lies more than `depth` deep, or its bytes do not fit its shape.
    """
    kind = _kind(value)
    if depth < 0:
        raise ValueError("got an array within arrays within arrays, want one")
    if kind == "array":
        return _array(value)
    if kind == "scalar" and len(value.args) == 2:
        return _reshaped(_numbers(value.args[1], _dtype(value.args[0])), ())
    if kind == "sparse matrix":
        return _dense(_fields(value, "indptr", "indices", "data", "_shape"), depth)
    if kind == "chumpy array":
        return as_array(_fields(value, "x")["x"], depth - 1)
    if kind == "chumpy selection":
        own = _fields(value, "a", "idxs")
        source, places = as_array(own["a"], depth - 1).ravel(), _whole(own["idxs"], depth)
        if places.size and not 0 <= places.min() <= places.max() < source.size:
            raise ValueError(f"got places {places.min()} to {places.max()}, want 0 to {source.size - 1}")
        return _reshaped(source[places].ravel(), own.get("preferred_shape", places.shape))
    if isinstance(value, bool | int | float):
        return np.array(value)
    raise ValueError(f"got {kind or type(value).__name__}, want an array of numbers")


def _whole(value: Any, depth: int) -> np.ndarray:
    places = as_array(value, depth - 1)
    if places.dtype.kind not in "iu":
        raise ValueError(f"got places of {places.dtype}, want whole numbers")
    return places.astype(np.int64)


def _kind(value: Any) -> str:
    """What a record stands for; "" for plain data. Protocols 0 and 1 give an object's class as argument."""
    if not isinstance(value, Record):
        return ""
    if value.name == "object" and value.args and isinstance(value.args[0], type):
        return str(getattr(value.args[0], "name", ""))
    return value.name


def _fields(value: Record, *names: str) -> dict[str, Any]:
    """The attributes of an object, these among them."""
    missing = [name for name in names if not isinstance(value.state, dict) or name not in value.state]
    if missing:
        raise ValueError(f"got a {_kind(value)} without {', '.join(missing)}, want it whole")
    return dict(value.state)


def _array(value: Record) -> np.ndarray:
    """An array from its record: _reconstruct(type, …), then (version, shape, dtype, Fortran order, bytes)."""
    if not value.args or value.args[0] is not _CLASSES["array type"]:
        raise ValueError("got an array of another type, want numpy.ndarray")
    if not isinstance(value.state, tuple) or len(value.state) != 5:
        raise ValueError("got an array without its five parts, want version, shape, type, order and bytes")
    _, shape, dtype, fortran, raw = value.state
    return _reshaped(_numbers(raw, _dtype(dtype)), shape, order="F" if fortran else "C")


def _reshaped(flat: np.ndarray, shape: Any, order: Any = "C") -> np.ndarray:
    whole = isinstance(shape, tuple | list) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or math.prod(shape) != flat.size:
        raise ValueError(f"got {flat.size} numbers for the shape {shape!r:.60}, want as many as it has")
    return flat.reshape(shape, order=order)


def _numbers(raw: Any, dtype: np.dtype) -> np.ndarray:
    """All numbers (n,) of a run of bytes, in this machine's byte order."""
    raw = _bytes(raw)
    if len(raw) % dtype.itemsize:
        raise ValueError(f"got {len(raw)} bytes, want a multiple of {dtype.itemsize}")
    return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="))


def _dtype(value: Any) -> np.dtype:
    """A type from its record: dtype("f8", …), then (version, byte order, …)."""
    code = value.args[0] if _kind(value) == "dtype" and value.args else None
    if not isinstance(code, str) or code not in _DTYPES:
        raise ValueError(f"got an array of type {code!r:.20}, want numbers such as 'f8' or 'u4'")
    order = value.state[1] if isinstance(value.state, tuple) and len(value.state) > 1 else "="
    if order not in ("<", ">", "|", "="):
        raise ValueError(f"got the byte order {order!r:.20}, want '<' or '>'")
    return np.dtype(f"{order}{code}")


def _bytes(value: Any) -> bytes:
    """Bytes as they are, as a string of Python 2, or as what encodes one."""
    if _kind(value) == "bytes" and len(value.args) == 2 and value.args[1] in ("latin1", "latin-1"):
        value = value.args[0]
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError(f"got {_kind(value) or type(value).__name__} for an array's numbers, want bytes")
    return value.encode("latin1")  # a UnicodeEncodeError is a ValueError


def _dense(fields: dict[str, Any], depth: int) -> np.ndarray:
    """A matrix of sparse columns: column j has the entries from indptr[j] up to indptr[j + 1]."""
    starts, rows = (_whole(fields[name], depth) for name in ("indptr", "indices"))
    data, shape = as_array(fields["data"], depth - 1), fields["_shape"]
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ValueError(f"got a sparse matrix of shape {shape!r:.60}, want two numbers")
    height, width = (_whole(n, depth).item() for n in shape)
    if not (height > 0 and width > 0 and height * width <= 10**8):
        raise ValueError(f"got a sparse matrix ({height}, {width}), want 1 to 10⁸ entries")
    fits = starts.shape == (width + 1,) and rows.shape == data.shape == (starts[-1],) and starts[0] == 0
    if not fits or (np.diff(starts) < 0).any() or (rows.size and not 0 <= rows.min() <= rows.max() < height):
        raise ValueError(f"got a sparse matrix whose places do not fit ({height}, {width}), want them to")
    dense = np.zeros((height, width), data.dtype)
    np.add.at(dense, (rows, np.repeat(np.arange(width), np.diff(starts))), data)
    return dense
