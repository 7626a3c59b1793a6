"""Bits by the chain rule, and pictures drawn in reading order, slowly and fast."""

import math

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.chapters.ch15 import solutions
from lecture_utils.generative.pixel.fast_sampling import PixelByPixel, fast_sample
from lecture_utils.generative.pixel.likelihood import bits_per_dim, pixel_bits, sample, sample_with_bits
from lecture_utils.generative.pixel.pixelcnn import PixelCNN
from tests.generative.pixel.pixel_models import KINDS, lively
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.1")


def test_bits_are_cross_entropy_over_log_2():
    made = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 5, 3, 2, 6, generator=made)
    image = torch.randint(0, 5, (4, 3, 2, 6), generator=made)
    want = F.cross_entropy(logits, image, reduction="none") / math.log(2)
    torch.testing.assert_close(pixel_bits(logits, image), want)
    torch.testing.assert_close(bits_per_dim(logits, image), want.mean((1, 2, 3)))
    torch.testing.assert_close(bits_per_dim(logits, image), solutions.bits_per_dim(logits, image))


def test_a_uniform_guess_costs_log2_of_the_levels():
    bits = bits_per_dim(torch.zeros(2, 17, 1, 8, 8), torch.randint(0, 17, (2, 1, 8, 8)))
    torch.testing.assert_close(bits, torch.full((2,), math.log2(17)))


def test_bits_stay_right_for_large_logits():
    logits = torch.tensor([1000.0, -1000.0]).view(1, 2, 1, 1, 1)
    assert bits_per_dim(logits, torch.zeros(1, 1, 1, 1, dtype=torch.long)).item() == 0
    wrong = bits_per_dim(logits, torch.ones(1, 1, 1, 1, dtype=torch.long)).item()
    assert wrong == pytest.approx(2000 / math.log(2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colours", [1, 3])
def test_what_drawing_cost_is_what_scoring_says(kind, colours):
    """The chain rule: one call for the whole picture, or one for each number."""
    model = lively(KINDS[kind], colours=colours, width=12 * colours)
    image, bits = sample_with_bits(model, 3, (4, 5), colours=colours, seed=1)
    scored = pixel_bits(model(image), image)
    torch.testing.assert_close(bits, scored.float())
    assert scored.std() > 0.1


def test_samples_follow_the_distribution():
    """All pictures of 1 × 2 pixels with 3 levels: frequencies against probabilities, 4 standard errors."""
    model = lively(levels=3, width=8)
    drawn = sample(model, 20_000, (1, 2), seed=0)
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3)).view(9, 1, 1, 2)
    p = torch.exp2(-pixel_bits(model(every), every).flatten(1).sum(1))
    share = (drawn[:, None] == every).flatten(2).all(2).double().mean(0)
    assert ((share - p).abs() < 4 * (p * (1 - p) / 20_000).sqrt()).all()
    assert (p - 1 / 9).abs().max() > 0.02  # a uniform drawer would be found out


@pytest.mark.parametrize("kind", KINDS)
def test_given_rows_stay_and_the_rest_is_drawn_after_them(kind):
    model = lively(KINDS[kind])
    given = torch.randint(0, 17, (40, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    a = sample(model, 40, (4, 4), given=given, rows=2, seed=5)
    assert torch.equal(a[:, :, :2], given[:, :, :2])
    assert not torch.equal(a[:, :, 2:], given[:, :, 2:])
    assert torch.equal(a, sample(model, 40, (4, 4), given=given, rows=2, seed=5))
    assert not torch.equal(a, sample(model, 40, (4, 4), given=given, rows=2, seed=6))
    below = given.clone()
    below[:, :, 2:] = 0  # what stood below the given rows is not looked at
    assert torch.equal(a, sample(model, 40, (4, 4), given=below, rows=2, seed=5))
    assert torch.equal(given, sample(model, 40, (4, 4), given=given, rows=4))


def test_the_exercise_draws_the_same_pictures():
    model = lively()
    want = solutions.sample_digits(model, 6, 5, torch.Generator().manual_seed(3))
    assert torch.equal(sample(model, 6, (5, 5), seed=3), want)


def fast_agrees(fast, kind, colours):
    """Whether the fast sampler draws the slow one's pictures, with and without given rows."""
    model = lively(KINDS[kind], colours=colours, width=12 * colours, size=5)
    given = torch.randint(0, 17, (8, colours, 5, 4), generator=torch.Generator().manual_seed(0))
    for more in ({}, {"given": given, "rows": 2}):
        slow = sample(model, 8, (5, 4), colours=colours, seed=2, **more)
        if not torch.equal(fast(model, 8, (5, 4), seed=2, **more), slow):
            return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colours", [1, 3])
def test_the_fast_sampler_draws_the_same_pictures(kind, colours):
    assert fast_agrees(fast_sample, kind, colours)


@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_logits_are_those_of_the_whole_picture(kind):
    model = lively(KINDS[kind], colours=2, width=16)
    image = torch.randint(0, 17, (3, 2, 4, 5), generator=torch.Generator().manual_seed(0))
    known, want = PixelByPixel(model, 3, (4, 5)), model(image)
    with torch.no_grad():
        for row in range(4):
            for column in range(5):
                got = known.logits_at(image, row, column)
                torch.testing.assert_close(got, want[..., row, column])


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("cnn", ("kept[:, :, at[0] + self.edge, at[1] + self.edge] = pixel[..., 0, 0]", "pass")),
        ("cnn", ("y = _apply(layer.reduce, x.relu()).relu()", "y = _apply(layer.reduce, x).relu()")),
        ("rnn", ("above = layer.input_to_state, (at[0] - 1, at[1])", "above = layer.input_to_state, at")),
        ("rnn", ('for name, value in (("h", h), ("c", c)):', 'for name, value in (("h", h),):')),
        ("rnn", ("if row < rows:\n", "if row < rows and row % 2:\n")),
        ("cnn", ("known.logits_at(image, row, column)  # for", "pass  # for")),
    ],
)
def test_a_planted_fault_is_seen(kind, fault):
    module = planted("lecture_utils.generative.pixel.fast_sampling", fault)
    assert not fast_agrees(module.fast_sample, kind, 1)


def uniform(image):
    return torch.zeros(len(image), 4, *image.shape[1:])


GIVEN = torch.zeros(2, 1, 3, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample(uniform, 0), "n 0"),
        (lambda: sample(uniform, 2, (0, 3)), "height 0"),
        (lambda: sample(uniform, 2, (3, 3), rows=1), "rows: got 1, want 0 to 0"),
        (lambda: sample(uniform, 2, (3, 3), rows=4, given=GIVEN), "rows: got 4, want 0 to 3"),
        (lambda: sample(uniform, 3, (3, 3), rows=1, given=GIVEN), "given: got"),
        (lambda: sample(uniform, 2, (3, 3), rows=1, given=GIVEN.float()), "given: got torch.float32"),
        (lambda: bits_per_dim(torch.zeros(2, 4, 1, 3, 3), GIVEN + 4), "image: got .* 0 to 3|class numbers"),
        (lambda: bits_per_dim(torch.zeros(2, 4, 1, 3, 2), GIVEN), "image: got"),
        (lambda: bits_per_dim(torch.zeros(2, 4, 3, 3), GIVEN), "logits: got"),
        (lambda: fast_sample(PixelCNN(4), 1), "training mode"),
        (
            lambda: PixelByPixel(PixelCNN(4).eval(), 2, (3, 3)).logits_at(GIVEN, 3, 0),
            "row: got 3, want 0 to 2",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
