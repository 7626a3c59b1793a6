"""Gallery `shapes_cyclegan_arms`: the same pictures, translated by generators of several objectives (C15.3).

Day ↔ dusk at 16 × 16 pixels, 500 steps of 8 pictures of each domain, arms of the claim with its seed 0, and
the one whose seed 2 found another way that is one to one as well. The generators are thrown away; what ships
are their pictures, as bytes.

Shapes: N pictures, S = 16 pixels a side.
"""

import time

import torch
from torch import Tensor, nn

from lecture_utils.recipes._unpaired import WORLDS, with_partners
from lecture_utils.recipes.shapes_cyclegan import pair, played, sides, translated

SMALL, BATCH, STEPS, SHOWN = 16, 8, 500, 12
ARMS: dict[str, tuple[float, float, bool, int]] = {  # weights of cycle and identity loss; shortcuts; seed
    "cycle": (10.0, 0.0, True, 0),
    "cycle, seed 2": (10.0, 0.0, True, 2),
    "no cycle": (0.0, 0.0, True, 0),
    "no cycle, no shortcut": (0.0, 0.0, False, 0),
    "cycle and identity": (10.0, 5.0, True, 0),
}


class Gallery(nn.Module):
    """Pictures as bytes (N, 3, S, S): of both domains, their exact partners, and each arm's translation."""

    def __init__(self) -> None:
        super().__init__()
        for domain in WORLDS["light"]:
            for name in ("start", "exact", *ARMS):
                blank = torch.zeros(SHOWN, 3, SMALL, SMALL, dtype=torch.uint8)
                self.register_buffer(key(domain, name), blank)

    def pictures(self, domain: str, name: str) -> Tensor:
        """Pictures (N, 3, S, S) in [0, 1] of "day" or "dusk": "start", "exact", or an arm's translation."""
        if domain not in WORLDS["light"] or name not in ("start", "exact", *ARMS):
            want = f"{' or '.join(WORLDS['light'])}, and start, exact or one of {', '.join(ARMS)}"
            raise ValueError(f"pictures: got {domain!r}, {name!r}, want {want}")
        return self.get_buffer(key(domain, name)).float() / 255

    def keep(self, domain: str, name: str, images: Tensor) -> None:
        """Put pictures (N, 3, S, S) in [0, 1] in their place."""
        self.get_buffer(key(domain, name)).copy_((images * 255).round())


def key(domain: str, name: str) -> str:
    """A name as that of a buffer."""
    return f"{domain}_{name}".replace(" ", "_").replace(".", "_").replace(",", "")


def build() -> Gallery:
    """The gallery, its pictures black."""
    return Gallery()


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train each arm and let it translate twelve test pictures of each domain."""
    start, gallery = time.perf_counter(), build()
    own = {
        domain: with_partners(domain, SHOWN, seed=i, size=SMALL) for i, domain in enumerate(WORLDS["light"])
    }
    for domain, some in own.items():
        gallery.keep(domain, "start", some.image)
        gallery.keep(domain, "exact", some.partner)
    for name, (cycle, identity, shortcut, own_seed) in ARMS.items():
        torch.manual_seed(seed + own_seed)
        model = played(
            pair(shortcut=shortcut),
            "light",
            seed=seed + own_seed,
            steps=steps,
            cycle=cycle,
            identity=identity,
            batch=BATCH,
            size=SMALL,
        )
        for domain, some in own.items():
            gallery.keep(domain, name, translated(sides(model, domain)[0], some.image))
    return gallery, {"steps": float(steps), "seconds": time.perf_counter() - start}


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean absolute distance of each arm's pictures to the exact ones, both directions."""
    assert isinstance(model, Gallery)
    return {
        key("off", name): sum(
            (model.pictures(domain, name) - model.pictures(domain, "exact")).abs().mean().item() / 2
            for domain in WORLDS["light"]
        )
        for name in ARMS
    }
