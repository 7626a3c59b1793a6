"""Chapter 13: what stylisation does to toy pictures, judged by the object's own pixels.

Shapes: N pictures, S their side.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned, thing
from lecture_utils.data.toyworld.names import CLASSES, COLOUR_RGB, COLOURS
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.stylisation import ColourMap, Pixels, Styled, StyleWeights, stylise

STYLES = {"free pixels": Pixels, "a map of colours": ColourMap}
USUAL = StyleWeights()
RATES = {"free pixels": 0.02, "a map of colours": 0.03}


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


def commission(count: int, *, seed: int = 0) -> Commission:
    """Draw pictures, and for each another colour, every other one as likely."""
    pictures = captioned(count, seed=seed, split="test")
    random = torch.Generator().manual_seed(seed)
    step = torch.randint(1, len(COLOURS), (count,), generator=random)
    instance = toyworld.render(pictures.scenes, pictures.image.shape[-1], only="instance").instance
    return Commission(pictures, (pictures.colour_id + step) % len(COLOURS), instance > 0)


def carried_out(
    clip: CLIP, order: Commission, style: str, *, weights: StyleWeights = USUAL, steps: int = 80
) -> Styled:
    """Stylise all pictures of a commission in one of STYLES."""
    there, wanted = order.texts()
    with torch.no_grad():
        source_text, target_text = clip.texts(there), clip.texts(wanted)
    module: nn.Module = (
        Pixels(len(order.wanted), order.pictures.image.shape[-1])
        if style == "free pixels"
        else ColourMap(len(order.wanted))
    )
    return stylise(
        order.pictures.image, clip.encode_image, source_text, target_text, module,
        weights=weights, steps=steps, rate=RATES[style],
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


def study(clip: CLIP, *, count: int = 24, steps: int = 80, seed: int = 0) -> list[dict[str, float | str]]:
    """One row a style: what CLIP thinks, what the object's pixels say, and what was kept."""
    order = commission(count, seed=seed)
    rows: list[dict[str, float | str]] = []
    for style in STYLES:
        done = carried_out(clip, order, style, steps=steps)
        rows.append(
            {
                "style": style,
                "CLIP before": float(done.before.mean()),
                "CLIP after": float(done.score.mean()),
                "object has the colour": float(
                    (seen_colour(done.images, order.inside) == order.wanted).float().mean()
                ),
                "SSIM": float(done.structure.mean()),
                "ground changed by": float(background_change(done.images, order).mean()),
            }
        )
    return rows
