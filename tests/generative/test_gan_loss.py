"""The losses of the adversarial game against cross-entropy, closed forms and a round played by hand."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.generative.gan_loss import (
    discriminator_loss,
    game_value,
    generator_loss,
    optimal_discriminator,
    play_round,
    r1_penalty,
    saturating_generator_loss,
)
from tests.mutants import planted


def test_losses_are_cross_entropies() -> None:
    real, fake = (torch.randn(7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    one, zero = torch.ones(7, dtype=torch.float64), torch.zeros(7, dtype=torch.float64)
    entropy = F.binary_cross_entropy_with_logits
    pairs = [
        (discriminator_loss(real, fake), entropy(real, one) + entropy(fake, zero)),
        (generator_loss(fake), entropy(fake, one)),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)
        for a, b in zip(
            torch.autograd.grad(ours, (real, fake), allow_unused=True),
            torch.autograd.grad(theirs, (real, fake), allow_unused=True),
            strict=True,
        ):
            if a is not None or b is not None:
                torch.testing.assert_close(a, b)


def test_a_judge_who_cannot_tell_has_two_log_two() -> None:
    assert discriminator_loss(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(2 * 0.693147, abs=1e-5)


def test_the_generators_slope_does_not_vanish_where_it_is_bad() -> None:
    score = torch.tensor([-20.0], requires_grad=True)
    (slope,) = torch.autograd.grad(generator_loss(score), score)
    assert slope.item() == pytest.approx(-1)
    (flat,) = torch.autograd.grad(-F.softplus(score).mean(), score)  # log(1 - D), the saturating form
    assert abs(flat.item()) < 1e-6
    assert generator_loss(torch.tensor([-1e4])).isfinite()


def test_penalty_of_a_linear_judge_is_half_the_square_of_its_weights() -> None:
    weight = torch.randn(3, 4, 4, dtype=torch.float64, requires_grad=True)
    images = torch.rand(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = r1_penalty((images * weight).sum((1, 2, 3)), images)
    torch.testing.assert_close(penalty, weight.square().sum() / 2)
    (slope,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(slope, weight.detach())


def nets() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(3, 12), nn.Unflatten(1, (3, 2, 2)))
    judge = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    return generator, judge


@pytest.mark.parametrize("r1", [0.0, 2.0])
def test_a_round_is_a_step_of_each(r1: float) -> None:
    generator, judge = nets()
    by_hand_g, by_hand_d = copy.deepcopy(generator), copy.deepcopy(judge)
    real, z = torch.rand(6, 3, 2, 2), torch.randn(6, 3)

    def loss_d(d: nn.Module, fake: Tensor) -> Tensor:
        x = real.clone().requires_grad_()
        score = d(x)
        plain = -torch.sigmoid(score).log().mean() - (1 - torch.sigmoid(d(fake))).log().mean()
        (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return plain + r1 * slope.flatten(1).norm(dim=1).square().mean() / 2

    weights = list(by_hand_d.parameters())
    slopes = torch.autograd.grad(loss_d(by_hand_d, by_hand_g(z).detach()), weights)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight -= 0.1 * slope
    weights = list(by_hand_g.parameters())
    slopes = torch.autograd.grad(-torch.sigmoid(by_hand_d(by_hand_g(z))).log().mean(), weights)
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            weight -= 0.1 * slope

    sgd = [torch.optim.SGD(net.parameters(), 0.1) for net in (generator, judge)]
    play_round(generator, judge, real, z, generator_optimizer=sgd[0], discriminator_optimizer=sgd[1], r1=r1)
    for ours, theirs in ((generator, by_hand_g), (judge, by_hand_d)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
            assert a.requires_grad


def test_bad_scores() -> None:
    for score in (torch.zeros(0), torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64)):
        with pytest.raises(ValueError, match="scores: got"):
            generator_loss(score)
    images = torch.rand(2, 3, 4, 4)
    with pytest.raises(ValueError, match="requires_grad=False"):
        r1_penalty(images.sum((1, 2, 3)), images)
    with pytest.raises(ValueError, match="scores: got float"):
        generator_loss(0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scores without a graph"):
        r1_penalty(torch.zeros(2), images.clone().requires_grad_())
    with pytest.raises(ValueError, match="scores of other images"):
        r1_penalty(images.clone().requires_grad_().sum((1, 2, 3)), images.clone().requires_grad_())
    with pytest.raises(ValueError, match=r"images: got shape \(2, 3\)"):
        r1_penalty(torch.zeros(2, requires_grad=True), torch.rand(2, 3, requires_grad=True))
    with pytest.raises(ValueError, match="got 1 scores and 2 images"):
        r1_penalty(torch.zeros(1, requires_grad=True), images.clone().requires_grad_())


def test_bad_rounds() -> None:
    generator, judge = nets()
    sgd = [torch.optim.SGD(net.parameters(), 0.1) for net in (generator, judge)]
    optimizers = {"generator_optimizer": sgd[0], "discriminator_optimizer": sgd[1]}
    real, z = torch.rand(6, 3, 2, 2), torch.randn(6, 3)
    for pictures, r1, message in (
        (real, -1.0, "r1: got -1.0"),
        (real, float("nan"), "r1: got nan"),
        ((real * 255).byte(), 0.0, "divide 8-bit"),
        (real[0], 0.0, "for one image use"),
        (torch.rand(6, 3, 2, 4), 0.0, r"real pictures \(6, 3, 2, 4\) and generated \(6, 3, 2, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            play_round(generator, judge, pictures, z, r1=r1, **optimizers)


def densities() -> tuple[Tensor, Tensor, float]:
    """Two bells on a 1-D grid, each of mass 1."""
    x = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    cell = 0.01
    bells = [torch.exp(-((x - mean) ** 2) / (2 * width**2)) for mean, width in ((-1.0, 1.0), (1.5, 0.9))]
    p, q = (bell / (bell.sum() * cell) for bell in bells)
    return p, q, cell


@pytest.mark.system("S15.4")
def test_no_discriminator_is_better_than_p_over_p_plus_q() -> None:
    p, q, cell = densities()
    best = optimal_discriminator(p, q)
    d = best.clamp(1e-9, 1 - 1e-9).requires_grad_()
    value = game_value(d, p, q, cell=cell)
    (slope,) = torch.autograd.grad(value, d)
    seen = (p > 1e-3) & (q > 1e-3)  # elsewhere the clamp has moved D
    assert slope[seen].abs().max() < 1e-9
    for shift in (-0.05, 0.05):
        assert game_value((best + shift).clamp(0.001, 0.999), p, q, cell=cell) < value - 1e-3
    assert game_value(q / (p + q), p, q, cell=cell) < value - 1  # the fault: p and q exchanged


@pytest.mark.system("S15.4")
def test_the_games_value_is_two_jensen_shannon_minus_log_four() -> None:
    p, q, cell = densities()
    middle = (p + q) / 2
    divergence = ((torch.xlogy(p, p / middle) + torch.xlogy(q, q / middle)) / 2).sum() * cell
    value = game_value(optimal_discriminator(p, q), p, q, cell=cell)
    torch.testing.assert_close(value, 2 * divergence - math.log(4))
    equal = game_value(optimal_discriminator(p, p), p, p, cell=cell)
    assert equal.item() == pytest.approx(-math.log(4), abs=1e-12)
    assert value > equal + 0.5
    apart = game_value(*(torch.tensor(x) for x in ([1.0, 0.0], [2.0, 0.0], [0.0, 2.0])), cell=0.5)
    assert apart.item() == pytest.approx(0.0, abs=1e-12)  # nothing in common: D is never wrong
    assert optimal_discriminator(torch.zeros(2), torch.zeros(2)).tolist() == [0.5, 0.5]


@pytest.mark.system("S15.4")
def test_slopes_of_both_generator_losses_have_their_closed_forms() -> None:
    score = torch.linspace(-12, 12, 49, dtype=torch.float64, requires_grad=True)
    d = torch.sigmoid(score.detach())
    for loss, want in ((generator_loss, -(1 - d)), (saturating_generator_loss, -d)):
        (slope,) = torch.autograd.grad(loss(score), score)
        torch.testing.assert_close(slope * len(score), want)
    want = torch.log(1 - d).mean()
    torch.testing.assert_close(saturating_generator_loss(score), want)
    entropy = -F.binary_cross_entropy_with_logits(score, torch.zeros_like(score))
    torch.testing.assert_close(saturating_generator_loss(score), entropy)
    module = "lecture_utils.generative.gan_loss"
    wrong = planted(module, ("return -F.softplus(fake).mean()", "return F.softplus(-fake).mean()"))
    assert abs(wrong.saturating_generator_loss(score) - want) > 1
    assert saturating_generator_loss(torch.tensor([1e4])).isfinite()


@pytest.mark.system("S15.4")
def test_bad_densities() -> None:
    p = torch.ones(4)
    with pytest.raises(ValueError, match="q: got a density of -1"):
        optimal_discriminator(p, -p)
    with pytest.raises(ValueError, match="q: got"):
        optimal_discriminator(p, torch.ones(3))
    with pytest.raises(ValueError, match=r"d: got values from 2\.0 to 2\.0"):
        game_value(2 * p, p, p, cell=0.25)
    with pytest.raises(ValueError, match="cell: got 0"):
        game_value(p / 2, p, p, cell=0.0)
