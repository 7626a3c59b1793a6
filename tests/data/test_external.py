"""torchvision's sets, on generated files in their own layouts: from disk, or downloaded with permission only.

The real archives' checksums cannot fit generated files, so the tests put the generated files' checksums
into torchvision's table for the length of a test; that the checksum is looked at is tested too.
"""

import hashlib
import pickle
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from lecture_utils.data import external


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("the network is blocked in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def write_cifar(root: Path, kind: type, monkeypatch: pytest.MonkeyPatch, each: int = 4) -> np.ndarray:
    """Write every batch of CIFAR-10 or -100 with random pictures; return the training ones."""
    rng = np.random.default_rng(0)
    folder = root / kind.base_folder
    folder.mkdir(parents=True)
    label = "labels" if kind is datasets.CIFAR10 else "fine_labels"
    pixels = []
    for lists in ("train_list", "test_list"):
        table = []
        for name, _ in getattr(kind, lists):
            data = rng.integers(0, 256, (each, 3072), dtype=np.uint8)
            (folder / name).write_bytes(pickle.dumps({"data": data, label: list(range(each))}))
            table.append([name, md5(folder / name)])
            if lists == "train_list":
                pixels.append(data.reshape(each, 3, 32, 32).transpose(0, 2, 3, 1))
        monkeypatch.setattr(kind, lists, table)
    meta = folder / kind.meta["filename"]
    meta.write_bytes(pickle.dumps({kind.meta["key"]: [f"class {i}" for i in range(each)]}))
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": md5(meta)})
    return np.concatenate(pixels)


@pytest.mark.parametrize(
    ("name", "kind", "train"), [("cifar10", datasets.CIFAR10, 20), ("cifar100", datasets.CIFAR100, 4)]
)
def test_cifar_from_disk(
    name: str, kind: type, train: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = write_cifar(tmp_path, kind, monkeypatch)
    data = external.load(name, tmp_path)
    assert len(data) == train and len(external.load(name, tmp_path, split="test")) == 4
    picture, label = data[3]
    assert np.array_equal(np.asarray(picture), pixels[3]) and label == 3


def test_a_damaged_batch_counts_as_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, datasets.CIFAR10, monkeypatch)
    batch = tmp_path / datasets.CIFAR10.base_folder / "data_batch_2"
    batch.write_bytes(batch.read_bytes()[:-1])
    with pytest.raises(external.NotOnDisk, match="cifar10 is not whole in"):
        external.load("cifar10", tmp_path)


def test_mnist_from_disk(tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">iiii", 2051, 5, 28, 28) + images.tobytes()
        )
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 2049, 5) + bytes(range(5)))
    data = external.load("mnist", tmp_path, split="test")
    assert len(data) == 5 and np.array_equal(np.asarray(data[2][0]), images[2]) and data[2][1] == 2


def test_pets_from_disk(tmp_path: Path) -> None:
    base = tmp_path / "oxford-iiit-pet"
    for folder in ("images", "annotations/trimaps"):
        (base / folder).mkdir(parents=True)
    names = ["Abyssinian_1", "beagle_2"]
    for part, name in zip(("trainval", "test"), names, strict=True):
        Image.new("RGB", (20, 10), (200, 30, 30)).save(base / "images" / f"{name}.jpg")
        Image.fromarray(np.full((10, 20), 2, np.uint8)).save(base / "annotations/trimaps" / f"{name}.png")
        (base / "annotations" / f"{part}.txt").write_text(f"{name} 1 1 1\n")
    picture, (category, trimap) = external.load("pets", tmp_path)[0]
    assert picture.size == (20, 10) and category == 0 and np.asarray(trimap).max() == 2
    assert len(external.load("pets", tmp_path, split="test")) == 1


def test_voc_from_disk(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in (
        "ImageSets/Segmentation",
        "ImageSets/Main",
        "JPEGImages",
        "SegmentationClass",
        "Annotations",
    ):
        (base / folder).mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(base / "JPEGImages" / "a.jpg")
    Image.fromarray(np.full((20, 30), 7, np.uint8)).save(base / "SegmentationClass" / "a.png")
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
    (base / "Annotations" / "a.xml").write_text(
        f"<annotation><object><name>cat</name>{box}</object></annotation>"
    )
    for task in ("Segmentation", "Main"):
        for part in ("train", "val"):
            (base / "ImageSets" / task / f"{part}.txt").write_text("a\n")
    assert np.asarray(external.load("voc_segmentation", tmp_path, split="val")[0][1]).max() == 7
    found = external.load("voc_detection", tmp_path)[0][1]["annotation"]["object"][0]
    assert found["name"] == "cat" and found["bndbox"]["xmax"] == "9"


@pytest.mark.parametrize("name", external.NAMES)
def test_without_files_and_permission_one_sentence_says_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(external.NotOnDisk) as caught:
        external.load(name, tmp_path)
    message = str(caught.value)
    assert message.count("\n") == 0 and "COURSE_DOWNLOAD=1" in message and str(tmp_path) in message
    assert not list(tmp_path.iterdir())


def test_with_permission_it_downloads_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(self: datasets.CIFAR10) -> None:
        calls.append(self.root)
        write_cifar(Path(self.root), datasets.CIFAR10, monkeypatch)

    monkeypatch.setattr(datasets.CIFAR10, "download", download)
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")
    assert len(external.load("cifar10", tmp_path)) == len(external.load("cifar10", tmp_path)) == 20
    assert len(calls) == 1


def test_a_failed_download_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")
    with pytest.raises(external.NotOnDisk, match=r"cifar10 could not be downloaded .*blocked in tests"):
        external.load("cifar10", tmp_path)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(external.NotOnDisk, match=r"could not be downloaded to .*file"):
        external.load("mnist", tmp_path / "file" / "sets")


def test_unknown_names_and_splits_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name: got 'imagenet', want one of cifar10"):
        external.load("imagenet", tmp_path)
    with pytest.raises(ValueError, match="split: got 'val', want one of train, test"):
        external.load("cifar10", tmp_path, split="val")


def test_the_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "sets"))
    assert external.default_root() == tmp_path / "sets"
    monkeypatch.delenv("COURSE_DATA")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    assert external.default_root() == tmp_path / "home" / "data"


def test_a_transform_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, datasets.CIFAR10, monkeypatch)
    data = external.load("cifar10", tmp_path, transform=lambda picture: torch.tensor(picture.size))
    assert data[0][0].tolist() == [32, 32]
