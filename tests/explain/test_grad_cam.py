"""S04.6: Grad-CAM against pytorch-grad-cam, against CAM, and by hand."""

import importlib
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.backbones.vit import ViT
from lecture_utils.data import toyworld
from lecture_utils.explain.cam import cam
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.maps import tokens_to_maps

pytestmark = pytest.mark.system("S04.6")


def images(n: int = 3) -> tuple[Tensor, Tensor]:
    return toyworld.classification(n, split="test", seed=1)


@pytest.mark.nightly
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(
    ("name", "layer"),
    [("resnet18", "layer4"), ("resnet18", "layer2.1"), ("resnet50", "layer4"), ("resnet50", "layer3")],
)
def test_equals_pytorch_grad_cam(name: str, layer: str, relu: bool) -> None:
    """Their raw map: what they go on to clip at 0, scale to [0, 1] and stretch to the image."""
    library = importlib.import_module("pytorch_grad_cam")  # takes seconds, so only here
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    models = importlib.import_module("torchvision.models")
    torch.manual_seed(0)
    model = getattr(models, name)(num_classes=10).eval()
    x = torch.randn(2, 3, 97, 130)
    ours = grad_cam(model, x, torch.tensor([3, 7]), layer=layer, relu=relu)
    with library.GradCAM(model=model, target_layers=[model.get_submodule(layer)]) as theirs:
        kept = {}
        method = theirs.get_cam_image

        def spy(*args: Any, **options: Any) -> Any:
            kept["raw"] = torch.from_numpy(method(*args, **options))
            return kept["raw"].numpy()

        theirs.get_cam_image = spy
        final = torch.from_numpy(theirs(x, [targets.ClassifierOutputTarget(k) for k in (3, 7)]))
    want = kept["raw"].clamp_min(0) if relu else kept["raw"]
    scale = want.abs().amax()
    assert scale > 0
    torch.testing.assert_close(ours / scale, want / scale, rtol=0, atol=1e-5)
    assert final.shape == (2, 97, 130)


def test_on_a_gap_network_it_is_cam_over_h_times_w() -> None:
    model = zoo.load("shapes_resnet").double()
    x, y = images()
    for target in (0, 5, y):
        ours = grad_cam(model, x.double(), target, layer="stages", relu=False)
        want = cam(model, x.double(), target) / (8 * 8)
        torch.testing.assert_close(ours, want, rtol=0, atol=1e-13)
    clipped = grad_cam(model, x.double(), y, layer="stages")
    torch.testing.assert_close(clipped, (cam(model, x.double(), y) / 64).relu(), rtol=0, atol=1e-13)


def test_by_hand_in_the_middle_of_a_network() -> None:
    torch.manual_seed(0)
    first, rest = (
        nn.Conv2d(3, 4, 3),
        nn.Sequential(nn.Tanh(), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(2 * 25, 6)),
    )
    model = nn.Sequential(first, rest).double().eval()
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64)
    maps = first(x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(rest(maps)[:, 4].sum(), maps)
    want = torch.zeros(2, 7, 7, dtype=torch.float64)
    for b in range(2):
        for c in range(4):
            want[b] += gradient[b, c].mean() * maps[b, c].detach()
    torch.testing.assert_close(grad_cam(model, x, 4, layer="0", relu=False), want)
    torch.testing.assert_close(grad_cam(model, x, 4, layer="0"), want.relu())


def test_images_of_a_batch_do_not_mix_and_the_model_keeps_no_gradient() -> None:
    model = zoo.load("shapes_resnet")
    x, y = images(4)
    together = grad_cam(model, x, y, layer="stages.1")
    assert together.shape == (4, 16, 16)
    for i in range(4):
        alone = grad_cam(model, x[i : i + 1], int(y[i]), layer="stages.1")
        torch.testing.assert_close(alone[0], together[i], rtol=1e-3, atol=1e-6)
    assert all(p.grad is None for p in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())


def test_any_scalar_the_sign_turns_the_map() -> None:
    model = zoo.load("shapes_resnet")
    x, _ = images()
    plus = grad_cam(model, x, lambda s: s[:, 2] - s[:, 3], layer="stages", relu=False)
    minus = grad_cam(model, x, lambda s: s[:, 3] - s[:, 2], layer="stages", relu=False)
    torch.testing.assert_close(plus, -minus)
    apart = grad_cam(model, x, 2, layer="stages", relu=False) - grad_cam(
        model, x, 3, layer="stages", relu=False
    )
    torch.testing.assert_close(plus, apart, atol=1e-5, rtol=1e-4)


def test_frozen_models_inside_no_grad_and_layers_in_place() -> None:
    from torchvision.models import resnet18

    model = zoo.load("shapes_resnet")
    x, y = images()
    want = grad_cam(model, x, y, layer="stages.0")
    model.requires_grad_(False)
    with torch.no_grad():
        torch.testing.assert_close(grad_cam(model, x, y, layer="stages.0"), want)
    torch.manual_seed(0)
    theirs = resnet18(num_classes=3).eval()
    x = torch.randn(1, 3, 64, 64)
    got = grad_cam(theirs, x, 0, layer="bn1", relu=False)  # an in-place ReLU follows, which must not spoil it
    theirs.relu.inplace = False
    torch.testing.assert_close(got, grad_cam(theirs, x, 0, layer="bn1", relu=False))


def test_a_transformer_s_tokens_as_maps() -> None:
    torch.manual_seed(0)
    model = ViT(image=24, patch=8, dim=16, heads=2, hidden=32, layers=2, classes=5).eval()
    as_maps = partial(tokens_to_maps, grid=(3, 3))
    got = grad_cam(model, torch.randn(2, 3, 24, 24), 1, layer="layers.0", as_maps=as_maps, relu=False)
    assert got.shape == (2, 3, 3) and float(got.abs().sum()) > 0


def test_tokens_by_hand_the_gradient_weighs_and_the_activations_are_weighed() -> None:
    torch.manual_seed(0)
    first, rest = nn.Linear(5, 4), nn.Sequential(nn.Tanh(), nn.Flatten(), nn.Linear(6 * 4, 3))
    model = nn.Sequential(first, rest).double().eval()
    x = torch.randn(2, 6, 5, dtype=torch.float64)  # six tokens, in two rows of three
    tokens = first(x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(rest(tokens)[:, 1].sum(), tokens)
    want = (gradient.mean(1, keepdim=True) * tokens.detach()).sum(2).reshape(2, 2, 3)

    def as_maps(values: Tensor) -> Tensor:
        return values.transpose(1, 2).reshape(2, 4, 2, 3)

    got = grad_cam(model, x, 1, layer="0", as_maps=as_maps, relu=False)
    torch.testing.assert_close(got, want)


def test_pictures_from_inference_mode_are_taken_and_a_call_inside_is_named() -> None:
    model = zoo.load("shapes_resnet")
    x, y = images()
    want = grad_cam(model, x, y, layer="stages")
    with torch.inference_mode():
        made = x.clone()
        with pytest.raises(ValueError, match=r"inside torch\.inference_mode"):
            grad_cam(model, x, y, layer="stages")
    torch.testing.assert_close(grad_cam(model, made, y, layer="stages"), want)
    torch.testing.assert_close(grad_cam(model, x, y.numpy(), layer="stages"), want)
    top = model(x[:1]).detach().numpy().argmax()  # what most people pass
    assert grad_cam(model, x[:1], top, layer="stages").shape == (1, 8, 8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA")
def test_on_cuda() -> None:
    model = zoo.load("shapes_resnet")
    x, y = images()
    want = grad_cam(model, x, y, layer="stages")
    got = grad_cam(model.cuda(), x.cuda(), y.cuda(), layer="stages")
    torch.testing.assert_close(got.cpu(), want, rtol=1e-3, atol=1e-4)


def test_bad_input_is_told() -> None:
    model = zoo.load("shapes_resnet")
    x, y = images()
    for bad, message in (
        (lambda: grad_cam(model, x, y, layer="layer4"), "'layer4', which CifarNet lacks"),
        (lambda: grad_cam(model, x, y, layer="head"), r"gives \(3, 8\), want \(B, C, h, w\)"),
        (lambda: grad_cam(model, x, 9, layer="stages"), "from 0 to 7"),
        (lambda: grad_cam(model, x, lambda s: s.detach()[:, 0], layer="stages"), "without a gradient"),
        (lambda: grad_cam(model, x, lambda s: model.head.weight.sum(), layer="stages"), "does not depend"),
        (lambda: grad_cam(zoo.load("shapes_resnet").train(), x, y, layer="stages"), "training mode"),
        (lambda: grad_cam(model, x[0], 0, layer="stages"), r"use x\[None\]"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
