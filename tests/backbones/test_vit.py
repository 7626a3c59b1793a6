"""ViT-B/16 against torchvision with the same weights; its patches, positions and classes."""

import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer, vit_b_16

from lecture_utils.backbones import vit
from lecture_utils.backbones.vit import PatchEmbedding, ViT, resize_positions, vit_b16
from lecture_utils.hub.vit_weights import from_torchvision
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S02.3")


def tiny(**changes: object) -> ViT:
    settings = {"image": 16, "patch": 4, "dim": 24, "heads": 3, "hidden": 48, "layers": 2, "classes": 5}
    return ViT(**settings | changes)  # type: ignore[arg-type]


LOOP = "for layer in {}:\n            x = layer(x)"


@functools.cache
def lively() -> tuple[VisionTransformer, Tensor, Tensor]:
    """A small ViT of torchvision's in which the picture counts, and two batches of pictures."""
    torch.manual_seed(0)
    theirs = VisionTransformer(32, 8, 3, 3, 24, 48, num_classes=10).eval()
    nn.init.normal_(theirs.heads.head.weight, std=0.02)  # torchvision starts the head at zero
    a, b = torch.randn(2, 2, 3, 32, 32)
    liven(theirs, a, b)
    return theirs, a, b


def compare(model: type[ViT]) -> None:
    """Hold a ViT against torchvision's, with the same weights."""
    theirs, *pictures = lively()
    ours = model(image=32, patch=8, dim=24, heads=3, hidden=48, layers=3, classes=10).eval()
    ours.load_state_dict(from_torchvision(theirs).state_dict())
    assert_parity(ours, theirs, *pictures)


def test_a_small_vit_equals_torchvision() -> None:
    compare(ViT)


FAULTS = {
    "no positions": ("return tokens + resize_positions(self.position, *self.grid(x))", "return tokens"),
    "patches column by column": ("b d h w -> b (h w) d", "b d h w -> b (w h) d"),
    "layers from the last": (
        "for layer in self.layers:\n            x = layer(x)",
        LOOP.format("reversed(self.layers)"),
    ),
    "no last norm": ("return self.norm(x)", "return x"),
    "head on a patch": ("self.tokens(x)[:, 0]", "self.tokens(x)[:, 1]"),
    "class token last": (
        "torch.cat([self.class_token.expand(len(x), -1, -1), self.embed(x)], dim=1)",
        "torch.cat([self.embed(x), self.class_token.expand(len(x), -1, -1)], dim=1)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_comparison_sees(fault: str) -> None:
    wrong = planted("lecture_utils.backbones.vit", FAULTS[fault])
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(wrong.ViT)


LAYER_FAULTS = {
    "mlp without its norm": ("return x + self.mlp(self.norm2(x))", "return x + self.mlp(x)"),
    "mlp with the other norm": ("return x + self.mlp(self.norm2(x))", "return x + self.mlp(self.norm1(x))"),
    "no residual": ("return x + self.mlp(self.norm2(x))", "return self.mlp(self.norm2(x))"),
    "no nonlinearity": ("self.fc2(self.activation(self.fc1(x)))", "self.fc2(self.fc1(x))"),
}


@pytest.mark.parametrize("fault", LAYER_FAULTS)
def test_the_comparison_sees_in_a_layer(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = planted("lecture_utils.nn.transformer", LAYER_FAULTS[fault])
    monkeypatch.setattr(vit, "EncoderLayer", wrong.EncoderLayer)
    with pytest.raises(AssertionError, match="outputs differ by"):
        compare(ViT)


@pytest.mark.slow
def test_vit_b16_equals_torchvision() -> None:
    torch.manual_seed(0)
    theirs = vit_b_16().eval()
    nn.init.normal_(theirs.heads.head.weight, std=0.02)  # torchvision starts the head at zero
    a, b = torch.randn(2, 1, 3, 224, 224)
    liven(theirs, a, b)
    ours = vit_b16().eval()
    ours.load_state_dict(from_torchvision(theirs).state_dict())
    count = sum(p.numel() for p in ours.parameters())
    assert count == sum(p.numel() for p in theirs.parameters()) == 86_567_656
    assert_parity(ours, theirs, a, b)


def test_positions_start_small_and_the_class_token_at_zero() -> None:
    torch.manual_seed(0)
    model = tiny(image=64, dim=48)
    assert model.dim == 48 and model.position is not None
    assert model.position.std().item() == pytest.approx(0.02, rel=0.03)
    assert not model.class_token.any()


def test_rows_and_columns_come_from_their_own_axes() -> None:
    """Of a picture of two rows and four columns of patches, each patch gets its own place's position."""
    model, x = tiny(), torch.rand(1, 3, 8, 16)
    assert model.grid(x) == (2, 4) and model.position is not None
    nn.init.normal_(model.position)
    added = model.embed_tokens(x)[:, 1:] - model.embed(x)
    torch.testing.assert_close(added, resize_positions(model.position, 2, 4)[:, 1:], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(added, resize_positions(model.position, 4, 2)[:, 1:], atol=0.1)


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
    model, embed = tiny(), PatchEmbedding(4, 8)
    for bad, message in (
        (lambda: tiny(image=17), "image side 17 and patch side 4"),
        (lambda: tiny(patch=0), "got patch 0, want a whole number, 1 or more"),
        (lambda: tiny(classes=-1), "got classes -1"),
        (lambda: tiny(heads=5), "width 24 and 5 heads"),
        (lambda: PatchEmbedding(4, 0), "got dim 0"),
        (lambda: embed(torch.randn(1, 3, 10, 12)), "got images of 10 × 12 pixels, want .* multiples of 4"),
        (lambda: embed(torch.randn(1, 3, 12, 10)), "got images of 12 × 10 pixels"),
        (lambda: embed.as_linear(torch.randn(1, 3, 10, 12)), "got images of 10 × 12 pixels"),
        (lambda: embed(torch.randn(1, 2, 8, 8)), "got 2 channels"),
        (lambda: model(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)), "uint8"),
        (lambda: model(torch.zeros(1, 3, 16, 16, dtype=torch.float64)), "float64, want torch.float32"),
        (lambda: model(torch.zeros(1, 16, 16, 3)), r"16 channels .* use x.permute\(0, 3, 1, 2\)"),
        (lambda: model(torch.zeros(16, 16, 3)), r"for one image use x.permute\(2, 0, 1\)\[None\]"),
        (lambda: model.attention_maps(torch.zeros(3, 16, 16)), r"for one image use x\[None\]"),
        (lambda: resize_positions(torch.zeros(1, 7, 4), 3, 3), r"\(1, 7, 4\), want \(1, 1 \+ side², D\)"),
        (lambda: resize_positions(torch.zeros(5, 4), 3, 3), r"\(5, 4\), want"),
        (lambda: resize_positions(torch.zeros(1, 0, 4), 3, 3), r"\(1, 0, 4\), want"),
        (lambda: resize_positions(torch.zeros(1, 1, 4), 3, 3), r"\(1, 1, 4\), want"),
        (lambda: resize_positions(torch.zeros(1, 5, 4), 0, 3), "got rows 0"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
