"""Chapter 16: samplers with few and many steps, on points whose denoiser is known and on digits.

The regime of J. Song, C. Meng, S. Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, table 1: a network
that predicts ε, the linear schedule of 1,000 steps, and S of them kept, evenly spaced from the first on.

Shapes: B batch, N points or pictures, D dimensions, S side.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils.data import digits
from lecture_utils.generative.diffusion.condition import LabelTokens
from lecture_utils.generative.diffusion.mixture import GaussianMixture
from lecture_utils.generative.diffusion.prediction import Predict, simple_loss
from lecture_utils.generative.diffusion.samplers import ddim_sample, ddpm_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, linear_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.selfsup.ema import EMA
from lecture_utils.training.loop import fit, minibatches

SAMPLERS = ("DDIM", "DDPM, small variance", "DDPM, large variance")
SIDE, BATCH, RATE, MOMENTUM = 8, 64, 2e-3, 0.998


def sample_with(
    sampler: str,
    predict: Predict,
    schedule: NoiseSchedule,
    noise: Tensor,
    count: int,
    *,
    kind: str = "epsilon",
    clip: float | None = None,
    spacing: str = "leading",
    eta: float = 0.0,
    seed: int = 0,
    keep: list[Tensor] | None = None,
) -> Tensor:
    """Samples (B, …) from x_T by one of `SAMPLERS` in `count` steps; noise on the way comes from `seed`."""
    if sampler not in SAMPLERS:
        raise ValueError(f"sampler: got {sampler!r}, want one of {SAMPLERS}")
    draw = torch.Generator().manual_seed(seed)
    times = spaced_steps(schedule.steps, count, spacing)
    if sampler == "DDIM":
        return ddim_sample(
            predict, schedule, noise, times, kind=kind, eta=eta, clip=clip, draw=draw, keep=keep
        )
    variance = "small" if "small" in sampler else "large"
    return ddpm_sample(
        predict, schedule, noise, times, kind=kind, variance=variance, clip=clip, draw=draw, keep=keep
    )


# --- points ---------------------------------------------------------------------------------------------
def grid_mixture(side: int = 5, spread: float = 0.05) -> GaussianMixture:
    """side² equal Gaussians on a grid from -1 to 1."""
    line = torch.linspace(-1, 1, side)
    return GaussianMixture(torch.cartesian_prod(line, line), torch.full((side**2,), spread))


def sliced_distance(a: Tensor, b: Tensor, directions: int = 64) -> float:
    """Mean over directions of the Wasserstein-1 distance of points (N, 2), as many of both, along each.

    Of points on a line it is the mean distance of the sorted ones (J. Rabin et al., "Wasserstein Barycenter
    and Its Application to Texture Mixing", SSVM 2011).
    """
    if a.shape != b.shape or a.ndim != 2 or a.shape[1] != 2:
        raise ValueError(f"points: got {tuple(a.shape)} and {tuple(b.shape)}, want (N, 2) twice")
    angle = torch.arange(directions) * math.pi / directions
    across = torch.stack([angle.cos(), angle.sin()])  # (2, directions)
    return ((a @ across).sort(0).values - (b @ across).sort(0).values).abs().mean().item()


# --- digits ---------------------------------------------------------------------------------------------
class ToldNet(nn.Module):
    """The slim U-Net for 8 × 8 digits, without attention, told the digit: 0.2 M weights."""

    def __init__(self) -> None:
        super().__init__()
        self.net = SlimUNet(1, (32, 48), fold=1, context=32, embedding=96, attention=0)
        self.tokens = LabelTokens((10,), 32)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Predict from x_t (B, 1, 8, 8) at steps (B,) the noise of digits (B,)."""
        return self.net(x, t, self.tokens(labels[:, None]))


def epsilon_loss(schedule: NoiseSchedule) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """The simple loss at random steps, of pictures in [-1, 1] and their labels, as `fit` wants it."""

    def loss(net: nn.Module, x0: Tensor, labels: Tensor) -> Tensor:
        t = torch.randint(1, schedule.steps + 1, (len(x0),))
        noise = torch.randn_like(x0)
        return simple_loss(lambda x, t: net(x, t, labels), schedule, x0, t, noise, kind="epsilon")

    return loss


def train_epsilon(seed: int, steps: int, schedule: NoiseSchedule | None = None) -> ToldNet:
    """A network that predicts ε on the 8 × 8 training digits: the moving average, in evaluation mode.

    About 37 milliseconds of processor time a step.
    """
    schedule = schedule or NoiseSchedule(linear_betas())
    torch.manual_seed(seed)
    net = ToldNet().to(memory_format=torch.channels_last)
    ema = EMA(net, momentum=MOMENTUM)
    images, labels = digits.load(SIDE)
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.0, betas=(0.9, 0.99), fused=True)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=0.05, cycle_momentum=False
    )
    fit(
        net, minibatches(2 * images - 1, labels, batch_size=BATCH, seed=seed), loss=epsilon_loss(schedule),
        optimizer=optimizer, steps=steps, schedule=rates, progress=False,
        after_step=lambda step: ema.update(net, min(MOMENTUM, (1 + step) / (10 + step))),
    )  # fmt: skip
    average = ema.average.eval()
    assert isinstance(average, ToldNet)
    return average


@torch.inference_mode()
def digits_drawn(
    net: ToldNet, sampler: str, count: int, n: int, *, seed: int = 0, clip: float | None = 1.0,
    spacing: str = "leading", schedule: NoiseSchedule | None = None,
) -> Tensor:  # fmt: skip
    """Digits (n, 1, 8, 8) in [0, 1] of all classes in turn, all samplers from the same x_T."""
    schedule = schedule or NoiseSchedule(linear_betas())
    noise = torch.randn(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(n) % 10
    predict = lambda x, t: net(x, t, labels)  # noqa: E731
    x = sample_with(sampler, predict, schedule, noise, count, clip=clip, spacing=spacing, seed=seed + 1)
    return ((x + 1) / 2).clamp(0, 1)
