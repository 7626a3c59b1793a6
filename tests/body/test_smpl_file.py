"""Published files: what is in them comes out; what would run code is refused, and does not run."""

import io
import os
import pickle
import pickletools
import struct
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import smplx
import torch

from lecture_utils.body import pickled_arrays
from lecture_utils.body.pickled_arrays import NAMES, as_array, read_records
from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smpl_file import load_smpl
from tests.body.models import (
    FILES_ROOT,
    published,
    python2_pickle,
    random_inputs,
    random_tensors,
    with_chumpy,
    write_pkl,
)

pytestmark = pytest.mark.system("S20.3")
TENSORS = random_tensors(vertices=60)
FIELDS = published(TENSORS, shapes=30)


def _same(model: SMPL, shapes: int = 10) -> bool:
    """Whether a model is the one of TENSORS, bit by bit."""
    own = {**TENSORS, "shape_directions": TENSORS["shape_directions"][..., :shapes]}
    real = all(
        torch.equal(getattr(model, name), own[name].float())
        for name in ("template", "shape_directions", "pose_directions", "joint_regressor", "weights")
    )
    return real and torch.equal(model.faces, TENSORS["faces"]) and model.parents == PARENTS


@pytest.mark.parametrize(("python", "protocol"), [(2, 0), (2, 1), (2, 2), (3, 2), (3, 4)])
def test_a_pkl_with_chumpys_arrays_loads_without_chumpy(tmp_path: Path, python: int, protocol: int) -> None:
    path = write_pkl(tmp_path / "SMPL_NEUTRAL.pkl", FIELDS, python=python, protocol=protocol)
    if python == 2 and protocol:
        names = {argument for op, argument, _ in pickletools.genops(path.read_bytes()) if op.name == "GLOBAL"}
        assert {"chumpy.ch Ch", "chumpy.reordering Select", "scipy.sparse.csc csc_matrix"} <= names
        assert "numpy.core.multiarray _reconstruct" in names
    assert not any(name.startswith("chumpy") for name in sys.modules)
    assert _same(load_smpl(path))


def test_a_npz_loads_and_shapes_are_the_first_ten_or_as_many_as_asked(tmp_path: Path) -> None:
    fields = {**FIELDS, "J_regressor": FIELDS["J_regressor"].toarray()}
    np.savez_compressed(tmp_path / "smpl.npz", **fields)
    assert _same(load_smpl(tmp_path / "smpl.npz"))
    few = load_smpl(tmp_path / "smpl.npz", shapes=3)
    assert _same(few, 3)
    many = load_smpl(tmp_path / "smpl.npz", shapes=30, dtype=torch.float64)
    assert torch.equal(many.shape_directions, torch.as_tensor(FIELDS["shapedirs"]))
    with pytest.raises(ValueError, match=r"shapedirs: got \(60, 3, 30\), want \(V, 3, at least 31\)"):
        load_smpl(tmp_path / "smpl.npz", shapes=31)
    with pytest.raises(ValueError, match="shapes: got 0"):
        load_smpl(tmp_path / "smpl.npz", shapes=0)


def test_smplx_reads_the_same_file_and_poses_the_same_body(tmp_path: Path) -> None:
    """smplx unpickles whatever it is given; of this file we know what is in it."""
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps(FIELDS, protocol=2))
    shape, pose, translation = (x.float() for x in random_inputs())
    nobodys = dict.fromkeys(smplx.vertex_ids.vertex_ids["smplh"], 0)
    theirs = smplx.SMPL(str(path), vertex_ids=nobodys, batch_size=3)
    want = theirs(betas=shape, global_orient=pose[:, 0], body_pose=pose[:, 1:].flatten(1), transl=translation)
    got = load_smpl(path)(shape, pose, translation)
    assert (got.vertices - want.vertices).abs().max() < 1e-5
    assert (got.joints - want.joints[:, :24]).abs().max() < 1e-5


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
    ],
)
def test_arrays_whose_parts_do_not_fit_are_refused(own: dict[str, Any], said: str) -> None:
    assert np.array_equal(as_array(_array_parts()), np.zeros(3))
    with pytest.raises(ValueError, match=said):
        as_array(_array_parts(**own))


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    objects = {**FIELDS, "v_template": np.array([[1, "a", None]], dtype=object)}
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(objects, 2))
    with pytest.raises(ValueError, match="v_template: got an array of type 'O8', want numbers"):
        load_smpl(path)
    fields = {**objects, "J_regressor": FIELDS["J_regressor"].toarray()}
    np.savez(tmp_path / "model.npz", **fields, allow_pickle=True)
    with pytest.raises(ValueError, match=r"model.npz: .*allow_pickle=False"):
        load_smpl(tmp_path / "model.npz")


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


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_cut_off_anywhere_is_refused(tmp_path: Path, protocol: int) -> None:
    whole = write_pkl(
        tmp_path / "whole.pkl", FIELDS, protocol=protocol, python=2 if protocol < 3 else 3
    ).read_bytes()
    path = tmp_path / "model.pkl"
    for length in (0, 1, 2, 3, 50, 400, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"model.pkl: got a (damaged pickle|pickle that ends too early)"):
            load_smpl(path)
    noise = np.random.default_rng(0)
    for _ in range(200):
        start = bytearray(whole[:600])
        start[int(noise.integers(600))] = int(noise.integers(256))
        path.write_bytes(bytes(start) + whole[600:])
        try:
            load_smpl(path)  # a number may have changed: that cannot be seen
        except ValueError as error:
            assert str(error).startswith("model.pkl: ")


def test_damaged_npz_files_are_refused(tmp_path: Path) -> None:
    fields = {**FIELDS, "J_regressor": FIELDS["J_regressor"].toarray()}
    path = tmp_path / "model.npz"
    np.savez(path, **fields)
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"model.npz: got a damaged file"):
            load_smpl(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in fields:
            packed.writestr(f"{name}.npy", b"no array")
    with pytest.raises(ValueError, match=r"model.npz: "):
        load_smpl(path)
    with mock.patch("lecture_utils.body.smpl_file.LARGEST", 1000):
        np.savez_compressed(path, **fields)
        with pytest.raises(ValueError, match="got 0 MB unpacked, want at most 0"):
            load_smpl(path)


def _table(before: list[int], own: list[int] | None = None) -> np.ndarray:
    return np.array([before, own or list(range(len(before)))])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("v_template", FIELDS["v_template"][:-1], "shape_directions: got"),
        ("v_template", FIELDS["v_template"].astype(int), "v_template: got int64, want real numbers"),
        ("v_template", FIELDS["v_template"] * np.nan, "template: got NaN"),
        ("shapedirs", FIELDS["shapedirs"][..., 0], "shapedirs: got"),
        ("shapedirs", FIELDS["shapedirs"][..., :9], r"shapedirs: got \(60, 3, 9\)"),
        ("posedirs", FIELDS["posedirs"].reshape(180, 207), "pose_directions: got"),
        ("weights", FIELDS["weights"].T, "weights: got"),
        ("J_regressor", FIELDS["J_regressor"].toarray()[:-1], "joint_regressor: got"),
        ("f", FIELDS["f"] + 1, "faces: got vertices"),
        ("f", FIELDS["f"].astype(float), "f: got float64, want whole numbers"),
        ("kintree_table", FIELDS["kintree_table"][:1], r"kintree_table: got \(1, 24\), want \(2, J\)"),
        ("kintree_table", FIELDS["kintree_table"][:, ::-1], "kintree_table: got the parents"),
        ("kintree_table", _table([-1, *range(23)], [0, 0, *range(22)]), "kintree_table: got a joint twice"),
        ("kintree_table", _table([-1, 99, *range(22)]), r"kintree_table: got the parents \[-1, 99\]"),
        ("kintree_table", _table([0, *range(23)]), r"kintree_table: got the parents \[0\]"),
        ("kintree_table", _table([-1, 2, 0, *range(21)]), "parents: got 2 for joint 1"),
        ("bs_style", "dqbs", "bs_style: got 'dqbs', want 'lbs'"),
        ("weights", "none", "weights: got "),
    ],
)
def test_fields_that_do_not_fit_are_refused(tmp_path: Path, name: str, value: Any, said: str) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({**FIELDS, name: value}, 2))
    with pytest.raises(ValueError, match=f"model.pkl: {said}"):
        load_smpl(path)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    fields = {name: value for name, value in FIELDS.items() if name not in ("weights", "f")}
    for content, said in (
        (fields, "got a file without weights, f, want v_template"),
        ([1, 2], "got list, want a dict"),
    ):
        (tmp_path / "model.pkl").write_bytes(pickle.dumps(content, 2))
        with pytest.raises(ValueError, match=said):
            load_smpl(tmp_path / "model.pkl")
    with pytest.raises(FileNotFoundError, match=r"path: got .*nowhere.pkl, which is not there"):
        load_smpl(tmp_path / "nowhere.pkl")
    (tmp_path / "model.txt").write_text("")
    with pytest.raises(ValueError, match=r"path: got model.txt, want a file whose name ends in .pkl or .npz"):
        load_smpl(tmp_path / "model.txt")


@pytest.mark.parametrize("root", [FILES_ROOT, -1, 2**32 - 1, 9999])
def test_the_roots_parent_is_whatever_no_joint_is_called(tmp_path: Path, root: int) -> None:
    table = np.array([[root, *PARENTS[1:]], range(24)], dtype=np.int64)
    if root == FILES_ROOT:
        table = table.astype(np.uint32)
    shuffled = np.array([[root, *(10 * p for p in PARENTS[1:])], [10 * j for j in range(24)]], dtype=np.int64)
    for kintree in (table, shuffled):
        (tmp_path / "model.pkl").write_bytes(pickle.dumps({**FIELDS, "kintree_table": kintree}, 2))
        assert load_smpl(tmp_path / "model.pkl").parents == PARENTS
