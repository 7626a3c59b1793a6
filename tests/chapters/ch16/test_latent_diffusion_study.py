"""Part b's latent diffusion: codes, sentences, boxes and outcomes are measured as the notebook says."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.chapters.ch16 import latent_figures, latent_outcomes, latent_study
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes import _latent_diffusion as recipe

pytestmark = pytest.mark.system("S16.3")


def test_codes_are_the_encoders_and_pictures_come_back():
    seen = latent_study.rebuilt(3)
    assert seen.code.shape == (3, 4, 8, 8) and seen.made.shape == seen.picture.shape
    error = (seen.made - seen.picture).square().mean((1, 2, 3))
    torch.testing.assert_close(seen.decibel, -10 * error.log10())
    assert float(seen.decibel.min()) > 25
    codes = latent_study.drawn_codes(100)
    assert float(codes.std() * recipe.coder().scale) == pytest.approx(1, abs=0.1)


def test_the_larger_a_code_the_longer_it_is_seen_through_noise():
    clean, *_ = latent_study.seen_through_noise(1.0, [0])
    errors = [
        float((latent_study.seen_through_noise(scale, [500]) - clean).abs().mean()) for scale in (0.2, 1, 5)
    ]
    assert errors[0] > errors[1] > errors[2]
    torch.testing.assert_close(latent_study.seen_through_noise(5.0, [0])[0], clean)


def test_usual_mistakes_make_other_pictures():
    right, undivided, stable, clipped = latent_study.forgotten(["a photo of a red ring on sand"] * 2).values()
    want = latent_study.said(["a photo of a red ring on sand"], 2)["a photo of a red ring on sand"]
    torch.testing.assert_close(right, want)
    deviation = [float(x.std()) for x in (right, undivided, stable)]
    assert deviation[0] > deviation[1] > 1.5 * deviation[2], "the smaller the codes, the paler"
    assert not torch.allclose(clipped, right, atol=0.05)


def test_multiplications_are_counted():
    """Of one convolution, by hand; what grows with the side grows."""
    found = latent_study.operations()
    net = SlimUNet(4, (8,), fold=1, context=6, attention=0, heads=2, embedding=8)
    by_hand = 64 * 9 * (4 * 8 + 4 * 8 * 8 + 8 * 4)  # maps of 8 × 8: enter, two blocks of two, leave
    linear = 8 * 8 + 8 * 8 + 6 * 8 + 2 * 8 * 8  # the step's embedding, the context's, and both blocks'
    assert latent_study._counted(net, 1, 4, 8) * 1e6 == pytest.approx(by_hand + linear, rel=0.02)
    codes, four, two, one = found.values()
    assert codes < four < two < one and 3 < two / four < 5


def test_a_sentences_pictures_start_from_the_same_noise():
    text = "a photo of a blue star on grass"
    once, again = latent_study.said([text, text + " under a clear sky"], 3, seed=4).values()
    alone = latent_study.said([text], 3, seed=4)[text]
    assert torch.equal(once, alone) and not torch.allclose(once, again, atol=1e-2)
    swap = latent_study.swapped(text, "a photo of a red star on grass", seed=4)
    torch.testing.assert_close(swap.one, once[:1], atol=1e-4, rtol=0)
    assert torch.equal(swap.change, (swap.one - swap.other).abs().mean(1))
    assert latent_study.swapped(text, text).change.max() == 0


def test_boxes_walk_and_grow():
    boxes = torch.tensor(latent_study.crossing(5))
    assert boxes[0, 0] == 0 and float(boxes[-1, 2]) == pytest.approx(1)
    torch.testing.assert_close(boxes[:, 2:] - boxes[:, :2], torch.full((5, 2), 0.45))
    grown = torch.tensor(latent_study.growing(4))
    sides = grown[:, 2] - grown[:, 0]
    assert bool((sides.diff() > 0).all()) and torch.allclose(grown[:, 0] + grown[:, 2], torch.ones(4))


def test_the_thing_goes_where_its_box_is():
    walk = latent_study.walk("a photo of a red ring on grass", "ring", latent_study.crossing(4))
    torch.testing.assert_close(walk.iou, torch.stack([
        box_iou(a[None], b[None])[0, 0] for a, b in zip(walk.found, walk.box, strict=True)
    ]))  # fmt: skip
    middles = (walk.found[:, 0] + walk.found[:, 2]) / 2
    assert bool((middles.diff() > 0).all()) and float(walk.iou.mean()) > 0.5


def test_things_are_counted():
    """Real pictures hold one thing each; two of them, put together, hold two."""
    some = captioned(6, seed=3, split="test").image
    assert recipe.found_things(some).tolist() == [1] * 6
    assert bool((recipe.found_things(torch.cat([some[:3], some[3:]], dim=3)) == 2).all())
    mask = recipe.object_mask(some)
    assert recipe.found_things(some, least=int(mask[0].sum()) + 1)[0] == 0
    assert recipe.found_things(some, least=int(mask[0].sum()))[0] == 1


def test_outcomes_are_those_of_what_was_asked_for():
    seen = latent_outcomes.tried(24)
    right = seen.table.diagonal().sum()
    assert int(seen.table.sum()) == 24 and int(right) == int((seen.class_id == seen.some.class_id).sum())
    assert bool((seen.table.sum(1) == seen.some.class_id.bincount(minlength=len(CLASSES))).all())
    assert int(seen.wrong.sum()) >= 24 - int(right)
    assert float(right) / 24 > 0.6, "chance is 0.125"


def test_the_card_says_what_guidance_changes():
    found = latent_outcomes.sweep()
    metrics = zoo.card("shapes_latent_diffusion").metrics
    assert found[3.0]["class"] == metrics["class_at_3"]
    assert found[3.0]["class"] > found[1.0]["class"] + 0.1


@pytest.mark.parametrize("name", ["operations", "rebuilt", "codes", "sentences", "swap", "walk", "failures"])
def test_figures_are_drawn(name):
    text = "a photo of a red ring on grass"
    made = {
        "operations": lambda: latent_figures.operations_figure({"codes": 2.0, "pixels": 40.0}, "t"),
        "rebuilt": lambda: latent_figures.rebuilt_figure(latent_study.rebuilt(3), "t"),
        "codes": lambda: latent_figures.codes_figure(latent_study.drawn_codes(50), 0.8, "t"),
        "sentences": lambda: latent_figures.sentences_figure({text: torch.rand(3, 3, 32, 32)}, "t"),
        "swap": lambda: latent_figures.swap_figure({"a → b": latent_study.swapped(text, text)}, "t"),
        "walk": lambda: latent_figures.walk_figure(
            {"w": latent_study.walk(text, "ring", latent_study.crossing(3))}, "t"
        ),
        "failures": lambda: latent_figures.failures_figure(latent_outcomes.tried(24), "t"),
    }[name]()
    assert made.axes


def test_no_failure_is_said_to_be_so():
    seen = latent_outcomes.tried(24)
    fine = seen._replace(class_id=seen.some.class_id, colour_id=seen.some.colour_id)
    fine = fine._replace(things=torch.ones_like(fine.class_id))
    with pytest.raises(ValueError, match="got no picture that is wrong"):
        latent_figures.failures_figure(fine, "t")
