"""A checkpoint of transformers' CLIP, saved and read again offline, runs in our code."""

from pathlib import Path

import pytest
import torch

from lecture_utils.hub import clip_weights

pytestmark = pytest.mark.system("S13.4")
transformers = pytest.importorskip("transformers")


def tiny(**text: object) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {"vocab_size": 60, "max_position_embeddings": 8, "eos_token_id": 59}
    return transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config=sizes | words | text,
            vision_config=sizes | {"image_size": 32, "patch_size": 16},
            projection_dim=12,
        )
    ).eval()


@pytest.mark.parametrize("end", [59, clip_weights.OLD_END], ids=["end named", "end the highest id"])
def test_a_saved_checkpoint_answers_as_in_its_library(tmp_path: Path, end: int) -> None:
    tiny(eos_token_id=end).save_pretrained(tmp_path)
    theirs = transformers.CLIPModel.from_pretrained(tmp_path, local_files_only=True).eval()
    ours = clip_weights.from_transformers(theirs)
    assert not ours.training and ours.dim == 12 and ours.length == 8
    images = torch.rand(2, 3, 32, 32)
    ids = torch.tensor([[3, 7, 8, 59, 0, 0], [3, 9, 59, 0, 0, 0], [3, 59, 5, 5, 5, 5]])
    processor = transformers.CLIPImageProcessor(do_resize=False, do_center_crop=False, do_rescale=False)
    pixels = processor(list(images), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        out = theirs(pixel_values=pixels, input_ids=ids)
        torch.testing.assert_close(ours.encode_image(images), out.image_embeds, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ours.encode_text(ids), out.text_embeds, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(ours(images, ids), out.logits_per_image, atol=1e-4, rtol=1e-4)


def words() -> object:
    vocabulary = {"<|startoftext|>": 57, "a</w>": 2, "r": 3, "e": 4, "d</w>": 5, "re": 6, "red</w>": 7}
    return transformers.CLIPTokenizer(
        vocab=vocabulary | {"<|endoftext|>": 59}, merges=[("r", "e"), ("re", "d</w>")]
    )


def test_a_folder_with_its_tokenizer_is_all_that_is_needed(tmp_path: Path) -> None:
    theirs, tokenizer = tiny(), words()
    theirs.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)  # type: ignore[attr-defined]
    found = clip_weights.pretrained(str(tmp_path))
    assert found is not None
    ids = torch.tensor([[57, 2, 7, 59], [57, 7, 59, 59]])
    with torch.inference_mode():
        want = theirs(pixel_values=torch.zeros(1, 3, 32, 32), input_ids=ids).text_embeds
        torch.testing.assert_close(found.texts(["a red", "red"]), want, atol=1e-5, rtol=1e-4)
        assert found.texts(["red " * 30]).shape == (1, 12)
        images = torch.rand(2, 3, 32, 32)
        torch.testing.assert_close(found.images(images), found.clip.encode_image(images))
        assert found.images(torch.rand(1, 3, 40, 50)).shape == (1, 12)
    with pytest.raises(ValueError, match="channels come first"):
        found.images(images.permute(0, 2, 3, 1))


def test_without_its_files_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("COURSE_DOWNLOAD", raising=False)
    assert clip_weights.pretrained() is None
    assert "openai/clip-vit-base-patch32" in capsys.readouterr().out
    tiny().save_pretrained(tmp_path / "bare")
    assert clip_weights.pretrained(str(tmp_path / "bare")) is None
    assert "tokenizer" in capsys.readouterr().out


def test_the_papers_model_has_all_its_tensors() -> None:
    """ViT-B/32 with its text transformer: 151,277,313 parameters, as the paper's code counts."""
    with torch.device("meta"):
        theirs = transformers.CLIPModel(transformers.CLIPConfig())
        state = {clip_weights.our_name(name): value.shape for name, value in theirs.state_dict().items()}
    assert sum(shape.numel() for shape in state.values()) == 151_277_313
    assert len(state) == len(theirs.state_dict())


def test_what_ours_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="relu"):
        clip_weights.from_transformers(tiny(hidden_act="relu"))
    with pytest.raises(ValueError, match="ε"):
        clip_weights.from_transformers(tiny(layer_norm_eps=1e-3))
