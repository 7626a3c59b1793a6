"""Chapter 13: what stylisation does to toy pictures, judged by the object's own pixels.

Shapes: N pictures, S their side.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned, thing
from lecture_utils.data.toyworld.names import CLASSES, COLOUR_RGB, COLOURS
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.styles import ColourMap, Pixels
from lecture_utils.multimodal.stylisation import Styled, StyleWeights, stylise
from lecture_utils.ops.ssim import ssim


@dataclass(frozen=True)
class Way:
    """One way to restyle: what may change, what the loss counts, and Adam's rate (chosen on validation)."""

    style: Callable[[int, int], nn.Module]
    weights: StyleWeights
    rate: float


WAYS = {
    "free pixels": Way(Pixels, StyleWeights(1.0, 0.0, 0.0, 0.5, 0.1), 0.02),
    "a map of colours": Way(
        lambda count, size: ColourMap(count), StyleWeights(1.0, 0.0, 0.0, 0.2, 0.1), 0.01
    ),
    "a map of colours, by direction": Way(
        lambda count, size: ColourMap(count), StyleWeights(0.0, 1.0, 0.0, 0.2, 0.1), 0.01
    ),
}


@dataclass(frozen=True, eq=False)
class Commission:
    """Pictures, and the colour that each object is to have instead.

    Attributes
    ----------
    pictures : Captioned
        N of them, of the test split.
    wanted : Tensor
        (N,) int64 into COLOURS.
    inside : Tensor
        (N, S, S) bool, the object's pixels.
    """

    pictures: Captioned
    wanted: Tensor
    inside: Tensor

    def texts(self) -> tuple[list[str], list[str]]:
        """What is there, and what is wanted, as sentences."""
        names = [CLASSES[i] for i in self.pictures.class_id.tolist()]
        there, wanted = (
            [f"a photo of {thing(name, COLOURS[c])}" for name, c in zip(names, ids.tolist(), strict=True)]
            for ids in (self.pictures.colour_id, self.wanted)
        )
        return there, wanted


def commission(count: int, *, split: str = "test", seed: int = 0) -> Commission:
    """Draw pictures, and for each another colour, every other one as likely."""
    pictures = captioned(count, seed=seed, split=split)
    random = torch.Generator().manual_seed(seed)
    step = torch.randint(1, len(COLOURS), (count,), generator=random)
    instance = toyworld.render(pictures.scenes, pictures.image.shape[-1], only="instance").instance
    return Commission(pictures, (pictures.colour_id + step) % len(COLOURS), instance > 0)


def carried_out(clip: CLIP, order: Commission, way: str, *, steps: int = 60) -> Styled:
    """Stylise all pictures of a commission in one of WAYS."""
    there, wanted = order.texts()
    with torch.no_grad():
        source_text, target_text = clip.texts(there), clip.texts(wanted)
    images, how = order.pictures.image, WAYS[way]
    return stylise(
        images, clip.encode_image, source_text, target_text, how.style(len(images), images.shape[-1]),
        weights=how.weights, steps=steps, rate=how.rate,
    )  # fmt: skip


def seen_colour(images: Tensor, inside: Tensor) -> Tensor:
    """Name the colour of each object (N,) int64: the one of COLOURS nearest to its pixels' median."""
    medians = [image[:, mask].median(dim=1).values for image, mask in zip(images, inside, strict=True)]
    names = torch.from_numpy(COLOUR_RGB).float()
    return torch.cdist(torch.stack(medians), names).argmin(1)


def background_change(images: Tensor, order: Commission) -> Tensor:
    """Mean absolute change of the pixels that are not the object's, (N,), in steps of 1/255."""
    outside = ~order.inside[:, None]
    change = (images - order.pictures.image).abs() * outside
    return 255 * change.sum((1, 2, 3)) / (3 * outside.sum((1, 2, 3)))


def judged(clip: CLIP, order: Commission, images: Tensor) -> dict[str, float]:
    """What CLIP thinks of pictures (N, 3, S, S) of a commission, what their own pixels say, what was kept."""
    with torch.no_grad():
        score = (clip.encode_image(images) * clip.texts(order.texts()[1])).sum(1)
    return {
        "CLIP's cosine": float(score.mean()),
        "object has the colour": float((seen_colour(images, order.inside) == order.wanted).float().mean()),
        "structure kept (SSIM)": float(ssim(images, order.pictures.image).mean()),
        "ground changed by": float(background_change(images, order).mean()),
    }


def study(
    clip: CLIP, *, count: int = 24, steps: int = 60, split: str = "test"
) -> dict[str, dict[str, float]]:
    """`judged`, of the given pictures and of each of WAYS."""
    order = commission(count, split=split)
    rows = {"as given": judged(clip, order, order.pictures.image)}
    return rows | {
        way: judged(clip, order, carried_out(clip, order, way, steps=steps).images) for way in WAYS
    }
