"""Chapter 02: what the lecture claims about attention and vision transformers, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. C02.3
(data hunger) and C02.5 (the shift) train networks and stand in files of their own, `hunger` and `shift`.

Shapes: N images, B batch, T tokens, C channels, H and W height and width, D model width.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.backbones.swin import WindowAttention
from lecture_utils.backbones.vit import ViT
from lecture_utils.chapters.ch02.hunger import c02_3_data_hunger as c02_3_data_hunger
from lecture_utils.chapters.ch02.shift import c02_5_shift as c02_5_shift
from lecture_utils.data import toyworld
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.training.kit import Figures, size

# --- C02.1 -----------------------------------------------------------------------------------------
STEPS_BACK = 100
FORGET_BIASES = (0.0, 1.0, 3.0)  # the LSTM keeps 50, 73 and 95 % of its second state a step


class AttentionReader(nn.Module):
    """One transformer layer over a sequence with sinusoidal positions: (B, T, D) → (B, T, D)."""

    def __init__(self, dim: int, length: int) -> None:
        super().__init__()
        self.layer = EncoderLayer(dim, 4, 2 * dim)
        self.register_buffer("positions", sinusoidal_encoding(length, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + self.get_buffer("positions"))


class RecurrentReader(nn.Module):
    """A recurrent layer of width D: "tanh" as PyTorch starts it, "orthogonal", or "LSTM" (forget bias)."""

    def __init__(self, dim: int, kind: str, forget: float = 1.0) -> None:
        super().__init__()
        self.cell = (nn.LSTM if kind == "LSTM" else nn.RNN)(dim, dim, batch_first=True)
        weights = dict(self.cell.named_parameters())
        if kind == "orthogonal":
            nn.init.orthogonal_(weights["weight_hh_l0"])
        if kind == "LSTM":
            with torch.no_grad():
                weights["bias_ih_l0"][dim : 2 * dim] = forget  # the second quarter is the forget gate's
                weights["bias_hh_l0"][dim : 2 * dim] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)[0]


def gradient_by_distance(model: nn.Module, dim: int, length: int, seed: int) -> Tensor:
    """Norm of the gradient of the last output with respect to the input k steps earlier: (length,).

    Entry k is the mean over 16 random sequences, for a random direction of the output, in float64.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(16, length, dim, generator=generator, dtype=torch.float64).requires_grad_()
    direction = torch.randn(dim, generator=generator, dtype=torch.float64)
    last = model.double()(x)[:, -1] @ direction  # (16,)
    gradient = torch.autograd.grad(last.sum(), x)[0]  # (16, T, D)
    return gradient.norm(dim=2).mean(dim=0).flip(0)  # (T,): 0 steps back first


def reach_of_all(seed: int, forget: float) -> Figures:
    """Curves, reach and gap of C02.1 for an LSTM whose forget gate starts with this bias."""
    dim, length = 64, STEPS_BACK + 1
    makers: dict[str, Callable[[], nn.Module]] = {
        "attention": lambda: AttentionReader(dim, length),
        "tanh RNN": lambda: RecurrentReader(dim, "tanh"),
        "tanh RNN, orthogonal": lambda: RecurrentReader(dim, "orthogonal"),
        "LSTM": lambda: RecurrentReader(dim, "LSTM", forget),
    }
    curves, reach = {}, {}
    for name, make in makers.items():
        torch.manual_seed(seed)
        logs = gradient_by_distance(make(), dim, length, seed).log10()
        curves[name], reach[name] = logs.tolist(), float(logs[-1] - logs[1])
    best = max(value for name, value in reach.items() if name != "attention")
    return {"log10_gap": reach["attention"] - best, "log10_reach": reach, "log10_gradient": curves}


def reach_at(seed: int, budget: str, forget: float) -> Figures:
    """C02.1's gap for another forget bias; the other nets stay as they are."""
    found = reach_of_all(seed, forget)
    return {key: found[key] for key in ("log10_gap", "log10_reach")}


@claim(
    "C02.1",
    statement=(
        "The gradient reaching back 100 steps is over ten times larger with attention than with RNNs as they "
        "are usually started (LSTM: forget bias 1)."
    ),
    paper="A. Vaswani et al., Attention Is All You Need, NeurIPS 2017 (section 4, table 1)",
    rule=Rule("log10_gap", above=1.0),
    seeds=5,
    note=(
        "Before training; relative to the gradient one step back; against the best of three recurrent nets. "
        "The start decides: with a forget bias of 3 the same LSTM was known, before this run, to reach back "
        "nearly as far as attention."
    ),
    names={
        "log10_gap": "orders of magnitude by which more reaches 100 steps back with attention",
        "log10_reach": "log10 of the gradient 100 steps back over that one step back",
        "log10_gradient": "log10 of the gradient at each distance",
    },
    boundary=Boundary("the LSTM's forget bias", FORGET_BIASES, reach_at),
)
def c02_1_reach(seed: int, budget: str) -> Figures:
    """Gradient at the input 100 steps back over that one step back, for attention and three recurrent nets.

    `log10_gap` is log10 of that ratio for attention minus the largest of the recurrent nets' log10.
    """
    return reach_of_all(seed, 1.0)


# --- C02.2 -----------------------------------------------------------------------------------------
def permute_patches(x: Tensor, patch: int, order: Tensor) -> Tensor:
    """Cut (B, C, H, W) images into patches and lay them down again in another order (N,)."""
    rows = x.shape[2] // patch
    patches = rearrange(x, "b c (h p) (w q) -> b (h w) c p q", p=patch, q=patch)[:, order]
    return rearrange(patches, "b (h w) c p q -> b c (h p) (w q)", h=rows)


def small_vit(*, image: int = 32, patch: int = 4, position: bool = True, classes: int = 8) -> ViT:
    """A ViT of width 48 with 2 layers."""
    return ViT(
        image=image, patch=patch, dim=48, heads=4, hidden=96, layers=2, classes=classes, position=position
    )


@claim(
    "C02.2",
    statement="Without position encoding a ViT's logits do not change when the patches are shuffled.",
    paper="A. Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (section 3.1, appendix D.4)",
    rule=(
        Rule("change_without", equals=0.0, tolerance=1e-9),
        Rule("change_with", above=1e-4),
    ),
    seeds=5,
    note="Untrained networks in float64; the exact statement holds for any weights.",
    names={
        "change_without": "largest change of a logit without positions",
        "change_with": "largest change of a logit with positions",
    },
)
def c02_2_permutation(seed: int, budget: str) -> Figures:
    """Largest change of any logit when the patches of 8 pictures are shuffled, without and with positions."""
    images = toyworld.classification(8, size=32, seed=seed)[0].double()
    order = torch.randperm(64, generator=torch.Generator().manual_seed(seed))
    figures = {}
    for name, position in (("change_without", False), ("change_with", True)):
        torch.manual_seed(seed)
        model = small_vit(position=position).double().eval()
        with torch.inference_mode():
            change = model(permute_patches(images, 4, order)) - model(images)
        figures[name] = change.abs().max().item()
    return figures


# --- C02.4 -----------------------------------------------------------------------------------------
SIDES = (32, 40, 48, 64, 96)  # tokens along each side of the map


def multiply_adds(layer: nn.Module, x: Tensor) -> int:
    """Multiply-adds of one forward pass, counted by PyTorch over every matrix product, without computing."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        layer(x)
    return counter.get_total_flops() // 2


def seconds(layer: nn.Module, x: Tensor, repeats: int) -> float:
    """Processor time of one forward pass of this thread: the least of several, after one to warm up."""
    taken = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            start = time.thread_time()
            layer(x)
            taken.append(time.thread_time() - start)
    return min(taken[1:])


def slope(x: list[int], y: list[float]) -> float:
    """Slope of the straight line through log y against log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


@claim(
    "C02.4",
    statement="Cost grows as tokens squared (slope ≈ 2) for global attention, as tokens (≈ 1) in windows.",
    paper="Z. Liu et al., Swin Transformer, ICCV 2021 (section 3.2, equations 1 and 2)",
    rule=(
        Rule("time_slope_global", above=1.6, below=2.4),
        Rule("time_slope_window", above=0.7, below=1.3),
        Rule("macs_slope_global", above=1.8, below=2.2),
        Rule("macs_slope_window", above=0.9, below=1.1),
    ),
    seeds=3,
    timed=True,
    note="One attention layer of width 32 with 2 heads, windows of 8 × 8, one thread, processor time.",
    names={
        "time_slope_global": "slope of time against tokens, global",
        "time_slope_window": "slope of time against tokens, in windows",
        "macs_slope_global": "slope of multiply-adds, global",
        "macs_slope_window": "slope of multiply-adds, in windows",
        "macs": "multiply-adds",
    },
)
def c02_4_cost(seed: int, budget: str) -> Figures:
    """Log-log slopes of processor time and of counted multiply-adds against 1,024 to 9,216 tokens."""
    torch.manual_seed(seed)
    whole, windowed = MultiHeadAttention(32, 2).eval(), WindowAttention(32, 2, 8).eval()
    sides = size(budget, quick=SIDES[:3], full=SIDES)
    tokens = [side**2 for side in sides]
    macs: dict[str, list[int]] = {"global": [], "window": []}
    times: dict[str, list[float]] = {"global": [], "window": []}
    for side in sides:
        grid = torch.randn(1, side, side, 32)  # (B, H, W, D)
        for name, layer, x in (("global", whole, grid.flatten(1, 2)), ("window", windowed, grid)):
            with torch.device("meta"):
                twin = MultiHeadAttention(32, 2) if name == "global" else WindowAttention(32, 2, 8)
            macs[name].append(multiply_adds(twin, x.to("meta")))
            times[name].append(seconds(layer, x, 3))
    slopes = {f"time_slope_{name}": slope(tokens, times[name]) for name in times}
    slopes |= {f"macs_slope_{name}": slope(tokens, [float(m) for m in macs[name]]) for name in macs}
    return {**slopes, "tokens": tokens, "macs": macs, "seconds": times}
