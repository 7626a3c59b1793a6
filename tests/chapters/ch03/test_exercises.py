"""The references of chapter 03's exercises are what the package computes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecture_utils.chapters.ch03 import solutions
from lecture_utils.chapters.ch03.exercises import EXERCISES, LAB
from lecture_utils.selfsup import dino
from lecture_utils.selfsup.distillation import distillation_loss
from lecture_utils.selfsup.ema import EMA
from lecture_utils.selfsup.mae import masked_loss, normalise_patches, random_masking

BY_ID = {exercise.id: exercise for exercise in (*EXERCISES, *LAB.steps)}


def cases(id: str, seed: int = 1) -> list[tuple]:
    return list(BY_ID[id].cases(np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(3))
def test_masking_keeps_what_the_package_keeps(seed: int) -> None:
    tokens = torch.randn(3, 16, 5)
    visible, mask, restore = random_masking(tokens, 0.75, generator=torch.Generator().manual_seed(seed))
    noise = torch.rand(3, 16, generator=torch.Generator().manual_seed(seed))
    kept, own_mask, own_restore = solutions.masking_indices(noise, 4)
    assert torch.equal(own_mask, mask)
    assert torch.equal(own_restore, restore)
    assert torch.equal(tokens.gather(1, kept[..., None].expand(-1, -1, 5)), visible)


def test_the_loss_is_the_packages() -> None:
    for prediction, patches, mask in cases("03.2"):
        want = masked_loss(prediction, normalise_patches(patches), mask)
        torch.testing.assert_close(solutions.mae_loss(prediction, patches, mask), want)


@pytest.mark.parametrize("hidden", [1, 4, 9])
def test_zeros_cost_what_the_text_says_and_the_faulty_loss_does_not(hidden: int) -> None:
    torch.manual_seed(hidden)
    patches = torch.rand(2, 9, 12) * (0.2 + torch.rand(2, 9, 1))  # a patch without contrast costs less
    mask = (torch.arange(9) < hidden).expand(2, 9)
    zeros = torch.zeros_like(patches)
    assert solutions.mae_loss(zeros, patches, mask).item() == pytest.approx(11 / 12, abs=1e-3)
    assert abs(solutions.mae_loss_faulty(zeros, patches, mask).item() - 11 / 12) > 0.02


def test_the_average_is_the_packages() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ema = EMA(model, momentum=0.9)
    slow = {name: value.clone() for name, value in ema.average.state_dict().items()}
    model(torch.randn(8, 3))
    nn.init.normal_(model[0].weight)
    ema.update(model)
    moved = solutions.ema_update(slow, model.state_dict(), 0.9)
    for name, value in ema.average.state_dict().items():
        torch.testing.assert_close(moved[name], value)


def test_dino_loss_is_the_packages_also_for_other_temperatures() -> None:
    for student, teacher, centre in cases("03.4"):
        for temperature in (0.03, 0.04):
            ours, theirs = (
                function(list(student), list(teacher), centre, teacher_temperature=temperature)
                for function in (solutions.dino_loss, dino.dino_loss)
            )
            torch.testing.assert_close(ours, theirs)


def test_distillation_is_the_packages() -> None:
    for student, teacher, target, temperature, soft in cases("03.5"):
        want = distillation_loss(student, teacher, target, temperature=temperature, soft=soft)
        torch.testing.assert_close(solutions.distillation(student, teacher, target, temperature, soft), want)


def test_a_vote_is_that_of_the_nearest_weighted() -> None:
    """By a loop: each neighbour adds exp(cosine / 0.07) to its class."""
    torch.manual_seed(0)
    queries, bank, labels = torch.randn(6, 4), torch.randn(30, 4), torch.randint(0, 3, (30,))
    for query, vote in zip(queries, solutions.knn_vote(queries, bank, labels, 5, 3), strict=True):
        similarity = F.cosine_similarity(query[None], bank)
        scores = [0.0, 0.0, 0.0]
        for row in similarity.argsort(descending=True)[:5].tolist():
            scores[int(labels[row])] += float((similarity[row] / 0.07).exp())
        assert int(vote) == int(np.argmax(scores))


@pytest.mark.parametrize("classes", [2, 5])
def test_a_constant_guess_is_worth_nothing_and_all_right_one(classes: int) -> None:
    truth = torch.arange(20) % classes
    truth[:3] = 1
    best = torch.full_like(truth, int(truth.bincount().argmax()))
    assert solutions.beyond_guessing(best, truth) == pytest.approx(0, abs=1e-6)
    assert solutions.beyond_guessing(truth, truth) == 1
    assert solutions.beyond_guessing((truth + 1) % classes, truth) < 0
