"""What the study of the Fréchet distance says: corruptions, copies, tables; and what its figures draw."""

import math

import pytest
import torch

from lecture_utils.chapters.ch15 import frechet_figures, frechet_study
from lecture_utils.chapters.ch15.frechet_study import by_heart, cases, quality, reactions, swirled, worse
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.metrics.frechet import gaussian_fit
from lecture_utils.recipes._judged import judged, nearest

pytestmark = pytest.mark.system("S15.7")


def test_a_swirl_turns_the_middle_and_leaves_the_edge() -> None:
    images = torch.rand(2, 3, 33, 33)
    torch.testing.assert_close(swirled(images, 0.0), images)
    turned = swirled(images, 1.0)
    torch.testing.assert_close(turned[..., 0, :], images[..., 0, :])
    assert (turned - images)[..., 10:23, 10:23].abs().mean() > 0.1
    across = torch.linspace(-1, 1, 33)
    ramp = across.expand(1, 3, 33, 33)  # brightness = x: near the middle the slope turns by the angle
    slope = swirled(ramp, math.pi / 2)[0, 0, 16, 15:18]
    assert slope.abs().max() < 0.02  # along x nothing changes any more


def test_missing_classes_are_missing_and_all_are_of_the_world() -> None:
    some = worse("missing classes", 4, torch.zeros(50, 3, 32, 32))
    assert len(some) == 50
    assert judged(some).class_id.min() >= 4
    with pytest.raises(ValueError, match="kind: got 'rain'"):
        worse("rain", 1, some)


def test_what_is_known_by_heart_is_a_copy() -> None:
    known = by_heart(20, 5)
    distance, index = nearest(known, captioned(5, seed=0, split="train").image)
    assert distance.max() == 0 and index.tolist() == [i % 5 for i in range(20)]


def test_more_noise_is_farther_and_copies_of_training_pictures_are_not() -> None:
    sets = cases(60)
    sets = {name: sets[name] for name in ("real", "noise 0.05", "half the classes", "training pictures")}
    found = reactions(sets, captioned(60, seed=0, split="test").image, ["course", "judge"])
    for distances in found.values():
        assert distances["training pictures"] < 2 * distances["real"]
        assert distances["half the classes"] > 2 * distances["real"]
    assert found["course"]["noise 0.05"] > 10 * found["course"]["real"]
    assert found["judge"]["noise 0.05"] < 2 * found["judge"]["real"]  # it has learnt not to see it
    fig = frechet_figures.reactions_figure(found, "two eyes")
    drawn = [line.get_xdata()[0] for line in fig.axes[0].lines[:2]]
    assert drawn == pytest.approx([d["noise 0.05"] / d["real"] for d in found.values()])


def test_copies_have_the_quality_of_real_pictures_but_for_their_nearest() -> None:
    pool = captioned(60, seed=0, split="train").image
    true, other = (captioned(60, seed=seed, split="test").image for seed in (0, 1))
    found = quality(pool, true, other, pool, ["judge"])
    assert found.ratio("judge") < 2 and found.nearest == 0 < found.nearest_real
    assert min(found.precision, found.recall) > 0.6
    grey = quality(torch.full_like(pool, 0.5), true, other, pool, ["judge"])
    assert grey.ratio("judge") > 3 and grey.recall == 0 and grey.nearest > grey.nearest_real
    head, rows = frechet_figures.quality_rows({"copies": found, "shapes_vae": grey})
    assert [row[0] for row in rows] == ["copies", "VAE"] and {len(row) for row in rows} == {len(head)}
    fig = frechet_figures.spaces_figure({"copies": found}, "one")
    assert fig.axes[0].lines[0].get_ydata()[0] == pytest.approx(found.ratio("judge"))
    with pytest.raises(ValueError, match="want equal numbers"):
        quality(pool, true[:5], other, pool)


def test_the_shipped_generators_paint_pictures_of_their_world() -> None:
    here = frechet_study.shipped()
    assert "shapes_gan" in here
    for name in here:
        images = frechet_study.GENERATORS[name](3)
        assert images.shape == (3, 3, 32, 32) and images.min() >= 0 and images.max() <= 1
    found = frechet_study.table(20, ["shapes_gan"], ["judge"])
    assert found["shapes_gan"].frechet["judge"] > 0


def test_an_ellipse_holds_what_a_gaussian_does() -> None:
    torch.manual_seed(0)
    mix = torch.tensor([[2.0, 0.0], [1.5, 0.5]])
    points = torch.randn(4000, 2) @ mix.T + torch.tensor([3.0, -1.0])
    drawn = frechet_figures.ellipse(*gaussian_fit(points), 2.0, "black")
    inside = torch.tensor([drawn.contains_point(p, radius=0) for p in points.tolist()])
    assert inside.float().mean().item() == pytest.approx(1 - math.exp(-2), abs=0.02)  # χ² of two numbers


def test_figures_draw_what_they_are_given() -> None:
    real = torch.rand(50, 2)
    fig = frechet_figures.plane_figure(real, {"same": real, "moved": real + 1}, ("one", "two"))
    assert "2000.00 by means + 0.00" in fig.axes[1].get_title(loc="left")
    fig = frechet_figures.bias_figure([100, 200, 400], [4.0, 2.0, 1.0], [0.1, -0.1, 0.0], (8.0, 0.2))
    assert list(fig.axes[0].lines[0].get_ydata()) == [50, 25, 12.5]
    assert abs(float(fig.axes[1].texts[0].get_text().removeprefix("n = ∞: "))) < 0.01
    images = captioned(30, seed=0, split="test").image
    levels = {"noise": (0.1, 0.2), "missing classes": (1, 2)}
    fig = frechet_figures.corruption_figure(images, levels, {"noise": (2, 3), "missing classes": (4, 5)}, 1.0)
    assert list(fig.axes[3].lines[0].get_ydata()) == [4, 5]
    fig = frechet_figures.nearest_figure(images[:8], images, images[8:12], "copies")
    first, below = (torch.as_tensor(ax.images[0].get_array()) for ax in fig.axes[:2])
    assert torch.equal(first, below)
