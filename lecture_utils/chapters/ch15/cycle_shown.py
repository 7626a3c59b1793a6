"""Chapter 15: what CycleGAN hides in its pictures, what it fails at, and which tint it leaves (S15.6).

C. Chu, A. Zhmoginov, M. Sandler, "CycleGAN, a Master of Steganography", NIPS 2017 workshop "Machine
Deception": a plain picture that came from a striped one must say, somewhere, how the stripes ran; the
discriminator does not see a faint pattern, the generator that leads back does, and noise wipes it out.

Shapes: N pictures (3, S, S) in [0, 1].
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.names import COLOURS
from lecture_utils.generative.cyclegan.cyclegan import CycleGAN
from lecture_utils.recipes._unpaired import Domain, with_partners
from lecture_utils.recipes.shapes_cyclegan import sides, translated

NOISES = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)


class Trip(NamedTuple):
    """Test pictures of a domain, translated, and translated back; (N, 3, S, S) each.

    Attributes
    ----------
    own : Domain
        With the exact partners and what the pictures show.
    there, back : Tensor
    """

    own: Domain
    there: Tensor
    back: Tensor


def trip(model: CycleGAN, domain: str, count: int = 64, *, seed: int = 11) -> Trip:
    """Translate test pictures of "day", "dusk", "plain" or "striped" there and back again."""
    out, home = sides(model, domain)
    own = with_partners(domain, count, seed=seed)
    there = translated(out, own.image)
    return Trip(own, there, translated(home, there))


def stripes_share(images: Tensor, plain: Tensor, striped: Tensor) -> float:
    """How much of the true stripes is in pictures: 0 in the plain ones, 1 in the striped ones.

    The difference of the exact pair, striped minus plain, is a pattern; this is the coefficient along it of
    the pictures' own difference from plain, ⟨images - plain, pattern⟩ / ⟨pattern, pattern⟩, over them all.
    Stripes of another angle or phase count for about nothing.
    """
    pattern = striped - plain
    return (((images - plain) * pattern).sum() / pattern.square().sum()).item()


class Hidden(NamedTuple):
    """Stripes (`stripes_share`) on a way from striped to plain and back, by the noise added in between.

    Attributes
    ----------
    noise : tuple of float
        Standard deviations.
    back : tuple of float
        Share of the true stripes in what comes back, at each.
    seen : float
        Share of them in the plain picture.
    from_exact : float
        Share of them in what comes back from the *exact* plain picture, which hides nothing.
    """

    noise: tuple[float, ...]
    back: tuple[float, ...]
    seen: float
    from_exact: float


def hidden_stripes(
    model: CycleGAN,
    *,
    count: int = 256,
    colour: str | None = None,
    noises: Sequence[float] = NOISES,
    seed: int = 11,
) -> Hidden:
    """Take the stripes away, add noise, and see whether the right stripes come back.

    Of `count` test pictures those with an object of this colour, or all.
    """
    made = trip(model, "striped", count, seed=seed)
    some = torch.ones(count, dtype=torch.bool)
    if colour is not None:
        some = made.own.colour_id == COLOURS.index(colour)
    plain, striped, there = made.own.partner[some], made.own.image[some], made.there[some]
    draw = torch.randn(there.shape, generator=torch.Generator().manual_seed(seed))
    back = [translated(model.to_b, (there + sd * draw).clamp(0, 1)) for sd in noises]
    return Hidden(
        tuple(noises),
        tuple(stripes_share(images, plain, striped) for images in back),
        stripes_share(there, plain, striped),
        stripes_share(translated(model.to_b, plain), plain, striped),
    )


def worst(made: Trip, count: int = 8) -> Tensor:
    """Numbers (count,) of the pictures whose translation is farthest from the exact one, worst first."""
    return (made.there - made.own.partner).abs().mean(dim=(1, 2, 3)).argsort(descending=True)[:count]


def left_alone(net: nn.Module, images: Tensor) -> float:
    """How far a generator moves pictures that are of its own domain already: mean absolute distance."""
    return (translated(net, images) - images).abs().mean().item()
