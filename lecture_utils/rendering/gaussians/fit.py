"""Fitting a scene of Gaussians to pictures with known cameras; part of 3D Gaussian splatting (S18.5).

Kerbl et al., "3D Gaussian Splatting", SIGGRAPH 2023, sections 5 and 7.1: one view a step, the loss
0.8 L1 + 0.2 (1 - SSIM) (equation 7), Adam with a rate for each kind of number, that of the means falling
exponentially, and density control in between. The paper takes 30,000 steps; `FitSettings` has a schedule for
small pictures, with higher rates. Simplified: D-SSIM is 1 - SSIM, as in the authors' code.

Shapes: V views, H and W height and width.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_images, check_number, check_tensor, check_whole
from lecture_utils.ops.ssim import ssim
from lecture_utils.rendering.gaussians.density import Change, DensityControl
from lecture_utils.rendering.gaussians.gaussians import NAMES, Gaussians, View

ADAM_EPSILON = 1e-15  # the authors': gradients of single Gaussians are tiny


@dataclass(frozen=True)
class FitSettings:
    """How to fit; counts are in steps.

    Attributes
    ----------
    steps : int
        One view each.
    mean_rate, last_mean_rate : float
        Adam's rate of the means, first and last, in metres.
    scale_rate, quaternion_rate, opacity_rate, colour_rate : float
        Adam's other rates; the higher spherical harmonics share `colour_rate`.
    ssim_weight : float
        λ of equation 7.
    densify_from, densify_until, densify_every : int
        When density control acts.
    gradient_threshold, size_threshold_m, most
        As for `DensityControl`.
    reset_every : int
        Opacities are reset so often while density control acts; 0: never.
    degree_every : int
        After so many steps the next degree of the spherical harmonics joins in.
    """

    steps: int = 3000
    mean_rate: float = 2e-3
    last_mean_rate: float = 2e-5
    scale_rate: float = 1e-2
    quaternion_rate: float = 5e-3
    opacity_rate: float = 5e-2
    colour_rate: float = 1e-2
    ssim_weight: float = 0.2
    densify_from: int = 200
    densify_until: int = 1800
    densify_every: int = 100
    gradient_threshold: float = 4e-4
    size_threshold_m: float = 0.03
    most: int = 2000
    reset_every: int = 0
    degree_every: int = 300

    def __post_init__(self) -> None:
        for name in ("steps", "densify_every", "degree_every", "most"):
            check_whole(getattr(self, name), name)
        for name in ("densify_from", "densify_until", "reset_every"):
            check_whole(getattr(self, name), name, 0)
        check_number(self.ssim_weight, "ssim_weight", 0, 1)
        check_number(self.gradient_threshold, "gradient_threshold", 0)
        check_number(self.size_threshold_m, "size_threshold_m", 0, above=True)
        for name in ("mean", "last_mean", "scale", "quaternion", "opacity", "colour"):
            check_number(getattr(self, f"{name}_rate"), f"{name}_rate", 0, above=True)


@dataclass
class FitHistory:
    """What happened: the loss of each step, each round of density control by its step, the seconds."""

    losses: list[float] = field(default_factory=list)
    changes: list[tuple[int, Change]] = field(default_factory=list)
    seconds: float = 0.0


def splat_loss(image: Tensor, target: Tensor, ssim_weight: float = 0.2) -> Tensor:
    """Return (1 - λ) L1 + λ (1 - SSIM), a scalar, of pictures (3, H, W); the target lies in [0, 1]."""
    check_images(image[None], 3)
    check_images(target[None], 3, unit_range=True)
    check_number(ssim_weight, "ssim_weight", 0, 1)
    if image.shape != target.shape:
        raise ValueError(f"image: got {tuple(image.shape)}, want {tuple(target.shape)}, the target's")
    absolute = (image - target).abs().mean()
    if not ssim_weight:
        return absolute
    return (1 - ssim_weight) * absolute + ssim_weight * (1 - ssim(image[None], target[None])[0])


def adam_for(gaussians: Gaussians, settings: FitSettings) -> torch.optim.Adam:
    """Return Adam with one group for each kind of number, which `density` needs."""
    s = settings
    rates = (s.mean_rate, s.scale_rate, s.quaternion_rate, s.opacity_rate, s.colour_rate)
    groups = [
        {"params": [getattr(gaussians, name)], "lr": rate, "name": name}
        for name, rate in zip(NAMES, rates, strict=True)
    ]
    return torch.optim.Adam(groups, eps=ADAM_EPSILON)


def fit_step(
    gaussians: Gaussians,
    optimizer: torch.optim.Optimizer,
    cameras: Cameras,
    target: Tensor,
    ssim_weight: float = 0.2,
) -> tuple[View, float]:
    """Render one view, compare it with the target (3, H, W), and move every Gaussian a little."""
    view = gaussians.view(cameras)
    view.means.retain_grad()  # density control asks how hard the picture pulls at each place
    loss = splat_loss(view.image, target, ssim_weight)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return view, loss.item()


def fit_gaussians(
    gaussians: Gaussians,
    cameras: Cameras,
    images: Tensor,
    settings: FitSettings | None = None,
    *,
    seed: int = 0,
    after_step: Callable[[int], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> FitHistory:
    """Fit a scene, in place, to pictures with known cameras.

    Parameters
    ----------
    gaussians : Gaussians
        The start. Their number changes.
    cameras : Cameras
        V of them.
    images : Tensor
        (V, 3, H, W) in [0, 1], over the scene's background.
    settings : FitSettings, optional
        The schedule.
    seed : int
        Of the order of views and the places of split Gaussians.
    after_step : callable, optional
        ``after_step(step)``, from 0.
    clock : callable
        What the seconds are taken from; ``time.thread_time`` on a machine that others use too.

    Returns
    -------
    FitHistory
        Losses, density control's changes, seconds.

    Raises
    ------
    ValueError
        If the pictures are not those of the cameras, or the loss is no number.
    """
    settings = settings or FitSettings()
    check_images(images, 3, unit_range=True)
    check_whole(seed, "seed", None)
    check_tensor(images, "images", len(cameras), 3, *cameras.size)
    history, start = FitHistory(), clock()
    generator = torch.Generator().manual_seed(seed)
    optimizer = adam_for(gaussians, settings)
    order: list[int] = []  # views still to come in this pass
    control = DensityControl(
        gaussians,
        optimizer,
        gradient_threshold=settings.gradient_threshold,
        size_threshold_m=settings.size_threshold_m,
        most=settings.most,
        generator=generator,
    )
    for step in range(settings.steps):
        if not order:  # each pass has its own order
            order = torch.randperm(len(images), generator=generator).tolist()
        gaussians.active_degree = min(gaussians.degree, step // settings.degree_every)
        optimizer.param_groups[0]["lr"] = mean_rate_at(settings, step)
        which = order.pop()
        view, loss = fit_step(gaussians, optimizer, cameras[which], images[which], settings.ssim_weight)
        if not math.isfinite(loss):
            raise ValueError(f"loss: got {loss} at step {step}, want a number: the rates are too high")
        history.losses.append(loss)
        if step < settings.densify_until:
            control.observe(view)
            act_on_density(control, history, settings, step)
        if after_step:
            after_step(step)
    gaussians.active_degree = gaussians.degree
    history.seconds = clock() - start
    return history


def mean_rate_at(settings: FitSettings, step: int) -> float:
    """Return the means' rate: from the first to the last it falls by the same factor each step."""
    done = check_whole(step, "step", 0) / max(settings.steps - 1, 1)
    return settings.mean_rate * (settings.last_mean_rate / settings.mean_rate) ** min(done, 1)


def act_on_density(control: DensityControl, history: FitHistory, settings: FitSettings, step: int) -> None:
    """Densify and prune, and reset opacities, where this step is due for it."""
    done = step + 1
    if done > settings.densify_from and done % settings.densify_every == 0:
        history.changes.append((step, control.densify_and_prune()))
    if settings.reset_every and done % settings.reset_every == 0:
        control.reset_opacities()
