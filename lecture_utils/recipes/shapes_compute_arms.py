"""Gallery `shapes_compute_arms`: what pixel and latent diffusion paint after the same compute.

R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, section 4.1: the
comparison of figure 6, in small, with the arms of claim C16.3.
The models are thrown away; what ships are their pictures, as bytes, none of them chosen.

Shapes: N pictures, S the picture's side.
"""

import time

import torch
from torch import Tensor, nn

from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.recipes._equal_compute import SIZE, Setting, painted, plan, trained
from lecture_utils.recipes._judged import conditional_accuracy

SECONDS = (7.5, 30.0, 120.0)
SETTINGS = {  # with the rates that were tuned for C16.3
    "pixel": Setting(8e-3),
    "latent": Setting(4e-3, coder_rate=4e-3),
    "given": Setting(4e-3),
}
SHEETS = {  # arm and CPU seconds → rows of eight pictures
    (arm, seconds): 6 if seconds == SECONDS[-1] else 2
    for arm in SETTINGS
    for seconds in SECONDS
    if seconds == SECONDS[-1] or arm != "given"
}
STEPS = plan("pixel", SECONDS[-1])["pixel"]


def asked(count: int) -> Tensor:
    """Classes and colours (8 · count, 2): a row of the eight classes for each of their first seen colours."""
    seen = [[k for k in range(len(COLOURS)) if (c, k) not in HELD_OUT] for c in range(len(CLASSES))]
    return torch.tensor([[c, seen[c][row]] for row in range(count) for c in range(len(CLASSES))])


def key(arm: str, seconds: float) -> str:
    """The name of a sheet's buffer."""
    return f"{arm}_{seconds:g}".replace(".", "_")


class Gallery(nn.Module):
    """Sheets of pictures as bytes (N, 3, S, S), by arm and CPU seconds of training."""

    def __init__(self) -> None:
        super().__init__()
        for sheet, rows in SHEETS.items():
            empty = torch.zeros(rows * len(CLASSES), 3, SIZE, SIZE, dtype=torch.uint8)
            self.register_buffer(key(*sheet), empty)

    def pictures(self, arm: str, seconds: float) -> Tensor:
        """The sheet (N, 3, S, S) in [0, 1] of an arm, `asked` row by row, eight pictures a row."""
        if (arm, seconds) not in SHEETS:
            known = ", ".join(f"{arm} {seconds:g}" for arm, seconds in SHEETS)
            raise ValueError(f"pictures: got {arm} {seconds}, want one of {known}")
        return self.get_buffer(key(arm, seconds)).float() / 255

    def keep(self, arm: str, seconds: float, images: Tensor) -> None:
        """Put pictures (N, 3, S, S) in [0, 1] in their place."""
        self.get_buffer(key(arm, seconds)).copy_((images * 255).round())


def build() -> Gallery:
    """The gallery, its pictures black."""
    return Gallery()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train each arm for each budget, and let it paint; fewer `steps` shorten all trainings alike."""
    start, gallery = time.thread_time(), build()
    for (arm, seconds), rows in SHEETS.items():
        done = trained(arm, seed, seconds * steps / STEPS, SETTINGS[arm])
        gallery.keep(arm, seconds, painted(done.model, asked(rows), seed=seed))
    return gallery, {"steps": float(steps), "seconds": time.thread_time() - start}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Shares of each sheet that show the class and the colour asked for; of real pictures, the class."""
    assert isinstance(model, Gallery)
    found = dict[str, float]()
    for (arm, seconds), rows in SHEETS.items():
        right = conditional_accuracy(model.pictures(arm, seconds), *asked(rows).unbind(dim=1))
        found |= {f"{key(arm, seconds)}_{name}": right[name] for name in ("class", "colour")}
    real = captioned(len(asked(6)), seed=0, split="test")
    return found | {"real_class": conditional_accuracy(real.image, real.class_id, real.colour_id)["class"]}
