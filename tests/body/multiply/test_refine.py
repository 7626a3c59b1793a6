"""Points and the stand-in for SAM: which points are made, and what they and the colours do to a mask."""

import pytest
import torch

from lecture_utils.body.multiply.avatar import Avatar
from lecture_utils.body.multiply.layers import render_layers
from lecture_utils.body.multiply.refine import (
    ColourRefiner,
    MaskRefiner,
    Prompt,
    agree,
    at_pixels,
    make_prompts,
    seeds,
)
from lecture_utils.ops.camera import project
from tests.body.multiply.scenes import crossing
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.6")
NONE = torch.zeros(0, 2)


def blobs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A grey picture with two discs of one colour, and the two discs."""
    v, u = torch.meshgrid(torch.arange(30) + 0.5, torch.arange(40) + 0.5, indexing="ij")
    left, right = (((u - x) ** 2 + (v - 15) ** 2) < 36 for x in (10, 30))
    image = torch.full((3, 30, 40), 0.6)
    image[:, left | right] = torch.tensor([0.8, 0.2, 0.1])[:, None]
    return image, left, right


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a & b).sum() / (a | b).sum().clamp_min(1))


def test_a_crooked_mask_finds_the_edge() -> None:
    image, left, _ = blobs()
    crooked = left.roll(3, 1) & left.roll(-2, 0)
    found = ColourRefiner()(image, crooked.float(), Prompt(NONE, NONE)) > 0.5
    assert iou(crooked, left) < 0.6 and iou(found, left) > 0.95


def test_points_decide_between_things_of_one_colour() -> None:
    """A mask over both discs; one point each way says which is meant, and two others the opposite."""
    image, left, right = blobs()
    both = (left | right).float() * 0.6
    points = {"left": torch.tensor([[10.0, 15.0]]), "right": torch.tensor([[30.0, 15.0]])}
    refine = ColourRefiner(place_width=4.0)
    wanted = refine(image, both, Prompt(points["left"], points["right"]))
    other = refine(image, both, Prompt(points["right"], points["left"]))
    assert wanted[left].mean() > wanted[right].mean() and other[right].mean() > other[left].mean()


def test_who_is_hidden_altogether_stays_hidden() -> None:
    image, _, _ = blobs()
    assert ColourRefiner()(image, torch.zeros(30, 40), Prompt(NONE, NONE)).sum() == 0


def test_outside_its_box_is_nobody() -> None:
    image, left, right = blobs()
    found = ColourRefiner(margin=3)(image, left.float(), Prompt(NONE, NONE))
    assert found[right].sum() == 0 and found[left].mean() > 0.9


def test_prompts_are_the_joints_that_are_seen() -> None:
    masks = torch.zeros(2, 20, 30)
    masks[0, 5:15, 2:10], masks[1, 5:15, 10:20] = 1, 1
    joints = torch.tensor(
        [
            [[3.5, 6.5], [12.5, 6.5], [25.5, 1.5], [-4.0, 3.0]],  # seen, behind the other, nowhere, outside
            [[15.5, 9.5], [4.5, 9.5], [float("nan")] * 2, [11.5, 12.5]],
        ]
    )
    first, second = make_prompts(joints, masks, generator=torch.Generator().manual_seed(0))
    assert first.positive.tolist() == [[3.5, 6.5]]
    assert second.positive.tolist() == [[15.5, 9.5], [11.5, 12.5]]
    assert first.negative[:2].tolist() == second.positive.tolist() and len(first.negative) == 12
    assert second.negative[:1].tolist() == first.positive.tolist() and len(second.negative) == 11
    for p, prompt in enumerate((first, second)):
        assert at_pixels(masks[p : p + 1], prompt.positive).min() == 1
        assert at_pixels(masks[p : p + 1], prompt.negative).max() == 0


def test_prompts_where_nothing_is_free() -> None:
    (only,) = make_prompts(torch.tensor([[[1.5, 1.5]]]), torch.ones(1, 4, 4))
    assert len(only.negative) == 0 and len(only.positive) == 1


def test_seeds_and_neighbours() -> None:
    marks = seeds(
        Prompt(torch.tensor([[1.2, 0.7]]), torch.tensor([[3.9, 2.1], [9.0, 9.0]])), torch.zeros(3, 5)
    )
    assert marks[0, 1] == 4 and marks[2, 3] == -4 and marks.abs().sum() == 8
    flat = torch.full((3, 5, 5), 0.5)
    logits = torch.full((5, 5), 1.0)
    logits[2, 2] = -1.0
    assert agree(logits, flat, 0.0)[2, 2] < 0.5 < agree(logits, flat, 2.0)[2, 2]  # outvoted
    edge = flat.clone()
    edge[:, 2, 2] = 0.0  # another colour: it is not asked
    assert agree(logits, edge, 2.0)[2, 2] < 0.5


def test_masks_of_moved_bodies_get_better() -> None:
    own, body = crossing(frames=6), stick_body()
    refine: MaskRefiner = ColourRefiner()
    made = torch.Generator().manual_seed(0)
    coarse, refined = [], []
    with torch.no_grad():
        clouds = [
            Avatar(body, 300, seed=p)(own.poses[p], own.translations[p] + torch.tensor([0.06, 0.0, 0.03]))
            for p in range(2)
        ]
        for f in range(6):
            people = [one.frame(f) for one in clouds]
            masks = render_layers(people, own.camera, own.background).masks
            joints = torch.cat([project(one.joints, own.camera)[0] for one in people])
            for p, prompt in enumerate(make_prompts(joints, masks, generator=made)):
                found = refine(own.images[f], masks[p], prompt)
                coarse.append(iou(masks[p] > 0.5, own.masks[f, p]))
                refined.append(iou(found > 0.5, own.masks[f, p]))
    better = sum(b > a for a, b in zip(coarse, refined, strict=True))
    assert better >= 10, f"{better} of 12 masks are better"


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="colour_width: got 0"):
        ColourRefiner(colour_width=0)
    image, left, _ = blobs()
    with pytest.raises(ValueError, match="coarse: got"):
        ColourRefiner()(image, left.float()[1:], Prompt(NONE, NONE))
