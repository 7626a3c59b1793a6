"""Chapter 15: what the prediction questions say is so, where no record of a claim or of weights says it."""

import math

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.chapters.ch15 import game_solutions, solutions
from lecture_utils.exercises.questions import questions
from lecture_utils.generative.gan_loss import saturating_generator_loss
from lecture_utils.generative.pixel.masked_convolution import MaskedConv2d


def seen(kinds: str, *, size: int = 15) -> Tensor:
    """Which pixels reach the middle one through a stack of masked 3 × 3 convolutions, (S, S) bool."""
    layers = [MaskedConv2d(kind, 1, 1, 3) for kind in kinds]  # type: ignore[arg-type]
    for layer in layers:
        nn.init.ones_(layer.weight)  # nothing cancels
    image = torch.ones(1, 1, size, size, requires_grad=True)
    middle = size // 2
    (slope,) = torch.autograd.grad(nn.Sequential(*layers)(image)[0, 0, middle, middle], image)
    return slope[0, 0] != 0


def test_each_question_has_four_options() -> None:
    asked_of = {id: q for id, q in questions().items() if id.startswith("15.")}
    assert list(asked_of) == [f"15.{number}" for number in range(1, 21)]
    assert all(len(question["answers"]) == 4 for question in asked_of.values())


def test_question_1_mask_a_in_all_layers_loses_the_left_neighbour_and_b_in_the_first_one_leaks() -> None:
    right, all_a, all_b = seen("ABB"), seen("AAA"), seen("BBB")
    assert right[7, 6] and not right[7, 7]
    assert not all_a[7, 7] and not all_a[7, 6] and not all_a[7, 5], "each further layer loses one more"
    assert all_a[7, 4] and all_a[4, 7], "the rest is still seen"
    assert not bool((all_a & ~right).any())
    assert all_b[7, 7]


def test_question_2_green_sees_the_red_of_its_own_pixel_and_all_colours_of_earlier_ones() -> None:
    mask = solutions.pixel_mask("A", 3, 3, 3, 3)
    assert mask[1, :, 1, 1].tolist() == [True, False, False]
    assert bool(mask[1, :, 1, 0].all()) and bool(mask[1, :, 0].all())


def test_question_3_a_uniform_guess_among_17_levels() -> None:
    bits = solutions.bits_per_dim(torch.zeros(1, 17, 1, 8, 8), torch.zeros(1, 1, 8, 8, dtype=torch.long))
    assert bits.item() == pytest.approx(4.09, abs=0.005)


def test_question_4_the_blind_spot_is_a_wedge_to_the_upper_right() -> None:
    reached = seen("A" + "B" * 12)
    for row in range(15):
        for column in range(15):
            up, right = 7 - row, column - 7
            wanted = (up > 0 and right <= up) or (up == 0 and right < 0)
            assert bool(reached[row, column]) == wanted, (row, column)


def test_question_5_one_run_to_judge_and_64_to_draw() -> None:
    runs = []

    def model(image: Tensor) -> Tensor:
        runs.append(len(image))
        return torch.zeros(len(image), 17, 1, 8, 8)

    image = solutions.sample_digits(model, 2, 8, torch.Generator())
    assert len(runs) == 64
    solutions.bits_per_dim(model(image), image)
    assert len(runs) == 65


def test_question_7_a_drawn_number_has_no_slope_and_a_moved_one_has() -> None:
    mean, log_var = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    z, _ = solutions.draw_latent(mean, log_var, torch.randn(1, 2))
    assert z.requires_grad
    assert not torch.normal(mean.detach(), 1.0).requires_grad
    assert not torch.distributions.Normal(mean, 1.0).sample().requires_grad


def test_question_11_losses_of_a_game_that_has_ended() -> None:
    loss_d, loss_g = game_solutions.gan_losses(torch.zeros(3), torch.zeros(3))  # D is one half
    assert (round(loss_d.item(), 2), round(loss_g.item(), 2)) == (1.39, 0.69)


def test_question_12_slopes_where_the_discriminator_is_sure() -> None:
    score = torch.tensor([math.log(0.001 / 0.999)], requires_grad=True)
    (flat,) = torch.autograd.grad(saturating_generator_loss(score), score)
    (steep,) = torch.autograd.grad(game_solutions.gan_losses(score.detach(), score)[1], score)
    assert flat.item() == pytest.approx(-0.001, rel=1e-3)
    assert steep.item() == pytest.approx(-0.999, rel=1e-3)


def test_question_15_two_sets_of_the_same_world_are_never_0_apart_and_nearer_with_more() -> None:
    """By numbers drawn from one Gaussian of 20 features."""
    generator = torch.Generator().manual_seed(0)
    found = [
        game_solutions.frechet(*torch.randn(2, n, 20, generator=generator).unbind(0)) for n in (100, 2000)
    ]
    assert found[0] > 5 * found[1] > 0


def test_question_16_a_patch_of_70() -> None:
    assert game_solutions.receptive_field([(4, 2)] * 3 + [(4, 1)] * 2) == 70
    assert game_solutions.receptive_field([(4, 1)] * 5) == 16


def test_question_17_the_colour_that_l1_asks_for_is_black() -> None:
    balls = torch.eye(3).repeat_interleave(torch.tensor([40, 30, 30]), 0)  # (100, 3)
    off = {
        "black": balls.abs().mean(),
        "red": (balls - balls[0]).abs().mean(),
        "mean": (balls - balls.mean(0)).abs().mean(),
    }
    assert min(off, key=lambda name: float(off[name])) == "black"
    assert balls.median(0).values.tolist() == [0, 0, 0]
