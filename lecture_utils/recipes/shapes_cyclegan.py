"""Weights `shapes_cyclegan`: day ↔ dusk and plain ↔ striped, two CycleGANs of 32 × 32 pictures (S15.6).

Neither has seen a pair of pictures that belong together. Batches of 4 fresh pictures of each domain; the rate
is constant for half of the steps and falls to 0 in a straight line over the other half, as in the paper. The
discriminators are thrown away.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.generative.cyclegan.cyclegan import CycleGAN, Game
from lecture_utils.generative.cyclegan.generator import Generator
from lecture_utils.generative.cyclegan.losses import CYCLE, IDENTITY, distance
from lecture_utils.generative.pix2pix.patchgan import PatchGAN
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit
from lecture_utils.ops.checks import check_choice
from lecture_utils.recipes._judged import course_features, judged
from lecture_utils.recipes._unpaired import DOMAINS, SIZE, WORLDS, unpaired_batches, with_partners

STEPS = {"light": 2200, "material": 4000}
BATCH, RATE, WIDTH, BLOCKS = 4, 2e-3, 12, 3
NOISE = 0.03  # standard deviation, added to a translated picture before it goes back
Watch = Callable[[CycleGAN, dict[str, float]], None]


def pair(*, shortcut: bool = True) -> CycleGAN:
    """Two small generators: one halving, so that 16 × 16 places are left of 32 × 32, and 3 × 3 ends."""
    settings = {"width": WIDTH, "halvings": 1, "blocks": BLOCKS, "kernel": 3}
    return CycleGAN(Generator(**settings, shortcut=shortcut), Generator(**settings, shortcut=shortcut))


def build() -> nn.ModuleDict:
    """Both pairs, untrained: "light" (A is day, B dusk) and "material" (A is plain, B striped)."""
    return nn.ModuleDict({world: pair() for world in WORLDS})


def played(
    model: CycleGAN,
    world: str,
    *,
    seed: int,
    steps: int,
    cycle: float = CYCLE,
    identity: float = IDENTITY,
    batch: int = BATCH,
    size: int = SIZE,
    watch: Watch | None = None,
) -> CycleGAN:
    """Play the game on fresh pictures; `watch` is called after every step with its losses."""
    tell = [PatchGAN(layers=2, width=16, norm="instance") for _ in range(2)]
    game = Game(model, *tell, rate=RATE, cycle=cycle, identity=identity, seed=seed)
    fall = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: min(1.0, 2 * (1 - done / steps)))
        for optimizer in (game.generator_optimizer, game.discriminator_optimizer)
    ]
    batches = unpaired_batches(world, seed, batch=batch, size=size)
    for _, (a, b) in zip(range(steps), batches, strict=False):
        losses = game.play(a, b)
        for schedule in fall:
            schedule.step()
        if watch:
            watch(model, losses)
    return model.eval()


def train(
    seed: int = 0, *, steps: int | None = None, watch: Watch | None = None
) -> tuple[nn.ModuleDict, dict[str, float]]:
    """Train both pairs, one after the other.

    Parameters
    ----------
    seed : int
        Of weights, pictures and buffers.
    steps : int, optional
        Of each pair; as in STEPS where not given.
    watch : callable, optional
        As for `played`.

    Returns
    -------
    model : nn.ModuleDict
        In evaluation mode.
    info : dict
        steps and seconds.
    """
    start = time.perf_counter()
    torch.manual_seed(seed)
    model = build()
    plan = {world: steps or STEPS[world] for world in WORLDS}
    for world, count in plan.items():
        played(model[world], world, seed=seed, steps=count, watch=watch)  # type: ignore[arg-type]
    return model.eval(), {"steps": sum(plan.values()), "seconds": time.perf_counter() - start}


@torch.no_grad()
def translated(model: nn.Module, images: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) through a generator, in portions."""
    return torch.cat([model(part) for part in images.split(250)])


def measured(model: CycleGAN, domain: str, *, count: int = 500, seed: int = 1) -> dict[str, float]:
    """How well pictures of `domain` come into the other one, on test scenes of which none was trained on.

    Returns
    -------
    dict
        "off": mean absolute distance to the exact picture of the same scene in the other domain, and
        "copied", that of the picture itself; "class" and "colour": shares of translated pictures in which
        ``shapes_judge`` sees the input's, and "class_of_real", "colour_of_real", of exact pictures;
        "frechet" to real pictures of the other domain, "frechet_of_copies", "frechet_of_real" (other
        scenes); "back": distance of what came back to the start, "back_noisy", with faint noise on the way.
    """
    there, back = sides(model, domain)
    own = with_partners(domain, count, seed=2 * seed)
    fresh = with_partners(domain, count, seed=2 * seed + 1).partner  # real, of other scenes
    made = translated(there, own.image)
    noise = NOISE * torch.randn(made.shape, generator=torch.Generator().manual_seed(seed))
    real = gaussian_fit(course_features(fresh))

    def far(images: Tensor) -> float:
        return frechet_distance(gaussian_fit(course_features(images)), real)

    seen, ideal = judged(made), judged(own.partner)
    return {
        "off": distance(made, own.partner).item(),
        "copied": distance(own.image, own.partner).item(),
        "class": (seen.class_id == own.class_id).float().mean().item(),
        "class_of_real": (ideal.class_id == own.class_id).float().mean().item(),
        "colour": (seen.colour_id == own.colour_id).float().mean().item(),
        "colour_of_real": (ideal.colour_id == own.colour_id).float().mean().item(),
        "frechet": far(made),
        "frechet_of_copies": far(own.image),
        "frechet_of_real": far(own.partner),
        "back": distance(translated(back, made), own.image).item(),
        "back_noisy": distance(translated(back, (made + noise).clamp(0, 1)), own.image).item(),
    }


def sides(model: CycleGAN, domain: str) -> tuple[nn.Module, nn.Module]:
    """The generator that leads out of a domain, and the one that leads back."""
    check_choice(domain, "domain", *DOMAINS)
    first = domain in (pair[0] for pair in WORLDS.values())
    return (model.to_b, model.to_a) if first else (model.to_a, model.to_b)


def evaluate(model: nn.Module) -> dict[str, float]:
    """What `measured` says of each of the four directions, named by the domain that they start from."""
    assert isinstance(model, nn.ModuleDict)
    return {
        f"{domain}_{name}": value
        for world, pair in WORLDS.items()
        for domain in pair
        for name, value in measured(model[world], domain).items()  # type: ignore[arg-type]
    }
