"""Chapter 16: two makers of the same scenes, side by side: chapter 15's conditional GAN and latent diffusion.

Both are told class and colour, the GAN by labels, the diffusion model by a sentence. They are judged alike,
on as many pictures each; beside them stand real pictures.

Shapes: N pictures.
"""

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.chapters.ch16.guidance_study import real_scenes, shipped_scenes, spread
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import COLOURS
from lecture_utils.generative.conditional_gan import ConditionalGenerator
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit
from lecture_utils.metrics.precision_recall import precision_recall
from lecture_utils.recipes._judged import SPACES, conditional_accuracy
from lecture_utils.recipes._latent_diffusion import asked, coder, painted
from lecture_utils.recipes.shapes_cgan import painted as gan_painted


def gan_made(class_id: Tensor, colour_id: Tensor, seed: int) -> Tensor:
    """Pictures (N, 3, 32, 32) by `shapes_cgan` of classes and colours (N,)."""
    model = zoo.load("shapes_cgan")
    assert isinstance(model, ConditionalGenerator)
    return gan_painted(model.eval(), torch.stack([class_id, colour_id], dim=1), seed=seed)


@torch.no_grad()
def through_coder(images: Tensor) -> Tensor:
    """What the auto-encoder makes of pictures (N, 3, 32, 32): no latent diffusion can be nearer to them."""
    parts = [coder().from_latent(coder().to_latent(part)) for part in images.split(200)]
    return torch.cat(parts).clamp(0, 1)


def makers(
    class_id: Tensor, colour_id: Tensor, *, seed: int = 0, scales: tuple[float, ...] = (1.0, 3.0)
) -> dict[str, Tensor]:
    """Name of the maker → pictures (N, 3, 32, 32) of classes and colours (N,)."""
    ids = asked(class_id, colour_id)
    diffused = {f"diffusion, w = {w:g}": painted(shipped_scenes(), ids, seed=seed, scale=w) for w in scales}
    return {"conditional GAN": gan_made(class_id, colour_id, seed), **diffused}


def makers_judged(
    n: int = 400, *, seed: int = 0, scales: tuple[float, ...] = (1.0, 3.0)
) -> dict[str, dict[str, float]]:
    """Class accuracy, Fréchet distances, precision and recall in two feature spaces, and the spread.

    "spread" is that of pictures of one class and colour in pixels, as a share of real pictures' spread;
    "held out" the class accuracy for pairs that no maker saw in training. The rows of real pictures have
    the figures of n others.
    """
    told, _ = real_scenes(n, 2 * seed + 1000)
    real, _ = real_scenes(n, 2 * seed + 1001)
    apart = captioned(max(2, n // 2), seed=seed, split="test", held_out=True)
    pair = len(COLOURS) * told.class_id + told.colour_id
    made, unseen = (
        {"real pictures": some.image, "real, through the auto-encoder": through_coder(some.image)}
        for some in (told, apart)
    )
    made |= makers(told.class_id, told.colour_id, seed=seed, scales=scales)
    unseen |= makers(apart.class_id, apart.colour_id, seed=seed + 1, scales=scales)
    wanted = {space: features(real.image) for space, features in SPACES.items()}
    found = {}
    for name, images in made.items():
        right = conditional_accuracy(images, told.class_id, told.colour_id)
        held = conditional_accuracy(unseen[name], apart.class_id, apart.colour_id)
        found[name] = {"class": right["class"], "colour": right["colour"], "held out": held["class"]}
        for space, features in SPACES.items():
            own = features(images)
            precision, recall = precision_recall(own, wanted[space])
            found[name] |= {
                f"frechet, {space}": frechet_distance(gaussian_fit(own), gaussian_fit(wanted[space])),
                f"precision, {space}": precision,
                f"recall, {space}": recall,
            }
        found[name]["spread"] = spread(images.flatten(1), pair) / spread(told.image.flatten(1), pair)
    return found
