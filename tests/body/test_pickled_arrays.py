"""Pickles that are not trusted: arrays come out; what would run code is refused, and does not run."""

import io
import os
import pickle
import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from lecture_utils.body import pickled_arrays
from lecture_utils.body.pickled_arrays import NAMES, as_array, read_records
from lecture_utils.body.smpl_file import load_smpl
from tests.body.models import published, python2_pickle, random_tensors, with_chumpy

pytestmark = pytest.mark.system("S20.3")
FIELDS = published(random_tensors(vertices=60), shapes=30)


def test_big_endian_fortran_and_scalars_are_read_as_they_are() -> None:
    numbers = np.arange(24.0).reshape(2, 3, 4)
    turned, few = np.asfortranarray(numbers), numbers[..., ::2] > 3
    for value in (numbers, numbers.astype(">f4"), turned, few, np.float32(2.5), np.zeros((0, 3)), 7):
        got = as_array(read_records(python2_pickle(value)))
        assert np.array_equal(got, value)
        assert got.dtype.isnative


class _Calls:
    """A pickle of this calls a function when it is read."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.what = (function, args)

    def __reduce__(self) -> Any:
        return self.what


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _evil(mark: Path) -> dict[str, bytes]:
    """Pickles that make the file `mark` when they are read, by name."""
    code = f"open({str(mark)!r}, 'w').close()"
    shell = f"touch {mark}"
    array = np.arange(3.0)
    state = array.__reduce__()[2]
    nested = {**FIELDS, "v_template": [{"deep": (_Calls(os.system, shell),)}]}
    ch = types.ModuleType("chumpy.ch")
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})  # type: ignore[attr-defined]
    within = ch.Ch()  # type: ignore[attr-defined]
    within.x = _Calls(eval, code)
    with mock.patch.dict(sys.modules, {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": ch}):
        chumpy = pickle.dumps({**FIELDS, "v_template": within}, 2)
    getattr_chain = (
        b"\x80\x02" + _global("__builtin__", "getattr") + _global("__builtin__", "__import__") + _text("os")
        + b"\x85R" + _text("system") + b"\x86R" + _text(shell) + b"\x85R."
    )  # fmt: skip
    stack_global = (
        b"\x80\x04"
        + b"\x8c\x02os\x8c\x06system\x93"
        + b"\x8c"
        + bytes([len(shell)])
        + shell.encode()
        + b"\x85R."
    )
    dotted = (
        b"\x80\x04" + b"\x8c\x16numpy._core.multiarray" + b"\x8c\x13sys.modules.__len__\x93" + b")R0"
        + b"\x8c\x08builtins\x8c\x04eval\x93" + _text(code) + b"\x85R."
    )  # fmt: skip
    inst = b"(" + b"S'" + shell.encode() + b"'\nios\nsystem\n."
    obj = b"(" + _global("os", "system") + _text(shell) + b"o."
    popped = b"\x80\x02" + _global("posix", "system") + _text(shell) + b"\x85R0" + pickle.dumps({})[2:]
    setstate = (
        b"\x80\x02" + _global("numpy.core.multiarray", "_reconstruct") + _global("numpy", "ndarray")
        + b"K\x00\x85C\x01b\x87R" + b"(K\x01K\x03\x85" + _global("os", "system") + _text(shell) + b"\x85Rtb."
    )  # fmt: skip
    return {
        "os.system by reduce": pickle.dumps(_Calls(os.system, shell), 2),
        "builtins eval": pickle.dumps({"v_template": _Calls(eval, code)}, 2),
        "builtins exec, protocol 0": pickle.dumps(_Calls(exec, code), 0),
        "deep in a list": pickle.dumps(nested, 2),
        "in a chumpy array": chumpy,
        "in an array's state": pickle.dumps(_Calls(list, [(state, _Calls(exec, code))]), 4),
        "getattr chain": getattr_chain,
        "STACK_GLOBAL": stack_global,
        "dotted name": dotted,
        "INST": inst,
        "OBJ": obj,
        "popped before the end": popped,
        "as an argument of BUILD": setstate,
    }


@pytest.mark.parametrize("name", list(_evil(Path("x"))))
def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path, name: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(_evil(mark)[name])
    with pytest.raises(
        ValueError, match=r"SMPL_NEUTRAL.pkl: got a file (that calls|with the operation)"
    ) as caught:
        load_smpl(path)
    assert "want arrays only" in str(caught.value)
    assert not mark.exists()
    if name not in (
        "dotted name",
        "in a chumpy array",
        "as an argument of BUILD",
    ):  # these need libraries to run
        with io.BytesIO(path.read_bytes()) as stream:
            pickle.Unpickler(stream).load()
        assert mark.exists(), "the test's own pickle does nothing"


def test_the_reason_names_what_would_be_called(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_Calls(os.system, "true"), 2))
    with pytest.raises(ValueError, match=r"calls (posix|nt)\.system, want arrays only; it was not called"):
        load_smpl(path)


@pytest.mark.parametrize(
    "name",
    ["numpy.load", "numpy.lib.npyio.load", "numpy.core.multiarray.fromstring", "numpy.testing.runstring",
     "numpy.matrixlib.defmatrix.matrix", "numpy.memmap", "numpy.core.records.recarray", "scipy.io.loadmat",
     "chumpy.ch.ChLambda", "chumpy.ch.MatVecMult", "copyreg.add_extension", "builtins.type",
     "builtins.object.__new__", "functools.partial", "operator.attrgetter", "types.FunctionType",
     "pathlib.Path", "codecs.decode", "_codecs.decode", "scipy.sparse.csc.csc_matrix.todense", "torch.load",
     "numpy.ndarray.tofile"],
)  # fmt: skip
def test_no_other_name_is_allowed(name: str) -> None:
    assert name not in NAMES
    module, _, function = name.rpartition(".")
    with pytest.raises(ValueError, match="got a file that calls"):
        read_records(b"\x80\x02" + _global(module, function) + b".")
    for split in range(1, name.count(".") + 1):  # protocol 4 allows dots in either part
        parts = name.split(".")
        first, second = ".".join(parts[:split]), ".".join(parts[split:])
        with pytest.raises(ValueError, match="got a file that calls"):
            read_records(b"\x80\x04" + _text(first) + _text(second) + b"\x93.")


def _classes() -> list[dict[str, Any]]:
    return [dict(vars(kind)) for kind in [pickled_arrays.Record, *pickled_arrays._CLASSES.values()]]


@pytest.mark.parametrize("state", ["dict", "slots"])
def test_a_state_given_to_a_class_changes_nothing(state: str) -> None:
    """BUILD on a class, not on an object of it, would set the class's own attributes."""
    before = _classes()
    own = b"}" + _text("__setstate__") + _text("x") + b"s"
    slots = b"N" + own + b"\x86"
    for name in NAMES:
        module, _, function = name.rpartition(".")
        with pytest.raises(ValueError, match="got a damaged pickle"):
            read_records(
                b"\x80\x02" + _global(module, function) + (own if state == "dict" else slots) + b"b."
            )
    assert _classes() == before


def test_records_cannot_be_reached_by_lists_and_dicts_operations() -> None:
    record = _global("chumpy.ch", "Ch") + b")R"
    for change in (b"K\x01a", b"(K\x01e", b"K\x01K\x02s", b"(K\x01K\x02u"):
        with pytest.raises(ValueError, match="got a damaged pickle"):
            read_records(b"\x80\x02" + record + change + b".")
    with pytest.raises(ValueError, match="got a damaged pickle"):
        read_records(b"\x80\x02" + record + b")R.")  # a record is nothing to call


@pytest.mark.parametrize(
    ("operation", "data"),
    [("EXT1", b"\x80\x02\x82\x01."), ("PERSID", b"Pos\n."), ("BINPERSID", b"N" + b"Q."),
     ("NEWOBJ_EX", b"\x80\x04)}\x92."), ("NEXT_BUFFER", b"\x80\x05\x97."),
     ("BYTEARRAY8", b"\x80\x05\x96" + 8 * b"\0" + b".")],
)  # fmt: skip
def test_other_operations_are_refused_before_any_is_run(operation: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=f"got a file with the operation {operation}, want arrays only"):
        read_records(data)


def test_a_note_far_out_is_refused_before_its_room_is_made() -> None:
    with pytest.raises(ValueError, match="got a pickle that notes object 4294967295"):
        read_records(b"\x80\x02Nr\xff\xff\xff\xff.")


def _type_of_order(order: Any) -> Any:
    dtype = pickled_arrays._CLASSES["dtype"]("f8", False, True)
    dtype.state = (3, order)
    return dtype


def _array_parts(**own: Any) -> Any:
    """A record of an array of three numbers, with some parts of it replaced."""
    kinds = pickled_arrays._CLASSES
    dtype = kinds["dtype"]("f8", False, True)
    dtype.state = (3, "<", None, None, None, -1, -1, 0)
    parts = {
        "type": kinds["array type"],
        "shape": (3,),
        "dtype": dtype,
        "order": False,
        "raw": 24 * b"\0",
    } | own
    array = kinds["array"](parts["type"], (0,), b"b")
    array.state = (1, parts["shape"], parts["dtype"], parts["order"], parts["raw"])
    return array


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"type": pickled_arrays._CLASSES["dtype"]}, "an array of another type"),
        ({"type": "numpy.ndarray"}, "an array of another type"),
        ({"shape": (4,)}, "3 numbers for the shape"),
        ({"shape": (-1,)}, "3 numbers for the shape"),
        ({"shape": (-1, -3)}, "3 numbers for the shape"),
        ({"shape": (3, True)}, "3 numbers for the shape"),
        ({"shape": 3}, "3 numbers for the shape"),
        ({"shape": (10**30, 0)}, "3 numbers for the shape"),
        ({"raw": 23 * b"\0"}, "23 bytes"),
        ({"raw": [1, 2, 3]}, "list for an array's numbers"),
        ({"raw": "\u1234"}, "latin-1"),
        ({"dtype": "f8"}, "an array of type None"),
        ({"dtype": pickled_arrays._CLASSES["dtype"]("O8", False, True)}, "an array of type 'O8'"),
        ({"dtype": pickled_arrays._CLASSES["dtype"]("V16", False, True)}, "an array of type 'V16'"),
        ({"dtype": pickled_arrays._CLASSES["dtype"](["f8"], False, True)}, "an array of type"),
        ({"dtype": _type_of_order("?")}, "the byte order"),
        ({"dtype": _type_of_order(None)}, "the byte order"),
    ],
)
def test_arrays_whose_parts_do_not_fit_are_refused(own: dict[str, Any], said: str) -> None:
    assert np.array_equal(as_array(_array_parts()), np.zeros(3))
    plain = pickled_arrays._CLASSES["dtype"]("f8", False, True)  # without a state: this machine's order
    assert np.array_equal(as_array(_array_parts(dtype=plain)), np.zeros(3))
    with pytest.raises(ValueError, match=said):
        as_array(_array_parts(**own))


def test_sparse_matrices_and_selections_whose_places_are_not_there_are_refused() -> None:
    matrix = FIELDS["J_regressor"]
    assert np.array_equal(as_array(read_records(pickle.dumps(matrix, 2))), matrix.toarray())
    for name, value in (
        ("indices", matrix.indices + 24),
        ("indices", matrix.indices - 24),
        ("indices", matrix.indices[:-1]),
        ("indptr", matrix.indptr[:-1]),
        ("indptr", matrix.indptr[::-1].copy()),
        ("indptr", matrix.indptr + 0.5),
        ("data", matrix.data[:-1]),
        ("_shape", (24, 10**9)),
        ("_shape", (24,)),
        ("_shape", (0, 60)),
        ("_shape", (-1, 60)),
        ("_shape", (24, np.zeros(2, int))),
        ("_shape", None),
    ):
        record = read_records(pickle.dumps(matrix, 2))
        record.state[name] = read_records(pickle.dumps(value, 2))
        with pytest.raises(ValueError):
            as_array(record)
    held, modules = with_chumpy(FIELDS)
    held["shapedirs"].idxs = held["shapedirs"].idxs + 10**6
    with mock.patch.dict(sys.modules, modules):
        data = python2_pickle(held["shapedirs"])
    with pytest.raises(ValueError, match="got places 1000000 to"):
        as_array(read_records(data))
    inner = pickled_arrays._CLASSES["chumpy array"]()
    inner.state = {"x": inner}
    with pytest.raises(ValueError, match="within arrays"):
        as_array(inner)
    sparse = read_records(pickle.dumps(matrix, 2))
    sparse.state["indptr"] = sparse  # its own columns
    with pytest.raises(ValueError, match="within arrays"):
        as_array(sparse)
