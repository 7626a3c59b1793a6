"""Photographs and faces from the wheels: all there, in range, cut and scaled as asked, without a network."""

import socket
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from skimage.util import img_as_float32

from lecture_utils.data import photographs


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a photograph asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", photographs.NAMES)
def test_every_photograph_is_a_colour_picture_in_range(name: str) -> None:
    picture = photographs.load(name)
    assert picture.ndim == 3 and picture.shape[0] == 3 and min(picture.shape[1:]) >= 150
    assert picture.dtype == torch.float32 and picture.is_contiguous()
    assert picture.min() >= 0 and picture.max() <= 1 and picture.std() > 0.01


@pytest.mark.parametrize(
    ("name", "theirs"), [("astronaut", "astronaut"), ("cat", "chelsea"), ("camera", "camera")]
)
def test_pixels_are_those_of_skimage(name: str, theirs: str) -> None:
    want = img_as_float32(getattr(skimage.data, theirs)())
    want = want if want.ndim == 3 else np.repeat(want[..., None], 3, axis=2)
    np.testing.assert_allclose(photographs.load(name).permute(1, 2, 0).numpy(), want, atol=1e-6)


def test_size_cuts_the_middle_and_scales() -> None:
    assert photographs.load("cat", 64).shape == (3, 64, 64)
    assert photographs.load("cat", (60, 100)).shape == (3, 60, 100)
    whole, cut = photographs.load("cat"), photographs.load("cat", 300)
    assert torch.equal(cut, whole[:, :, 75:375])  # already 300 high: only cut
    assert torch.allclose(
        photographs.load("coffee", 50).mean(), photographs.load("coffee", 400).mean(), atol=0.01
    )


@pytest.mark.parametrize("size", [0, (10, 0), -3, 2.5])
def test_bad_sizes_are_named(size: int | tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="want a whole number of 1 or more"):
        photographs.load("cat", size)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"name: got 'dog', want one of astronaut.*cat"):
        photographs.load("dog")
    with pytest.raises(ValueError, match=r"for a file of your own: photographs\.open\('my\.jpg'\)"):
        photographs.load("my.jpg")
    with pytest.raises(ValueError, match="name: got 3"):
        photographs.load(3)  # type: ignore[arg-type]


def test_disparity_carries_the_right_picture_onto_the_left() -> None:
    left, right, disparity = photographs.stereo()
    assert left.shape == right.shape == (3, 500, 741) and disparity.shape == (500, 741)
    known = ~disparity.isnan()
    assert 0.5 < known.float().mean() < 1 and disparity[known].min() > 0

    def error(sign: int) -> float:
        column = torch.arange(741)[None] - sign * disparity.nan_to_num()
        inside = known & (column >= 0) & (column < 741)
        carried = right.gather(2, column.clamp(0, 740).round().long().expand(3, -1, -1))
        return (carried - left).abs().mean(0)[inside].mean().item()

    assert error(+1) < 0.5 * error(-1) and error(+1) < 0.5 * error(0)


def test_faces_are_half_faces() -> None:
    images, labels = photographs.faces()
    assert images.shape == (200, 1, 25, 25) and images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert labels[:100].all() and not labels[100:].any()
    theirs = skimage.data.lfw_subset()  # its page says: the first hundred are faces
    np.testing.assert_allclose(images[:, 0].numpy(), theirs, atol=1e-6)


def test_a_wheel_without_the_file_gives_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no data/nothing\.png"):
        photographs._path("skimage", "data/nothing.png")
    with pytest.raises(FileNotFoundError, match="not_a_package_at_all is not installed"):
        photographs._path("not_a_package_at_all", "x.png")
