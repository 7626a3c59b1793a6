"""3-D U-Net: the paper's sizes and parameters, a composition of 2-D convolutions, losses by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.segmentation import unet3d
from lecture_utils.segmentation.unet import sizes
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S18.3")


NONE = torch.zeros(1, 1, 1, 1, dtype=torch.long)


def test_parameters_are_those_of_the_paper() -> None:
    """19,069,955, when batch norm's scales are not counted."""
    model = unet3d.UNet3D(3)
    scales = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.BatchNorm3d))
    assert scales == 2336
    assert sum(p.numel() for p in model.parameters()) - scales == 19_069_955
    shapes = [
        [c.weight.shape[:2] for c in block if isinstance(c, nn.Conv3d)]
        for block in [*model.down, *model.join]
    ]
    assert shapes == [
        [(32, 3), (64, 32)], [(64, 64), (128, 64)], [(128, 128), (256, 128)], [(256, 256), (512, 256)],
        [(256, 768), (256, 256)], [(128, 384), (128, 128)], [(64, 192), (64, 64)],
    ]  # fmt: skip


def test_sizes_are_those_of_figure_2() -> None:
    assert sizes(132, levels=3)[-1] == 44 and sizes(116, levels=3)[-1] == 28


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_level_has_the_size_that_was_predicted(padding) -> None:
    model = unet3d.UNet3D(3, in_channels=1, width=1, levels=2, padding=padding).eval()
    seen = []
    for block in [*model.down, *model.join]:
        block.register_forward_hook(lambda m, x, y: seen.append(tuple(y.shape[2:])))
    volume = (44, 48, 52) if padding == "valid" else (8, 12, 16)
    out = model(torch.rand(1, 1, *volume))
    want = [sizes(n, levels=2, padding=padding) for n in volume]
    assert seen == list(zip(*want, strict=True))
    assert out.shape == (1, 3, *(w[-1] for w in want))


def conv_by_slices(x: Tensor, weight: Tensor, padded: bool) -> Tensor:
    """A 3-D convolution as a sum of 2-D ones, slice by slice."""
    if padded:
        x = F.pad(x, (1, 1, 1, 1, 1, 1))
    slices = []
    for d in range(x.shape[2] - 2):
        slices.append(sum(F.conv2d(x[:, :, d + k], weight[:, :, k]) for k in range(3)))
    return torch.stack(slices, dim=2)


def by_slices(model: unet3d.UNet3D, x: Tensor) -> Tensor:
    """Figure 2 with two-dimensional convolutions, a maximum over eight views, a loop over eight corners."""

    def pair(layers: nn.Sequential, x: Tensor) -> Tensor:
        for conv, norm in ((layers[0], layers[1]), (layers[3], layers[4])):
            x = conv_by_slices(x, conv.weight, model.padding == "same")
            shape = (1, -1, 1, 1, 1)
            x = (x - norm.running_mean.view(shape)) / (norm.running_var.view(shape) + norm.eps).sqrt()
            x = (x * norm.weight.view(shape) + norm.bias.view(shape)).clamp(min=0)
        return x

    corners = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    kept = []
    for level, block in enumerate(model.down):
        if level:
            x = torch.stack([x[:, :, a::2, b::2, c::2] for a, b, c in corners]).amax(0)
        x = pair(block, x)
        kept.append(x)
    for up, join, skip in zip(model.up, model.join, kept[-2::-1], strict=True):
        batch, channels, *size = x.shape
        grown = x.new_zeros(batch, channels, *(2 * n for n in size))
        for a, b, c in corners:
            grown[:, :, a::2, b::2, c::2] = torch.einsum("bidhw,io->bodhw", x, up.weight[:, :, a, b, c])
        cut = [slice((have - want) // 2, (have - want) // 2 + want)
               for have, want in zip(skip.shape[2:], grown.shape[2:], strict=True)]  # fmt: skip
        x = pair(join, torch.cat([skip[:, :, cut[0], cut[1], cut[2]], grown], dim=1))
    return torch.einsum("bidhw,oi->bodhw", x, model.score.weight[:, :, 0, 0, 0]) + model.score.bias.view(
        1, -1, 1, 1, 1
    )


def small(padding: str = "same", module=unet3d) -> nn.Module:
    torch.manual_seed(0)
    return module.UNet3D(3, in_channels=2, width=2, levels=2, padding=padding).double().eval()


FAULTS = {
    "up from the wrong side": ("[middle(finer, x.shape[2:]), x]", "[x, middle(finer, x.shape[2:])]"),
    "cut from the corner": ("(x.shape[axis] - want) // 2, want", "0, want"),
    "mean pool": ("F.max_pool3d(x, 2)", "F.avg_pool3d(x, 2)"),
    "no second ReLU": ("nn.BatchNorm3d(after), nn.ReLU(),", "nn.BatchNorm3d(after), nn.Identity(),"),
}  # fmt: skip


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_parity_with_two_dimensional_parts_turns_red_for_planted_faults(fault, padding) -> None:
    ours = small(padding)
    made = torch.Generator().manual_seed(0)
    size = (44, 48, 44) if padding == "valid" else (8, 12, 4)
    inputs = [torch.randn(1, 2, *size, dtype=torch.float64, generator=made) for _ in range(2)]
    liven(ours, *inputs)
    other = small(padding, planted("lecture_utils.segmentation.unet3d", FAULTS[fault]) if fault else unet3d)
    other.load_state_dict(ours.state_dict())

    def compare() -> None:
        assert_parity(other, lambda x: by_slices(ours, x), *inputs)

    if fault and not (fault == "cut from the corner" and padding == "same"):  # there nothing is cut
        with pytest.raises(AssertionError, match="differ by"):
            compare()
    else:
        compare()


def test_gradients_are_those_of_the_composition() -> None:
    model = small()
    x = torch.randn(1, 2, 8, 4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    liven(model, x)
    wants = torch.autograd.grad(by_slices(model, x).square().sum(), list(model.parameters()))
    gots = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    for got, want in zip(gots, wants, strict=True):
        torch.testing.assert_close(got, want)


def test_a_volume_that_is_the_same_at_every_depth_has_scores_that_repeat() -> None:
    """Up-convolutions treat even and odd depths differently: the scores have the period of the pools, 4."""
    model = small("valid")
    flat = torch.rand(1, 2, 1, 44, 44, dtype=torch.float64).expand(1, 2, 48, 44, 44)
    out = model(flat)
    assert out.shape[2] == 8
    torch.testing.assert_close(out[:, :, :4], out[:, :, 4:])


def test_channels_double_before_the_pool() -> None:
    model = unet3d.UNet3D(2, in_channels=1, width=4, levels=2, padding="same")
    seen = []
    for block in model.down:
        block.register_forward_hook(lambda m, x, y: seen.append((x[0].shape[1], y.shape[1])))
    model.eval()(torch.rand(1, 1, 8, 8, 8))
    assert seen == [(1, 8), (8, 16), (16, 32)]


def test_unlabelled_voxels_teach_nothing() -> None:
    made = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 3, 4, 5, 6, generator=made, requires_grad=True)
    labels = torch.randint(3, (2, 4, 5, 6), generator=made)
    labelled = torch.zeros(2, 4, 5, 6, dtype=torch.bool)
    labelled[:, 2] = True  # one slice of each
    loss = unet3d.sparse_cross_entropy(scores, labels, labelled)
    by_hand = F.cross_entropy(scores[:, :, 2], labels[:, 2])
    assert float(loss.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, scores)
    assert gradient[:, :, [0, 1, 3]].abs().max() == 0 and gradient[:, :, 2].abs().min() > 0
    other = torch.where(labelled, labels, (labels + 1) % 3)
    assert torch.equal(unet3d.sparse_cross_entropy(scores, other, labelled), loss)
    weights = torch.tensor([0.1, 1.0, 5.0])
    weighted = unet3d.sparse_cross_entropy(scores, labels, torch.ones_like(labelled), weights)
    want = F.cross_entropy(scores, labels, weight=weights)
    assert float(weighted.detach()) == pytest.approx(float(want.detach()), rel=1e-5)


def test_soft_dice_is_the_dice_of_certain_answers() -> None:
    labels = torch.zeros(1, 2, 2, 2, dtype=torch.long)
    labels[0, 0] = 1
    guess = torch.zeros_like(labels)
    guess[0, 0, 0] = 1  # half of class 1, and all of class 0
    certain = 60 * F.one_hot(guess, 3).movedim(-1, 1).float()
    dice = [2 * 4 / (6 + 4), 2 * 2 / (2 + 4)]  # class 2 does not occur: left out
    assert float(unet3d.soft_dice_loss(certain, labels)) == pytest.approx(1 - sum(dice) / 2, abs=1e-5)
    even = torch.zeros(1, 2, 2, 2, 2)
    want = 1 - 2 * (0.5 * 4) / (0.25 * 8 + 4)
    assert float(unet3d.soft_dice_loss(even, labels)) == pytest.approx(want, abs=1e-5)
    assert float(unet3d.soft_dice_loss(60 * F.one_hot(labels, 2).movedim(-1, 1).float(), labels)) < 1e-5


@pytest.mark.parametrize("loss", ["sparse", "dice"])
def test_one_batch_is_learned(loss: str) -> None:
    torch.manual_seed(0)
    model = unet3d.UNet3D(2, in_channels=1, width=4, levels=1, padding="same")
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.long)
    labels[0, 2:6, 3:7, 1:5] = 1
    x = labels[:, None] + 0.5 * torch.randn(1, 1, 8, 8, 8)
    known = torch.zeros_like(labels, dtype=torch.bool)
    known[:, ::3] = True
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        scores = model(x)
        value = (
            unet3d.sparse_cross_entropy(scores, labels, known)
            if loss == "sparse"
            else unet3d.soft_dice_loss(scores, labels)
        )
        value.backward()
        optimizer.step()
    assert value < 0.1
    assert float((scores.argmax(1) == labels).float().mean()) > 0.95  # unlabelled slices included


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: unet3d.UNet3D(2, padding="full"), "want 'valid' or 'same'"),
        (lambda: small("same").float()(torch.rand(1, 2, 8, 8)), "volumes: got"),
        (lambda: small("same").float()(torch.rand(1, 2, 8, 8, 6)), "got 6 pixels"),
        (lambda: small("same")(torch.rand(1, 2, 8, 8, 8)), "volumes: got dtype"),
        (lambda: unet3d.middle(torch.rand(1, 2, 3, 3, 3), (4, 3, 3)), "or more"),
        (
            lambda: unet3d.sparse_cross_entropy(
                torch.rand(1, 2, 3, 3, 3), torch.zeros(1, 3, 3, 3).long(), torch.zeros(1, 3, 3, 3).bool()
            ),
            "got no voxel of any weight",
        ),
        (lambda: unet3d.soft_dice_loss(torch.full((1, 2, 1, 1, 1), math.nan), NONE), "NaN"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
