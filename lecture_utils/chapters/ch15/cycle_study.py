"""Chapter 15: how much of its input a translated picture keeps, with the cycle loss and without (C15.3).

The small world of the claim: day ↔ dusk at 16 × 16 pixels, where a training takes half a minute.

Shapes: N pictures, S pixels a side, F = 3 S² numbers of a picture.
"""

import functools

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.generative.cyclegan.cyclegan import CycleGAN
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.recipes._unpaired import WORLDS, Domain, with_partners
from lecture_utils.recipes.shapes_cyclegan import Watch, pair, played, sides, translated
from lecture_utils.training.kit import size

SMALL, BATCH, CANDIDATES = 16, 8, 64
NOISE = 0.05  # standard deviation, so that a faint hidden copy does not count as kept


def trained(
    seed: int,
    *,
    cycle: float = 10.0,
    identity: float = 0.0,
    steps: int = 500,
    shortcut: bool = True,
    watch: Watch | None = None,
) -> CycleGAN:
    """Train a pair of generators on day and dusk, 16 × 16 pixels (500 steps: half a CPU minute).

    Parameters
    ----------
    seed : int
        Of weights, pictures and buffers; arms of one seed differ in nothing but what is set here.
    cycle, identity : float
        Weights of the losses; cycle=0 is the break-it "no cycle loss".
    steps : int
    shortcut : bool
        False: without the sums of the residual blocks, so that nothing carries the picture past them.
    watch : callable, optional
        Called after each step with the model and the losses.
    """
    torch.manual_seed(seed)
    settings = {"cycle": cycle, "identity": identity}
    model = pair(shortcut=shortcut)
    return played(model, "light", seed=seed, steps=steps, batch=BATCH, size=SMALL, watch=watch, **settings)


@functools.cache
def tests(domain: str, count: int, seed: int) -> Domain:
    """Test pictures of 16 × 16, kept for the session."""
    return with_partners(domain, count, seed=seed, size=SMALL)


def found_own(made: Tensor, partner: Tensor, candidates: int = CANDIDATES) -> float:
    """Share of translated pictures that are nearest to the exact picture of their own scene.

    Each is compared, by absolute distance, with the exact pictures of its group of `candidates` scenes: 1
    where outputs follow their inputs, 1 / `candidates` where they do not depend on them. From either side the
    mean picture is taken first, so that a light which is off by the same amount everywhere costs nothing.
    """
    made, partner = (x.flatten(1) - x.flatten(1).mean(dim=0) for x in (made, partner))  # (N, F)
    hits = [
        (torch.cdist(own, real, p=1).argmin(dim=1) == torch.arange(len(own))).float()
        for own, real in zip(made.split(candidates), partner.split(candidates), strict=True)
    ]
    return torch.cat(hits).mean().item()


def read_back(made: Tensor, start: Tensor, *, ridge: float = 1.0) -> float:
    """Share of the inputs' variance that a linear reader gets back from the translated pictures.

    The reader is fitted to the first half by ridge regression, and judged on the other. Noise is added to
    what it reads. It may exchange colours: this is what outputs still say of inputs, in whatever language.
    """
    noise = NOISE * torch.randn(made.shape, generator=torch.Generator().manual_seed(0))
    x, y = (made + noise).flatten(1).double(), start.flatten(1).double()  # (N, F) each
    half = len(x) // 2
    x = torch.cat([x - x[:half].mean(0), torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    gram = x[:half].T @ x[:half] + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    reader = torch.linalg.solve(gram, x[:half].T @ y[:half])  # (F + 1, F)
    wrong = (x[half:] @ reader - y[half:]).square().sum()
    return 1 - (wrong / (y[half:] - y[:half].mean(0)).square().sum()).item()


def kept(model: CycleGAN, *, count: int, seed: int) -> dict[str, float]:
    """Both directions, averaged: what is kept of the input, and whether the other domain is reached.

    Returns
    -------
    dict
        "found", as `found_own`; "read_back"; "off": distance to the exact picture, "copied": that of the
        input itself; "frechet" to real pictures of the other domain (other scenes), "frechet_of_copies";
        "spread": standard deviation of the outputs over that of the exact pictures.
    """
    eye, rows = zoo.load("shapes_resnet"), []
    for i, domain in enumerate(WORLDS["light"]):
        own = tests(domain, count, 4 * seed + i)
        fresh = tests(domain, count, 4 * seed + 2 + i).partner
        made = translated(sides(model, domain)[0], own.image)
        real = gaussian_fit(stage_features(eye, fresh))
        far = [frechet_distance(gaussian_fit(stage_features(eye, x)), real) for x in (made, own.image)]
        rows.append(
            {
                "found": found_own(made, own.partner),
                "read_back": read_back(made, own.image),
                "off": (made - own.partner).abs().mean().item(),
                "copied": (own.image - own.partner).abs().mean().item(),
                "frechet": far[0],
                "frechet_of_copies": far[1],
                "spread": (made.std(0).mean() / own.partner.std(0).mean()).item(),
            }
        )
    return {name: (rows[0][name] + rows[1][name]) / 2 for name in rows[0]}


@functools.cache
def arm(
    seed: int, budget: str, cycle: float, identity: float = 0.0, shortcut: bool = True
) -> dict[str, float]:
    """Train one arm and judge it; remembered, since the boundary asks for the same again."""
    steps, count = size(budget, quick=(2, 64), full=(500, 1024))
    model = trained(seed, cycle=cycle, identity=identity, steps=steps, shortcut=shortcut)
    return kept(model, count=count, seed=seed)
