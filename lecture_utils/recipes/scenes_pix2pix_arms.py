"""Gallery `scenes_pix2pix_arms`: what generators of several objectives and shapes make of the same inputs.

P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017: the objectives
of figure 4 (section 4.2), skips left out (figure 5), patches of 1, 16 and 34 pixels (section 4.4, figure 6).
Beside them super-resolution as conditional generation, 8 × 8 → 32 × 32, as C. Ledig et al., "Photo-Realistic
Single Image Super-Resolution Using a Generative Adversarial Network", CVPR 2017, have it: here with the same
U-Net on the enlarged picture. The generators are thrown away; what ships are their pictures, as bytes.

Shapes: N inputs, S the picture's side.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.recipes._shared import SIZE
from lecture_utils.recipes._translated import (
    ARMS,
    BATCH,
    LOOSE,
    PORTION,
    Arm,
    Pairs,
    Task,
    outputs,
    started,
    train_arm,
    translated,
)
from lecture_utils.recipes._translated_measured import detail, measured

STARTED, STEPS = 500, 500  # with L1 alone, and then with each objective, as in C15.2
SHOWN, SMALL = 10, 8
VARIANTS: dict[str, tuple[Arm, int, bool]] = {  # objective, halvings of the PatchGAN, skips
    **{name: (arm, 1, True) for name, arm in ARMS.items()},
    "1 × 1": (ARMS["L1 + cGAN"], 0, True),
    "34 × 34": (ARMS["L1 + cGAN"], 2, True),
    "no skips": (ARMS["L1 + cGAN"], 1, False),
}
SHARPENED = ("L1", "L1 + cGAN")  # objectives of the super-resolution


def enlarged(images: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) as seen through 8 × 8 pixels: averaged, then enlarged again bicubically."""
    small = F.interpolate(images, size=(SMALL, SMALL), mode="area")
    return F.interpolate(small, size=images.shape[2:], mode="bicubic").clamp(0, 1)


def sharpened_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of enlarged pictures and the pictures themselves (B, 3, S, S), of the narrow world."""
    portion = 1000 * seed
    while True:
        for image in captioned(PORTION, seed=portion).image.split(BATCH):
            yield enlarged(image), image
        portion += 1


class Gallery(nn.Module):
    """Pictures as bytes (N, 3, S, S), by name, with the label maps (N, S, S) they were made from."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("labels", torch.zeros(SHOWN, SIZE, SIZE, dtype=torch.uint8))
        for name in ("real", *VARIANTS, "sharp", *(f"sharpened {name}" for name in SHARPENED)):
            self.register_buffer(key(name), torch.zeros(SHOWN, 3, SIZE, SIZE, dtype=torch.uint8))

    def maps(self) -> Tensor:
        """The label maps (N, S, S) int64."""
        return self.get_buffer("labels").long()

    def pictures(self, name: str) -> Tensor:
        """The pictures (N, 3, S, S) in [0, 1] under a name: an objective of `VARIANTS`, "real", …"""
        if key(name) not in dict(self.named_buffers()):
            raise ValueError(f"pictures: got {name!r}, want one of {', '.join(VARIANTS)}")
        return self.get_buffer(key(name)).float() / 255

    def keep(self, name: str, images: Tensor) -> None:
        """Put pictures (N, 3, S, S) in [0, 1] under a name."""
        self.get_buffer(key(name)).copy_((images * 255).round())


def key(name: str) -> str:
    """A name as that of a buffer."""
    return name.lower().replace("×", "x").replace("+", "and").replace(" ", "_")


def build() -> Gallery:
    """The gallery, its pictures black."""
    return Gallery()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train each generator and let it paint ten test maps; and two that sharpen ten test pictures."""
    start, gallery = time.perf_counter(), build()
    pairs = translated(SHOWN, seed=seed, split="test")
    gallery.get_buffer("labels").copy_(pairs.labels)
    gallery.keep("real", pairs.image)
    starts = {skips: started(seed, steps=min(steps, STARTED), skips=skips) for skips in (True, False)}
    for name, (arm, layers, skips) in VARIANTS.items():
        generator, _ = train_arm(arm, seed, steps=steps, layers=layers, setting=LOOSE, start=starts[skips])
        gallery.keep(name, outputs(generator, pairs.labels))
    sharp, task = captioned(SHOWN, seed=seed, split="test").image, Task(3, sharpened_batches)
    gallery.keep("sharp", sharp)
    first = started(seed, steps=min(steps, STARTED), task=task)
    for name in SHARPENED:
        generator, _ = train_arm(ARMS[name], seed, steps=steps, task=task, setting=LOOSE, start=first)
        with torch.inference_mode():
            made = generator(enlarged(sharp), torch.Generator().manual_seed(0))
        gallery.keep(f"sharpened {name}", made)
    return gallery, {"steps": float(steps), "seconds": time.perf_counter() - start}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Of the ten pictures of each generator: detail beside the real ones', and agreement with the maps."""
    assert isinstance(model, Gallery)
    pairs, found = Pairs(model.maps(), model.pictures("real")), dict[str, float]()
    for name in VARIANTS:
        scores = measured(model.pictures(name), pairs)
        found |= {f"{key(name)}_{figure}": scores[figure] for figure in ("detail", "agreement")}
    for name in SHARPENED:
        made = model.pictures(f"sharpened {name}")
        found[f"sharpened_{key(name)}_detail"] = detail(made) / detail(model.pictures("sharp"))
    return found
