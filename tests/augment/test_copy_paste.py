"""S05.5: after pasting, the annotations are what the pixels say."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lecture_utils.augment import copy_paste as c
from lecture_utils.augment.annotations import boxes_from_masks

pytestmark = pytest.mark.system("S05.5")


def scenes(n: int = 4, k: int = 3, size: tuple[int, int] = (24, 31), seed: int = 0) -> c.Instances:
    """Pictures whose colour is each object's own number, so that a pixel says whose it is."""
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    ids = torch.zeros(n, height, width, dtype=torch.int64)
    for i in range(n):
        for j in range(k):
            y, x = (int(torch.randint(0, side - 6, (), generator=generator)) for side in size)
            h, w = (int(torch.randint(3, 10, (), generator=generator)) for _ in range(2))
            ids[i, y : y + h, x : x + w] = j + 1
    masks = ids[:, None] == torch.arange(1, k + 1)[:, None, None]
    labels = torch.randint(8, (n, k), generator=generator)
    labels = torch.where(masks.flatten(2).any(2), labels, -1)
    colour = (ids + 100 * seed * (ids > 0)) / 1000
    return c.Instances(colour[:, None].expand(n, 3, height, width).contiguous(), masks, labels)


def painted(target: c.Instances, source: c.Instances, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The painter's loop: pixel by pixel, whose is it, and what is its colour."""
    n, k = target.labels.shape
    owner = torch.full((n, *target.image.shape[-2:]), -1)
    image = target.image.clone()
    for i in range(n):
        for j in range(k):
            owner[i][target.masks[i, j]] = j
        for j in chosen[i].nonzero()[:, 0].tolist():
            for y, x in source.masks[i, j].nonzero().tolist():
                owner[i, y, x] = k + j
                image[i, :, y, x] = source.image[i, :, y, x]
    return owner, image


@pytest.mark.parametrize("seed", range(6))
def test_annotations_equal_those_recomputed_from_the_painted_pixels(seed: int) -> None:
    target, source = scenes(seed=seed), scenes(k=4, seed=seed + 50)
    chosen = torch.rand(4, 4, generator=torch.Generator().manual_seed(seed)) < 0.6
    got = c.paste(target, source, chosen)
    owner, image = painted(target, source, chosen)
    masks = owner[:, None] == torch.arange(7)[:, None, None]
    assert torch.equal(got.image, image)
    assert torch.equal(got.masks, masks)
    assert torch.equal(got.boxes, boxes_from_masks(masks))
    there = masks.flatten(2).any(2)
    assert torch.equal(got.labels, torch.where(there, torch.cat([target.labels, source.labels], 1), -1))
    assert torch.equal(got.semantic() > 0, owner >= 0)
    for i, y, x in ((0, 5, 5), (1, 12, 20), (3, 20, 9)):
        who = owner[i, y, x].item()
        assert got.semantic()[i, y, x] == (0 if who < 0 else got.labels[i, who] + 1)


def test_what_is_wholly_covered_vanishes_and_what_is_nearly_covered_too_if_asked() -> None:
    target = c.Instances(torch.zeros(1, 1, 8, 8), torch.zeros(1, 2, 8, 8).bool(), torch.tensor([[3, 5]]))
    target.masks[0, 0, 1:4, 1:4] = True
    target.masks[0, 1, 5:8, 1:8] = True
    source = c.Instances(torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 8, 8).bool(), torch.tensor([[7]]))
    source.masks[0, 0, 0:4, 0:4] = True
    source.masks[0, 0, 5:8, 1:7] = True
    got = c.paste(target, source, torch.tensor([[True]]))
    assert got.labels.tolist() == [[-1, 5, 7]]
    assert not got.boxes[0, 0].any()
    assert got.boxes[0, 1].tolist() == [7, 5, 8, 8]  # three pixels are left of 21
    strict = c.paste(target, source, torch.tensor([[True]]), min_area=4)
    assert strict.labels.tolist() == [[-1, -1, 7]] and not strict.masks[0, 1].any()


def test_nothing_chosen_changes_nothing_and_no_objects_are_fine() -> None:
    target, source = scenes(), scenes(seed=9)
    got = c.paste(target, source, torch.zeros(4, 3).bool())
    assert torch.equal(got.image, target.image) and torch.equal(got.masks[:, :3], target.masks)
    assert (got.labels[:, 3:] == -1).all() and not got.boxes[:, 3:].any()
    empty = c.Instances(target.image, torch.zeros(4, 0, 24, 31).bool(), torch.zeros(4, 0).long())
    assert torch.equal(c.paste(empty, source, source.labels >= 0).masks, source.masks)
    assert torch.equal(c.paste(target, empty, torch.zeros(4, 0).bool()).image, target.image)
    assert c.random_copy_paste(empty, torch.Generator()).labels.shape == (4, 0)
    assert not empty.semantic().any()


def test_a_soft_seam_changes_colours_near_it_and_no_mask() -> None:
    target, source = scenes(), scenes(seed=9)
    chosen = source.labels >= 0
    hard, soft = (c.paste(target, source, chosen, softness=s) for s in (0.0, 1.0))
    assert torch.equal(hard.masks, soft.masks)
    assert not torch.equal(hard.image, soft.image)
    away = ~source.masks.any(1, keepdim=True)  # where nothing is pasted within reach of the blur
    away = -torch.nn.functional.max_pool2d(-away.float(), 9, stride=1, padding=4) > 0.5
    torch.testing.assert_close(
        torch.where(away, soft.image, 0), torch.where(away, hard.image, 0), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("size", [(24, 31), (17, 17)])
def test_jitter_moves_masks_with_pixels_and_stays_consistent(size: tuple[int, int]) -> None:
    batch = scenes(30, size=size)
    drawn = c.Instances(batch.masks.float(), batch.masks, batch.labels)  # each object has its own channel
    got = c.scale_jitter(drawn, torch.Generator().manual_seed(0), scale=(0.3, 2.0), fill=0.0)
    assert got.image.shape == drawn.image.shape
    assert torch.equal(got.labels >= 0, got.masks.flatten(2).any(2))
    assert got.masks[got.image > 1 - 1e-6].all()  # all four neighbours are the object's, so the nearest is
    assert not got.masks[got.image == 0].any()
    assert (got.image > 1 - 1e-6).sum() > 30 * 20


def test_jitter_of_one_is_the_identity_or_the_mirror() -> None:
    batch = scenes(8)
    still = c.scale_jitter(batch, torch.Generator().manual_seed(0), scale=(1.0, 1.0), flip=False)
    torch.testing.assert_close(still.image, batch.image, rtol=0, atol=1e-6)
    assert torch.equal(still.masks, batch.masks)
    flipped = c.scale_jitter(batch, torch.Generator().manual_seed(0), scale=(1.0, 1.0))
    mirrored = [
        torch.equal(a, b.flip(-1)) and not torch.equal(a, b)
        for a, b in zip(flipped.masks, batch.masks, strict=True)
    ]
    same = [torch.equal(a, b) for a, b in zip(flipped.masks, batch.masks, strict=True)]
    assert all(a or b for a, b in zip(mirrored, same, strict=True)) and any(mirrored) and any(same)


def test_jitter_puts_the_picture_where_its_numbers_say() -> None:
    """Four numbers for each: factor, place along x and y, mirror. A mask of all pixels shows its place."""
    n, height, width = 40, 60, 80
    masks = torch.ones(n, 1, height, width, dtype=torch.bool)
    batch = c.Instances(torch.rand(n, 1, height, width), masks, torch.zeros(n, 1, dtype=torch.int64))
    got = c.scale_jitter(batch, torch.Generator().manual_seed(3), scale=(0.25, 2.0), fill=0.5)
    u = torch.rand(n, 4, generator=torch.Generator().manual_seed(3))
    factor = 0.25 + 1.75 * u[:, 0]
    assert factor.min() < 0.5 and factor.max() > 1.7
    for axis, side in ((0, width), (1, height)):
        low = u[:, 1 + axis] * (1 - factor) * side
        high = low + factor * side
        if axis == 0:
            mirrored = u[:, 3] < 0.5
            low, high = torch.where(mirrored, side - high, low), torch.where(mirrored, side - low, high)
        want = torch.stack([low, high], dim=1).clamp(0, side)
        assert (got.boxes[:, 0, axis::2] - want).abs().max() <= 0.51  # a pixel counts if its centre is inside
    outside = ~torch.nn.functional.max_pool2d(got.masks.float(), 3, stride=1, padding=1).bool()
    assert outside.any() and (got.image[outside] == 0.5).all()


@pytest.mark.parametrize("scale", [(0.5, 0.5), (1.0, 1.0), (2.0, 2.0)])
def test_jitter_by_one_factor_only(scale: tuple[float, float]) -> None:
    batch = c.Instances(torch.rand(3, 1, 8, 8), torch.ones(3, 1, 8, 8).bool(), torch.zeros(3, 1).long())
    area = c.scale_jitter(batch, torch.Generator().manual_seed(0), scale=scale).masks.sum((1, 2, 3))
    assert ((area.float().sqrt() - min(8 * scale[0], 8)).abs() <= 1).all()


def test_a_share_of_none_and_of_all() -> None:
    batch = scenes(5)
    none = c.random_copy_paste(batch, torch.Generator().manual_seed(2), share=0.0)
    assert (none.labels[:, 3:] == -1).all()
    generator = torch.Generator().manual_seed(2)
    partner = torch.randperm(5, generator=generator)
    source = c.Instances(batch.image[partner], batch.masks[partner], batch.labels[partner])
    target, source = (c.scale_jitter(s, generator) for s in (batch, source))
    every = c.random_copy_paste(batch, torch.Generator().manual_seed(2), share=1.0)
    assert torch.equal(every.labels[:, 3:], source.labels)
    assert torch.equal(every.image, c.paste(target, source, source.labels >= 0).image)


def test_the_paper_s_large_jitter_and_every_other_object_are_the_defaults() -> None:
    def first() -> torch.Generator:
        return torch.Generator().manual_seed(2)

    batch = scenes(8, k=6)
    settings = {"scale": (0.1, 2.0), "flip": True}
    for got, want in (
        (c.scale_jitter(batch, first()), c.scale_jitter(batch, first(), fill=0.5, **settings)),
        (
            c.random_copy_paste(batch, first()),
            c.random_copy_paste(batch, first(), share=0.5, min_area=1, **settings),
        ),
    ):
        assert torch.equal(got.image, want.image) and torch.equal(got.masks, want.masks)


@pytest.mark.parametrize("n", [1, 6])
def test_random_copy_paste_keeps_the_books(n: int) -> None:
    batch = scenes(n)
    got = c.random_copy_paste(batch, torch.Generator().manual_seed(2), min_area=5)
    again = c.random_copy_paste(batch, torch.Generator().manual_seed(2), min_area=5)
    assert torch.equal(got.image, again.image) and torch.equal(got.labels, again.labels)
    area = got.masks.sum((-2, -1))
    assert torch.equal(area >= 5, got.labels >= 0) and torch.equal(area > 0, got.labels >= 0)
    assert got.labels.shape == (n, 6) and (got.masks.sum(1) <= 1).all()


def test_float64_and_cuda() -> None:
    batch = scenes(2)
    double = c.Instances(batch.image.double(), batch.masks, batch.labels)
    assert c.random_copy_paste(double, torch.Generator()).image.dtype == torch.float64
    if torch.cuda.is_available():
        there = c.Instances(*(t.cuda() for t in (batch.image, batch.masks, batch.labels)))
        assert c.random_copy_paste(there, torch.Generator()).image.is_cuda


S = scenes()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: c.Instances(S.image, S.masks.float(), S.labels), "masks: got torch.float32"),
        (lambda: c.Instances(S.image, S.masks[..., :-1], S.labels), "want bool"),
        (lambda: c.Instances(S.image, torch.ones_like(S.masks), S.labels), "got a pixel in two of them"),
        (lambda: c.Instances((S.image * 255).byte(), S.masks, S.labels), "divide 8-bit"),
        (lambda: c.paste(S, scenes(2), torch.zeros(2, 3).bool()), "want equal pictures"),
        (lambda: c.paste(S, S, torch.zeros(4, 2).bool()), r"chosen: got torch.bool \(4, 2\)"),
        (lambda: c.scale_jitter(S, torch.Generator(), scale=(0.0, 1.0)), "want two positive factors"),
        (lambda: c.Instances(S.image, S.masks, S.labels.float()), "labels: got torch.float32"),
        (lambda: c.Instances(S.image, S.masks, S.labels - 9), "class numbers or -1"),
        (lambda: c.Instances(S.image, S.masks, S.labels[:, :2]), r"labels: got torch.int64 \(4, 2\)"),
        (lambda: c.Instances(S.image, S.masks, S.labels.int()), "labels: got torch.int32"),
        (lambda: c.paste(S, S, S.labels), "chosen: got torch.int64"),
        (lambda: c.paste(S, S.image, S.labels >= 0), "sample: got Tensor, want Instances"),
        (lambda: c.paste(S, S, S.labels >= 0, min_area=-1), "min_area: got -1"),
        (lambda: c.paste(S, S, S.labels >= 0, softness=-1.0), "softness: got -1.0"),
        (
            lambda: c.scale_jitter(S, torch.Generator(), scale=(1.0, float("nan"))),
            "want 2 finite numbers",
        ),
        (lambda: c.scale_jitter(S, torch.Generator(), fill=float("nan")), "fill: got nan"),
        (lambda: c.random_copy_paste(S, torch.Generator(), share=1.5), "share: got 1.5"),
        (lambda: S.semantic(torch.zeros(4, 24).long()), "background: got"),
        (lambda: S.semantic(0.5), "background: got 0.5"),
    ],
)
def test_bad_input_is_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
