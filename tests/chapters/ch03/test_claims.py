"""Chapter 03's experiments: their parts do what the claims say they do."""

import pytest
import torch

from lecture_utils.chapters.ch03 import arms as ch03_arms
from lecture_utils.chapters.ch03 import claims as ch03
from lecture_utils.chapters.ch03 import collapse as ch03_collapse
from lecture_utils.chapters.ch03 import student as ch03_student
from lecture_utils.chapters.ch03 import table as ch03_table
from lecture_utils.data.portraits import portraits
from lecture_utils.experiments.ledger import ClaimError
from lecture_utils.selfsup.distillation import distillation_loss
from lecture_utils.training.kit import mirrored


def test_the_ledgers_pictures_are_not_those_of_the_pre_training() -> None:
    seen = portraits(50, split="train", seed=0).image
    ours = ch03_arms.drawn(50, "train", 0).image
    assert torch.cdist(seen.flatten(1), ours.flatten(1)).min() > 0.1


@pytest.mark.parametrize("arm", ch03_arms.ARMS)
def test_all_arms_are_one_network(arm: str) -> None:
    shapes = [tuple(p.shape) for n, p in ch03_arms.encoder(arm).named_parameters() if "head" not in n]
    assert shapes == [
        tuple(p.shape) for n, p in ch03_arms.encoder("from scratch").named_parameters() if "head" not in n
    ]


def test_fine_tuning_is_the_same_for_the_same_seed_and_moves_the_encoder() -> None:
    data = ch03_arms.labelled(16, "train", 0)
    first, second = (
        ch03_arms.fine_tune("from scratch", data, (1e-3, "mean"), steps=3, seed=5) for _ in range(2)
    )
    for (name, a), b in zip(first.named_parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b), name
    third = ch03_arms.fine_tune("from scratch", data, (1e-3, "mean"), steps=4, seed=5)
    assert not torch.equal(third.encoder.class_token, first.encoder.class_token) or not torch.equal(
        third.encoder.embed.projection.weight, first.encoder.embed.projection.weight
    )


def test_encoder_seconds_fall_with_the_masking_ratio() -> None:
    seconds = ch03_arms.encoder_seconds((0.0, 0.9), repeats=3, batch=32, seed=0)
    assert 0 < seconds[0.9] < seconds[0.0]


def test_mirrored_pictures_are_the_picture_or_its_mirror() -> None:
    x = torch.rand(20, 3, 4, 4)
    turned = mirrored(x, torch.Generator().manual_seed(0))
    same = [torch.equal(a, b) for a, b in zip(turned, x, strict=True)]
    mirror = [torch.equal(a, b.flip(-1)) for a, b in zip(turned, x, strict=True)]
    assert all(a != b for a, b in zip(same, mirror, strict=True)) and any(same) and any(mirror)


def test_neighbours_choose_k_on_validation() -> None:
    """One near and six far wrong neighbours: only k = 1 is right."""
    x = torch.tensor([[1.0, 0.0]] + [[1.0, 0.2]] * 6 + [[0.0, 1.0]])
    y = torch.tensor([0] + [1] * 6 + [1])
    query = torch.tensor([[1.0, 0.0]])
    assert ch03_arms.neighbours((x, y), (query, y[:1]), (query, y[:1])) == (1.0, 1.0)


@pytest.mark.system("S03.2")
@pytest.mark.parametrize("name", ch03_collapse.SETTINGS)
def test_collapse_runs_watch_what_they_say(name: str) -> None:
    run = ch03_collapse.collapse_run(**ch03_collapse.SETTINGS[name], steps=4, every=2)
    assert run["steps"] == [0, 2, 4]
    for key in ("entropy", "usage"):
        assert len(run[key]) == 3 and all(0 <= v <= 1 + 1e-6 for v in run[key])
    assert all(v >= -1e-6 for v in run["divergence"])
    assert all(u >= e - 1e-5 for u, e in zip(run["usage"], run["entropy"], strict=True)), "entropy is concave"


@pytest.mark.system("S03.4")
def test_students_differ_only_in_their_loss() -> None:
    torch.manual_seed(0)
    model, x = ch03_student.student_net().eval(), torch.rand(4, 3, 32, 32)
    label, teacher = torch.tensor([1, 0, 7, 3]), torch.randn(4, 8)
    y = torch.cat([label[:, None].float(), teacher], dim=1)
    alone, both = (ch03_student.student_loss(temperature)(model, x, y) for temperature in (None, 4.0))
    torch.testing.assert_close(alone, torch.nn.functional.cross_entropy(model(x), label))
    torch.testing.assert_close(both, distillation_loss(model(x), teacher, label, temperature=4.0, soft=0.9))


def test_both_arms_of_distillation_have_as_many_trials() -> None:
    alone, distilled = ch03_student.TRIALS["alone"], ch03_student.TRIALS["distilled"]
    assert len(alone) == len(distilled)
    assert {t["rate"] for t in alone} >= {t["rate"] for t in distilled}
    assert {t["decay"] for t in alone} == {t["decay"] for t in distilled}


def test_the_table_has_a_row_for_each_arm() -> None:
    try:
        rows = ch03_table.comparison()
    except ClaimError:
        pytest.skip("not measured yet")
    assert [row[0] for row in rows] == list(ch03_arms.ARMS)
    assert all(len(row) == len(ch03_table.COLUMNS) and all(0 <= v <= 1 for v in row[1:]) for row in rows)


def test_claims_name_figures_that_their_experiments_return() -> None:
    figures = ch03.c03_1_masking_time(0, "quick")
    assert figures["speedup"] > 1 and figures["share_of_time"]["0%"] == 1
