"""MAE and DINOv2 through transformers: tiny random checkpoints that the library itself saved, all offline."""

from pathlib import Path

import pytest
import torch

from lecture_utils.hub import transformers as hub
from lecture_utils.selfsup.mae import patchify

transformers = pytest.importorskip("transformers")
huggingface_hub = pytest.importorskip("huggingface_hub")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no leave to download."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    return tmp_path / "hub"


def tiny_mae(**changes: object) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
    }
    decoder = {"decoder_hidden_size": 16, "decoder_num_hidden_layers": 1, "decoder_num_attention_heads": 2}
    config = transformers.ViTMAEConfig(
        **sizes, **decoder, intermediate_size=48, decoder_intermediate_size=64, layer_norm_eps=1e-6, **changes
    )
    return transformers.ViTMAEForPreTraining(config).eval()


def tiny_dino() -> torch.nn.Module:
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        image_size=28, patch_size=14, hidden_size=24, num_hidden_layers=2, num_attention_heads=3
    )
    return transformers.Dinov2Model(config).eval()


def put_in_cache(cache: Path, name: str, model: torch.nn.Module) -> Path:
    """Save a model where the hub keeps what it has fetched, in its own layout."""
    home = cache / ("models--" + name.replace("/", "--"))
    folder = home / "snapshots" / "0123abc"
    model.save_pretrained(folder)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0123abc")
    return folder


@pytest.mark.parametrize("cached", [True, False], ids=["from the cache", "from a folder"])
def test_reconstruction_is_the_models_own(cache: Path, tmp_path: Path, cached: bool) -> None:
    reference = tiny_mae()
    if cached:
        put_in_cache(cache, "facebook/vit-mae-base", reference)
        found = hub.mae()
    else:
        reference.save_pretrained(tmp_path / "mine")
        found = hub.mae(str(tmp_path / "mine"))
    assert found is not None and not found.model.training
    images = torch.rand(2, 3, 32, 32)
    filled, mask = found.reconstruct(images, generator=torch.Generator().manual_seed(1))
    assert filled.shape == images.shape and torch.equal(mask.sum(1), torch.tensor([12, 12]))
    pixels = patchify(images, 8)
    torch.testing.assert_close(patchify(filled, 8)[~mask], pixels[~mask], atol=1e-5, rtol=0)
    noise = torch.rand(2, 16, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        rows = reference(hub.normalised(images, 32), noise=noise).logits
    want = patchify(hub.to_unit(reference.unpatchify(rows)), 8)
    torch.testing.assert_close(patchify(filled, 8)[mask], want[mask], atol=1e-5, rtol=0)


def test_share_and_size_are_the_callers() -> None:
    found = hub.Reconstructor(tiny_mae())
    for ratio, hidden in ((0.0, 0), (0.5, 8), (0.9, 15)):
        filled, mask = found.reconstruct(torch.rand(1, 3, 50, 40), ratio=ratio)
        assert filled.shape == (1, 3, 32, 32) and mask.sum() == hidden
    with pytest.raises(ValueError, match=r"ratio: got 1\.0"):
        found.reconstruct(torch.rand(1, 3, 32, 32), ratio=1.0)


def test_a_model_of_normalised_patches_gets_their_mean_and_spread() -> None:
    found = hub.Reconstructor(tiny_mae(norm_pix_loss=True))
    images = torch.rand(1, 3, 32, 32) * 0.2 + 0.4
    filled, mask = found.reconstruct(images, generator=torch.Generator().manual_seed(0))
    noise = torch.rand(1, 16, generator=torch.Generator().manual_seed(0))
    x = hub.normalised(images, 32)
    with torch.inference_mode():
        guess = found.model(x, noise=noise).logits
    rows = patchify(x, 8)
    want = guess * (rows.var(-1, keepdim=True) + 1e-6).sqrt() + rows.mean(-1, keepdim=True)
    got = patchify(hub.normalised(filled, 32), 8)
    torch.testing.assert_close(got[mask], want[mask], atol=1e-4, rtol=0)


def test_attention_is_the_class_tokens_in_the_last_layer(cache: Path) -> None:
    reference = tiny_dino()
    put_in_cache(cache, "facebook/dinov2-small", reference)
    found = hub.dinov2()
    assert found is not None
    images = torch.rand(2, 3, 30, 40)
    maps = found.attention(images, side=42)
    assert maps.shape == (2, 3, 3, 3) and maps.min() >= 0
    assert (maps.sum((2, 3)) < 1).all()  # the rest is the class token's own
    reference.set_attn_implementation("eager")
    with torch.inference_mode():
        out = reference(hub.normalised(images, 42), output_attentions=True)
    torch.testing.assert_close(maps.flatten(2), out.attentions[-1][:, :, 0, 1:])
    torch.testing.assert_close(found.features(images, side=42), out.last_hidden_state[:, 0])
    with pytest.raises(ValueError, match="multiple of the patch side 14"):
        found.attention(images, side=40)


@pytest.mark.parametrize(("load", "size"), [(hub.mae, "448 MB"), (hub.dinov2, "88 MB")])
def test_missing_weights_say_what_to_do(load, size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert load() is None
    said = capsys.readouterr()
    assert said.out.count("\n") == 1 and "COURSE_DOWNLOAD=1" in said.out and size in said.out and not said.err


def test_a_missing_package_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda name: None)
    assert hub.mae() is None
    assert "pip install transformers" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["truncated", "another network"])
def test_damaged_weights_say_so(cache: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    folder = put_in_cache(cache, "facebook/vit-mae-base", tiny_mae())
    if damage == "truncated":
        (folder / "model.safetensors").write_bytes(b"not tensors")
    else:
        from safetensors.torch import save_file

        save_file({"other": torch.zeros(2)}, folder / "model.safetensors", metadata={"format": "pt"})
    assert hub.mae() is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "facebook/vit-mae-base" in said


def test_a_download_without_network_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COURSE_DOWNLOAD", "1")

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(transformers.ViTMAEForPreTraining, "from_pretrained", unreachable)
    assert hub.mae() is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "network" in said


def test_bad_images_are_told() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 32, 32\)"):
        hub.normalised(torch.rand(3, 32, 32), 32)
    with pytest.raises(ValueError, match=r"torch\.uint8"):
        hub.normalised(torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 8)
