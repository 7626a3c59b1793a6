"""What the tests of the two stages share: maps, true boxes, and weights handed over to torchvision's."""

import torch
from torch import Tensor, nn

IMAGE = (64, 96)  # pixels of the batch
PICTURES = [(64, 96), (50, 71)]  # what of it each picture fills


def maps(channels: int) -> list[Tensor]:
    """Random maps of two pictures, at strides 4, 8 and 16."""
    made = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, channels, IMAGE[0] // s, IMAGE[1] // s, generator=made, dtype=torch.float64)
        for s in (4, 8, 16)
    ]


def truth() -> list[tuple[Tensor, Tensor]]:
    """Boxes and labels of two pictures."""
    boxes = torch.tensor([[5.0, 6, 22, 20], [30, 10, 60, 44], [0, 0, 9, 8]], dtype=torch.float64)
    return [(boxes, torch.tensor([0, 3, 2])), (boxes[1:2] - 4, torch.tensor([1]))]


def as_dicts(targets: list[tuple[Tensor, Tensor]]) -> list[dict[str, Tensor]]:
    """Targets as torchvision takes them: classes from 1."""
    return [{"boxes": boxes, "labels": labels + 1} for boxes, labels in targets]


def draw_weights(model: nn.Module, std: float) -> None:
    """Draw all parameters anew, in place, so large that inputs matter."""
    made = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(std * torch.randn(parameter.shape, generator=made, dtype=torch.float64))


def renamed(head: nn.Module, names: dict[str, str]) -> dict[str, Tensor]:
    """A head's weights under the names that torchvision gives their layers."""
    state = {}
    for name, value in head.state_dict().items():
        layer, kind = name.split(".")
        state[f"{names[layer]}.{kind}"] = value
    return state
