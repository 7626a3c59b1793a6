"""Chapter 02's experiments: their parts do what the claims say they do."""

import pytest
import torch
from torch import nn

from lecture_utils.chapters.ch02 import claims as ch02
from lecture_utils.chapters.ch02 import hunger as ch02_hunger
from lecture_utils.chapters.ch02 import shift as ch02_shift


def test_gradient_by_distance_of_a_leaky_sum() -> None:
    """A model that halves its state at every step has a gradient that halves at every step back."""

    class Leaky(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h, out = torch.zeros_like(x[:, 0]), []
            for t in range(x.shape[1]):
                h = 0.5 * h + x[:, t]
                out.append(h)
            return torch.stack(out, dim=1)

    norms = ch02.gradient_by_distance(Leaky(), 4, 6, seed=0)
    assert torch.allclose(norms[1:] / norms[:-1], torch.full((5,), 0.5, dtype=norms.dtype))


def test_attention_reaches_far_and_recurrent_nets_do_not() -> None:
    found = ch02.c02_1_reach(0, "quick")
    assert len(found["log10_gradient"]["LSTM"]) == ch02.STEPS_BACK + 1
    assert found["log10_gap"] > 0


def test_permuted_patches_are_the_same_patches() -> None:
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    order = torch.tensor([1, 0, 3, 2])
    moved = ch02.permute_patches(x, 4, order)
    assert torch.equal(moved[..., :4, :4], x[..., :4, 4:])
    assert torch.equal(moved[..., 4:, 4:], x[..., 4:, :4])
    assert torch.equal(ch02.permute_patches(moved, 4, order), x)


@pytest.mark.system("S02.3")
def test_a_vit_without_positions_sees_a_bag_of_patches() -> None:
    found = ch02.c02_2_permutation(1, "quick")
    assert found["change_without"] < 1e-9 < 1e-4 < found["change_with"]


@pytest.mark.parametrize(
    ("world", "shape", "classes"), [("portraits", (3, 16, 16), 8), ("digits", (1, 8, 8), 10)]
)
def test_both_learners_are_equally_large(world: str, shape: tuple[int, ...], classes: int) -> None:
    cnn, vit = ch02_hunger.learner("CNN", world), ch02_hunger.learner("ViT", world)
    weights = [sum(p.numel() for p in model.parameters()) for model in (cnn, vit)]
    assert abs(weights[0] / weights[1] - 1) < 0.1
    assert cnn(torch.rand(2, *shape)).shape == vit(torch.rand(2, *shape)).shape == (2, classes)


def test_a_smaller_set_is_the_beginning_of_a_larger_one_and_fixed_by_its_seed() -> None:
    x, y = ch02_hunger.rendered("train", 3, 8)
    more, labels = ch02_hunger.rendered("train", 3, 20)
    assert torch.equal(x, more[:8]) and torch.equal(y, labels[:8])
    assert not torch.equal(x, ch02_hunger.rendered("train", 4, 8)[0])


def test_both_learners_are_tuned_over_the_same_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The better rate on validation pictures wins, on a seed that is not measured."""
    asked = []

    def score(name: str, n: int, rate: float, steps: int, seed: int, split: str) -> tuple[float, ...]:
        asked.append((name, n, rate, steps, seed, split))
        return rate, 0.0, 0.0

    monkeypatch.setattr(ch02_hunger, "score", score)
    for name in ("CNN", "ViT"):
        assert ch02_hunger.tuned_rate.__wrapped__(name, "full") == max(ch02_hunger.HUNGER_RATES)
    tuned = [(rate, ch02_hunger.TUNING_SEED, "val") for rate in ch02_hunger.HUNGER_RATES]
    assert [(row[2], *row[4:]) for row in asked] == 2 * tuned
    assert len({(row[1], row[3]) for row in asked}) == 1


def test_the_gaps_follow_from_the_accuracies(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = set()

    def score(name: str, n: int, rate: float, steps: int, seed: int, split: str) -> tuple[float, ...]:
        seeds.add((seed, split))
        right = {256: 0.3, 512: 0.5, 8192: 0.7 if steps == 500 else 0.8}.get(n, 0.6)
        return (0.9 if name == "CNN" else right), 1.0, 0.01

    monkeypatch.setattr(ch02_hunger, "score", score)
    monkeypatch.setattr(ch02_hunger, "tuned_rate", lambda *_: 1e-3)
    found = ch02_hunger.c02_3_data_hunger(4, "full")
    assert found["gap_few"] == pytest.approx(0.5)
    assert found["gap_many"] == pytest.approx(0.1)
    assert found["shrinks_by"] == pytest.approx(0.4)
    assert len(found["sizes"]) == 5 and found["test"]["CNN"] == [0.9] * 5
    assert ch02_hunger.shrinks_after(4, "full", 500.0)["shrinks_by"] == pytest.approx(0.3)
    assert seeds == {(104, "test")}, "what is measured is no seed of the pilot's"


def test_multiply_adds_are_those_of_the_formula() -> None:
    from lecture_utils.chapters.ch02.exercises import multiply_adds

    with torch.device("meta"):
        whole, windowed = ch02.MultiHeadAttention(32, 2), ch02.WindowAttention(32, 2, 8)
        x = torch.zeros(1, 16, 16, 32)
    assert ch02.multiply_adds(whole, x.flatten(1, 2)) == multiply_adds(256, 32, 2)
    assert ch02.multiply_adds(windowed, x) == multiply_adds(256, 32, 2, 8)


def test_slope_of_a_power() -> None:
    assert abs(ch02.slope([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) - 2) < 1e-9


def test_only_the_bottom_right_quarter_is_tinted_by_the_label() -> None:
    images, labels = ch02_shift.far_mark(50, 5)
    colour = images - images.mean(1, keepdim=True)  # grey has none
    assert colour[:, :, 8:, 8:].abs().amax(1).min() > 0.05
    colour[:, :, 8:, 8:] = 0
    assert colour.abs().max() < 1e-6
    tint = images[:, :, 8:, 8:].mean((2, 3)) - images[:, :, 8:, 8:].mean((1, 2, 3))[:, None]  # (N, 3)
    nearest = torch.cdist(tint, 0.5 * (ch02_shift.MARKS - ch02_shift.MARKS.mean(1, keepdim=True))).argmin(1)
    assert torch.equal(nearest, labels)


@pytest.mark.system("S02.4")
@pytest.mark.parametrize(("shifted", "reached"), [(False, 16), (True, 64)])
def test_only_the_shift_reaches_out_of_the_window(shifted: bool, reached: int) -> None:
    torch.manual_seed(0)
    assert (
        int(ch02_shift.reached_tokens(ch02_shift.CornerReader(shifted=shifted).swin, 3, 3).sum()) == reached
    )
