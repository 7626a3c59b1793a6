"""ViT-B/16 against torchvision with the same weights; its patches, positions and classes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import vit_b_16

from lecture_utils.backbones.vit import PatchEmbedding, ViT, resize_positions, vit_b16
from lecture_utils.hub.vit_weights import from_torchvision

pytestmark = pytest.mark.system("S02.3")


def tiny(**changes: object) -> ViT:
    settings = {"image": 16, "patch": 4, "dim": 24, "heads": 3, "hidden": 48, "layers": 2, "classes": 5}
    return ViT(**settings | changes)  # type: ignore[arg-type]


def test_vit_b16_equals_torchvision() -> None:
    torch.manual_seed(0)
    theirs = vit_b_16().eval()
    nn.init.normal_(theirs.heads.head.weight, std=0.02)  # torchvision starts the head at zero
    ours = vit_b16().eval()
    ours.load_state_dict(from_torchvision(theirs).state_dict())
    assert (
        sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters()) == 86_567_656
    )
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_patches_by_convolution_and_by_matrix_agree() -> None:
    embed = PatchEmbedding(4, 10)
    x = torch.randn(2, 3, 12, 20)
    torch.testing.assert_close(embed(x), embed.as_linear(x), rtol=1e-5, atol=1e-5)


def shuffled_patches(x: Tensor, patch: int) -> Tensor:
    b, c, h, w = x.shape
    cut = x.reshape(b, c, h // patch, patch, w // patch, patch).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    cut = cut[:, torch.randperm(cut.shape[1])].unflatten(1, (h // patch, w // patch))
    return cut.permute(0, 3, 1, 4, 2, 5).reshape(b, c, h, w)


@pytest.mark.parametrize("position", [False, True])
def test_only_positions_tell_shuffled_patches_apart(position: bool) -> None:
    torch.manual_seed(0)
    model = tiny(position=position).double()
    if model.position is not None:
        nn.init.normal_(model.position)
    x = torch.randn(3, 3, 16, 16, dtype=torch.float64)
    same = torch.allclose(model(x), model(shuffled_patches(x, 4)), atol=1e-10)
    assert same is not position


def test_attention_maps_are_rows_that_sum_to_one() -> None:
    maps = tiny().attention_maps(torch.randn(2, 3, 16, 16))
    assert maps.shape == (2, 2, 3, 17, 17)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 2, 3, 17))


def test_positions_stretch_with_the_image() -> None:
    model = tiny()
    assert model(torch.randn(2, 3, 24, 8)).shape == (2, 5)
    assert model.position is not None
    ramp = torch.arange(8.0)[:, None, None].expand(8, 8, 24)  # grows downwards, by one a row
    grid = torch.cat([torch.full((1, 1, 24), 9.0), ramp.reshape(1, 64, 24)], dim=1)
    wide = resize_positions(grid, 16, 16)  # torch's cubic (a = -3/4) misses a ramp by 3/64
    assert torch.equal(wide[:, 0], grid[:, 0])  # the class token has no place to move to
    inner = wide[0, 1:].reshape(16, 16, 24)[4:12, :, 0]  # away from the border
    torch.testing.assert_close(
        inner, (torch.arange(4.0, 12.0)[:, None] / 2 - 0.25).expand(8, 16), atol=3 / 64 + 1e-6, rtol=0
    )


def test_overfits_one_batch(overfit: Callable[..., None]) -> None:
    torch.manual_seed(0)
    model = tiny()
    x, y = torch.randn(10, 3, 16, 16), torch.arange(10) % 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    overfit(model, x, y, optimizer)


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match="image side 17 and patch side 4"):
        tiny(image=17)
    with pytest.raises(ValueError, match="multiples of 4"):
        PatchEmbedding(4, 8)(torch.randn(1, 3, 10, 12))
    with pytest.raises(ValueError, match="uint8"):
        tiny()(torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
