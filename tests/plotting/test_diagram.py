"""Diagrams and layer tables are read off the live model, and leave it as it was."""

import pytest
import torch
import torchvision
from torch import nn

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.plotting.diagram import architecture, chosen, compact, fold, is_residual
from lecture_utils.plotting.display import pixels
from lecture_utils.plotting.trace import layer_table, trace


def texts(fig):
    return [t.get_text() for t in fig.axes[0].texts]


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 3))


def test_blocks_carry_name_type_shape_and_parameters():
    words = texts(architecture(mlp(), torch.rand(2, 3, 4, 4)))
    assert {"input", "3×4×4", "1", "linear", "+ ReLU", "10", "490 par.", "4", "3", "33 par."} <= set(words)
    assert words[0] == "Sequential: 523 parameters"


def test_parameters_in_the_blocks_add_up_to_the_models():
    for model, depth in ((CifarNet(20, residual=True), 2), (torchvision.models.alexnet(), 2)):
        size = 32 if isinstance(model, CifarNet) else 224
        steps = chosen(model, trace(model, torch.rand(1, 3, size, size)), depth)
        assert sum(s.parameters for s in steps) == sum(p.numel() for p in model.parameters())


def test_shapes_come_from_the_run_and_depth_opens_parts():
    model, x = torchvision.models.resnet18(), torch.rand(1, 3, 64, 64)
    steps = trace(model, x)
    assert steps["layer2"].output == (128, 8, 8) and steps[""].output == (1000,)
    assert [s.name for s in chosen(model, steps, 1)][4:8] == ["layer1", "layer2", "layer3", "layer4"]
    assert "layer1.0" in [s.name for s in chosen(model, steps, 2)]
    assert "512×2×2" in texts(architecture(model, x))


def test_the_model_is_left_as_it_was():
    model = CifarNet(20, residual=True).train()
    model.stem.eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    modes = [m.training for m in model.modules()]
    architecture(model, torch.rand(2, 3, 32, 32))
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_hooks_go_away_when_the_model_fails():
    model = mlp()
    with pytest.raises(RuntimeError):
        architecture(model, torch.rand(2, 3, 5, 5))
    assert not any(m._forward_hooks for m in model.modules())


@pytest.mark.parametrize("residual", [True, False])
def test_an_arc_stands_over_residual_blocks_and_only_there(residual):
    model = CifarNet(20, residual=residual)
    words = texts(architecture(model, torch.rand(1, 3, 32, 32), depth=2))
    assert words.count("⊕") == (3 if residual else 0)
    assert is_residual(torchvision.models.resnet18().layer1[0])


def test_a_part_that_is_called_twice_or_never():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.unused = nn.Linear(4, 4), nn.Linear(4, 9)
            self.parts = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])

        def forward(self, x):
            return {"out": self.parts[1](self.parts[0](self.shared(self.shared(x))))}

    steps = trace(Odd(), torch.rand(1, 4))
    assert steps["shared"].calls == 2 and "unused" not in steps and steps[""].output == (2,)
    assert {"parts.0", "parts.1", "shared"} <= set(texts(architecture(Odd(), torch.rand(1, 4))))


def test_folding_keeps_the_shape_of_the_block_before():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(16, 2)
    )
    steps = trace(model, torch.rand(1, 3, 4, 4))
    from lecture_utils.plotting.diagram import _block

    blocks = fold([_block(s) for s in chosen(model, steps, 1)])
    assert [(b.shape, b.followers) for b in blocks] == [((4, 2, 2), ("norm", "ReLU")), ((2,), ())]
    assert blocks[0].parameters == 112 + 8


@pytest.mark.parametrize("x", [torch.rand(3), "image"])
def test_bad_inputs_are_named(x):
    with pytest.raises(ValueError, match="batch axis"):
        architecture(mlp(), x)
    with pytest.raises(ValueError, match="depth: got 0, want 1 or more"):
        architecture(mlp(), torch.rand(2, 48), depth=0)


def test_a_long_model_wraps_onto_rows_at_one_width():
    long = nn.Sequential(*[nn.Linear(4, 4) for _ in range(20)])
    assert pixels(architecture(long, torch.rand(1, 4))).shape[1] == 800


def test_layer_table_lists_leaves_in_order_and_the_total():
    rows = layer_table(mlp(), torch.rand(2, 3, 4, 4))
    assert [r["type"] for r in rows] == ["Flatten", "Linear", "ReLU", "Dropout", "Linear", "Sequential"]
    assert rows[-1]["parameters"] == 523 == sum(r["parameters"] for r in rows[:-1])
    assert rows[1]["output"] == (10,)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1500, "1.5 k"), (61_100_840, "61.1 M"), (138_357_544, "138 M")],
)
def test_compact_numbers(count, text):
    assert compact(count) == text
