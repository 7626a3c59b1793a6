"""Weights `shapes_latent_diffusion`: a sentence of the narrow world, and a box if there is one, to a picture.

S16.3: the slim U-Net on codes 8 × 8 × 4, with v-prediction and the cosine schedule, told by the tokens of
`shapes_clip` and a box token; what is shipped is its moving average. Auto-encoder (`shapes_kl_ae`) and text
encoder are frozen, and not in the file.
"""

import torch
from torch import nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.ops.boxes import box_iou
from lecture_utils.recipes._judged import conditional_accuracy, fidelity, judged, nearest
from lecture_utils.recipes._latent_diffusion import (
    asked,
    asked_on,
    build_latent_diffusion,
    coder,
    found_boxes,
    lessons,
    painted,
    places,
    reader,
    trained,
)

STEPS, RATE = 12_500, 2e-3  # 18 minutes of one core
TESTED, APART, POOL = 1000, 400, 10_000  # pictures of seen and of held-out pairs, and of training
SCALES, SWEPT, BOXED = (1.0, 2.0, 3.0, 5.0, 8.0), 512, 256  # of guidance; sentences and boxes at each


def build() -> LatentDiffusion:
    """The model, untrained: `sample` takes ids (B, 16), boxes (B, 1, 4) and classes (B, 1)."""
    return build_latent_diffusion()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on captioned pictures, 32 a step; see `_latent_diffusion`."""
    reader.cache_clear()  # loading frozen parts draws random numbers, so that it must always happen here
    coder.cache_clear()
    torch.manual_seed(seed)
    return trained(build(), lessons(seed), steps=steps, rate=RATE, label="latent diffusion")


def evaluate(model: nn.Module) -> dict[str, float]:
    """What judges see in 1,000 pictures of pairs as the test split has them, and in 400 of held-out pairs.

    Asked for as "a photo of a red ball", by 20 steps of DDIM with guidance 3, and without (`_unguided`). The
    Fréchet distances and the nearest training pictures stand beside those of as many real ones. `box_iou` is
    that of the box asked for and the one that is found; `box_iou_untold` the same where no box was told. For
    the figures `_at_1` to `_at_8` see `guidance_sweep`.
    """
    some = captioned(TESTED, seed=2, split="test")
    apart = captioned(APART, seed=2, split="test", held_out=True)
    ids, (boxes, class_id) = asked(some.class_id, some.colour_id), places(some)
    made = painted(model, ids, seed=1)
    placed = painted(model, ids[:APART], boxes[:APART], class_id[:APART], seed=2)
    figures = conditional_accuracy(made, some.class_id, some.colour_id) | fidelity(made, n=TESTED)
    for name, told, scale in (("held_out", apart, 3.0), ("unguided", some, 1.0)):
        told_class, told_colour = told.class_id[:APART], told.colour_id[:APART]
        seen = painted(model, asked(told_class, told_colour), seed=3, scale=scale)
        right = conditional_accuracy(seen, told_class, told_colour)
        figures |= {f"{key}_{name}": value for key, value in right.items()}
    pool = captioned(POOL, seed=0).image
    return (
        figures
        | guidance_sweep(model)
        | {
            "box_iou": box_iou(found_boxes(placed), boxes[:APART, 0]).diagonal().mean().item(),
            "box_iou_untold": box_iou(found_boxes(made[:APART]), boxes[:APART, 0]).diagonal().mean().item(),
            "nearest": nearest(made, pool)[0].mean().item(),
            "nearest_of_real": nearest(some.image, pool)[0].mean().item(),
        }
    )


def guidance_sweep(model: nn.Module) -> dict[str, float]:
    """What is right at several scales of guidance: attributes of 512 sentences, places of 256 boxes.

    The sentences tell class, colour and ground and no box; the same ones and the same noise at each scale.
    """
    some = captioned(SWEPT, seed=6, split="test")
    ids, (boxes, class_id) = asked_on(some.class_id, some.colour_id, some.ground_id), places(some)
    figures: dict[str, float] = {}
    for scale in SCALES:
        made = painted(model, ids, seed=4, scale=scale)
        right = conditional_accuracy(made, some.class_id, some.colour_id)
        right["ground"] = (judged(made).ground_id == some.ground_id).float().mean().item()
        placed = painted(model, ids[:BOXED], boxes[:BOXED], class_id[:BOXED], seed=5, scale=scale)
        right["box_iou"] = box_iou(found_boxes(placed), boxes[:BOXED, 0]).diagonal().mean().item()
        figures |= {f"{key}_at_{scale:g}": value for key, value in right.items()}
    return figures
