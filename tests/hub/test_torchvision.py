"""The practitioner's weights: from the cache, never downloaded unasked, clear when missing or damaged."""

from pathlib import Path

import pytest
import torch
from torchvision import models

from lecture_utils.hub import torchvision as hub
from lecture_utils.hub.vit_weights import from_torchvision


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, any_digits: None) -> Path:
    """An empty cache in torch's own layout, and no leave to download."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def put(folder: Path, name: str) -> torch.nn.Module:
    """Save a random network of torchvision under the name that torchvision looks for."""
    torch.manual_seed(0)
    model = models.get_model(name)
    torch.save(model.state_dict(), folder / Path(models.get_model_weights(name).DEFAULT.url).name)
    return model.eval()


def test_cached_weights_answer_as_torchvision_does(cache: Path) -> None:
    reference = put(cache, "resnet18")
    found = hub.classifier("resnet18")
    assert found is not None
    image = torch.rand(3, 97, 120)
    answers = found.top([image, image.flip(2)], k=4)
    with torch.inference_mode():
        shares = reference(found.transform(image)[None]).softmax(1)[0]
    assert [name for name, _ in answers[0]] == [found.names[k] for k in shares.topk(4).indices]
    assert [p for _, p in answers[0]] == pytest.approx(shares.topk(4).values.tolist(), abs=1e-6)
    assert len(answers) == 2 and len(found.names) == 1000


@pytest.mark.parametrize("name", ["vit_b_16", "swin_t"])
def test_transformers_come_from_the_cache_too(
    cache: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A tiny network of the library's own class, saved where the library looks for the real one."""

    def tiny(_: str) -> torch.nn.Module:
        if name == "swin_t":
            return models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [7, 7])
        model = models.VisionTransformer(224, 56, 2, 2, 16, 32)
        torch.nn.init.normal_(model.heads.head.weight)  # torchvision starts the head at zero
        return model

    monkeypatch.setattr(models, "get_model", tiny)
    reference = put(cache, name)
    found = hub.classifier(name)
    assert found is not None
    image = torch.rand(3, 97, 120)
    x = found.transform(image)[None]
    with torch.inference_mode():
        best = reference(x).argmax().item()
    assert found.top([image], k=1)[0][0][0] == found.names[best]
    if name == "vit_b_16":
        ours = from_torchvision(found.model)  # type: ignore[arg-type]
        with torch.inference_mode():
            torch.testing.assert_close(ours(x), reference(x), rtol=1e-4, atol=1e-5)
        maps = ours.attention_maps(x)
        assert maps.shape == (2, 1, 2, 17, 17)
        torch.testing.assert_close(maps.sum(-1), torch.ones(2, 1, 2, 17))


def test_missing_weights_say_what_to_do(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hub.classifier("resnet50") is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "COURSE_DOWNLOAD=1" in said and "98 MB" in said


@pytest.mark.parametrize("damage", [b"", b"no archive at all", None])
def test_damaged_weights_say_so(
    cache: Path, capsys: pytest.CaptureFixture[str], damage: bytes | None
) -> None:
    path = cache / Path(models.ResNet18_Weights.DEFAULT.url).name
    if damage is None:
        torch.save({"fc.weight": torch.zeros(2)}, path)  # a good file of another network
    else:
        path.write_bytes(damage)
    assert hub.classifier("resnet18") is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and path.name in said and "delete" in said


def test_a_download_without_network_is_one_line(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    assert hub.classifier("resnet18") is None
    assert "no route to host" in capsys.readouterr().out


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="resnet50"):
        hub.classifier("resnet51")


def test_a_cached_segmenter_labels_every_pixel_as_torchvision_does(cache: Path) -> None:
    name = "lraspp_mobilenet_v3_large"
    torch.manual_seed(0)
    reference = models.get_model(name, weights=None, weights_backbone=None).eval()
    for layer in reference.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    torch.save(reference.state_dict(), cache / Path(models.get_model_weights(name).DEFAULT.url).name)
    found = hub.segmenter()
    assert found is not None and found.names[0] == "__background__" and len(found.names) == 21
    image = torch.rand(3, 61, 90)
    got = found.label_map(image)
    with torch.inference_mode():
        scores = reference(found.transform(image)[None])["out"]
    want = torch.nn.functional.interpolate(scores, (61, 90), mode="bilinear")[0].argmax(0)
    assert got.shape == (61, 90) and torch.equal(got, want) and len(got.unique()) > 1
    with pytest.raises(ValueError, match="images"):
        found.label_map(torch.rand(61, 90, 3))


def test_a_segmenter_that_is_not_here_says_so(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hub.segmenter("fcn_resnet50") is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "COURSE_DOWNLOAD=1" in said and "COCO" in said
    with pytest.raises(ValueError, match="fcn_resnet50"):
        hub.segmenter("resnet50")
