"""S05.1: masks, boxes, keypoints and flow move with the picture, as torchvision moves them."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from lecture_utils.augment import annotations as a
from lecture_utils.augment import geometric as g
from lecture_utils.augment import warp as w

pytestmark = pytest.mark.system("S05.1")
SIZE = (40, 56)


def disks(n: int = 2, size: tuple[int, int] = SIZE) -> g.Annotated:
    """Pictures of three disks with all annotations; the third place of the second picture is empty."""
    generator = torch.Generator().manual_seed(0)
    height, width = size
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    middle = torch.tensor([[12.0, 14.0], [30.0, 22.0], [45.0, 12.0]]).repeat(n, 1, 1)
    middle = middle + torch.rand(n, 3, 2, generator=generator) * 3
    radius = 5 + torch.rand(n, 3, generator=generator)
    distance = (x - middle[..., :1, None]).square() + (y - middle[..., 1:, None]).square()
    masks = distance < radius[..., None, None] ** 2
    masks[1:, 2] = False
    image = 0.2 + 0.25 * masks.float()
    keypoints = torch.stack([middle, middle - torch.tensor([4.0, 0]), middle + torch.tensor([4.0, 0])], dim=2)
    keypoints = torch.cat([keypoints, torch.ones(n, 3, 3, 1)], dim=3)
    flow = torch.stack([x / 20 - 1, 1 - y / 30]).expand(n, 2, height, width).contiguous()
    return g.Annotated(image, masks, a.boxes_from_masks(masks), keypoints, flow)


ANGLE, MOVE, SCALE, SHEAR = 25.0, (3.0, -2.0), 0.9, (8.0, 0.0)


def matrix() -> Tensor:
    middle = (SIZE[1] / 2, SIZE[0] / 2)
    turn = w.rotation(ANGLE, middle) @ w.scaling(SCALE, SCALE, middle) @ w.shearing(*SHEAR, middle)
    return w.translation(*MOVE) @ turn


def by_torchvision(value: Tensor) -> Tensor:
    nearest = InterpolationMode.NEAREST
    kind = nearest if isinstance(value, tv_tensors.Mask) else InterpolationMode.BILINEAR
    return tv.affine(value, ANGLE, list(MOVE), SCALE, list(SHEAR), interpolation=kind)


def test_an_affine_warp_equals_torchvision_for_all_annotations() -> None:
    sample = disks()
    moved = g.warp(sample, matrix())
    for i in range(2):
        real = sample.boxes[i, :, 2] > 0
        torch.testing.assert_close(moved.image[i], by_torchvision(sample.image[i]), rtol=0, atol=1e-5)
        assert torch.equal(moved.masks[i], by_torchvision(tv_tensors.Mask(sample.masks[i])))
        boxes = tv_tensors.BoundingBoxes(sample.boxes[i, real], format="XYXY", canvas_size=SIZE)
        torch.testing.assert_close(moved.boxes[i, real], by_torchvision(boxes).data, rtol=0, atol=1e-4)
        points = tv_tensors.KeyPoints(sample.keypoints[i, ..., :2], canvas_size=SIZE)
        got, want = moved.keypoints[i], by_torchvision(points).data
        seen = got[..., 2] > 0  # torchvision pulls those outside to the edge
        assert seen.float().mean() > 0.7
        torch.testing.assert_close(got[..., :2][seen], want[seen], rtol=0, atol=1e-4)
    assert not moved.boxes[1, 2].any()  # an empty place stays empty


def test_a_perspective_equals_torchvision_for_all_annotations() -> None:
    sample = disks()
    corners = [[0, 0], [56, 0], [56, 40], [0, 40]]
    target = [[4, 3], [50, 1], [52, 38], [2, 33]]
    made = w.homography(torch.tensor([corners]).float(), torch.tensor([target]).float())
    moved = g.warp(sample, made)
    boxes = tv_tensors.BoundingBoxes(sample.boxes[0], format="XYXY", canvas_size=SIZE)
    want = tv.perspective(boxes, corners, target).data
    torch.testing.assert_close(moved.boxes[0], want, rtol=0, atol=1e-3)
    mask = tv.perspective(
        tv_tensors.Mask(sample.masks[0]), corners, target, interpolation=InterpolationMode.NEAREST
    )
    assert (moved.masks[0] != mask).float().mean() < 1e-3  # single pixels at the border of two
    points = tv_tensors.KeyPoints(sample.keypoints[0, ..., :2], canvas_size=SIZE)
    want = tv.perspective(points, corners, target).data
    torch.testing.assert_close(moved.keypoints[0, ..., :2], want, rtol=0, atol=1e-3)


def test_flip_and_crop_and_resize_equal_torchvision() -> None:
    sample = disks()
    boxes = tv_tensors.BoundingBoxes(sample.boxes[0], format="XYXY", canvas_size=SIZE)
    mirrored = g.flip(sample)
    assert torch.equal(mirrored.image, tv.horizontal_flip(sample.image))
    torch.testing.assert_close(mirrored.boxes[0], tv.horizontal_flip(boxes).data)
    part = g.crop(sample, 4, 7, 30, 33)
    assert torch.equal(part.image, tv.crop(sample.image, 4, 7, 30, 33))
    want = tv.clamp_bounding_boxes(tv.crop(boxes, 4, 7, 30, 33)).data
    kept = part.boxes[0].any(1)
    torch.testing.assert_close(part.boxes[0, kept], want[kept])
    assert kept.tolist() == ((want[:, 2:] > want[:, :2]).all(1)).tolist()
    small = g.resize(sample, (23, 61))
    want = tv.resize(sample.image, [23, 61], antialias=False)
    torch.testing.assert_close(small.image, want, rtol=0, atol=1e-5)
    torch.testing.assert_close(small.boxes[0], tv.resize(boxes, [23, 61]).data, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(9, 9), (10, 13)])
def test_shortcuts_equal_the_warp_by_their_matrix(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    sample = g.Annotated(
        torch.rand(1, 2, *size, generator=generator),
        torch.rand(1, 3, *size, generator=generator) < 0.2,
        torch.tensor([[[1.0, 2, 5, 6], [0, 0, 0, 0], [3, 1, 9, 9]]]),
        torch.rand(1, 3, 2, 3, generator=generator) * 8,
        torch.rand(1, 2, *size, generator=generator),
    )
    pairs = [
        (g.flip(sample), g.warp(sample, w.flip_matrix(size[1]))),
        (g.crop(sample, 2, 1, 6, 7), g.warp(sample, w.translation(-1.0, -2.0), (6, 7))),
    ]
    for short, long in pairs:
        for name in ("image", "masks", "boxes", "keypoints", "flow"):
            torch.testing.assert_close(getattr(short, name), getattr(long, name), rtol=0, atol=1e-5)


def test_flipping_twice_gives_everything_back() -> None:
    sample, swap = disks(), torch.tensor([0, 2, 1])
    twice = g.flip(g.flip(sample, swap=swap), swap=swap)
    for name in ("image", "masks", "boxes", "keypoints", "flow"):
        torch.testing.assert_close(getattr(twice, name), getattr(sample, name), rtol=0, atol=1e-5)


def test_a_mirror_swaps_left_and_right_and_a_turn_does_not() -> None:
    sample, swap = disks(), torch.tensor([0, 2, 1])  # middle, left, right
    left, right = g.flip(sample, swap=swap).keypoints[0, 0, 1:, 0]
    assert left < right
    left, right = g.flip(sample).keypoints[0, 0, 1:, 0]
    assert left > right  # the name would be wrong
    turned = a.move_keypoints(sample.keypoints, w.rotation(10.0), SIZE, swap)
    torch.testing.assert_close(turned, a.move_keypoints(sample.keypoints, w.rotation(10.0), SIZE))
    both = torch.cat([w.flip_matrix(SIZE[1]), w.rotation(0.0)])
    mixed = a.move_keypoints(sample.keypoints, both, SIZE, swap.expand(2, 3, 3))
    torch.testing.assert_close(mixed[1], sample.keypoints[1])
    torch.testing.assert_close(mixed[0], g.flip(sample, swap=swap).keypoints[0])


@pytest.mark.parametrize("seed", range(5))
def test_corner_boxes_hold_the_boxes_of_the_moved_masks(seed: int) -> None:
    sample, generator = disks(), torch.Generator().manual_seed(seed)
    made = g.random_affine(2, SIZE, generator) if seed % 2 else g.random_perspective(2, SIZE, generator)
    moved = g.warp(sample, made)
    tight, wide = a.boxes_from_masks(moved.masks), moved.boxes
    real = tight[..., 2] > 0
    assert (wide[..., :2] <= tight[..., :2] + 1)[real].all() and (wide[..., 2:] >= tight[..., 2:] - 1)[
        real
    ].all()
    area = [((b[..., 2:] - b[..., :2]).prod(-1))[real].sum() for b in (wide, tight)]
    assert area[0] > area[1]  # a disk's corners stick out as soon as it is turned


def loop_boxes(mask: Tensor) -> list[float]:
    pixels = [(i, j) for i in range(mask.shape[0]) for j in range(mask.shape[1]) if mask[i, j]]
    if not pixels:
        return [0.0] * 4
    rows, columns = zip(*pixels, strict=True)
    return [min(columns), min(rows), max(columns) + 1, max(rows) + 1]


def test_boxes_from_masks_equal_a_loop() -> None:
    masks = torch.rand(2, 4, 5, 7, generator=torch.Generator().manual_seed(0)) < 0.08
    masks[0, 0] = False
    want = [[loop_boxes(m) for m in row] for row in masks]
    assert torch.equal(a.boxes_from_masks(masks), torch.tensor(want).float())
    assert a.boxes_from_masks(torch.zeros(0, 4, 4, dtype=torch.bool)).shape == (0, 4)


@pytest.mark.parametrize("kind", ["affine", "perspective"])
def test_flow_leads_to_where_the_warped_point_goes(kind: str) -> None:
    """A loop over pixels: warp the start and the end of each vector apart."""
    sample, generator = disks(1), torch.Generator().manual_seed(4)
    made = (g.random_affine if kind == "affine" else g.random_perspective)(1, SIZE, generator)
    got = a.move_flow(sample.flow, made, nearest=False)
    inverse = torch.linalg.inv(made)
    checked = 0
    for i in range(2, SIZE[0], 7):
        for j in range(2, SIZE[1], 7):
            q = torch.tensor([[[j + 0.5, i + 0.5]]])
            p = w.transform_points(q, inverse)
            x, y = p[0, 0].tolist()
            if not (0.5 <= x <= SIZE[1] - 0.5 and 0.5 <= y <= SIZE[0] - 0.5):
                continue
            v = torch.tensor([[[x / 20 - 1, 1 - y / 30]]])
            want = w.transform_points(p + v, made) - q
            torch.testing.assert_close(got[0, :, i, j], want[0, 0], rtol=0, atol=1e-3)
            checked += 1
    assert checked > 10


def test_affine_flow_turns_and_grows_like_the_matrix() -> None:
    flow = torch.tensor([1.0, 2.0])[None, :, None, None].expand(1, 2, 9, 9).contiguous()
    made = w.rotation(90.0, (4.5, 4.5)) @ w.scaling(2.0, 2.0, (4.5, 4.5))
    want = torch.tensor([-4.0, 2.0])[None, :, None, None].expand(1, 2, 9, 9)  # clockwise, twice as long
    torch.testing.assert_close(a.move_flow(flow, made), want, rtol=0, atol=1e-4)
    outside = a.move_flow(flow, w.translation(5.0, 0.0))
    assert not outside[..., :5].any() and (outside[0, 0, :, 5:] - 1).abs().max() < 1e-5


def test_nearest_flow_invents_no_motion() -> None:
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0, 4:12, 4:12] = 3.0
    moved = a.move_flow(flow, w.translation(0.4, 0.3))
    assert set(moved[:, 0].round(decimals=3).unique().tolist()) == {0.0, 3.0}
    assert len(a.move_flow(flow, w.translation(0.4, 0.3), nearest=False).round(decimals=3).unique()) > 2


def test_what_leaves_the_picture_is_gone() -> None:
    moved = g.warp(disks(), w.translation(100.0, 0.0))
    assert not moved.boxes.any() and not moved.masks.any() and not moved.keypoints[..., 2].any()


def test_only_what_is_there_moves_and_no_object_is_fine() -> None:
    bare = g.warp(g.Annotated(torch.rand(1, 1, 5, 7)), w.rotation(5.0))
    assert bare.masks is bare.boxes is bare.keypoints is bare.flow is None
    empty = g.Annotated(
        torch.rand(1, 1, 5, 7),
        torch.zeros(1, 0, 5, 7, dtype=torch.bool),
        torch.zeros(1, 0, 4),
        torch.zeros(1, 0, 2, 3),
    )
    moved = g.resize(g.crop(g.flip(empty), 0, 1, 5, 6), (3, 3))
    assert moved.masks.shape == (1, 0, 3, 3) and moved.boxes.shape == (1, 0, 4)
    assert moved.keypoints.shape == (1, 0, 2, 3)


def test_random_warps_stay_within_their_ranges() -> None:
    generator = torch.Generator().manual_seed(0)
    made = g.random_affine(500, (20, 30), generator, degrees=0.0, translate=0.2, scale=(0.5, 2.0), shear=0.0)
    size = made[:, 0, 0]
    assert 0.5 <= size.min() < 0.6 and 1.7 < size.max() <= 2.0
    middle = w.transform_points(torch.tensor([15.0, 10.0]).expand(500, 1, 2), made)[:, 0]
    away = (middle - torch.tensor([15.0, 10.0])).abs().amax(0)
    assert 5 < away[0] <= 6.001 and 3.3 < away[1] <= 4.001
    again = g.random_affine(
        500,
        (20, 30),
        torch.Generator().manual_seed(0),
        degrees=0.0,
        translate=0.2,
        scale=(0.5, 2.0),
        shear=0.0,
    )
    assert torch.equal(made, again)
    square = torch.tensor([[0.0, 0], [30, 0], [30, 20], [0, 20]]).expand(500, 4, 2)
    moved = w.transform_points(square, g.random_perspective(500, (20, 30), generator, distortion=0.4))
    away = (moved - square).abs().amax((0, 1))
    assert 5.5 < away[0] <= 6.01 and 3.6 < away[1] <= 4.01


def test_random_warps_are_those_of_their_numbers() -> None:
    """Five numbers for an affine warp, two a corner for a perspective: the claims hang on their order."""
    u = 2 * torch.rand(3, 5, generator=torch.Generator().manual_seed(5)) - 1
    made = g.random_affine(3, (20, 30), torch.Generator().manual_seed(5), degrees=40, translate=0.2, shear=8)
    for i, (turn, shear, x, y, size) in enumerate(u.tolist()):
        factor = math.exp(math.log(0.8) + (math.log(1.25) - math.log(0.8)) * (size + 1) / 2)
        middle = (15.0, 10.0)
        want = w.translation(0.2 * 30 * x, 0.2 * 20 * y) @ w.rotation(40 * turn, middle)
        want = want @ w.shearing(8 * shear, 0.0, middle) @ w.scaling(factor, factor, middle)
        torch.testing.assert_close(made[i], want[0], rtol=0, atol=1e-4)
    u = torch.rand(3, 4, 2, generator=torch.Generator().manual_seed(5))
    corners = torch.tensor([[0.0, 0], [30, 0], [30, 20], [0, 20]])
    made = g.random_perspective(3, (20, 30), torch.Generator().manual_seed(5), distortion=0.4)
    moved = w.transform_points(corners.expand(3, 4, 2), made)
    sign = torch.tensor([[1.0, 1], [-1, 1], [-1, -1], [1, -1]])
    want = corners + sign * 0.2 * torch.tensor([30.0, 20.0]) * u
    torch.testing.assert_close(moved, want, rtol=0, atol=1e-3)


def test_the_ranges_that_the_chapter_states_are_the_defaults() -> None:
    def first() -> torch.Generator:
        return torch.Generator().manual_seed(5)

    settings = {"degrees": 30.0, "translate": 0.1, "scale": (0.8, 1.25), "shear": 10.0}
    want = g.random_affine(4, (20, 30), first(), **settings)
    assert torch.equal(g.random_affine(4, (20, 30), first()), want)
    want = g.random_perspective(4, (20, 30), first(), distortion=0.3)
    assert torch.equal(g.random_perspective(4, (20, 30), first()), want)


def test_half_precision_flow_keeps_its_places() -> None:
    flow = disks(1).flow
    want = a.move_flow(flow, w.rotation(9.0, (28.0, 20.0)))
    got = a.move_flow(flow.half(), w.rotation(9.0, (28.0, 20.0)))
    assert got.dtype == torch.float16 and (got.float() - want).abs().max() < 5e-3


IMAGE = torch.rand(1, 3, 6, 8)
POINTS = torch.rand(1, 1, 2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: g.Annotated(IMAGE, boxes=torch.tensor([[[5.0, 1, 2, 3]]])), "x2 < x1"),
        (
            lambda: g.Annotated(IMAGE, boxes=torch.rand(1, 4)),
            r"boxes: got torch.float32 \(1, 4\), want floating point \(1, K, 4\)",
        ),
        (
            lambda: g.Annotated(IMAGE, masks=torch.rand(1, 2, 6, 7) > 0),
            r"masks: got torch.bool \(1, 2, 6, 7\)",
        ),
        (lambda: g.Annotated(IMAGE, flow=torch.rand(1, 3, 6, 8)), "flow: got torch.float32"),
        (lambda: g.Annotated((IMAGE * 255).byte()), "divide 8-bit values"),
        (lambda: g.crop(g.Annotated(IMAGE), 0, 5, 3, 4), r"want it within \(6, 8\)"),
        (lambda: g.crop(g.Annotated(IMAGE), -1, 0, 3, 4), r"got top, left, height, width \(-1, 0, 3, 4\)"),
        (lambda: g.random_affine(1, (4, 4), torch.Generator(), scale=(2.0, 1.0)), "the smaller first"),
        (lambda: g.random_perspective(1, (4, 4), torch.Generator(), distortion=1.0), "distortion: got 1.0"),
        (lambda: a.boxes_from_masks(torch.rand(3, 4)), "masks: got torch.float32"),
        (lambda: a.move_flow(torch.rand(1, 3, 4, 4), w.rotation(1.0)), r"flow: got .*\(1, 3, 4, 4\)"),
        (lambda: g.resize(g.Annotated(IMAGE), (0, 3)), "size, height: got 0"),
        (lambda: g.warp(g.Annotated(IMAGE), w.translation(math.inf, 0.0)), "not finite"),
        (lambda: g.Annotated(IMAGE, masks=torch.rand(1, 2, 6, 8)), "masks: got torch.float32"),
        (lambda: g.Annotated(IMAGE, boxes=torch.full((1, 1, 4), math.nan)), "want finite ones"),
        (lambda: g.Annotated(IMAGE, boxes=torch.zeros(1, 1, 4).long()), "boxes: got torch.int64"),
        (lambda: g.Annotated(IMAGE, keypoints=torch.rand(1, 2, 3)), "keypoints: got"),
        (lambda: g.Annotated(IMAGE, flow=torch.full((1, 2, 6, 8), math.nan)), "want finite ones"),
        (lambda: g.flip(IMAGE), "sample: got Tensor, want Annotated"),
        (lambda: g.warp(IMAGE, w.rotation(1.0)), "sample: got Tensor"),
        (lambda: g.crop(IMAGE, 0, 0, 3, 4), "sample: got Tensor"),
        (lambda: g.resize(IMAGE, (3, 4)), "sample: got Tensor"),
        (lambda: g.crop(g.Annotated(IMAGE), 0.5, 0, 3, 4), "top: got 0.5"),
        (lambda: g.random_affine(1, (4, 4), torch.Generator(), scale=(1.0, math.inf)), "want 2 finite"),
        (lambda: g.random_affine(1, (4, 4), torch.Generator(), degrees=math.nan), "degrees: got nan"),
        (lambda: g.random_affine(1, (4, 4), torch.Generator(), shear=90.0), "shear: got 90.0"),
        (lambda: g.random_affine(-1, (4, 4), torch.Generator()), "n: got -1"),
        (lambda: g.random_perspective(1, (4, 0), torch.Generator()), "width: got 0"),
        (
            lambda: g.random_perspective(1, (4, 4), torch.Generator(), distortion=math.nan),
            "distortion: got nan",
        ),
        (lambda: a.move_boxes(torch.tensor([[[5.0, 1, 2, 3]]]), w.rotation(1.0), SIZE), "x2 < x1"),
        (lambda: a.move_boxes(torch.full((1, 1, 4), math.nan), w.rotation(1.0), SIZE), "want finite ones"),
        (lambda: a.move_boxes(torch.zeros(1, 1, 4).byte(), w.rotation(1.0), SIZE), "boxes: got torch.uint8"),
        (lambda: a.move_boxes(torch.zeros(1, 1, 4), w.rotation(1.0), (-40, -56)), "height: got -40"),
        (lambda: a.move_boxes(torch.zeros(1, 4), w.rotation(1.0), SIZE), r"boxes: got .*\(1, 4\)"),
        (lambda: a.move_flow(torch.full((1, 2, 4, 4), math.nan), w.rotation(1.0)), "want finite ones"),
        (lambda: a.move_keypoints(torch.rand(1, 2, 3), w.rotation(1.0), SIZE), "keypoints: got"),
        (lambda: a.move_keypoints(POINTS * math.nan, w.rotation(1.0), SIZE), "want finite ones"),
        (
            lambda: a.move_keypoints(POINTS, w.rotation(1.0), SIZE, torch.tensor([0, 2])),
            "want int64 from 0 to 1",
        ),
        (lambda: a.move_keypoints(POINTS, w.rotation(1.0), SIZE, torch.tensor([0, 1, 2])), "swap: got"),
        (lambda: a.move_keypoints(POINTS, w.rotation(1.0), SIZE, torch.tensor([0.0, 1.0])), "swap: got"),
        (lambda: a.move_keypoints(POINTS, w.rotation(1.0), (4, 0)), "width: got 0"),
        (lambda: a.boxes_from_masks(torch.ones(4).bool()), "masks: got torch.bool"),
        (lambda: a.boxes_from_masks(torch.ones(2, 0, 4).bool()), "masks, height: got 0"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
