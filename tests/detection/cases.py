"""What the tests of detectors share: maps, pictures, true boxes, and how answers are compared."""

import torch
from torch import Tensor, nn

from lecture_utils.detection.structures import Detections, Targets
from lecture_utils.ops.boxes import box_iou

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


def pictures() -> list[Tensor]:
    """Pictures in [0, 1] of three shapes, in double precision."""
    made = torch.Generator().manual_seed(1)
    return [torch.rand(3, *size, generator=made).double() for size in ((70, 90), (100, 60), (64, 64))]


def assert_equal_detections(
    got: list[Detections], want: list[dict[str, Tensor]], *, tolerance: float, first: int
) -> None:
    """Ours are torchvision's, whose first class is number `first`; there are more than ten a picture."""
    assert min(len(one["boxes"]) for one in want) > 10
    for one, other in zip(got, want, strict=True):
        assert torch.equal(one.labels + first, other["labels"])
        assert (one.boxes - other["boxes"]).abs().max() < tolerance
        assert (one.scores - other["scores"]).abs().max() < tolerance


def assert_pictures_matter(found: list[Detections], tolerance: float) -> None:
    """Two pictures of one batch differ by 100 tolerances or more in scores and boxes."""
    for one, other in ((found[0], found[1]), (found[1], found[2])):
        n = min(len(one.scores), len(other.scores))
        assert (one.scores[:n] - other.scores[:n]).abs().max() > 100 * tolerance
        assert (one.boxes[:n] - other.boxes[:n]).abs().max() > 1
    assert len(torch.cat([one.labels for one in found]).unique()) > 1


def batch_of_two() -> tuple[Tensor, Targets]:
    """Two pictures of coloured boxes, three objects, three classes."""
    boxes = torch.tensor([[3.0, 4, 17, 20], [24, 8, 44, 26]])
    images = torch.zeros(2, 3, 32, 48)
    images[0, 0, 4:20, 3:17] = images[0, 1, 8:26, 24:44] = images[1, 2, 4:20, 3:17] = 1
    return images, [(boxes, torch.tensor([0, 1])), (boxes[:1], torch.tensor([2]))]


def assert_learned(
    model: nn.Module, *, rate: float, steps: int, least: float, generator: torch.Generator | None = None
) -> None:
    """Train on the batch of two; what the detector is sure of then are its objects, to an IoU of `least`."""
    images, targets = batch_of_two()
    drawn = {} if generator is None else {"generator": generator}
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(model.losses(images, targets, **drawn).values()).backward()
        optimizer.step()
    for found, (want, labels) in zip(model.eval()(images), targets, strict=True):
        sure = found.scores > 0.5
        iou, own = box_iou(found.boxes[sure], want).max(1)
        assert set(own.tolist()) == set(range(len(want))) and iou.min() > least
        assert torch.equal(labels[own], found.labels[sure])
