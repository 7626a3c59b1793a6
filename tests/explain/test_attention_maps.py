"""S04.7: attention maps of the vision transformer, per head and rolled out."""

import pytest
import torch
from torch import Tensor

from lecture_utils.backbones.vit import ViT
from lecture_utils.explain.attention_maps import cls_attention, rollout, rollout_map
from lecture_utils.explain.maps import upsample

pytestmark = pytest.mark.system("S04.7")


def vit() -> ViT:
    torch.manual_seed(0)
    model = ViT(image=24, patch=6, dim=24, heads=3, hidden=48, layers=4, classes=5).eval()
    with torch.no_grad():
        for layer in model.layers:
            layer.attention.to_query.weight.mul_(6)  # attention that is not almost uniform
    return model


def attention(batch: int = 2, height: int = 24, width: int = 24) -> Tensor:
    x = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))
    return vit().attention_maps(x)


def test_rows_sum_to_one() -> None:
    weights = attention()
    assert weights.shape == (4, 2, 3, 17, 17)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 2, 3, 17))
    rolled = rollout(weights)
    torch.testing.assert_close(rolled.sum(-1), torch.ones(2, 17), rtol=0, atol=1e-5)
    assert float(rolled.min()) >= 0


def test_heads_show_their_class_token_s_row() -> None:
    weights = attention()
    for layer in (-1, 0, 2):
        maps = cls_attention(weights, layer=layer, grid=(4, 4))
        assert maps.shape == (2, 3, 4, 4)
        for patch in (0, 5, 15):
            assert torch.equal(maps[:, :, patch // 4, patch % 4], weights[layer, :, :, 0, 1 + patch])
        torch.testing.assert_close(maps.sum((2, 3)), 1 - weights[layer, :, :, 0, 0])


@pytest.mark.parametrize("residual", [0.5, 0.0, 0.9])
def test_rollout_equals_the_direct_matrix_product(residual: float) -> None:
    weights = attention().double()
    for b in range(2):
        want = torch.eye(17, dtype=torch.float64)
        for layer in range(4):
            mean = sum(weights[layer, b, head] for head in range(3)) / 3
            want = (residual * torch.eye(17, dtype=torch.float64) + (1 - residual) * mean) @ want
        got = rollout(weights, residual=residual)[b]
        torch.testing.assert_close(got, want, rtol=0, atol=1e-6)
        torch.testing.assert_close(
            rollout_map(weights, residual=residual, grid=(4, 4))[b].flatten(), got[0, 1:]
        )


def test_the_paper_s_half_is_the_default_and_rows_sum_to_one_to_the_last_digit() -> None:
    weights = attention()
    assert torch.equal(rollout(weights), rollout(weights, residual=0.5))
    half = rollout_map(weights, residual=0.5, grid=(4, 4))
    assert torch.equal(rollout_map(weights, grid=(4, 4)), half)
    last = cls_attention(weights, grid=(4, 4), layer=-1)
    assert torch.equal(cls_attention(weights, grid=(4, 4)), last)
    rounded = (weights.double() * 1.0005).flip(0)  # as far off as half precision leaves them
    torch.testing.assert_close(rollout(rounded).sum(-1), torch.ones(2, 17).double(), rtol=0, atol=1e-9)


def test_what_rollout_must_be_in_the_limits() -> None:
    weights = attention()
    eye = torch.eye(17).expand(2, 17, 17)
    torch.testing.assert_close(rollout(weights, residual=1.0), eye)  # only the residual path: nothing moves
    one = rollout(weights[:1], residual=0.0)
    torch.testing.assert_close(one, weights[0].mean(1), rtol=1e-4, atol=1e-6)  # one layer: its attention
    uniform = torch.full((3, 1, 2, 5, 5), 0.2)
    torch.testing.assert_close(rollout(uniform, residual=0.0), torch.full((1, 5, 5), 0.2))


def test_the_order_of_the_layers_matters_and_the_last_is_on_the_left() -> None:
    """Layer 1: patch 1 copies patch 2. Layer 2: the class token looks at patch 1. So it sees patch 2."""
    first, second = torch.eye(5).clone(), torch.eye(5).clone()
    first[2] = torch.eye(5)[3]
    second[0] = torch.eye(5)[2]
    weights = torch.stack([first, second])[:, None, None]
    assert rollout_map(weights, residual=0.0, grid=(2, 2)).flatten().tolist() == [0, 0, 1, 0]
    assert rollout_map(weights.flip(0), residual=0.0, grid=(2, 2)).flatten().tolist() == [0, 1, 0, 0]


def test_images_that_are_not_square_a_batch_of_one_and_up_sampling() -> None:
    weights = attention(1, 12, 30)
    maps = rollout_map(weights, grid=(2, 5))
    assert maps.shape == (1, 2, 5) and upsample(maps, (12, 30)).shape == (1, 12, 30)
    assert cls_attention(weights, grid=(2, 5)).shape == (1, 3, 2, 5)
    with pytest.raises(ValueError, match="10 patches for 3 × 3"):
        rollout_map(weights, grid=(3, 3))


def test_a_patch_on_the_far_right_of_a_wide_picture_stays_there() -> None:
    """4 × 16 patches are a square number of them: only the grid says that they are not 8 × 8."""
    model, x = vit(), torch.rand(1, 3, 24, 96, generator=torch.Generator().manual_seed(1))
    weights, grid = model.attention_maps(x), model.grid(x)
    assert grid == (4, 16)
    patch = 1 * 16 + 14
    weights = torch.full_like(weights, 0.0)
    weights[..., 1 + patch] = 1
    for maps in (cls_attention(weights, grid=grid)[:, 0], rollout_map(weights, grid=grid, residual=0.0)):
        assert divmod(int(maps.flatten().argmax()), 16) == (1, 14)
        assert upsample(maps, (24, 96)).shape == (1, 24, 96)
    with pytest.raises(TypeError, match="grid"):
        rollout_map(weights)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="16 × 4 for an image of 24 × 96"):
        upsample(rollout_map(weights, grid=(16, 4)), (24, 96))


def test_bad_input_is_told() -> None:
    weights = attention(1)
    for bad, message in (
        (lambda: rollout(weights[0]), r"\(1, 3, 17, 17\), want floating-point \(layers, B"),
        (lambda: rollout(weights[..., :-1]), r"17, 16\)"),
        (lambda: rollout(weights * 2), "off a sum of 1 by 1"),
        (lambda: rollout(weights * torch.nan), "off a sum of 1 by nan"),
        (lambda: rollout(weights.long()), "torch.int64"),
        (lambda: rollout(weights, residual=1.5), "residual: got 1.5"),
        (lambda: cls_attention(weights, layer=4, grid=(4, 4)), "got 4, want -4 to 3"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
