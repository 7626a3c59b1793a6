"""Chapter 15's lab: the VAE learns, the faults show as they should, and the reading is what figures say."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from lecture_utils.chapters.ch15 import lab_debug, lab_interpret, lab_vae
from lecture_utils.chapters.ch15.lab import LAB
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.generative.elbo import bernoulli_log_likelihood

STEP_1, STEP_2, STEP_3 = LAB.steps


def test_the_lab_is_the_chapters() -> None:
    assert labs("15") == [LAB]
    assert 30 <= LAB.minutes <= 40


# --- step 1 ----------------------------------------------------------------------------------------
def test_the_bound_is_made_of_the_closed_forms_and_reaches_the_encoder_through_z() -> None:
    torch.manual_seed(0)
    vae = lab_vae.DigitVAE(*lab_vae.parts(0))
    x, noise = next(lab_vae.batches(0, 1))
    mean, log_var = vae.encoder(x).chunk(2, dim=1)
    q = Normal(mean, (log_var / 2).exp())
    z = mean + q.stddev * noise
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(vae.log_likelihood(x, z), bernoulli_log_likelihood(x, vae.decoder(z)))
    torch.testing.assert_close(vae.elbo(x, noise), vae.log_likelihood(x, z) - kl)
    slopes = torch.autograd.grad(vae.log_likelihood(x, z).sum(), list(vae.encoder.parameters()))
    assert all(bool((slope != 0).any()) for slope in slopes)


def test_a_batch_is_overfitted_and_the_evidence_lies_above_the_bound() -> None:
    vae = lab_vae.DigitVAE(*lab_vae.parts(1))
    vae.optimizer.param_groups[0]["lr"] = 0.01
    x, generator = lab_vae.held_out("train")[:4], torch.Generator().manual_seed(0)
    losses = [vae.step(x, torch.randn(4, lab_vae.LATENT, generator=generator)) for _ in range(150)]
    assert losses[-1] < 0.3 * losses[0], "ten nats or so are left, for telling four digits apart"
    many = torch.randn(50, 4, lab_vae.LATENT, generator=generator)
    with torch.no_grad():
        bound = torch.stack([vae.elbo(x, one) for one in many]).mean(0)
    assert bool((vae.evidence(x, many) > bound).all())
    drawn = vae.sample(torch.randn(3, lab_vae.LATENT))
    assert drawn.shape == (3, 1, 8, 8) and float(drawn.min()) >= 0 and float(drawn.max()) <= 1


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [0, 3])
def test_what_the_notebook_trains_reaches_the_bar_far_above_a_blind_model(seed: int) -> None:
    vae = lab_vae.DigitVAE(*lab_vae.parts(seed))
    for batch in lab_vae.batches(seed, lab_vae.STEPS):
        vae.step(*batch)
    assert lab_vae.bound(vae) > lab_vae.BAR > lab_vae.blind() + 3
    assert lab_vae.bound(vae, "test") > lab_vae.blind("test") + 3


def test_a_vae_written_in_another_way_is_accepted() -> None:
    class Mine:
        def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
            self.enc, self.dec = encoder, decoder
            groups: Any = [{"params": decoder.parameters()}, {"params": encoder.parameters()}]
            self.adam = torch.optim.Adam(groups, lr=2e-3)

        def q(self, x: Tensor) -> Normal:
            told = self.enc(x)
            half = told.shape[1] // 2
            return Normal(told[:, :half], told[:, half:].exp().sqrt())

        def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
            q = self.q(x)
            p = Bernoulli(logits=self.dec(q.loc + noise * q.scale))
            cost = kl_divergence(q, Normal(0.0, 1.0))
            return p.log_prob(x).sum((1, 2, 3)) - cost.sum(-1)

        def step(self, x: Tensor, noise: Tensor) -> Tensor:
            loss = self.elbo(x, noise).mean().neg()
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            return loss.detach()

        def sample(self, noise: Tensor) -> Tensor:
            return torch.sigmoid(self.dec(noise))

        def evidence(self, x: Tensor, noise: Tensor) -> Tensor:
            q, log_w = self.q(x), []
            for one in noise:
                z = q.loc + one * q.scale
                likelihood = Bernoulli(logits=self.dec(z)).log_prob(x).flatten(1).sum(1)
                prior = Normal(0.0, 1.0).log_prob(z).sum(1)
                log_w.append(likelihood + prior - q.log_prob(z).sum(1))
            return torch.stack(log_w).exp().mean(0).log()

    found = examine(STEP_1, Mine)
    assert found.state == "right", found


# --- step 2 ----------------------------------------------------------------------------------------
def grows_on(logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float = 1.0) -> Tensor:
    """The first fault mended, the second one kept."""
    each = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
    return (each + most * step / lab_debug.WARM_UP * kl).mean()


@pytest.mark.nightly
def test_each_fault_has_the_symptom_that_the_hints_speak_of() -> None:
    both, one, right = (
        lab_debug.trained(loss)
        for loss in (lab_debug.training_loss_faulty, grows_on, lab_debug.training_loss)
    )
    first = lab_debug.symptoms(both)
    assert both.losses[-1] < 0.7 * both.losses[0], "the loss falls"
    assert first.active == 0 and abs(first.log_likelihood - first.exchanged) < 0.1, "z says nothing"
    assert abs(first.log_likelihood - lab_vae.blind()) < 0.5, "no better than the blind model"
    rising = [cost for _, cost in one.cost]
    assert max(rising) > 3 > 1 > rising[-1], "alive at first, and then switched off"
    mended = lab_debug.symptoms(right)
    assert mended.active > 4 and mended.log_likelihood > mended.exchanged + 5
    assert mended.elbo > lab_vae.BAR


# --- step 3 ----------------------------------------------------------------------------------------
def check_reading(table: dict[float, lab_debug.Symptoms]) -> None:
    """Each reason is true, and the right one is what makes the reading right."""
    rows = [table[beta] for beta in lab_interpret.BETAS]
    likelihood, cost = [row.log_likelihood for row in rows], [sum(row.kl) for row in rows]
    assert likelihood[:4] == sorted(likelihood, reverse=True)[:4] and likelihood[4] < likelihood[2], "1"
    assert cost == sorted(cost, reverse=True) and cost[-1] < 0.1, "2"
    bound = [row.elbo for row in rows]
    assert max(bound) == bound[2] > sorted(bound)[-2] + 1, "3: and clearly"
    lost = [row.log_likelihood - row.exchanged for row in rows]
    assert lost[:4] == sorted(lost, reverse=True)[:4] and lost[3] > lost[4], "4"


@pytest.mark.nightly
def test_the_reading_is_what_the_figures_say_on_validation_and_test() -> None:
    models = lab_interpret.by_beta(lab_debug.training_loss)
    for split in ("val", "test"):
        check_reading(lab_interpret.table(models, split))


@pytest.mark.parametrize("choice", [("E", "1"), ("B",), "B"])
def test_what_is_no_choice_is_told_so(choice: Any) -> None:
    found = examine(STEP_3, choice)
    assert found.reason == "answer" and known_mistake(STEP_3, choice, found) is None


@pytest.mark.parametrize("choice", [("b", 3), ["B", "3"]])
def test_small_letters_and_lists_will_do(choice: Any) -> None:
    assert examine(STEP_3, choice).state == "right"


def test_readings_and_reasons_are_the_choices() -> None:
    assert STEP_3.choices == (tuple(lab_interpret.READINGS), tuple(lab_interpret.REASONS))
