"""Larger public sets through torchvision: from disk, or downloaded only where COURSE_DOWNLOAD=1 allows it.

A lecture never waits for a network by surprise: without the files and the permission, `load` raises
`NotOnDisk` with one sentence on what to do.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset
from torchvision import datasets

from lecture_utils.runtime import course_home, downloads_allowed


class NotOnDisk(RuntimeError):
    """A data set is not (or not wholly) on disk, and no download was allowed."""


def _by_flag(kind: Callable[..., Dataset]) -> Callable[..., Dataset]:
    """Open a set whose split is a flag `train`."""

    def build(root: Path, split: str, **options: Any) -> Dataset:
        return kind(root, train=split == "train", **options)

    return build


def _by_name(kind: Callable[..., Dataset], names: dict[str, str], **fixed: Any) -> Callable[..., Dataset]:
    """Open a set whose split is a name; `names` maps ours to its."""

    def build(root: Path, split: str, **options: Any) -> Dataset:
        key = "image_set" if "year" in fixed else "split"
        return kind(root, **{key: names[split]}, **fixed, **options)

    return build


# Our name: how to open it, its splits, about how much a download is.
_SETS: dict[str, tuple[Callable[..., Dataset], tuple[str, ...], str]] = {
    "cifar10": (_by_flag(datasets.CIFAR10), ("train", "test"), "170 MB"),
    "cifar100": (_by_flag(datasets.CIFAR100), ("train", "test"), "170 MB"),
    "mnist": (_by_flag(datasets.MNIST), ("train", "test"), "12 MB"),
    "pets": (
        _by_name(
            datasets.OxfordIIITPet,
            {"train": "trainval", "test": "test"},
            target_types=["category", "segmentation"],
        ),
        ("train", "test"),
        "800 MB",
    ),
    "voc_segmentation": (
        _by_name(datasets.VOCSegmentation, {"train": "train", "val": "val"}, year="2012"),
        ("train", "val"),
        "2 GB",
    ),
    "voc_detection": (
        _by_name(datasets.VOCDetection, {"train": "train", "val": "val"}, year="2012"),
        ("train", "val"),
        "2 GB",
    ),
}
NAMES = tuple(_SETS)


def default_root() -> Path:
    """Where data sets are kept: $COURSE_DATA, or `.course/data` in the folder of the course."""
    given = os.environ.get("COURSE_DATA")
    if given:
        return Path(given).expanduser()
    return course_home() / "data"


def load(
    name: str, root: str | Path | None = None, *, split: str = "train", transform: Callable | None = None
) -> Dataset:
    """Open a public data set from disk, downloading it first only if COURSE_DOWNLOAD=1.

    Parameters
    ----------
    name : str
        One of `NAMES`: CIFAR-10 and -100 (Krizhevsky, "Learning multiple layers of features from tiny
        images", 2009), MNIST (LeCun et al., "Gradient-based learning applied to document recognition", Proc.
        IEEE 1998), Oxford-IIIT Pet (Parkhi et al., "Cats and dogs", CVPR 2012), PASCAL VOC 2012 (Everingham
        et al., "The Pascal visual object classes (VOC) challenge", IJCV 2010).
    root : str or path, optional
        Folder in torchvision's layout; `default_root()` if omitted.
    split : str
        "train" and "test"; VOC has "train" and "val".
    transform : callable, optional
        Applied to each picture.

    Returns
    -------
    Dataset
        torchvision's: item i is (picture, target) as that class documents.

    Raises
    ------
    ValueError
        For an unknown name or split.
    NotOnDisk
        Where files are missing or damaged and no download is allowed, or it failed, or the folder cannot be
        made.
    """
    if not isinstance(name, str) or name not in _SETS:
        raise ValueError(f"name: got {name!r}, want one of {', '.join(NAMES)}")
    build, splits, megabytes = _SETS[name]
    if split not in splits:
        raise ValueError(f"split: got {split!r}, want one of {', '.join(splits)}, those of {name}")
    folder = default_root() if root is None else Path(root).expanduser()
    try:
        return build(folder, split, transform=transform, download=False)
    except (RuntimeError, FileNotFoundError) as problem:
        if not downloads_allowed():
            raise NotOnDisk(
                f"{name} is not whole in {folder}: put its files there, "
                f"or set COURSE_DOWNLOAD=1 to download about {megabytes}."
            ) from problem
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return build(folder, split, transform=transform, download=True)
    except (OSError, RuntimeError) as problem:
        raise NotOnDisk(
            f"{name} could not be downloaded to {folder} ({problem}): try again, or put its files there."
        ) from problem
