"""Zero-shot with your own words: the test pictures that lie nearest to any text."""

from functools import lru_cache, partial

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.plotting.images import to_image
from lecture_utils.plotting.style import INK, QUIET
from lecture_utils.widgets.controls import Text
from lecture_utils.widgets.layouts import picture, strip
from lecture_utils.widgets.widget import Widget

PICTURES, SHOWN, PANEL = 240, 8, 1.6


@lru_cache(maxsize=2)
def searched(clip: CLIP) -> tuple[Tensor, Tensor]:
    """Test pictures (N, 3, 32, 32), a third of them of held-out pairs, and their embeddings (N, D)."""
    held = PICTURES // 3
    some = (
        captioned(PICTURES - held, seed=11, split="test"),
        captioned(held, seed=11, split="test", held_out=True),
    )
    images = torch.cat([part.image for part in some])
    with torch.no_grad():
        return images, clip.encode_image(images)


@lru_cache(maxsize=1)
def shipped() -> CLIP:
    """The course's own."""
    clip = zoo.load("shapes_clip")
    assert isinstance(clip, CLIP)
    return clip


def found(text: str, clip: CLIP | None = None) -> Figure:
    """Draw the eight pictures nearest to a text, with their cosines, and how the text was cut into tokens."""
    clip = clip or shipped()
    images, embeddings = searched(clip)
    assert clip.tokenizer is not None
    ids = clip.tokenizer.encode(text.lower())
    if len(ids) > clip.length - 2:
        raise ValueError(f"text: got {len(ids)} tokens, want {clip.length - 2} at most: CLIP reads no more")
    with torch.no_grad():
        cosine = embeddings @ clip.texts([text.lower()])[0]
    values, order = cosine.topk(SHOWN)
    tokens = "  ".join(clip.tokenizer.tokens[i].decode(errors="replace").strip() or "␣" for i in ids)
    fig, axes = strip([PANEL] * (SHOWN // 2), PANEL, rows=2, foot=f"tokens: {tokens[:95]}")
    for ax, value, i in zip(axes, values.tolist(), order.tolist(), strict=True):
        picture(ax, to_image(images[i]), f"{value:.2f}")
        ax.title.set_color(INK if value > 0 else QUIET)
    return fig


def zero_shot_words(clip: CLIP | None = None) -> Widget:
    """Make the widget for a trained CLIP, the shipped one where none is given."""
    tour = [
        ("a photo of a green triangle", "A pair that was never in a training picture."),
        ("something on water", "A ground, whatever stands on it."),
        ("a photo of a star", "A class, in any colour."),
        ("red", "A bare word, as no caption ever was."),
        ("a photo of a red star and a blue ball", "Two things: captions had one, and no picture has both."),
        ("a star that is not red", "Not: CLIP never met the word. See what it does with it."),
        ("a turquoise heart", "A colour that it has no word for."),
    ]
    return Widget(
        title="Zero-shot with your own words",
        compute=partial(found, clip=clip),
        controls={"text": Text("a photo of a thing", tuple(text for text, _ in tour), label="your words")},
        tour=[(said, {"text": text}) for text, said in tour],
        trivial={"text": "a photo of a thing"},
        alt="The eight test pictures whose embeddings are nearest to a text, each with its cosine.",
    )
