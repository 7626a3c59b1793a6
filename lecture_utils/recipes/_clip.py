"""How a CLIP of the captioned world is built, trained and judged: `shapes_clip`, its claims, its breakages.

Shapes: B batch, N tokens, D width of the joint space.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import Captioned, captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, STUFF
from lecture_utils.metrics.retrieval import recall_at
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.clip.image_encoder import ResNetEncoder, ViTEncoder
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.multimodal.clip.zero_shot import TEMPLATES, class_embeddings
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.ops.checks import check_number
from lecture_utils.training.loop import in_evaluation
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]  # image (B, D), text (B, D), log scale → scalar
SIZE, LENGTH, DIM, BATCH, PEAK_RATE, DECAY = 32, 32, 64, 64, 3e-3, 0.05
PORTION = 3200  # pictures rendered at a time
PAIRS = tuple(f"{colour} {name}" for name in CLASSES for colour in COLOURS)  # 64 candidates, class by class


@functools.cache
def tokenizer() -> Tokenizer:
    """The tokenizer of the captions: 200 merges asked for, 118 to be had, since then each word is a token."""
    return Tokenizer.train(captioned(4000, seed=0, size=8).text, 200)  # the texts do not depend on the size


def build_clip(image: str = "resnet") -> CLIP:
    """An untrained CLIP for pictures of 32 × 32: a "resnet", a "small" one or a "vit"; two layers of text."""
    words = tokenizer()
    encoder: nn.Module
    if image == "resnet":
        encoder = ResNetEncoder(image=SIZE, width=16, blocks=(2, 2, 2), heads=4, out=DIM)
    elif image == "small":
        encoder = ResNetEncoder(image=SIZE, width=8, blocks=(1, 1, 1), heads=4, out=DIM)
    elif image == "vit":
        encoder = ViTEncoder(image=SIZE, patch=4, width=64, heads=4, layers=4, hidden=128, out=DIM)
    else:
        raise ValueError(f"image encoder: got {image!r}, want 'resnet', 'small' or 'vit'")
    text = TextEncoder(
        vocabulary=words.vocabulary, length=LENGTH, end=words.end, width=64, heads=4, layers=2, out=DIM
    )
    return CLIP(encoder, text, words)


def pairs(seed: int, *, batch: int = BATCH, shuffled: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures (B, 3, 32, 32) that never repeat and their captions' ids (B, N), N as the longest has.

    `shuffled` gives each picture of a batch the caption of another one, drawn anew each time.
    """
    words, generator = tokenizer(), torch.Generator().manual_seed(seed)
    for portion in itertools.count(1000 * seed):
        some = captioned(PORTION // batch * batch, seed=portion)
        for start in range(0, len(some), batch):
            texts = some.text[start : start + batch]
            ids = words.batch(texts, 2 + max(len(words.encode(text)) for text in texts))
            if shuffled:
                ids = ids[torch.randperm(batch, generator=generator)]
            yield some.image[start : start + batch], ids


def one_sided_loss(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    """`clip_loss` without its second half: pictures look for captions, captions for nothing."""
    return nn.functional.cross_entropy(log_scale.exp() * image @ text.T, torch.arange(len(image)))


def train_clip(seed: int, *, steps: int, **choices: Any) -> CLIP:
    """Train a CLIP from nothing, both encoders together, on fresh captioned pictures.

    A step of 64 pairs takes about 0.19 s of one core with "resnet" (300, 600, 1,200 steps: 1, 2, 4 minutes)
    and 0.09 s with "small" (½, 1, 2 minutes), rendering included.

    Parameters
    ----------
    seed, steps, choices
        As for `trained`.

    Returns
    -------
    CLIP
        In evaluation mode.
    """
    return trained(seed, steps=steps, **choices)[0]


def trained(
    seed: int,
    *,
    steps: int,
    batch: int = BATCH,
    image: str = "resnet",
    temperature: float | None = None,
    loss: Loss = clip_loss,
    one_sided: bool = False,
    shuffled: bool = False,
    clip: CLIP | None = None,
) -> tuple[CLIP, dict[str, float]]:
    """`train_clip`, with what `one_cycle` tells of the training.

    Parameters
    ----------
    seed : int
        Of weights, pictures and captions.
    steps, batch : int
        The rate rises over a tenth of the steps and falls to nothing.
    image : str
        As for `build_clip`.
    temperature : float, optional
        Held at this: similarities are divided by it. None: learned, from 0.07.
    loss : callable
        Of unit-length image and text embeddings and the log of the scale: a learner's own, for one.
    one_sided, shuffled : bool
        Break it: only pictures look for captions; each batch's captions in another order.
    clip : CLIP, optional
        Trained in place, instead of a new one that `image` names.
    """
    torch.manual_seed(seed)
    model = build_clip(image) if clip is None else clip
    if temperature is not None:
        model.log_scale.data.fill_(-math.log(check_number(temperature, "temperature", 0, above=True)))
        model.log_scale.requires_grad_(False)
    chosen = one_sided_loss if one_sided else loss

    def contrast(model: CLIP, images: Tensor, ids: Tensor) -> Tensor:
        return chosen(model.encode_image(images), model.encode_text(ids), model.log_scale)

    _, info = one_cycle(
        model, pairs(seed, batch=batch, shuffled=shuffled), loss=contrast,  # type: ignore[arg-type]
        optimizer=MuonAndAdamW(model, model, PEAK_RATE, decay=DECAY), steps=steps, warm_up=0.1,
        cycle_momentum=False, after_step=lambda step: model.clip_scale_() if temperature is None else None,
        label="CLIP", clock=time.thread_time,
    )  # fmt: skip
    return model, info


def judge(clip: CLIP, split: str = "val", *, count: int = 2000, seed: int = 7) -> dict[str, float]:
    """Zero-shot among 64 pairs of class and colour, class alone among 8, and retrieval among 500 captions.

    `seen` are pictures of pairs that training shows, `held_out` of the 16 that it never does; the candidates
    are all 64 in both.
    """
    return in_evaluation(clip, lambda model: _judged(clip, split, count, seed))


def _judged(clip: CLIP, split: str, count: int, seed: int) -> dict[str, float]:
    both, alone = (class_embeddings(clip, names, TEMPLATES) for names in (PAIRS, CLASSES))
    figures: dict[str, float] = {}
    for name, held_out in (("seen", False), ("held_out", True)):
        some = captioned(count, seed=seed, split=split, held_out=held_out)
        image = torch.cat([clip.encode_image(part) for part in some.image.split(250)])
        guess = (image @ both.T).argmax(1)
        right_class = guess // len(COLOURS) == some.class_id
        right_colour = guess % len(COLOURS) == some.colour_id
        figures |= {
            f"{name}_pair": (right_class & right_colour).double().mean().item(),
            f"{name}_class": right_class.double().mean().item(),
            f"{name}_colour": right_colour.double().mean().item(),
            f"{name}_class_alone": ((image @ alone.T).argmax(1) == some.class_id).double().mean().item(),
        }
        figures |= retrieved(clip, image[:500], some, name)
    return figures


def retrieved(clip: CLIP, image: Tensor, some: Captioned, name: str) -> dict[str, float]:
    """Recall@1 and @5 of each picture's caption among all pictures', and the other way; equal texts count."""
    texts = some.text[: len(image)]
    equal = torch.tensor([[a == b for b in texts] for a in texts])
    scores = image @ clip.texts(texts).T  # (images, texts)
    return {
        f"{name}_{way}_recall_{k}": recall_at(own, k, equal)
        for way, own in (("text", scores), ("image", scores.T))
        for k in (1, 5)
    }


def told(text: str) -> tuple[int | None, int | None, int | None, bool | None]:
    """What a caption says of class, colour, ground and cloud; None where it says nothing."""
    words = text.split()
    name, colour = (
        next((known.index(word) for word in words if word in known), None) for known in (CLASSES, COLOURS)
    )
    ground = STUFF.index(words[words.index("on") + 1]) if "on" in words else None
    return name, colour, ground, "cloudy" in words if "sky" in words else None


def knowing(some: Captioned, seed: int = 0, *, clouds: bool = True) -> Tensor:
    """Scores (N images, N texts) of one who knows all: what recall@k could be at most with these captions.

    A caption that is false of a picture has none. Of those that are true, the one that fewer pictures of
    `some` share comes first, which is the best guess; equals are drawn in an order that the seed sets.
    Without `clouds` it knows all but whether the sky is cloudy, which 32 pixels hardly show.
    """
    facts = some.class_id, some.colour_id, some.ground_id, some.cloudy
    truth = zip(*(fact.tolist() for fact in facts), strict=True)
    said = [told(text) if clouds else (*told(text)[:3], None) for text in some.text]
    true = torch.tensor(
        [[all(b in (None, a) for a, b in zip(own, says, strict=True)) for says in said] for own in truth]
    )
    order = torch.rand(true.shape, generator=torch.Generator().manual_seed(seed))
    return (-true.double().mean(0).log() + 1e-6 * order).masked_fill(~true, -1e3)
