"""Chapter 02's experiments: their parts do what the claims say they do."""

import pytest
import torch
from torch import nn

from lecture_utils.experiments import ch02


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
    ("world", "shape", "classes"), [("toy world", (3, 16, 16), 8), ("digits", (1, 8, 8), 10)]
)
def test_both_learners_are_equally_large(world: str, shape: tuple[int, ...], classes: int) -> None:
    cnn, vit = ch02.learner("CNN", world), ch02.learner("ViT", world)
    assert abs(ch02.parameters(cnn) / ch02.parameters(vit) - 1) < 0.1
    assert cnn(torch.rand(2, *shape)).shape == vit(torch.rand(2, *shape)).shape == (2, classes)


def test_pictures_are_as_many_as_asked_for_and_fixed_by_the_seed() -> None:
    x, y = ch02.pictures("digits", "train", 48, 3)
    assert x.shape == (48, 1, 8, 8) and y.shape == (48,)
    assert torch.equal(x, ch02.pictures("digits", "train", 48, 3)[0])
    assert not torch.equal(x, ch02.pictures("digits", "train", 48, 4)[0])


def test_multiply_adds_are_those_of_the_formula() -> None:
    from lecture_utils.exercises.ch02 import multiply_adds

    with torch.device("meta"):
        whole, windowed = ch02.MultiHeadAttention(32, 2), ch02.WindowAttention(32, 2, 8)
        x = torch.zeros(1, 16, 16, 32)
    assert ch02.multiply_adds(whole, x.flatten(1, 2)) == multiply_adds(256, 32)
    assert ch02.multiply_adds(windowed, x) == multiply_adds(256, 32, 8)


def test_slope_of_a_power() -> None:
    assert abs(ch02.slope([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) - 2) < 1e-9


def test_only_the_bottom_right_quarter_is_tinted_by_the_label() -> None:
    images, labels = ch02.far_mark(50, 5)
    colour = images - images.mean(1, keepdim=True)  # grey has none
    assert colour[:, :, 8:, 8:].abs().amax(1).min() > 0.05
    colour[:, :, 8:, 8:] = 0
    assert colour.abs().max() < 1e-6
    tint = images[:, :, 8:, 8:].mean((2, 3)) - images[:, :, 8:, 8:].mean((1, 2, 3))[:, None]  # (N, 3)
    nearest = torch.cdist(tint, 0.5 * (ch02.MARKS - ch02.MARKS.mean(1, keepdim=True))).argmin(1)
    assert torch.equal(nearest, labels)


@pytest.mark.system("S02.4")
@pytest.mark.parametrize(("shifted", "reached"), [(False, 16), (True, 64)])
def test_only_the_shift_reaches_out_of_the_window(shifted: bool, reached: int) -> None:
    torch.manual_seed(0)
    assert int(ch02.reached_tokens(ch02.CornerReader(shifted=shifted).swin, 3, 3).sum()) == reached
