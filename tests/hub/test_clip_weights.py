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
