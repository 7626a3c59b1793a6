"""The lab of chapter 03: its step is the package's, its fault collapses, its number tells every collapse."""

import copy

import pytest
import torch
from torch import nn

from lecture_utils.chapters.ch03 import lab, lab_run
from lecture_utils.selfsup.dino import DINO, DINOHead, dino_loss


def test_a_step_is_that_of_the_packages_dino() -> None:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    model = DINO(backbone, 5, momentum=0.9, hidden=6, bottleneck=4, prototypes=7)
    for p in model.teacher.parameters():
        nn.init.normal_(p, std=0.5)  # not the student's twin, as at the start
    student, teacher, centre = copy.deepcopy((model.student, model.teacher, model.centre))
    large, small = [torch.randn(3, 3, 2, 2) for _ in range(2)], [torch.randn(3, 3, 2, 2)]
    theirs, ours = (torch.optim.SGD(net.parameters(), lr=0.5) for net in (model.student, student))
    for _ in range(3):
        loss = model(large, small)
        theirs.zero_grad()
        loss.backward()
        theirs.step()
        model.ema.update(model.student, 0.9)
        value, centre = lab.dino_step(student, teacher, centre, ours, large, small, 0.9)
        assert value == pytest.approx(loss.item(), rel=1e-5)
    torch.testing.assert_close(centre, model.centre)
    for mine, package in ((student, model.student), (teacher, model.teacher)):
        for p, q in zip(mine.parameters(), package.parameters(), strict=True):
            torch.testing.assert_close(p, q)
    assert all(p.grad is None for p in teacher.parameters())
    assert isinstance(student[1], DINOHead)


@pytest.mark.parametrize("views", [2, 3])
def test_stacked_views_cost_what_views_one_by_one_do_and_the_faulty_version_differs(views: int) -> None:
    torch.manual_seed(views)
    student, teacher = (0.2 * torch.randn(views * 4, 6) for _ in range(2))
    centre = 0.1 * torch.randn(6)
    want = dino_loss(student.chunk(views), teacher.chunk(views), centre)
    torch.testing.assert_close(lab.stacked_loss(student, teacher, centre, views), want)
    assert abs(lab.stacked_loss_faulty(student, teacher, centre, views) - want) > 0.01 * want


def test_with_one_picture_the_faulty_version_is_right() -> None:
    """The first hint says so."""
    student, teacher, centre = torch.randn(2, 4), torch.randn(2, 4), torch.zeros(4)
    one, other = (f(student, teacher, centre, 2) for f in (lab.stacked_loss, lab.stacked_loss_faulty))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("same", [[0.0, 0.0, 0.0], [99.0, 0.0, 0.0], [1.0, 1.0, -2.0], [0.3, 2.0, 1.0]])
def test_whatever_all_pictures_are_told_it_is_one_answer(same: list[float]) -> None:
    assert lab.distinct_answers(torch.tensor([same] * 5)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("number", [2, 5, 16])
def test_as_many_answers_as_sure_prototypes(number: int) -> None:
    assert lab.distinct_answers(300 * torch.eye(16)[:number]) == pytest.approx(number, rel=1e-4)


@pytest.mark.nightly
def test_the_fault_lets_the_features_run_together_and_mending_it_cures() -> None:
    """What the lab's figure and table say, with margins for other processors."""
    runs = {
        "yours": lab_run.train(lab.dino_step),
        "faulty": lab_run.train(lab_run.stacked(lab.stacked_loss_faulty)),
        "mended": lab_run.train(lab_run.stacked(lab.stacked_loss)),
    }
    spread = {name: curves["spread"] for name, (curves, _) in runs.items()}
    answers = {name: lab.distinct_answers(logits) for name, (_, logits) in runs.items()}
    assert spread["faulty"][-1] < 0.6 * spread["faulty"][0]
    assert spread["yours"][-1] > 2 * spread["faulty"][-1]
    assert answers["faulty"] < 1.1 < 1.3 < answers["yours"]
    assert answers["mended"] == pytest.approx(answers["yours"], abs=0.05)
    assert min(curves["entropy"][-1] for curves, _ in runs.values()) > 0.5


def test_two_runs_of_one_step_are_the_same() -> None:
    (one, _), (other, _) = (lab_run.train(lab.dino_step, steps=2, every=1) for _ in range(2))
    assert one == other
    assert one["steps"] == [1, 2]
