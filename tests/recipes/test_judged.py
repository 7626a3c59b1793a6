"""The judges: labels, worsened pictures, what they say of real, wrong and copied pictures and digits."""

import itertools

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from lecture_utils.data import digits
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import HELD_OUT
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.recipes import _judged, digits_judge, shapes_judge
from lecture_utils.recipes._judged import conditional_accuracy, digit_fidelity, fidelity, judged, nearest

pytestmark = pytest.mark.system("S15.7")


def test_its_pictures_have_their_labels_and_held_out_pairs_are_among_them() -> None:
    images, labels = shapes_judge.pictures(40, seed=3, held_out=12)
    assert images.shape == (40, 3, 32, 32) and labels.shape == (40, 3)
    seen = captioned(28, seed=3, materials=shapes_judge.MATERIALS)
    assert torch.equal(images[:28], seen.image)
    assert torch.equal(labels[:28, 0], seen.class_id) and torch.equal(labels[:28, 2], seen.ground_id - 1)
    pairs = {(int(name), int(colour)) for name, colour, _ in labels[28:]}
    known = {(int(name), int(colour)) for name, colour, _ in labels[:28]}
    assert pairs <= set(HELD_OUT) and not known & set(HELD_OUT)


def test_batches_keep_pictures_and_labels_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes_judge, "PORTION", 128)
    monkeypatch.setattr(shapes_judge, "HELD_OUT", 32)
    monkeypatch.setattr(shapes_judge, "worsened", lambda images, generator: images)
    images, labels = shapes_judge.pictures(128, seed=2000, held_out=32)
    drawn = list(itertools.islice(shapes_judge.fresh_batches(2), 2))
    at = [(images - x).abs().sum((1, 2, 3)).argmin() for batch, _ in drawn for x in batch]
    assert len(set(map(int, at))) == 128
    assert torch.equal(torch.cat([y for _, y in drawn]), labels[torch.stack(at)])


def test_blur_is_scipys_and_each_picture_has_its_own() -> None:
    images = torch.rand(2, 3, 16, 12, dtype=torch.float64)
    got = shapes_judge.blurred(images, torch.tensor([0.7, 0.0]))
    want = gaussian_filter(images[0].numpy(), (0, 0.7, 0.7), mode="nearest", radius=3)
    torch.testing.assert_close(got[0], torch.from_numpy(want), atol=1e-6, rtol=0)
    torch.testing.assert_close(got[1], images[1])


def test_worsened_pictures_are_pictures_and_some_stay_clean() -> None:
    images, _ = shapes_judge.pictures(100, seed=0)
    worse = shapes_judge.worsened(images, torch.Generator().manual_seed(0))
    changed = (worse - images).abs().mean((1, 2, 3))
    assert worse.min() >= 0 and worse.max() <= 1
    assert 5 <= int((changed == 0).sum()) <= 40
    assert changed.max() > 0.03


def test_real_pictures_are_named_and_another_wish_is_not_met() -> None:
    drawn = captioned(60, seed=5, split="test")
    said = judged(drawn.image)
    assert len(said) == 60 and torch.equal(said.ground_id, drawn.ground_id)
    right = conditional_accuracy(drawn.image, drawn.class_id, drawn.colour_id)
    assert set(right) == {"class", "colour", "both", "class_by_resnet"}
    assert min(right.values()) > 0.95
    other = conditional_accuracy(drawn.image, (drawn.class_id + 1) % 8, drawn.colour_id)
    assert other["class"] == other["both"] < 0.05 and other["colour"] == right["colour"]
    assert other["class_by_resnet"] < 0.05


def test_noise_that_fools_the_one_judge_does_not_fool_the_other() -> None:
    drawn = captioned(60, seed=6, split="test")
    noise = 0.06 * torch.randn(drawn.image.shape, generator=torch.Generator().manual_seed(0))
    right = conditional_accuracy((drawn.image + noise).clamp(0, 1), drawn.class_id, drawn.colour_id)
    assert right["class"] > 0.9 > 0.5 > right["class_by_resnet"]


def test_fidelity_is_the_distance_of_features_and_real_pictures_stand_beside_it() -> None:
    images = captioned(60, seed=7, split="val").image
    got = fidelity(images, n=80, spaces=("course",))
    true, other = (captioned(n, seed=seed, split="test").image for n, seed in ((80, 0), (60, 1)))
    fits = [gaussian_fit(stage_features(_judged.judge("shapes_resnet"), x)) for x in (images, true, other)]
    assert got["frechet_course"] == pytest.approx(frechet_distance(fits[0], fits[1]), rel=1e-3)
    assert got["frechet_course_real"] == pytest.approx(frechet_distance(fits[2], fits[1]), rel=1e-3)
    grey = fidelity(torch.full((60, 3, 32, 32), 0.5), n=80, spaces=("course",))
    assert grey["frechet_course"] > 10 * got["frechet_course"]
    alone = fidelity(images, reference=true, spaces=("course",))
    assert alone == {"frechet_course": pytest.approx(got["frechet_course"], rel=1e-3)}


def test_a_copy_is_found_among_real_pictures() -> None:
    pool, fresh = captioned(40, seed=0).image, captioned(6, seed=1, split="val").image
    samples = torch.cat([pool[[31, 7]], fresh])
    distance, index = nearest(samples, pool)
    assert index[:2].tolist() == [31, 7] and distance[:2].tolist() == [0, 0]
    assert distance[2:].min() > 0.01
    want = (fresh[0] - pool).square().mean((1, 2, 3)).sqrt()
    assert distance[2].item() == pytest.approx(want.min().item(), rel=1e-4)


def test_digits_of_both_sizes_are_judged_and_noise_is_far_from_them() -> None:
    small, labels = digits.load(8, "test")
    large = digits.load(16, "test")[0]
    for images in (small, large):
        assert (_judged.digits_named(images) == labels).float().mean() > 0.97
    real = digit_fidelity(digits.load(16, "train")[0], 16)
    noise = digit_fidelity(torch.rand(300, 1, 16, 16, generator=torch.Generator().manual_seed(0)), 16)
    assert real["n"] == noise["n"] == 300
    assert real["frechet_digits"] < 5 * real["frechet_digits_real"] < noise["frechet_digits"]
    assert noise["frechet_digits_real"] == pytest.approx(real["frechet_digits_real"])


def test_moved_digits_are_digits_and_none_is_still() -> None:
    images, _ = digits.load(8, "train")
    moved = digits_judge.moved(images[:50], torch.Generator().manual_seed(0))
    assert moved.shape == (50, 1, 8, 8) and moved.min() >= 0 and moved.max() <= 1
    assert (moved - images[:50]).abs().mean((1, 2, 3)).min() > 1e-3
    still = F.cosine_similarity(moved.flatten(1), images[:50].flatten(1))
    assert still.mean() > 0.7


def test_both_learn_a_little_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes_judge, "PORTION", 128)
    monkeypatch.setattr(shapes_judge, "HELD_OUT", 32)
    _, first = digits_judge.train(0, steps=2)
    _, later = digits_judge.train(0, steps=60)
    assert later["loss"] < 0.8 * first["loss"]
    model, info = shapes_judge.train(0, steps=2)
    assert info["steps"] == 2 and not model.training


def test_bad_input() -> None:
    good = torch.rand(2, 3, 32, 32)
    with pytest.raises(ValueError, match="spaces: got"):
        fidelity(good, spaces=("inception",))
    with pytest.raises(ValueError, match="got values from"):
        judged(3 * good)
    with pytest.raises(ValueError, match="colour_id"):
        conditional_accuracy(good, torch.zeros(2).long(), torch.zeros(3).long())
    with pytest.raises(ValueError, match="S a multiple of 8"):
        digit_fidelity(torch.rand(3, 1, 12, 12))
    with pytest.raises(ValueError, match="want 8 pixels a side"):
        digit_fidelity(torch.rand(3, 1, 16, 16), 8)
