"""The bench on words and pictures (chapters 13, 14): CLIP's step, and text with and without a cache."""

from collections.abc import Callable
from typing import Any

import torch
from bench_pairs import Rows, compared, in_turn

BATCH = 16


def clip_pair() -> tuple[Any, Any]:
    """Our CLIP and transformers', of a quarter of ViT-B/32's width, with the same random weights."""
    import transformers

    from lecture_utils.hub.clip_weights import from_transformers

    shared = {"hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 3, "num_hidden_layers": 6}
    config = transformers.CLIPConfig(
        text_config={
            **shared,
            "vocab_size": 4096,
            "max_position_embeddings": 64,
            "eos_token_id": 4095,
            "bos_token_id": 4094,
        },
        vision_config={**shared, "image_size": 128, "patch_size": 16},
        projection_dim=128,
    )
    theirs = transformers.CLIPModel(config)
    return from_transformers(theirs).train(), theirs.train()


def clip() -> Rows:
    """One training step's forward and backward on the same pairs, ours and transformers'."""
    from lecture_utils.multimodal.clip.loss import clip_loss

    torch.manual_seed(0)
    ours, theirs = clip_pair()
    images, ids = torch.rand(BATCH, 3, 128, 128), torch.randint(4000, (BATCH, 32))
    ids[:, -1] = 4095
    scaled = (images - ours.mean) / ours.std

    def step() -> None:
        ours.zero_grad(set_to_none=True)
        clip_loss(ours.encode_image(images), ours.encode_text(ids), ours.log_scale).backward()

    def their_step() -> None:
        theirs.zero_grad(set_to_none=True)
        theirs(input_ids=ids, pixel_values=scaled, return_loss=True).loss.backward()

    what = f"CLIP forward + backward, {BATCH} pairs, 128², ours : transformers"
    return [compared(what, step, their_step, pairs=15, aim="≤ 1.10")]


def cached_text() -> Rows:
    """Writing 96 tokens greedily, each read from the cache, against reading the whole text anew each time."""
    from lecture_utils.multimodal.decoding import generate
    from lecture_utils.multimodal.language_model import LanguageModel

    torch.manual_seed(0)
    lm = LanguageModel(4096, dim=192, heads=3, layers=6, length=128).eval()
    start, steps = torch.randint(4096, (1, 8)), 96

    @torch.inference_mode()
    def anew() -> None:
        ids = start
        for _ in range(steps):
            logits: Any = lm(ids)
            ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)

    a, b, ratio = in_turn(lambda: generate(lm, start, steps, temperature=0.0), anew, 7)
    measured = f"{ratio:.2f} ({steps / a:.0f} : {steps / b:.0f} tokens a second)"
    return [("language model, 96 tokens, time with a KV cache : without", measured, "≤ 0.50")]


SECTIONS: dict[str, Callable[[], Rows]] = {"clip": clip, "cached_text": cached_text}
