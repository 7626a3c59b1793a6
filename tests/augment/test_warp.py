"""S05.1: matrices and inverse warping against torchvision and scikit-image."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import skimage.transform
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from lecture_utils.augment import warp as w

pytestmark = pytest.mark.system("S05.1")

SIZES = [(24, 31), (7, 5), (1, 1)]
AFFINE = [
    (0.0, (0.0, 0.0), 1.0, (0.0, 0.0)),
    (30.0, (2.5, -1.25), 0.8, (12.0, -7.0)),
    (-75.0, (0, 3), 1.7, (0, 20)),
]


def picture(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def affine_matrix(angle: float, move: tuple, scale: float, shear: tuple, size: tuple[int, int]) -> Tensor:
    """torchvision's affine: about the middle a shear, then a scale, then a turn; then a move."""
    middle = (size[1] / 2, size[0] / 2)
    turn = w.rotation(angle, middle) @ w.scaling(scale, scale, middle) @ w.shearing(*shear, middle)
    return w.translation(*move) @ turn


def to_skimage(matrix: Tensor) -> np.ndarray:
    """scikit-image counts from the first pixel's centre, and asks for the inverse map."""
    own = w.translation(-0.5, -0.5).double() @ matrix.double() @ w.translation(0.5, 0.5).double()
    return torch.linalg.inv(own)[0].numpy()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("angle", "move", "scale", "shear"), AFFINE)
def test_affine_equals_torchvision(
    size: tuple, angle: float, move: tuple, scale: float, shear: tuple
) -> None:
    image, matrix = picture(2, 3, *size), affine_matrix(angle, move, scale, shear, size)
    kind = InterpolationMode.BILINEAR
    want = tv.affine(image, angle, list(move), scale, list(shear), interpolation=kind)
    torch.testing.assert_close(w.warp_image(image, matrix), want, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("angle", "move", "scale", "shear"), AFFINE)
def test_nearest_equals_torchvision(angle: float, move: tuple, scale: float, shear: tuple) -> None:
    mask = picture(2, 3, 24, 31) < 0.5
    want = tv.affine(
        mask.float(), angle, list(move), scale, list(shear), interpolation=InterpolationMode.NEAREST
    )
    got = w.warp_image(mask, affine_matrix(angle, move, scale, shear, (24, 31)), nearest=True)
    assert got.dtype == torch.bool
    assert torch.equal(got.float(), want)


CORNERS = [[0, 0], [31, 0], [31, 24], [0, 24]]
MOVED = [[3, 2], [27, 5], [30, 22], [1, 18]]


def test_perspective_equals_torchvision() -> None:
    image = picture(2, 3, 24, 31)
    matrix = w.homography(torch.tensor([CORNERS]).float(), torch.tensor([MOVED]).float())
    want = tv.perspective(image, CORNERS, MOVED, interpolation=InterpolationMode.BILINEAR)
    torch.testing.assert_close(w.warp_image(image, matrix), want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("fill", [0.0, 0.7])
@pytest.mark.parametrize("kind", ["affine", "perspective"])
def test_equals_skimage(kind: str, fill: float) -> None:
    image = picture(1, 3, 24, 31, dtype=torch.float64)
    if kind == "affine":
        matrix = affine_matrix(25.0, (2.5, -1.2), 1.3, (10.0, 5.0), (24, 31)).double()
    else:
        matrix = w.homography(torch.tensor([CORNERS]).double(), torch.tensor([MOVED]).double())
    inverse = skimage.transform.ProjectiveTransform(to_skimage(matrix))
    want = skimage.transform.warp(
        image[0].movedim(0, -1).numpy(), inverse, order=1, mode="constant", cval=fill
    )
    got = w.warp_image(image, matrix, fill=fill)[0].movedim(0, -1)
    # scikit-image fills every point more than half a pixel outside, without mixing: compare further in.
    inside = w.warp_image(torch.ones_like(image), matrix)[0, 0] == 1
    assert inside.float().mean() > 0.4
    torch.testing.assert_close(got[inside], torch.from_numpy(want)[inside], rtol=0, atol=1e-6)


def test_homography_equals_skimage() -> None:
    source, target = torch.tensor([CORNERS]).double(), torch.tensor([MOVED]).double()
    want = skimage.transform.ProjectiveTransform.from_estimate(source[0].numpy(), target[0].numpy())
    torch.testing.assert_close(
        w.homography(source, target)[0], torch.from_numpy(want.params / want.params[2, 2]), rtol=0, atol=1e-9
    )


def test_four_points_arrive_where_they_are_sent() -> None:
    source, target = picture(5, 4, 2, seed=1) * 20, picture(5, 4, 2, seed=2) * 20
    order = torch.tensor([[0.0, 0.0], [30.0, 0.0], [30.0, 30.0], [0.0, 30.0]])
    matrix = w.homography(order + source, order + target)
    torch.testing.assert_close(w.transform_points(order + source, matrix), order + target, rtol=0, atol=1e-3)


MATRICES: list[Callable[[], Tensor]] = [
    lambda: w.rotation(torch.tensor([10.0, 250.0]), (3.0, 4.0)),
    lambda: w.shearing(20.0, -10.0) @ w.scaling(0.5, 2.0, (1.0, 1.0)),
    lambda: w.homography(torch.tensor([CORNERS]).float(), torch.tensor([MOVED]).float()),
]


@pytest.mark.parametrize("make", MATRICES)
def test_points_come_back_by_the_inverse(make: Callable[[], Tensor]) -> None:
    matrix, points = make().double(), picture(2, 3, 4, 2, dtype=torch.float64) * 20
    there = w.transform_points(points, matrix)
    torch.testing.assert_close(w.transform_points(there, torch.linalg.inv(matrix)), points)


@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_warps_that_permute_pixels_are_exact(size: tuple[int, int]) -> None:
    image = picture(2, 3, *size)
    assert torch.equal(w.warp_image(image, w.translation(0.0, 0.0)), image)
    torch.testing.assert_close(w.warp_image(image, w.flip_matrix(size[1])), image.flip(-1), rtol=0, atol=1e-6)
    shifted = w.warp_image(image, w.translation(2.0, 1.0))
    torch.testing.assert_close(shifted[..., 1:, 2:], image[..., :-1, :-2], rtol=0, atol=1e-6)
    assert shifted[..., :1, :].abs().max() == shifted[..., :2].abs().max() == 0


def test_a_quarter_turn_is_clockwise() -> None:
    image = picture(1, 3, 9, 9)
    turned = w.warp_image(image, w.rotation(90.0, (4.5, 4.5)))
    torch.testing.assert_close(turned, image.rot90(-1, (2, 3)), rtol=0, atol=1e-5)


def test_one_matrix_for_all_or_one_each() -> None:
    image, turns = picture(3, 2, 8, 9), w.rotation(torch.tensor([5.0, 40.0, 90.0]), (4.0, 4.0))
    each = torch.cat([w.warp_image(image[i : i + 1], turns[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(w.warp_image(image, turns), each)
    torch.testing.assert_close(w.warp_image(image, turns[:1]), w.warp_image(image, turns[:1].expand(3, 3, 3)))


def test_bilinear_is_exact_on_a_plane_and_takes_a_gradient() -> None:
    y, x = torch.meshgrid(torch.arange(9.0) + 0.5, torch.arange(12.0) + 0.5, indexing="ij")
    image = (2 * x - 3 * y + 1)[None, None].requires_grad_()
    points = 0.5 + picture(1, 5, 6, 2) * torch.tensor([11.0, 8.0])  # between the outermost pixel centres
    got = w.sample_bilinear(image, points)
    torch.testing.assert_close(
        got[0, 0].detach(), 2 * points[0, ..., 0] - 3 * points[0, ..., 1] + 1, rtol=0, atol=1e-4
    )
    got.sum().backward()
    assert image.grad is not None
    assert image.grad.sum().item() == pytest.approx(30, abs=1e-3)  # the weights of each point sum to 1


def test_gradient_equals_torchvision() -> None:
    ours = picture(1, 2, 12, 10).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    weights = picture(1, 2, 12, 10, seed=3)
    (
        w.warp_image(ours, affine_matrix(30.0, (1.0, 0.0), 1.2, (5.0, 0.0), (12, 10))) * weights
    ).sum().backward()
    kind = InterpolationMode.BILINEAR
    (tv.affine(theirs, 30.0, [1.0, 0.0], 1.2, [5.0, 0.0], interpolation=kind) * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-5)


def test_another_size_and_fill() -> None:
    image = picture(1, 1, 4, 4)
    got = w.warp_image(image, w.translation(1.0, 2.0), (7, 9), fill=0.25)
    assert got.shape == (1, 1, 7, 9)
    torch.testing.assert_close(got[0, 0, 2:6, 1:5], image[0, 0], rtol=0, atol=1e-6)
    assert (got[0, 0, :1] == 0.25).all() and (got[0, 0, :, 6:] == 0.25).all()


def test_without_a_fill_the_edge_goes_on() -> None:
    image = picture(1, 2, 4, 5)
    got = w.warp_image(image, w.translation(2.0, 1.0), fill=None)
    torch.testing.assert_close(got[..., 1:, :2], image[..., :3, :1].expand(1, 2, 3, 2), rtol=0, atol=1e-6)
    assert torch.equal(
        w.warp_image(image, w.translation(2.0, 1.0), nearest=True, fill=None)[..., 0, 0], image[..., 0, 0]
    )


def test_behind_the_viewer_is_outside() -> None:
    horizon = torch.tensor([[[1.0, 0, 0], [0, 1, 0], [0, -0.2, 1]]])  # w = 1 - y / 5
    assert (w.transform_points(torch.tensor([[[2.0, 8.0]]]), horizon) == w.FAR).all()
    inverse = torch.linalg.inv(horizon)
    assert bool(torch.isfinite(w.warp_image(picture(1, 1, 9, 9), inverse)).all())


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_and_devices(device: str, dtype: torch.dtype) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA")
    image = picture(2, 3, 9, 7, dtype=dtype)
    got = w.warp_image(image.to(device), w.rotation(20.0, (3.5, 4.5)))
    assert got.dtype == dtype and got.device.type == device
    torch.testing.assert_close(got.cpu(), w.warp_image(image, w.rotation(20.0, (3.5, 4.5))))


@pytest.mark.parametrize(("dtype", "most"), [(torch.bfloat16, 0.01), (torch.float16, 0.001)])
def test_half_precision_rounds_the_picture_and_not_the_places(dtype: torch.dtype, most: float) -> None:
    image = picture(1, 3, 224, 224)
    turn = w.rotation(7.0, (112.0, 112.0)) @ w.scaling(1.1, 1.1, (112.0, 112.0))
    want = w.warp_image(image, turn)
    for matrix in (turn, turn.double()):
        got = w.warp_image(image.to(dtype), matrix)
        assert got.dtype == dtype
        assert (got.float() - want).abs().max() < most
    wide = picture(1, 1, 1, 5000).to(dtype)
    assert torch.equal(w.warp_image(wide, torch.eye(3)[None]), wide)
    points = w.transform_points(torch.tensor([[[1.0, 2.0]]], dtype=dtype), w.translation(1000.0, 0.0))
    assert points.dtype == dtype


IMAGE = picture(2, 3, 6, 6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: w.warp_image(IMAGE[0], w.rotation(3.0)), "for one image use"),
        (lambda: w.warp_image((IMAGE * 255).byte(), w.rotation(3.0)), "divide 8-bit values"),
        (
            lambda: w.warp_image(IMAGE, torch.eye(3)),
            r"got torch.float32 \(3, 3\), want floating point \(2, 3, 3\)",
        ),
        (lambda: w.warp_image(IMAGE, torch.eye(3).expand(3, 3, 3)), "got 3 for 2 pictures"),
        (lambda: w.warp_image(IMAGE, w.scaling(0.0, 1.0)), "cannot be inverted"),
        (lambda: w.warp_image(IMAGE, w.translation(math.nan, 1.0)), "not finite"),
        (lambda: w.warp_image(IMAGE, w.rotation(3.0), (0, 4)), "size, height: got 0"),
        (
            lambda: w.transform_points(torch.rand(2, 3), w.rotation(3.0)),
            r"points: got torch.float32 \(2, 3\)",
        ),
        (lambda: w.homography(torch.rand(1, 3, 2), torch.rand(1, 3, 2)), r"want floating point \(B, 4, 2\)"),
        (lambda: w.homography(torch.zeros(1, 4, 2), torch.rand(1, 4, 2)), "general position"),
        (lambda: w.homography(torch.rand(1, 4, 2), torch.rand(2, 4, 2)), r"target: got .*\(2, 4, 2\)"),
        (lambda: w.homography(torch.rand(1, 4, 2).long(), torch.rand(1, 4, 2)), "source: got torch.int64"),
        (lambda: w.transform_points(torch.full((1, 1, 2), math.nan), w.rotation(3.0)), "want finite ones"),
        (lambda: w.transform_points(torch.ones(1, 1, 2).long(), w.rotation(3.0)), "points: got torch.int64"),
        (lambda: w.inverse_grid(torch.eye(3).long()[None], (3, 3)), "matrix: got torch.int64"),
        (lambda: w.inverse_grid(torch.eye(3)[None], (3, 2.5)), "width: got 2.5"),
        (lambda: w.sample_bilinear(IMAGE, torch.rand(1, 2, 2, 2)), r"grid: got .*\(1, 2, 2, 2\)"),
        (lambda: w.sample_bilinear(IMAGE, torch.full((2, 2, 2, 2), math.nan)), "want finite ones"),
        (lambda: w.sample_bilinear(IMAGE, torch.rand(2, 2, 2, 2), math.nan), "fill: got nan"),
        (lambda: w.sample_nearest(IMAGE[0], torch.rand(2, 2, 2, 2)), "images: got"),
        (lambda: w.translation("1", 0.0), "matrix: got str"),
        (lambda: w.translation(torch.ones(2), torch.ones(3)), r"matrix: got \[2, 3\] numbers"),
        (lambda: w.rotation(torch.ones(2, 2)), r"matrix: got \(2, 2\)"),
        (lambda: w.about(torch.eye(3), (0.0, 0.0)), r"matrix: got torch.float32 \(3, 3\)"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
