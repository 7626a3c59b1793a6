"""The practitioner's weights: from the cache, never downloaded unasked, clear when missing or damaged."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models
from torchvision.models.detection import faster_rcnn
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

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


MOBILE, RESNET = "fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_resnet50_fpn"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[..., torch.nn.Module]:
    """Torchvision's builder of detectors, but with few weights in the heads, and ResNet-10 for ResNet-50."""
    build = models.get_model

    def made(name: str, **settings: Any) -> torch.nn.Module:
        levels = ["0", "1"]
        head = faster_rcnn.TwoMLPHead(256 * 4, 1024)
        return build(name, box_roi_pool=MultiScaleRoIAlign(levels, 2, 2), box_head=head, **settings)

    def resnet10(*, weights: None, progress: bool, norm_layer: Any) -> torch.nn.Module:
        basic = models.resnet.BasicBlock
        return models.ResNet(basic, [1, 1, 1, 1], norm_layer=norm_layer)

    monkeypatch.setattr(models, "get_model", made)
    monkeypatch.setattr(faster_rcnn, "resnet50", resnet10)
    return made


@torch.no_grad()
def put_detector(folder: Path, build: Callable[..., torch.nn.Module]) -> None:
    """Save random weights under which regions get different classes, each with a score of its own."""
    torch.manual_seed(0)
    model = build(MOBILE, weights=None, weights_backbone=None).eval()
    last, seen = model.roi_heads.box_predictor, []  # type: ignore[union-attr]
    last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # type: ignore[operator]
    model([torch.rand(3, 61, 90)])
    scores, x = last.cls_score, seen[0]  # type: ignore[union-attr]
    scores.weight.normal_().mul_(3 / x.std(0).norm())  # type: ignore[union-attr, operator]
    scores.bias.copy_(-scores.weight @ x.mean(0))  # type: ignore[union-attr, operator]
    torch.save(model.state_dict(), folder / Path(models.get_model_weights(MOBILE).DEFAULT.url).name)


def test_a_cached_detector_finds_what_torchvision_does(
    cache: Path, small: Callable[..., torch.nn.Module]
) -> None:
    put_detector(cache, small)
    found = hub.detector(MOBILE)
    assert found is not None and not found.model.training
    reference, image = small(MOBILE, weights="DEFAULT").eval(), torch.rand(3, 61, 90)
    with torch.inference_mode():
        (want,) = reference([image])
    boxes, labels, scores = found.detect(image, least=0)
    assert len(boxes) > 3 and len(labels.unique()) > 1
    assert torch.equal(boxes, want["boxes"]) and torch.equal(scores, want["scores"])
    assert torch.equal(labels + 1, want["labels"]) and (scores.diff() <= 0).all()
    middle = float(scores[len(scores) // 2])
    assert len(found.detect(image, least=middle).scores) == int((scores >= middle).sum()) < len(scores)


def test_names_fit_the_labels_of_a_detector(cache: Path, small: Callable[..., torch.nn.Module]) -> None:
    """A head that is sure of one class, whatever it sees: torchvision's number 18 is a dog."""
    model = small(MOBILE, weights=None, weights_backbone=None)
    with torch.no_grad():
        model.roi_heads.box_predictor.cls_score.bias[18] = 50  # type: ignore[union-attr, index]
    torch.save(model.state_dict(), cache / Path(models.get_model_weights(MOBILE).DEFAULT.url).name)
    found = hub.detector()
    assert found is not None and len(found.names) == 90
    assert {name: found.names.index(name) for name in ("person", "N/A", "toothbrush")} == {
        "person": 0, "N/A": 11, "toothbrush": 89,
    }  # fmt: skip
    boxes, labels, scores = found.detect(torch.rand(3, 64, 64))
    assert len(boxes) > 0 and scores.min() > 0.99
    assert {found.names[k] for k in labels.tolist()} == {"dog"}
    nothing = dataclasses.replace(found, model=lambda _: [{k: v[:0] for k, v in want.items()}])
    want = {"boxes": boxes, "labels": labels, "scores": scores}
    assert [tuple(x.shape) for x in nothing.detect(torch.rand(3, 64, 64))] == [(0, 4), (0,), (0,)]


def test_a_detector_is_built_as_it_was_trained(cache: Path, small: Callable[..., torch.nn.Module]) -> None:
    """What `from_torchvision` takes over: batch norm is frozen, and in ResNet-50's without an epsilon."""
    for name, eps in ((MOBILE, 1e-5), (RESNET, 0.0)):
        state = small(name, weights=None, weights_backbone=None).state_dict()
        torch.save(state, cache / Path(models.get_model_weights(name).DEFAULT.url).name)
        found = hub.detector(name)
        assert found is not None
        norms = [layer for layer in found.model.modules() if "BatchNorm" in type(layer).__name__]
        assert len(norms) > 10 and all(isinstance(layer, FrozenBatchNorm2d) for layer in norms)
        assert {layer.eps for layer in norms} == {eps}


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (torch.rand(61, 90, 3), ValueError, "channels come first"),
        (torch.rand(61, 90), ValueError, "3, H, W"),
        (torch.zeros(3, 9, 9, dtype=torch.uint8), ValueError, "255"),
        (torch.rand(3, 9, 9) * 3, ValueError, r"\[0, 1\]"),
        ("dog.jpg", TypeError, "photographs.open"),
    ],
)
def test_a_detector_refuses_what_is_no_picture(image: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hub.Detector(torch.nn.Identity(), torch.nn.Identity(), []).detect(image)


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan"), "half"])
def test_a_least_score_is_a_share(least: Any) -> None:
    with pytest.raises(ValueError, match="least: got"):
        hub.Detector(torch.nn.Identity(), torch.nn.Identity(), []).detect(torch.rand(3, 9, 9), least=least)


@pytest.mark.parametrize("damage", [None, b"no archive at all", {"fc.weight": torch.zeros(2)}])
def test_a_detector_that_is_not_here_or_damaged_says_so_in_a_line(
    cache: Path, capsys: pytest.CaptureFixture[str], damage: Any
) -> None:
    path = cache / Path(models.get_model_weights(MOBILE).DEFAULT.url).name
    if isinstance(damage, bytes):
        path.write_bytes(damage)
    elif damage:
        torch.save(damage, path)
    assert hub.detector() is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert (path.name in said and "delete" in said) if damage else ("COURSE_DOWNLOAD=1" in said)
    assert damage or "The COCO weights of fasterrcnn_mobilenet_v3_large_320_fpn (74 MB)" in said


@pytest.mark.parametrize("name", ["fasterrcnn", "resnet50"])
def test_an_unknown_detector(name: str) -> None:
    with pytest.raises(ValueError, match=f"name: got '{name}', want a detector .*fasterrcnn_resnet50_fpn"):
        hub.detector(name)
