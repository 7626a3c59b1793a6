"""Chapter 02: what the lecture claims about attention and vision transformers, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. Where
two networks are compared, both get the same data, steps and batches, and the learning rate that did best for
that network among the same candidates, on a seed that is not measured.

Shapes: N images, B batch, T tokens, C channels, H and W height and width, D model width.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.backbones.swin import Swin, WindowAttention
from lecture_utils.backbones.vit import ViT
from lecture_utils.data import digits, toyworld
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.positions import sinusoidal_encoding
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.training.loop import accuracy, fit, minibatches

Figures = dict[str, Any]
Data = tuple[Tensor, Tensor]  # images (N, C, H, W) in [0, 1], labels (N,)
TUNING_SEED = 10_000  # far from the ledger's seeds: what is tuned there is not measured there
RATES = (3e-3, 1e-3)


def cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The loss of all classifiers here: mean of -log p(right class)."""
    return F.cross_entropy(model(x), y)


def parameters(model: nn.Module) -> int:
    """Number of learned values."""
    return sum(p.numel() for p in model.parameters())


# --- C02.1 -----------------------------------------------------------------------------------------
STEPS_BACK = 100


class AttentionReader(nn.Module):
    """One transformer layer over a sequence with sinusoidal positions: (B, T, D) → (B, T, D)."""

    def __init__(self, dim: int, length: int) -> None:
        super().__init__()
        self.layer = EncoderLayer(dim, 4, 2 * dim)
        self.register_buffer("positions", sinusoidal_encoding(length, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + self.get_buffer("positions"))


class RecurrentReader(nn.Module):
    """A recurrent layer of width D: "tanh" as PyTorch starts it, "orthogonal", or "LSTM", forget bias 1."""

    def __init__(self, dim: int, kind: str) -> None:
        super().__init__()
        self.cell = (nn.LSTM if kind == "LSTM" else nn.RNN)(dim, dim, batch_first=True)
        if kind == "orthogonal":
            nn.init.orthogonal_(self.cell.weight_hh_l0)
        if kind == "LSTM":
            with torch.no_grad():
                self.cell.bias_ih_l0[dim : 2 * dim] = 1.0  # the second quarter is the forget gate's
                self.cell.bias_hh_l0[dim : 2 * dim] = 0.0

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


@claim(
    "C02.1",
    statement="The gradient reaching back 100 steps is over ten times larger with attention than with RNNs.",
    paper="A. Vaswani et al., Attention Is All You Need, NeurIPS 2017 (section 4, table 1)",
    rule=Rule("log10_gap", above=1.0),
    seeds=5,
    note="Before training; relative to the gradient one step back; against the best of three recurrent nets.",
)
def c02_1_reach(seed: int, budget: str) -> Figures:
    """Gradient at the input 100 steps back over that one step back, for attention and three recurrent nets.

    `log10_gap` is log10 of that ratio for attention minus the largest of the recurrent nets' log10.
    """
    dim, length = 64, STEPS_BACK + 1
    makers: dict[str, Callable[[], nn.Module]] = {
        "attention": lambda: AttentionReader(dim, length),
        "tanh RNN": lambda: RecurrentReader(dim, "tanh"),
        "tanh RNN, orthogonal": lambda: RecurrentReader(dim, "orthogonal"),
        "LSTM": lambda: RecurrentReader(dim, "LSTM"),
    }
    curves, reach = {}, {}
    for name, make in makers.items():
        torch.manual_seed(seed)
        logs = gradient_by_distance(make(), dim, length, seed).log10()
        curves[name], reach[name] = logs.tolist(), float(logs[-1] - logs[1])
    best = max(value for name, value in reach.items() if name != "attention")
    return {"log10_gap": reach["attention"] - best, "log10_reach": reach, "log10_gradient": curves}


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


# --- C02.3 -----------------------------------------------------------------------------------------
STEPS = (300, 450, 700, 1000, 1500)  # for the smallest to the largest training set
WORLDS = {"toy world": (128, 512, 2048, 8192, 32768), "digits": (48, 96, 192, 384, 768)}


def small_cnn(channels: int, classes: int) -> nn.Sequential:
    """Three convolutions with batch norm, about as many weights as the ViT of this experiment."""
    layers: list[nn.Module] = []
    for c_in, c_out in ((channels, 24), (24, 48), (48, 72)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(72, classes))


def learner(name: str, world: str) -> nn.Module:
    """The CNN or the ViT, 16 patches a picture, for 16 × 16 colour objects or 8 × 8 grey digits."""
    channels, classes, image = (3, 8, 16) if world == "toy world" else (1, 10, 8)
    if name == "CNN":
        return small_cnn(channels, classes)
    return ViT(
        image=image, patch=image // 4, dim=48, heads=4, hidden=96, layers=2, classes=classes,
        in_channels=channels,
    )  # fmt: skip


def pictures(world: str, split: str, n: int, seed: int) -> Data:
    """`n` pictures, centred and scaled for both networks alike; for the digits, n of those there are."""
    if world == "toy world":
        x, y = toyworld.classification(n, size=16, split=split, seed=seed)
    else:
        x, y = digits.load(size=8, split=split)
        chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:n]
        x, y = x[chosen], y[chosen]
    return (x - 0.5) / 0.25, y


def train_on(model: nn.Module, data: Data, rate: float, *, steps: int, seed: int) -> nn.Module:
    """Train with AdamW on batches of 32, the rate warmed up and let down again."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.15)
    batches = minibatches(*data, batch_size=32, seed=seed)
    fit(
        model,
        batches,
        loss=cross_entropy,
        optimizer=optimizer,
        steps=steps,
        schedule=schedule,
        progress=False,
    )
    return model


def score(name: str, world: str, size: int, rate: float, *, steps: int, seed: int, split: str) -> float:
    """Train one network on `size` pictures and return its accuracy on up to 2,000 of another split."""
    torch.manual_seed(seed)
    data = pictures(world, "train", size, seed)
    model = train_on(learner(name, world), data, rate, steps=steps, seed=seed)
    return accuracy(model, *pictures(world, split, 2000, 0))


@functools.lru_cache
def tuned_rate(name: str, world: str, size: int, steps: int) -> float:
    """The candidate rate with the best validation accuracy after half the steps, on a seed not measured."""
    trials = {
        rate: score(name, world, size, rate, steps=steps // 2, seed=TUNING_SEED, split="val")
        for rate in RATES
    }
    return max(trials, key=trials.__getitem__)


@claim(
    "C02.3",
    statement="With few images a CNN beats a ViT of the same size; the gap shrinks or flips as data grow.",
    paper="A. Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (figures 3 and 4)",
    rule=(
        Rule("toy_gap_few", above=0.0),
        Rule("toy_shrinks_by", above=0.0),
        Rule("digits_gap_few", above=0.0),
        Rule("digits_shrinks_by", above=0.0),
    ),
    seeds=3,
    note="Networks of about 40,000 weights (within 8 %), no augmentation, 300 to 1,500 steps of 32 pictures.",
)
def c02_3_data_hunger(seed: int, budget: str) -> Figures:
    """Test accuracy of a CNN and a ViT of equal size against the number of training pictures, in two worlds.

    `…_gap_few` is CNN minus ViT, mean of the two smallest training sets; `…_shrinks_by` is `gap_few` minus
    the gap at the largest. Both get the same steps at each size, more for larger sets, and two learning
    rates to choose from for each size.
    """
    figures: Figures = {"sizes": WORLDS, "accuracy": {}, "rates": {}}
    for world, sizes in WORLDS.items():
        curves: dict[str, list[float]] = {"CNN": [], "ViT": []}
        rates: dict[str, list[float]] = {"CNN": [], "ViT": []}
        for size, full in zip(sizes, STEPS, strict=True):
            steps = full if budget == "full" else 20
            for name in curves:
                rates[name].append(tuned_rate(name, world, size, steps))
                chosen = rates[name][-1]
                curves[name].append(score(name, world, size, chosen, steps=steps, seed=seed, split="test"))
        gaps = [cnn - vit for cnn, vit in zip(curves["CNN"], curves["ViT"], strict=True)]
        few, key = float(np.mean(gaps[:2])), world.split()[0]
        figures |= {f"{key}_gap_few": few, f"{key}_shrinks_by": few - gaps[-1], f"{key}_gap_many": gaps[-1]}
        figures["accuracy"][world], figures["rates"][world] = curves, rates
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
    note="One attention layer of width 32 with 2 heads, windows of 8 × 8, one thread, processor time.",
)
def c02_4_cost(seed: int, budget: str) -> Figures:
    """Log-log slopes of processor time and of counted multiply-adds against 1,024 to 9,216 tokens."""
    torch.manual_seed(seed)
    whole, windowed = MultiHeadAttention(32, 2).eval(), WindowAttention(32, 2, 8).eval()
    sides = SIDES if budget == "full" else SIDES[:3]
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


# --- C02.5 -----------------------------------------------------------------------------------------
MARKS = torch.tensor([[0.9, 0.2, 0.2], [0.2, 0.3, 0.9], [0.1, 0.7, 0.2], [0.9, 0.8, 0.1]])


def far_mark(n: int, seed: int) -> Data:
    """Grey noise whose bottom right quarter is tinted in one of four colours; the label is the colour.

    Returns
    -------
    images (n, 3, 16, 16) in [0, 1]; labels (n,) 0 to 3.
    """
    generator = torch.Generator().manual_seed(seed)
    images = 0.4 + 0.2 * torch.rand(n, 1, 16, 16, generator=generator).repeat(1, 3, 1, 1)
    labels = torch.randint(0, len(MARKS), (n,), generator=generator)
    images[:, :, 8:, 8:] = 0.5 * images[:, :, 8:, 8:] + 0.5 * MARKS[labels][:, :, None, None]
    return images, labels


class CornerReader(nn.Module):
    """One stage of Swin on 8 × 8 tokens, windows of 4 × 4; answers from the top left window alone.

    Four blocks, of which every second one is shifted, or none.
    """

    def __init__(self, *, shifted: bool) -> None:
        super().__init__()
        self.swin = Swin(
            dim=24, depths=(4,), heads=(2,), window=4, patch=2, classes=len(MARKS), shifted=shifted
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, 16, 16)
        corner = self.swin.features(x)[:, :4, :4]  # (B, 4, 4, D)
        return self.swin.head(corner.mean(dim=(1, 2)))


def reached_tokens(model: Swin, row: int, column: int) -> Tensor:
    """Which of the 8 × 8 input tokens the output token (row, column) depends on: boolean (8, 8)."""
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(model.features(x)[0, row, column, 0], x)
    return rearrange(gradient[0].abs(), "c (h p) (w q) -> h w (c p q)", p=2, q=2).amax(-1) > 0


def train_reader(shifted: bool, rate: float, *, steps: int, seed: int) -> CornerReader:
    """Train on pictures with a far tint with AdamW, batches of 32 from 4,096."""
    torch.manual_seed(seed)
    model = CornerReader(shifted=shifted)
    train_on(model, far_mark(4096, seed), rate, steps=steps, seed=seed)
    return model


@functools.lru_cache
def tuned_reader_rate(shifted: bool, steps: int) -> float:
    """The candidate rate with the best accuracy, on a seed that is not measured."""
    data = far_mark(1000, TUNING_SEED + 1)
    trials = {
        rate: accuracy(train_reader(shifted, rate, steps=steps, seed=TUNING_SEED), *data) for rate in RATES
    }
    return max(trials, key=trials.__getitem__)


@claim(
    "C02.5",
    statement="Without the shift nothing crosses a window, and accuracy falls where the answer must cross.",
    paper="Z. Liu et al., Swin Transformer, ICCV 2021 (section 3.2, table 4)",
    rule=(
        Rule("accuracy_gap", above=0.2),
        Rule("outside_without_shift", equals=0.0),
        Rule("outside_with_shift", above=0.0),
    ),
    seeds=3,
    note=(
        "One stage, no patch merging: merging, too, would let windows exchange information. A first version, "
        "with a mark of one token in place of a tinted quarter, was learned by neither arm in 200 steps "
        "(gap 0 on its only seed)."
    ),
)
def c02_5_shift(seed: int, budget: str) -> Figures:
    """Name the tint of the bottom right window, reading the top left one only: with and without the shift.

    `accuracy_gap` is in shares of the test pictures. `outside_…` counts the tokens outside its own window on
    which the output token (3, 3) depends, by the gradient's support.
    """
    steps, test = 200 if budget == "full" else 20, far_mark(2000, 77_777)
    scores: dict[str, float] = {}
    outside: dict[str, float] = {}
    rates: dict[str, float] = {}
    for shifted in (False, True):
        name = "with_shift" if shifted else "without_shift"
        rates[name] = tuned_reader_rate(shifted, steps)
        model = train_reader(shifted, rates[name], steps=steps, seed=seed)
        reached = reached_tokens(model.swin, 3, 3)
        scores[name] = accuracy(model, *test)
        outside[f"outside_{name}"] = float(reached.sum() - reached[:4, :4].sum())
    figures = {"accuracy_gap": scores["with_shift"] - scores["without_shift"], **outside}
    return {**figures, "accuracy": scores, "rates": rates, "chance": 1 / len(MARKS)}
