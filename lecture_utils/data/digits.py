"""The handwritten digits inside scikit-learn, with one fixed split for the whole course.

1,797 digits of 8x8 pixels from the test part of E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998. Who wrote which digit is not recorded, so
writers may occur in several splits: accuracies are for known writers.
"""

from functools import lru_cache

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional as F

SIZES = (8, 16, 32)
SPLITS = {"train": 1197, "val": 300, "test": 300}
_SPLIT_SEED = 0  # part of the definition of the splits; never change it


@lru_cache(maxsize=1)
def _all() -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Images (1797, 1, 8, 8) in [0, 1], labels (1797,), and each split's rows, stratified by label."""
    data = load_digits()
    images = torch.from_numpy(data.images).float()[:, None] / 16
    labels = torch.from_numpy(data.target).long()
    rest, test = train_test_split(
        torch.arange(len(labels)).numpy(),
        test_size=SPLITS["test"],
        stratify=labels.numpy(),
        random_state=_SPLIT_SEED,
    )
    train, val = train_test_split(
        rest, test_size=SPLITS["val"], stratify=labels[rest].numpy(), random_state=_SPLIT_SEED
    )
    rows = {"train": train, "val": val, "test": test}
    return images, labels, {name: torch.from_numpy(r).sort().values for name, r in rows.items()}


def load(size: int = 8, split: str = "train") -> tuple[Tensor, Tensor]:
    """Load one split of the digits.

    Parameters
    ----------
    size : 8, 16 or 32
        Pixels a side: 8 is the files' own, others are made by bilinear interpolation.
    split : "train", "val", "test" or "all"
        1,197, 300 and 300 digits: disjoint, stratified, the same everywhere; or all 1,797.

    Returns
    -------
    images : Tensor
        (N, 1, size, size) float32 in [0, 1], ink is bright.
    labels : Tensor
        (N,) int64 in 0..9.

    Raises
    ------
    ValueError
        For another size or split.
    """
    if isinstance(size, bool) or size not in SIZES:
        raise ValueError(f"size: got {size!r}, want one of {', '.join(map(str, SIZES))}")
    if split not in (*SPLITS, "all"):
        raise ValueError(f"split: got {split!r}, want one of {', '.join(SPLITS)}, all")
    images, labels, rows = _all()
    pick = torch.arange(len(labels)) if split == "all" else rows[split]
    images, labels = images[pick], labels[pick]
    if size != 8:
        images = F.interpolate(images, (size, size), mode="bilinear", align_corners=False)
    return images.clamp(0, 1), labels
