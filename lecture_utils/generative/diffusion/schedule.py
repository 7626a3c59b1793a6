"""Noise schedules: how much of the picture is left after t steps of noising, S16.1.

Linear: J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, section 4.
Cosine: A. Nichol, P. Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021, equation 17.
Scaled linear: R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022
(their code). Zero terminal SNR: S. Lin et al., "Common Diffusion Noise Schedules and Sample Steps are
Flawed", WACV 2024, algorithm 1.

Steps are counted as in the papers: t = 1 … T, and t = 0 is the clean picture (libraries count from 0, so that
their step is ours - 1). Everything is held in double precision: products of a thousand factors.

Shapes: T steps, B batch.
"""

import math

import torch
from torch import Tensor

from lecture_utils.ops.checks import check_float, check_number, check_tensor, check_whole


def linear_betas(steps: int = 1000, *, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """Return β_1 … β_T (T,), evenly spaced from `start` to `end`: the schedule of DDPM."""
    check_ends(steps, start, end)
    return torch.linspace(start, end, steps, dtype=torch.float64)


def scaled_linear_betas(steps: int = 1000, *, start: float = 0.00085, end: float = 0.012) -> Tensor:
    """Return β_1 … β_T (T,) whose roots are evenly spaced: the schedule of latent diffusion."""
    check_ends(steps, start, end)
    return torch.linspace(math.sqrt(start), math.sqrt(end), steps, dtype=torch.float64).square()


def cosine_betas(steps: int = 1000, *, offset: float = 0.008, most: float = 0.999) -> Tensor:
    """Return β_1 … β_T (T,) for which ᾱ_t falls like a squared cosine (equation 17).

    Parameters
    ----------
    steps : int
        T.
    offset : float
        s: keeps the first β from being smaller than what a pixel can show.
    most : float
        No β is larger than this, "to prevent singularities at the end of the diffusion process".

    Raises
    ------
    ValueError
        For fewer than one step, a negative offset, or a bound outside (0, 1).
    """
    check_whole(steps, "steps")
    check_number(offset, "offset", 0)
    check_number(most, "most", 0, 1, above=True)
    t = torch.arange(steps + 1, dtype=torch.float64) / steps  # 0 … 1
    alpha_bar = torch.cos((t + offset) / (1 + offset) * math.pi / 2).square()
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=most)


def zero_terminal_snr(betas: Tensor) -> Tensor:
    """Return betas (T,) bent so that nothing of the picture is left at T: ᾱ_T = 0 (Lin et al., algorithm 1).

    √ᾱ is shifted to end at 0 and stretched to begin where it began. With ᾱ_T = 0 the noise tells nothing
    about the picture, so that the network must predict v or the picture.
    """
    check_betas(betas)
    root = (1 - betas.double()).cumprod(0).sqrt()  # √ᾱ_1 … √ᾱ_T
    if not float(root[0]) > float(root[-1]):
        raise ValueError("betas: got a schedule of one step, want two or more")
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = root.square()
    return 1 - alpha_bar / torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]])


class NoiseSchedule:
    """β_t and ᾱ_t = Π (1 - β) for t = 0 … T, with β_0 = 0 and ᾱ_0 = 1: at step 0 there is no noise.

    Parameters
    ----------
    betas : Tensor, (T,)
        β_1 … β_T, each in (0, 1); the last may be 1.

    Attributes
    ----------
    beta, alpha_bar : Tensor
        (T + 1,) float64.

    Raises
    ------
    ValueError
        For betas of another shape or outside (0, 1).
    """

    def __init__(self, betas: Tensor) -> None:
        check_betas(betas)
        self.beta = torch.cat([torch.zeros(1, dtype=torch.float64), betas.detach().double().cpu()])
        self.alpha_bar = (1 - self.beta).cumprod(0)

    @property
    def steps(self) -> int:
        """T."""
        return len(self.beta) - 1

    def at(self, t: Tensor | int, x: Tensor) -> Tensor:
        """Return ᾱ_t with the axes, type and place of `x`: (B, 1, 1, 1) for (B, C, H, W).

        Parameters
        ----------
        t : Tensor or int
            (B,) int64, one step for each of the batch, or one for all; 0 … T.
        x : Tensor
            (B, …), floating point.

        Raises
        ------
        ValueError
            For steps outside 0 … T, or as many as do not fit `x`.
        """
        return self.gather(self.alpha_bar, t, x)

    def beta_at(self, t: Tensor | int, x: Tensor) -> Tensor:
        """Return β_t likewise."""
        return self.gather(self.beta, t, x)

    def gather(self, values: Tensor, t: Tensor | int, x: Tensor) -> Tensor:
        """Return values (T + 1,) at steps `t`, with as many axes as `x`, in its type."""
        check_float(x, name="x")
        if x.ndim == 0 or x.numel() == 0:
            raise ValueError(f"x: got shape {tuple(x.shape)}, want (B, …) with no axis of length 0")
        t = check_steps(t, self.steps, len(x))
        return values.to(t.device)[t].to(x).view(-1, *[1] * (x.ndim - 1))

    def snr(self) -> Tensor:
        """Return the signal-to-noise ratio ᾱ / (1 - ᾱ) of steps 1 … T, (T,)."""
        alpha_bar = self.alpha_bar[1:]
        return alpha_bar / (1 - alpha_bar)


def check_steps(t: Tensor | int, steps: int, batch: int, *, least: int = 0) -> Tensor:
    """Return steps as a tensor (B,) or (1,), else raise ValueError: of another type, shape or range."""
    if not isinstance(t, Tensor):
        if check_whole(t, "t", least) > steps:
            raise ValueError(f"t: got {t}, want a step from {least} to {steps}")
        return torch.tensor([int(t)])
    if t.dtype != torch.int64 or tuple(t.shape) != (batch,):
        raise ValueError(
            f"t: got {t.dtype} {tuple(t.shape)}, want int64 ({batch},), one step for each of the batch"
        )
    if batch and (int(t.min()) < least or int(t.max()) > steps):
        raise ValueError(f"t: got steps from {int(t.min())} to {int(t.max())}, want {least} to {steps}")
    return t


def check_betas(betas: Tensor) -> None:
    """Raise ValueError unless these are (T,), in (0, 1), but for the last, which may be 1."""
    check_tensor(betas, "betas", "T", finite=True, some=True)
    low, high = float(betas.min()), float(betas.max())
    if low <= 0 or high > 1 or bool((betas[:-1] >= 1).any()):
        raise ValueError(f"betas: got values from {low:.4g} to {high:.4g}, want all above 0 and below 1")


def check_ends(steps: int, start: float, end: float) -> None:
    """Raise ValueError unless 0 < start ≤ end < 1."""
    check_whole(steps, "steps")
    low, high = check_number(start, "start"), check_number(end, "end")
    if not 0 < low <= high < 1:
        raise ValueError(f"betas: got start {start} and end {end}, want 0 < start ≤ end < 1")
