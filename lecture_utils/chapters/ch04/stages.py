"""Claim C04.5's machinery: parts of objects as concepts, and what kinds of concept each stage's units detect.

Shapes: N scenes, K places for objects, P parts, S side of a picture in pixels.
"""

import copy
from collections.abc import Iterable, Mapping
from functools import lru_cache

import torch
from torch import Tensor, nn

from lecture_utils.data import toyworld
from lecture_utils.data.concepts import CONCEPTS, FIELDS, KIND, concept_masks
from lecture_utils.explain.dissection import dissect, unit_thresholds
from lecture_utils.explain.hooks import activations
from lecture_utils.recipes import shapes_multilabel
from lecture_utils.training.loop import minibatches

# A part of a class: the keypoints (by their place in `toyworld.KEYPOINTS`) around which it lies.
PARTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "corner of a square": ("square", (1, 2, 3, 4)),
    "corner of a triangle": ("triangle", (1, 2, 4)),
    "tip of a star": ("star", (0, 1, 2, 3, 4)),
    "lobe of a heart": ("heart", (2, 4)),
    "point of a heart": ("heart", (3,)),
    "arm of a cross": ("cross", (1, 2, 3, 4)),
    "end of a capsule": ("capsule", (1, 4)),
}
REACH = 0.25  # a part reaches this far from its keypoint, in sides of a square of the object's visible area
TEXTURES = tuple(word for word in toyworld.MATERIALS if word != "plain")  # plain is the lack of a texture
WORDS = tuple(word for word in CONCEPTS if word != "plain")
NAMES = (*WORDS, *PARTS)  # 23 concepts and 7 parts
KINDS = {word: {"material": "texture"}.get(KIND[word], KIND[word]) for word in WORDS} | dict.fromkeys(
    PARTS, "part"
)
LOW, HIGH = ("colour", "texture"), ("part", "class")
DEPTHS = {  # the stages of each network, from the input on
    "shapes_multilabel": ("stem", "stages.0", "stages.1.0", "stages.1.1"),
    "shapes_resnet": ("stem", "stages.0", "stages.1", "stages.2"),
}
SIDES = {"shapes_multilabel": shapes_multilabel.SIZE, "shapes_resnet": 32}
NEEDED = tuple(dict.fromkeys(("image", "class_id", "keypoints", *FIELDS)))


def part_masks(sample: toyworld.Sample) -> Tensor:
    """Where each part is seen: visible pixels of its class near one of its visible keypoints.

    Returns
    -------
    Tensor
        (N, 7, S, S) bool, in the order of `PARTS`.
    """
    n, side = len(sample.instance), sample.instance.shape[-1]
    middle = torch.arange(side) + 0.5  # pixel i covers i to i + 1
    masks = torch.zeros(n, len(PARTS), side, side, dtype=torch.bool)
    for place in range(sample.class_id.shape[1]):
        own = sample.instance == place + 1  # (N, S, S)
        reach = REACH * own.sum((1, 2)).sqrt()  # (N,)
        for row, (name, points) in enumerate(PARTS.values()):
            is_class = sample.class_id[:, place] == toyworld.CLASSES.index(name)  # (N,)
            for point in points:
                x, y, visible = sample.keypoints[:, place, point].unbind(1)  # each (N,)
                across = middle[None, None] - x[:, None, None]  # (N, 1, S)
                down = middle[None, :, None] - y[:, None, None]  # (N, S, 1)
                near = across.square() + down.square() <= reach[:, None, None].square()
                masks[:, row] |= near & own & (is_class & (visible > 0))[:, None, None]
    return masks


def words_and_parts(sample: toyworld.Sample) -> Tensor:
    """Masks of all concepts, (N, 30, S, S) bool in the order of `NAMES`; a picture needs `NEEDED`."""
    keep = [CONCEPTS.index(word) for word in WORDS]
    return torch.cat([concept_masks(sample)[:, keep], part_masks(sample)], dim=1)


def kinds_of(
    net: nn.Module,
    layers: Iterable[str],
    thresholds_from: Tensor,
    images: Tensor,
    masks: Tensor,
    minimum: float = 0.04,
) -> dict[str, dict[str, float]]:
    """Share of each layer's units that detect a concept of each kind, by the paper's settings.

    Parameters
    ----------
    net : nn.Module
    layers : iterable of str
    thresholds_from, images : Tensor
        (M, 3, S, S) pictures that set the thresholds; (N, 3, S, S) others that are dissected.
    masks : Tensor
        (N, 30, S, S), of the latter.
    minimum : float
        IoU above which a unit is a detector, of its best concept.
    """
    shares = {}
    for layer in layers:
        thresholds = unit_thresholds(activations(net, thresholds_from, layer))
        found = dissect(activations(net, images, layer), masks, NAMES, thresholds=thresholds)
        kinds = [KINDS[label.concept] for label in found.labels(minimum)]
        units = len(found.iou)
        shares[layer] = {kind: kinds.count(kind) / units for kind in dict.fromkeys(KINDS.values())}
    return shares


def moved(shares: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
    """What the last stage has gained over the first in parts and classes, and lost in colours, textures."""
    first, *_, last = shares.values()
    gain = sum(last[kind] - first[kind] for kind in HIGH)
    return gain, sum(first[kind] - last[kind] for kind in LOW)


@lru_cache(maxsize=8)
def trained_for(seed: int, marks: tuple[int, ...], pictures: int) -> dict[int, nn.Module]:
    """Train one network of `shapes_multilabel`'s architecture; copies of it after each number of steps.

    A plain Adam without a schedule, so that each copy is what a training of so many steps gives.
    """
    images, present = shapes_multilabel.labelled(pictures, seed=5000 + seed)
    torch.manual_seed(seed)
    net = shapes_multilabel.build()
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    batches = minibatches(images, present, batch_size=shapes_multilabel.BATCH, seed=seed)
    kept: dict[int, nn.Module] = {}
    for step, (x, y) in enumerate(batches, start=1):
        optimizer.zero_grad()
        shapes_multilabel.binary_cross_entropy(net, x, y).backward()
        optimizer.step()
        if step in marks:
            kept[step] = copy.deepcopy(net).eval()
        if step >= max(marks):
            break
    return kept
