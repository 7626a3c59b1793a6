"""Two unpaired worlds for CycleGAN: day and dusk, plain and striped. No scene is in both domains.

Both are the narrowed world of `captioned`: one large object. The domains of a training are drawn with
different seeds, so that no picture has a partner. For evaluation alone the partner is rendered: the same
scene in the other light, or with the other material. (Every random number of a scene hangs on the scene's key
and its own name, so the same seed with another setting is the same scene, its light as far up in the other
range.)

Shapes: N pictures, S pixels a side.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from lecture_utils.data.toyworld import Light
from lecture_utils.data.toyworld.language.captioned import Captioned, captioned

SIZE = 32
PORTION = 800  # pictures of each domain that are rendered at a time
LIGHTS = {
    "day": Light(brightness=(0.95, 1.15), warmth=(-0.3, 0.1)),
    "dusk": Light(brightness=(0.40, 0.50), warmth=(0.8, 1.0)),
}
MATERIALS = {"plain": ("plain",), "striped": ("striped",)}
WORLDS = {"light": ("day", "dusk"), "material": ("plain", "striped")}  # domains A and B
OTHER = {domain: pair[1 - i] for pair in WORLDS.values() for i, domain in enumerate(pair)}
DOMAINS = tuple(OTHER)


class Domain(NamedTuple):
    """N pictures of one domain, what is in them, and, for evaluation only, their exact partners.

    Attributes
    ----------
    image, partner : Tensor
        (N, 3, S, S) in [0, 1]; the partner is the same scene in the other domain. Stripes have an angle, a
        width and a place that a plain picture does not tell: its partner is one of many that would be right.
    class_id, colour_id : Tensor
        (N,) int64.
    """

    image: Tensor
    partner: Tensor
    class_id: Tensor
    colour_id: Tensor


def scenes_of(domain: str, count: int, *, seed: int, split: str = "train", size: int = SIZE) -> Captioned:
    """Pictures of "day", "dusk", "plain" or "striped", with what is in them."""
    if domain in LIGHTS:
        return captioned(count, seed=seed, split=split, size=size, light=LIGHTS[domain])
    return captioned(count, seed=seed, split=split, size=size, materials=MATERIALS[domain])


def with_partners(domain: str, count: int, *, seed: int, split: str = "test", size: int = SIZE) -> Domain:
    """Pictures of a domain for evaluation, with the same scenes in the other domain."""
    own = scenes_of(domain, count, seed=seed, split=split, size=size)
    other = scenes_of(OTHER[domain], count, seed=seed, split=split, size=size)
    return Domain(own.image, other.image, own.class_id, own.colour_id)


def unpaired_batches(
    world: str, seed: int, *, batch: int, size: int = SIZE
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (B, 3, S, S) of domain A and of domain B of "light" or "material", for training.

    They never repeat, and no scene is in both domains: A has the even seeds, B the odd ones.
    """
    for portion in itertools.count(1000 * seed):
        seeds = zip(WORLDS[world], (2 * portion, 2 * portion + 1), strict=True)
        pair = (scenes_of(domain, PORTION, seed=seed, size=size) for domain, seed in seeds)
        yield from zip(*(some.image.split(batch) for some in pair), strict=True)
