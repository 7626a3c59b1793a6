"""S04.5: the mean of a class's map is its score less the bias."""

import pytest
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.backbones.resnet import resnet18
from lecture_utils.data import toyworld
from lecture_utils.explain.cam import cam, class_activation_maps
from lecture_utils.explain.hooks import record

pytestmark = pytest.mark.system("S04.5")


def test_the_mean_of_every_map_is_its_score_less_the_bias() -> None:
    model = zoo.load("shapes_resnet").double()
    x, _ = toyworld.classification(6, split="test", seed=1)
    x = x.double()
    with torch.no_grad(), record(model, "stages") as seen:
        scores = model(x)
    maps = class_activation_maps(seen["stages"], model.head.weight)
    assert maps.shape == (6, 8, 8, 8)
    torch.testing.assert_close(maps.mean((2, 3)), scores - model.head.bias, rtol=0, atol=1e-12)
    for k in range(8):
        torch.testing.assert_close(cam(model, x, k), maps[:, k])


def test_equals_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    weight = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    got = class_activation_maps(maps, weight)
    for b, k, i, j in ((0, 0, 0, 0), (1, 5, 3, 4), (1, 2, 0, 3)):
        assert abs(got[b, k, i, j] - sum(weight[k, c] * maps[b, c, i, j] for c in range(3))) < 1e-12


def test_a_class_for_each_image_odd_sizes_and_a_batch_of_one() -> None:
    torch.manual_seed(0)
    model = resnet18(classes=5).eval()
    x = torch.randn(3, 3, 97, 70)
    chosen = torch.tensor([4, 0, 2])
    got = cam(model, x, chosen)
    assert got.shape == (3, 4, 3) and not got.requires_grad
    for i in range(3):
        torch.testing.assert_close(
            cam(model, x[i : i + 1], int(chosen[i])), got[i : i + 1], rtol=1e-4, atol=1e-4
        )


@pytest.mark.slow
def test_a_network_of_torchvision_s_names() -> None:
    from torchvision.models import resnet18 as theirs

    torch.manual_seed(0)
    model = theirs(num_classes=4).eval()
    x = torch.randn(2, 3, 64, 64)
    got = cam(model, x, 1, layer="layer4", head="fc")
    torch.testing.assert_close(
        got.mean((1, 2)), (model(x)[:, 1] - model.fc.bias[1]).detach(), rtol=1e-4, atol=1e-5
    )


class MaxNet(nn.Module):
    """Ends in a maximum, not an average."""

    def __init__(self) -> None:
        super().__init__()
        self.stages, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(x).amax((2, 3)))


class MeanNet(nn.Module):
    """Ends in an average; may lack a bias, add something to its scores, or give a tuple."""

    def __init__(self, *, bias: bool = True, extra: float = 0.0, pack: bool = False) -> None:
        super().__init__()
        self.stages, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2, bias=bias)
        self.extra, self.pack = extra, pack

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor]:
        scores = self.head(self.stages(x).mean((2, 3))) + self.extra
        return (scores,) if self.pack else scores


def test_a_head_without_bias_and_a_network_that_only_nearly_ends_so() -> None:
    torch.manual_seed(0)
    x, model = torch.randn(2, 3, 8, 8), MeanNet(bias=False).eval()
    torch.testing.assert_close(cam(model, x, 1).mean((1, 2)), model(x)[:, 1].detach())
    assert cam(MeanNet(extra=1e-4).eval(), x, 1).shape == (2, 6, 6)  # as far off as rounding may be
    with pytest.raises(ValueError, match="not 'head' of the mean of 'stages'"):
        cam(MeanNet(extra=0.02).eval(), x, 1)
    with pytest.raises(ValueError, match=r"got the output tuple.*, want scores \(B, K\)"):
        cam(MeanNet(pack=True).eval(), x, 1)


def test_bad_input_is_told() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 3, 32, 32)
    net = zoo.load("shapes_resnet")
    for bad, message in (
        (lambda: cam(MaxNet().eval(), x, 0), "not 'head' of the mean of 'stages'"),
        (lambda: cam(net, x, 0, layer="stages.1"), r"\(B, C, h, w\) and \(K, C\)"),
        (lambda: cam(net, x, 0, head="stem"), "'stem' is Sequential, want nn.Linear"),
        (lambda: cam(net, x, 0, layer="stage"), "'stage', which CifarNet lacks; did you mean stages"),
        (lambda: cam(net, x, 8), "from 0 to 7"),
        (lambda: cam(MaxNet(), x, 0), "training mode"),
        (lambda: cam(net, x[0], 0), r"use x\[None\]"),
        (lambda: cam(MeanNet().eval(), x[0], 0), r"use x\[None\]"),  # which checks nothing itself
        (lambda: cam(net, (255 * x).byte(), 0), "uint8"),
        (lambda: cam(net, x, True), "target: got bool"),
        (lambda: cam(net, x, [0, 1]), "got 2 class numbers"),
        (lambda: class_activation_maps(torch.zeros(1, 3, 2, 2), torch.zeros(5, 4)), r"\(5, 4\)"),
        (lambda: class_activation_maps(torch.zeros(1, 3, 2, 2), torch.zeros(3)), r"\(3,\), want"),
        (lambda: class_activation_maps(torch.zeros(3, 2, 2), torch.zeros(5, 3)), r"use x\[None\]"),
        (
            lambda: class_activation_maps(torch.zeros(1, 3, 2, 2), torch.zeros(5, 3).long()),
            "weights: got dtype",
        ),
        (lambda: class_activation_maps(torch.zeros(1, 3, 2, 2).byte(), torch.zeros(5, 3)), "uint8"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
