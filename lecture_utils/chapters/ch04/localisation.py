"""Claim C04.2's machinery: scenes of two objects, every explanation of both, and how well each points.

Shapes: N scenes, two objects each (axis 1), S side of a picture.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.data import toyworld
from lecture_utils.explain.attention_maps import cls_attention, rollout_map
from lecture_utils.explain.baselines import centre_map, edge_map
from lecture_utils.explain.cam import cam
from lecture_utils.explain.grad_cam import grad_cam
from lecture_utils.explain.gradients import input_gradient, saliency, smooth_grad
from lecture_utils.explain.maps import upsample
from lecture_utils.metrics.localisation import energy_in_mask, pointing_game
from lecture_utils.recipes.shapes_multilabel import SIZE

VIT_SIZE = 32
NOISE = 0.02  # of SmoothGrad: the best of 0.02, 0.05, 0.1 and 0.2 on scenes that are not measured
TARGETED = ("Grad-CAM", "Grad-CAM, weights scrambled", "CAM", "input gradient", "SmoothGrad")
UNTARGETED = ("attention rollout", "attention of the last layer", "centre", "where objects stand", "edges")


class Pairs(NamedTuple):
    """Pictures (N, 3, 48, 48) and (N, 3, 32, 32) of the same scenes, classes (N, 2), masks (N, 2, 48, 48)."""

    images: Tensor
    small: Tensor
    classes: Tensor
    masks: Tensor


def pairs(n: int, *, seed: int, split: str) -> Pairs:
    """Scenes of two objects of different classes, half of each object or more in sight."""
    scenes = toyworld.sample_scenes(
        3 * n,
        seed=seed,
        split=split,
        objects=toyworld.Objects(count=2, size=(0.36, 0.56), distance=(2.2, 4.2)),
    )
    fields = ("image", "class_id", "visibility", "instance")
    sample = toyworld.render(scenes, SIZE, None, only=fields)
    fit = (sample.class_id[:, 0] != sample.class_id[:, 1]) & (sample.visibility >= 0.5).all(1)
    kept = fit.nonzero().flatten()[:n]
    if len(kept) < n:
        raise ValueError(f"pairs: got {len(kept)} fitting scenes of {3 * n}, want {n}")
    masks = torch.stack([sample.instance[kept] == k for k in (1, 2)], dim=1)  # (N, 2, S, S)
    small = toyworld.render(scenes[kept], VIT_SIZE, None, only=("image",)).image
    return Pairs(sample.image[kept], small, sample.class_id[kept], masks)


def place_prior(n: int, *, seed: int) -> Tensor:
    """How often an object covers each pixel in n training scenes of two objects, (48, 48)."""
    return pairs(n, seed=seed, split="train").masks.double().mean((0, 1)).float()


def recognised(net: nn.Module, scenes: Pairs) -> float:
    """Share of the named classes that the network says are there."""
    with torch.inference_mode():
        return (net(scenes.images).gather(1, scenes.classes) > 0).double().mean().item()


def explanations(
    net: nn.Module,
    vit: ViT,
    scrambled: nn.Module,
    scenes: Pairs,
    prior: Tensor,
    *,
    samples: int,
    seed: int,
) -> dict[str, Tensor]:
    """Every method's maps for both objects, (N, 2, 48, 48); those that take no class give the same twice."""
    images, classes = scenes.images, scenes.classes

    def each(maps: Tensor) -> Tensor:  # (N, h, w) → (N, 2, S, S)
        return upsample(maps, SIZE)[:, None].expand(-1, 2, -1, -1)

    named: dict[str, list[Tensor]] = {name: [] for name in TARGETED}
    for k in (0, 1):
        target = classes[:, k]
        named["Grad-CAM"].append(grad_cam(net, images, target, layer="stages"))
        named["Grad-CAM, weights scrambled"].append(grad_cam(scrambled, images, target, layer="stages"))
        named["CAM"].append(cam(net, images, target))
        named["input gradient"].append(saliency(input_gradient(net, images, target)))
        smooth = smooth_grad(net, images, target, samples=samples, noise=NOISE, seed=seed)
        named["SmoothGrad"].append(saliency(smooth))
    attention, grid = (
        vit.attention_maps(scenes.small),
        vit.grid(scenes.small),
    )  # (layers, N, heads, tokens, tokens)
    blind = {
        "attention rollout": rollout_map(attention, grid=grid),
        "attention of the last layer": cls_attention(attention, grid=grid).mean(1),
        "centre": centre_map(images),
        "where objects stand": prior.expand(len(images), -1, -1),
        "edges": edge_map(images),
    }
    targeted = {name: torch.stack([upsample(m, SIZE) for m in two], dim=1) for name, two in named.items()}
    return {**targeted, **{name: each(maps) for name, maps in blind.items()}}


def score(maps: Tensor, masks: Tensor) -> dict[str, float]:
    """Hit rate of the pointing game, energy on the named object, and energy there less that on the other."""
    named, other = masks.flatten(0, 1), masks.flip(1).flatten(0, 1)  # (2N, S, S)
    flat = maps.flatten(0, 1)
    on, off = energy_in_mask(flat, named).double(), energy_in_mask(flat, other).double()
    hits = pointing_game(flat, named).double().mean().item()
    return {"pointing": hits, "energy": on.mean().item(), "selectivity": (on - off).mean().item()}
