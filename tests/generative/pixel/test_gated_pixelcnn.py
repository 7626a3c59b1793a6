"""Gated PixelCNN: causality, no blind spot, a layer written out, and the class."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.generative.pixel import gated_pixelcnn
from lecture_utils.generative.pixel.gated_pixelcnn import GatedLayer, GatedPixelCNN, gate, vertical_mask
from lecture_utils.generative.pixel.influence import influence
from lecture_utils.generative.pixel.likelihood import bits_per_dim, sample, sample_with_bits
from tests.generative.pixel.pixel_models import lively
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.1")


def sees_exactly_what_is_earlier(model, height=4, width=5):
    """Whether every number is told with the help of all earlier ones and no later one."""
    for place in range(height * width * model.colours):
        pixel, colour = divmod(place, model.colours)
        row, column = divmod(pixel, width)
        seen = influence(model, (height, width), row, column, colour=colour, draws=4) > 0  # (C, H, W)
        in_order = seen.permute(1, 2, 0).flatten()
        if not in_order[:place].all() or in_order[place:].any():
            return False
    return True


@pytest.mark.parametrize("colours", [1, 3])
def test_every_earlier_number_is_seen_and_no_later_one(colours):
    """No blind spot, where the layers reach as far as the picture's sides."""
    model = lively(GatedPixelCNN, colours=colours, width=4 * colours, layers=3, size=5)
    assert sees_exactly_what_is_earlier(model)


@pytest.mark.parametrize(
    "fault",
    [
        ('size // 2 + (kind == "B")', "size // 2 + 1"),
        ('size // 2 + (kind == "B")', "size // 2"),
        ("self.along = MaskedRowConv(kind,", 'self.along = MaskedRowConv("B",'),
        ("self.along(h) + self.across(rows_above)", "self.along(h)"),
        ("return gate(rows_above + for_v)", "return gate(rows_above + self.along(h))"),
        ("v, h = self.first(x, x, label)", "v, h = self.first(x, x.flip(-1), label)"),
    ],
)
def test_a_planted_fault_is_seen_by_gradient(fault):
    module = planted("lecture_utils.generative.pixel.gated_pixelcnn", fault)
    assert not sees_exactly_what_is_earlier(lively(module.GatedPixelCNN, width=4, layers=3, size=5))


def layer_agrees(module):
    """Whether a layer is figure 2's, with PyTorch's convolutions of the kernels' seen parts."""
    torch.manual_seed(0)
    layer = module.GatedLayer("B", 4, 4, 3, classes=3).double()
    v, h = torch.randn(2, 2, 4, 5, 6, dtype=torch.float64)
    label = torch.tensor([2, 0])
    down = F.conv2d(F.pad(v, (1, 1, 1, 0)), layer.down.weight[:, :, :2], layer.down.bias)
    along = F.conv2d(F.pad(h, (1, 0)), layer.along.weight[..., :2], layer.along.bias)
    across = F.conv2d(down, layer.across.weight, layer.across.bias)
    moved = layer.of_class.weight[label][..., None, None]  # (B, 16, 1, 1)
    out = []
    for x in (down + moved[:, :8], along + across + moved[:, 8:]):
        out.append(torch.tanh(x[:, :4]) / (1 + torch.exp(-x[:, 4:])))
    want = out[0], h + F.conv2d(out[1], layer.expand.weight, layer.expand.bias)
    got = layer(v, h, label)
    return all(bool((a - b).abs().max() < 1e-9) for a, b in zip(got, want, strict=True))


def test_a_layer_is_that_of_figure_2():
    assert layer_agrees(gated_pixelcnn)


@pytest.mark.parametrize(
    "fault",
    [
        ("what.tanh() * how_much.sigmoid()", "what.sigmoid() * how_much.tanh()"),
        ("h + added if self.residual", "added if self.residual"),
        ("gate(row_and_above + for_h", "gate(row_and_above"),
        ("for_v, for_h = ", "for_h, for_v = "),
        ('self.residual = colours, kind == "B"', 'self.residual = colours, kind == "A"'),
    ],
)
def test_a_planted_fault_in_a_layer_is_seen(fault):
    assert not layer_agrees(planted("lecture_utils.generative.pixel.gated_pixelcnn", fault))


def test_a_class_is_learned_and_drawn():
    """Two classes, dark and bright pictures of 2 × 2 pixels: what is drawn is what was asked for."""
    torch.manual_seed(0)
    model = GatedPixelCNN(3, width=8, layers=1, size=3, classes=2)
    label = torch.tensor([0, 1] * 8)
    image = (2 * label)[:, None, None, None].expand(16, 1, 2, 2).contiguous()
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = bits_per_dim(model(image, label), image).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    drawn = sample(partial(model, label=label), 16, (2, 2))
    assert (drawn == image).float().mean() > 0.95
    with torch.no_grad():
        assert bits_per_dim(model(image, 1 - label), image).mean() > 1  # the other class would not expect it


def test_drawing_costs_what_scoring_says():
    model = lively(GatedPixelCNN, width=8, classes=3)
    label = torch.tensor([0, 2])
    image, bits = sample_with_bits(partial(model, label=label), 2, (3, 4))
    torch.testing.assert_close(bits.mean((1, 2, 3)), bits_per_dim(model(image, label), image).float())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vertical_mask("A", 2, 1, 1), "size: got 2"),
        (lambda: vertical_mask("C", 3, 1, 1), "kind: got 'C'"),
        (lambda: GatedPixelCNN(1), "levels 1"),
        (lambda: GatedPixelCNN(4, classes=-1), "classes: got -1"),
        (lambda: GatedPixelCNN(4, colours=3, width=8), "want multiples of 3 colours"),
        (lambda: GatedPixelCNN(4)(torch.rand(1, 1, 3, 3)), "image: got torch.float32"),
        (lambda: GatedPixelCNN(4, classes=3)(torch.zeros(1, 1, 3, 3).long()), "label: got none"),
        (
            lambda: GatedPixelCNN(4)(torch.zeros(1, 1, 3, 3).long(), torch.zeros(1).long()),
            "label: got labels",
        ),
        (
            lambda: GatedPixelCNN(4, classes=3)(torch.zeros(1, 1, 3, 3).long(), torch.tensor([3])),
            "class numbers from 3 to 3, want 0 to 2",
        ),
        (lambda: gate(torch.zeros(2, 4)), "want"),
        (lambda: GatedLayer("B", 4, 4, 3, dropout=1.5), "dropout: got 1.5"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
