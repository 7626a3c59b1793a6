"""Chapter 04's practitioner section: Grad-CAM and class visualisation on torchvision's networks.

As the notebook does it, on a tiny checkpoint: random weights in torch's own cache layout, no download.
"""

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.transforms import v2

from lecture_utils.data import photographs
from lecture_utils.explain.class_visualisation import visualise_class
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.maps import upsample
from lecture_utils.hub import torchvision as hub
from lecture_utils.training.loop import predictions


@pytest.fixture
def sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, any_digits: None) -> nn.Module:
    """A cached ResNet-18 that takes photographs in [0, 1]."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    model = models.resnet18()
    torch.save(model.state_dict(), folder / Path(models.ResNet18_Weights.DEFAULT.url).name)
    found = hub.classifier("resnet18")
    assert found is not None
    scale = v2.Normalize(found.transform.mean, found.transform.std)  # type: ignore[attr-defined]
    return nn.Sequential(scale, found.model).eval()


@pytest.mark.system("S04.6")
def test_grad_cam_of_a_cached_network_is_cam_by_hand(sees: nn.Module) -> None:
    photos = torch.stack([photographs.load(name, size=96) for name in ("astronaut", "cat")])
    best = predictions(sees, photos).argmax(1)
    maps = grad_cam(sees, photos, best, layer="1.layer4")  # (2, 3, 3)
    network = sees[1]
    body = nn.Sequential(*list(network.children())[:-2])
    with torch.no_grad():
        last = body(sees[0](photos))  # (2, 512, 3, 3)
        cam = torch.einsum("bchw,bc->bhw", last, network.fc.weight[best]).relu() / 9
    torch.testing.assert_close(maps, cam, atol=1e-5, rtol=1e-4)
    assert upsample(maps, 96).shape == (2, 96, 96)


@pytest.mark.system("S04.4")
def test_class_visualisation_climbs_on_a_cached_network(sees: nn.Module) -> None:
    before = visualise_class(sees, [1, 967], size=48, steps=1, jitter=0)
    after = visualise_class(sees, [1, 967], size=48, steps=12, jitter=4)
    assert after.image.shape == (2, 3, 48, 48)
    assert float(after.image.min()) >= 0 and float(after.image.max()) <= 1
    assert bool((after.probability > before.probability).all())
