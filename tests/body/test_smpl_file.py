"""Published files of SMPL: what is in them comes out; what is damaged or does not fit is refused."""

import pickle
import pickletools
import sys
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import smplx
import torch

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smpl_file import load_smpl
from tests.body.models import (
    FILES_ROOT,
    published,
    random_inputs,
    random_tensors,
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
