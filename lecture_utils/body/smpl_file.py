"""SMPL from its published file (S20.3): the authors' .pkl, or the same as .npz, opened safely.

The files are to be had under a licence from https://smpl.is.tue.mpg.de; none comes with the course. A .pkl is
read by `body.pickled_arrays`, which runs nothing of it; a .npz without pickles.

M. Loper, N. Mahmood, J. Romero, G. Pons-Moll and M. Black, "SMPL: A skinned multi-person linear model", ACM
Transactions on Graphics 2015. Left out: the fields that the model does not need (its training, J at rest).
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lecture_utils.body.pickled_arrays import as_array, read_records
from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.checks import check_whole

FIELDS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")
STYLES = {"bs_style": "lbs", "bs_type": "lrotmin"}  # linear blend skinning, correctives by R - 1
LARGEST = 2 << 30  # bytes; the published files have a quarter of a gigabyte


def load_smpl(path: str | Path, *, shapes: int = 10, dtype: torch.dtype = torch.float32) -> SMPL:
    """Return the model of a file in the published layout.

    Parameters
    ----------
    path : str or Path
        A .pkl or a .npz with the fields `v_template` (V, 3), `shapedirs` (V, 3, up to 300), `posedirs`
        (V, 3, 9 (J - 1)), `J_regressor` (J, V), `weights` (V, J), `f` (F, 3) and `kintree_table` (2, J): the
        parents, 2³² - 1 for none, and the joints' numbers.
    shapes : int
        How many of the shape directions to take: the first explain most.
    dtype : torch.dtype
        Of the model's matrices.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it would run code (the message says what; it is not run), is damaged, lacks a field, or one does
        not fit.
    """
    path = Path(path)
    check_whole(shapes, "shapes")
    if not path.is_file():
        raise FileNotFoundError(f"path: got {path}, which is not there, want a .pkl or .npz file")
    if path.suffix not in (".pkl", ".npz"):
        raise ValueError(f"path: got {path.name}, want a file whose name ends in .pkl or .npz")
    try:
        return _model(_pkl(path) if path.suffix == ".pkl" else _npz(path), shapes, dtype)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _pkl(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST:
        raise ValueError(f"got {path.stat().st_size >> 20} MB, want at most {LARGEST >> 20}")
    found = read_records(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"got {type(found).__name__}, want a dict with the fields {', '.join(FIELDS)}")
    _check_fields(found)
    own = {name: _field(name, found[name]) for name in FIELDS}
    return own | {name: found[name] for name in STYLES if name in found}


def _field(name: str, value: Any) -> np.ndarray:
    try:
        return as_array(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _npz(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(item.file_size for item in packed.infolist())
        if size > LARGEST:
            raise ValueError(f"got {size >> 20} MB unpacked, want at most {LARGEST >> 20}")
        with np.load(path, allow_pickle=False) as found:
            _check_fields(found)
            own = {name: found[name] for name in (*FIELDS, *STYLES) if name in found}
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise ValueError(f"got a damaged file ({error}), want a whole .npz") from error
    return {name: str(value) if name in STYLES else value for name, value in own.items()}


def _check_fields(found: Any) -> None:
    missing = [name for name in FIELDS if name not in found]
    if missing:
        raise ValueError(f"got a file without {', '.join(missing)}, want {', '.join(FIELDS)}")


def _model(found: dict[str, Any], shapes: int, dtype: torch.dtype) -> SMPL:
    """The model of the fields, with checks that the layout is the published one."""
    for name, want in STYLES.items():
        if found.get(name, want) != want:
            raise ValueError(f"{name}: got {found[name]!r:.30}, want {want!r}, the only one that SMPL has")
    for name in FIELDS:
        kinds = "iu" if name in ("f", "kintree_table") else "f"
        if found[name].dtype.kind not in kinds:
            raise ValueError(
                f"{name}: got {found[name].dtype}, want {'whole' if kinds == 'iu' else 'real'} numbers"
            )
    directions = found["shapedirs"]
    if directions.ndim != 3 or directions.shape[2] < shapes:
        raise ValueError(
            f"shapedirs: got {directions.shape}, want (V, 3, at least {shapes}), as `shapes` says"
        )
    real = {name: torch.as_tensor(np.ascontiguousarray(found[name]), dtype=dtype)
            for name in ("v_template", "posedirs", "J_regressor", "weights")}  # fmt: skip
    return SMPL(
        real["v_template"],
        torch.as_tensor(np.ascontiguousarray(directions[..., :shapes]), dtype=dtype),
        real["posedirs"],
        real["J_regressor"],
        real["weights"],
        torch.as_tensor(found["f"].astype(np.int64)),
        _parents(found["kintree_table"]),
    )


def _parents(table: np.ndarray) -> list[int]:
    """Each joint's parent as a place in the table's columns; -1 for the first, whose number no joint has."""
    if table.ndim != 2 or table.shape[0] != 2:
        raise ValueError(f"kintree_table: got {table.shape}, want (2, J)")
    before, own = (row.astype(np.int64).tolist() for row in table)
    column = {joint: place for place, joint in enumerate(own)}
    if len(column) < len(own):
        raise ValueError("kintree_table: got a joint twice, want each once")
    unknown = [joint for joint in before[1:] if joint not in column]
    if unknown or (before and before[0] in column):
        raise ValueError(
            f"kintree_table: got the parents {before[:1] + unknown}, want 2³² - 1 for the first joint alone"
        )
    return [-1, *(column[joint] for joint in before[1:])] if before else []
