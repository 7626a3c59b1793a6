"""Chapter 01: what the lecture claims about convolutional networks, measured.

Each claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it. In
all of them every arm gets the same data, steps and batches, and the learning rate that did best for that
arm in the same sweep.

Shapes: N images, B batch, C channels, H and W height and width, K classes.
"""

import copy
import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.data import digits, toyworld
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.receptive_field import empirical_receptive_field
from lecture_utils.training.kit import TUNING_SEED, Data, Figures, size
from lecture_utils.training.loop import accuracy, fit, minibatches, predictions
from lecture_utils.training.losses import cross_entropy


def parameters(model: nn.Module) -> int:
    """Number of learned values."""
    return sum(p.numel() for p in model.parameters())


# --- C01.1 -----------------------------------------------------------------------------------------
CANVAS = 6  # empty pixels on each side of a 16 × 16 digit, so that a shift of up to 6 loses nothing


def shifted(images: Tensor, dx: int, dy: int) -> Tensor:
    """Move (N, C, H, W) images dx pixels right and dy down; zeros come in, pixels that leave are lost."""
    height, width = images.shape[-2:]
    padded = F.pad(images, (max(dx, 0), max(-dx, 0), max(dy, 0), max(-dy, 0)))
    return padded[..., max(-dy, 0) :, max(-dx, 0) :][..., :height, :width]


def accuracy_by_shift(model: nn.Module, data: Data, shifts: Sequence[int]) -> list[float]:
    """Accuracy when the images move s pixels: mean over right, left, down and up, for each s."""
    images, labels = data
    ways = ((1, 0), (-1, 0), (0, 1), (0, -1))
    moved = ([shifted(images, s * dx, s * dy) for dx, dy in ways] for s in shifts)
    return [float(np.mean([accuracy(model, x, labels) for x in four])) for four in moved]


def digits_on_canvas(split: str) -> Data:
    """Digits, 16 × 16, in the middle of an empty 28 × 28 canvas."""
    images, labels = digits.load(size=16, split=split)
    return F.pad(images, (CANVAS,) * 4), labels


def mlp(hidden: int) -> nn.Sequential:
    """One hidden layer on the pixels of a 28 × 28 image."""
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def conv_net(*, pooled: bool) -> nn.Sequential:
    """Three 3×3 convolutions on a 28 × 28 image; then the mean over positions, or all positions side by
    side."""
    head = (
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        if pooled
        else [nn.Flatten(), nn.Linear(3136, 10)]
    )
    blocks = [
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
    ]
    return nn.Sequential(*blocks, nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), *head)


@claim(
    "C01.1",
    statement="When test digits shift by 3 of 28 pixels, an MLP loses far more accuracy than a conv net.",
    paper="Y. LeCun et al., Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 1998 "
    "(section II)",
    rule=Rule("gap", above=0.10),
    seeds=5,
    note="The conv net that the rule looks at ends in a mean over positions. The paper's nets end in dense "
    "layers: the arm that does so too loses hardly less than the MLPs. All seeds see the same digits: the "
    "interval is about initial weights and the order of the batches.",
)
def c01_1_shift(seed: int, budget: str) -> Figures:
    """Accuracy of MLPs and conv nets on digits that all stand in the middle in training and move in the
    test.

    The conv net with a global mean has 23,946 parameters, the small MLP 23,860, the wide one 203,530; a
    conv net with a dense head stands between. `gap` is in shares of all test digits: what the *better* MLP
    loses at 3 pixels, minus what the conv net loses. Each arm: Adam, three learning rates, the one best on
    centred validation digits.
    """
    steps, shifts = size(budget, quick=150, full=500), range(CANVAS + 1)
    train, val, test = (digits_on_canvas(s) for s in ("train", "val", "test"))
    makers = {
        "conv, mean over positions": lambda: conv_net(pooled=True),
        "conv, dense head": lambda: conv_net(pooled=False),
        "MLP, as many weights": lambda: mlp(30),
        "MLP, 8 times as many": lambda: mlp(256),
    }
    curves, rates, sizes = {}, {}, {}
    for name, make in makers.items():
        trials = []
        for rate in (1e-3, 3e-3, 1e-2):
            torch.manual_seed(seed)
            model = make()
            optimizer = torch.optim.Adam(model.parameters(), lr=rate)
            batches = minibatches(*train, batch_size=64, seed=seed)
            fit(model, batches, loss=cross_entropy, optimizer=optimizer, steps=steps, progress=False)
            trials.append((accuracy(model, *val), -rate, model))
        _, minus_rate, model = max(trials, key=lambda trial: trial[:2])
        curves[name] = accuracy_by_shift(model, test, shifts)
        rates[name], sizes[name] = -minus_rate, parameters(model)
    lost = {name: curve[0] - curve[3] for name, curve in curves.items()}
    gap = min(lost["MLP, as many weights"], lost["MLP, 8 times as many"]) - lost["conv, mean over positions"]
    figures = {"gap": gap, "lost": lost, "accuracy": curves, "shifts": list(shifts)}
    return {**figures, "rates": rates, "parameters": sizes}


# --- C01.2 -----------------------------------------------------------------------------------------
ACTIVATIONS: dict[str, type[nn.Module]] = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
RATES = (0.03, 0.1, 0.01, 0.003, 0.001)  # likely ones first: one that is slower than the best is left
TARGET = 0.25  # training error at which the clock stops


class Start(NamedTuple):
    """How a net begins: its layers with weights, and its convolutions' weights as a multiple of their own.

    With `as_paper` all weights are N(0, 0.01²) in place of that, and pixels are on the scale 0 to 255.
    """

    layers: int = 4
    times: float = 1.0
    as_paper: bool = False


def activation_net(activation: str, classes: int, start: Start) -> nn.Sequential:
    """Convolutions and a linear layer for 16 × 16 colour images; kernels 5×5 in four layers, 3×3 in more."""
    act, hidden = ACTIVATIONS[activation], start.layers - 1
    kernel = 5 if start.layers == 4 else 3
    layers: list[nn.Module] = []
    c_in = 3
    for stage, c_out in enumerate((16, 32, 32)):
        for _ in range((hidden + stage) // 3):  # 1, 1, 1 of three; 2, 2, 3 of seven
            layers += [nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), act()]
            c_in = c_out
        layers.append(nn.MaxPool2d(2))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 2 * 2, classes))
    for layer in net:
        if start.as_paper and isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        elif isinstance(layer, nn.Conv2d):
            if activation == "ReLU":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_normal_(layer.weight, gain=nn.init.calculate_gain("tanh"))
            layer.weight.data *= start.times
    return net


def idle_share(model: nn.Sequential, images: Tensor) -> float:
    """Share of hidden values at which the activation passes on less than 5 % of the gradient."""
    idle, x = [], images
    with torch.inference_mode():
        for layer in model:
            before, x = x, layer(x)
            if isinstance(layer, nn.ReLU | nn.Tanh):
                slope = (before > 0).float() if isinstance(layer, nn.ReLU) else 1 - x**2
                idle.append((slope < 0.05).float().mean().item())
    return float(np.mean(idle))


class Run(NamedTuple):
    """A training run that ended at the target or the cap: every error it was looked at with, and the gates.

    `steps` is a multiple of 20, the cap where the target was not reached. `errors` are on the first 512 of
    the 2,048 training images, every 20 steps from step 0. `idle` is `idle_share` before and after.
    """

    steps: int
    errors: list[float]
    idle: tuple[float, float]


@functools.lru_cache(maxsize=512)
def run_to_target(activation: str, rate: float, start: Start, seed: int, cap: int) -> Run:
    """Plain SGD with momentum, batches of 64, until the training error is `TARGET` or below."""
    images, labels = toyworld.classification(2048, size=16, seed=seed)
    images = images - images.mean(0)  # the mean picture is subtracted, as in the paper's section 2
    images = 255 * images if start.as_paper else images
    torch.manual_seed(seed)
    model = activation_net(activation, len(toyworld.CLASSES), start)
    before, errors = idle_share(model, images[:128]), list[float]()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    batches = minibatches(images, labels, batch_size=64, seed=seed)
    for step in range(0, cap + 1, 20):
        logits = predictions(model, images[:512])
        errors.append((logits.argmax(1) != labels[:512]).double().mean().item())
        lost = step >= 600 and min(errors) > 0.8  # still guessing, where guessing is wrong in 0.875
        if lost or not logits.isfinite().all():  # it will not arrive
            return Run(cap, errors, (before, idle_share(model, images[:128])))
        if errors[-1] <= TARGET or step == cap:
            return Run(step, errors, (before, idle_share(model, images[:128])))
        fit(model, batches, loss=cross_entropy, optimizer=optimizer, steps=20, progress=False)
    raise ValueError(f"cap: got {cap}, want a positive multiple of 20")


@functools.lru_cache
def by_rate(activation: str, start: Start, cap: int) -> dict[float, int]:
    """Steps to the target at every rate, on a seed that is not measured.

    Only from the usual start are rates from 0.01 seen through; a rate that is slower than the best so far is
    left elsewhere, and stands at the best's steps plus 20.
    """
    found: dict[float, int] = {}
    for rate in RATES:
        through = start == Start() and rate >= 0.01
        most = cap if through else min([cap, *(steps + 20 for steps in found.values())])
        found[rate] = run_to_target(activation, rate, start, TUNING_SEED, most).steps
    return found


def fastest_rate(activation: str, start: Start, cap: int) -> float:
    """The rate that reaches the target first there; of equals the first of `RATES`."""
    found = by_rate(activation, start, cap)
    return min(found, key=found.__getitem__)


def raced(seed: int, start: Start, cap: int) -> Figures:
    """ReLU and tanh from one start, each with its best rate; `log2_speedup` is above 0 where ReLU wins."""
    rates = {name: fastest_rate(name, start, cap) for name in ACTIVATIONS}
    runs = {name: run_to_target(name, rate, start, seed, cap) for name, rate in rates.items()}
    return {
        "log2_speedup": math.log2(runs["tanh"].steps / runs["ReLU"].steps),
        "steps": {name: run.steps for name, run in runs.items()},
        "rates": rates,
        "final_error": {name: run.errors[-1] for name, run in runs.items()},
        "idle_at_start": {name: run.idle[0] for name, run in runs.items()},
        "idle_at_end": {name: run.idle[1] for name, run in runs.items()},
    }


def cap_of(budget: str) -> int:
    """Steps after which a run is given up."""
    return size(budget, quick=40, full=800)


def c01_2_wider(seed: int, budget: str, times: float) -> Figures:
    """The same race with every convolution's initial weights `times` as large."""
    return raced(seed, Start(times=times), cap_of(budget))


@claim(
    "C01.2",
    statement="A four-layer conv net reaches 25 % training error in fewer steps with ReLU than with tanh.",
    paper="A. Krizhevsky, I. Sutskever, G. Hinton, ImageNet Classification …, NeurIPS 2012 (section 3.1, "
    "figure 1)",
    rule=Rule("log2_speedup", above=0.0),
    seeds=5,
    note="The learning rate is the fastest of five for each activation apart, as in the paper, chosen on a "
    "seed that is not measured. Axes named before the run: the width of the initial weights (the boundary: "
    "tanh is flat where its input is large), the paper's own start (all weights of standard deviation "
    "0.01, pixels from 0 to 255), and eight layers of 3×3 in place of four of 5×5. A run that does not "
    "arrive within 800 steps (1,600 from the paper's start), or still guesses after 600, counts as that "
    "many. An earlier measurement of the same race, which looked at twice as many pictures, gave -0.63, "
    "95 % interval -0.84 to -0.42.",
    names={"log2_speedup": "log2 of the steps of tanh over those of ReLU"},
    boundary=Boundary("initial weights, times the activation's own", (0.25, 4.0), c01_2_wider),
)
def c01_2_relu(seed: int, budget: str) -> Figures:
    """Steps to 25 % training error on toy-world objects with ReLU and with tanh.

    Objects of 16 × 16 pixels with the mean picture subtracted, no regularisation (the paper's figure 1).
    `log2_speedup` is log2(steps of tanh / steps of ReLU): 1 means twice as fast. Beside the race that is
    judged: `elsewhere`, the same from the paper's own start and in eight layers, and `common`, the
    steps at every rate on the seed on which rates are chosen.
    """
    cap, own = cap_of(budget), Start()
    race = raced(seed, own, cap)
    elsewhere = {
        "paper's start": raced(seed, Start(as_paper=True), 2 * cap),
        "eight layers": raced(seed, Start(layers=8), cap),
    }
    common = {name: {str(r): n for r, n in by_rate(name, own, cap).items()} for name in ACTIVATIONS}
    errors = {n: run_to_target(n, rate, own, seed, cap).errors for n, rate in race["rates"].items()}
    return {**race, "elsewhere": elsewhere, "common": common, "errors": errors, "cap": cap}


# --- C01.3 -----------------------------------------------------------------------------------------
def stack(kernels: Sequence[int], channels: int) -> nn.Sequential:
    """Convolutions of the given kernels, `channels` in and out, no bias, no padding."""
    return nn.Sequential(*(nn.Conv2d(channels, channels, k, bias=False) for k in kernels))


@claim(
    "C01.3",
    statement="Three 3×3 layers see 7×7 pixels with 27/49 = 55 % of the weights of one 7×7 layer.",
    paper="K. Simonyan, A. Zisserman, Very Deep Convolutional Networks, ICLR 2015 (section 2.3)",
    rule=(
        Rule("weights_in_49ths", equals=27.0, tolerance=1e-9),
        Rule("seen_by_three", equals=7.0),
        Rule("seen_by_one", equals=7.0),
    ),
    seeds=3,
)
def c01_3_stack(seed: int, budget: str) -> Figures:
    """Count the weights and measure both receptive fields by the gradient's support; one width a seed."""
    channels = 8 * 2**seed
    three, one = stack((3, 3, 3), channels), stack((7,), channels)
    fields = [empirical_receptive_field(net, (channels, 15, 15)) for net in (three, one)]
    weights = {"three 3×3": parameters(three), "one 7×7": parameters(one)}
    share = 49 * parameters(three) / parameters(one)
    figures = {"weights_in_49ths": share, "weights": weights, "channels": channels}
    sides = [float(max(height, width)) for height, width in fields]
    return {**figures, "seen_by_three": sides[0], "seen_by_one": sides[1]}


# --- C01.4 -----------------------------------------------------------------------------------------
SHALLOW, DEEP = 8, 26  # the paper's pair, 20 and 56 layers, is as far apart
KINDS = {"plain": False, "residual": True}  # with shortcuts?


def small_net(depth: int, residual: bool) -> CifarNet:
    """The plain or residual net of He et al. (section 4.2), so narrow that 8 layers of it underfit."""
    return CifarNet(depth, residual=residual, width=2, classes=len(toyworld.CLASSES))


def small_objects(seed: int, *, split: str = "train", number: int = 1024) -> Data:
    """Toy-world objects of 12 × 12 pixels."""
    return toyworld.classification(number, size=12, split=split, seed=seed)


def train_to_the_end(
    model: nn.Module, data: Data, rate: float, *, stops: Sequence[int], seed: int
) -> tuple[list[float], dict[int, dict[str, float]]]:
    """Adam, its rate warmed up to `rate` over a fifth of the steps and let down to nothing by the last.

    Returns
    -------
    losses : list of float
        One a step.
    errors : dict of int to dict
        `training_errors` after each number of steps in `stops`.
    """
    steps = stops[-1]
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    batches = minibatches(*data, batch_size=64, seed=seed)
    losses: list[float] = []
    errors: dict[int, dict[str, float]] = {}
    for stop in stops:
        history = fit(
            model,
            batches,
            loss=cross_entropy,
            optimizer=optimizer,
            steps=stop - len(losses),
            schedule=schedule,
            progress=False,
        )
        losses += history.losses
        if history.problem:
            return [*losses, math.inf], {known: {"eval": 0.875, "train": 0.875} for known in stops}
        errors[stop] = training_errors(model, data)
    return losses, errors


def training_errors(model: nn.Module, data: Data) -> dict[str, float]:
    """Error on the training images, with batch norm's running statistics and with each batch's own.

    Returns
    -------
    dict
        "eval" and "train", the modes' names.
    """
    x, y = data
    live = copy.deepcopy(model).train()  # a copy: training mode moves the running statistics
    with torch.inference_mode():
        right = [(live(a).argmax(1) == b).float() for a, b in zip(x.split(256), y.split(256), strict=True)]
    return {"eval": 1 - accuracy(model, x, y), "train": 1 - torch.cat(right).mean().item()}


def thinned(losses: list[float], points: int = 40) -> list[float]:
    """A curve as the means of `points` equal stretches, rounded for the file."""
    return [round(float(part.mean()), 4) for part in np.array_split(np.asarray(losses), points)]


@functools.lru_cache
def best_rate(depth: int, residual: bool, steps: int) -> float:
    """The rate with the lowest loss at the end of a shorter training, on a seed that is not measured."""
    data, losses = small_objects(TUNING_SEED), {}
    for rate in (0.01, 0.003):
        torch.manual_seed(TUNING_SEED)
        curve, _ = train_to_the_end(small_net(depth, residual), data, rate, stops=(steps,), seed=TUNING_SEED)
        losses[rate] = float(np.mean(curve[-len(curve) // 5 :]))
    return min(losses, key=losses.__getitem__)


def stops_of(budget: str) -> tuple[int, ...]:
    """Numbers of steps after which the training error is looked at; the last is the claim's own."""
    return size(budget, quick=(2, 8, 32), full=(50, 200, 800))


class Trained(NamedTuple):
    """What one net's training gave: its rate, every loss, the errors at the stops, and on test pictures."""

    rate: float
    losses: list[float]
    errors: dict[int, dict[str, float]]
    test: float


@functools.lru_cache(maxsize=64)
def trained(seed: int, kind: str, depth: int, budget: str) -> Trained:
    """Train one of the four nets on a seed's pictures."""
    stops = stops_of(budget)
    rate = best_rate(depth, KINDS[kind], stops[-1] // 4)
    torch.manual_seed(seed)
    model = small_net(depth, KINDS[kind])
    losses, errors = train_to_the_end(model, small_objects(seed), rate, stops=stops, seed=seed)
    test = small_objects(seed, split="test")
    return Trained(rate, losses, errors, 1 - accuracy(model, *test))


def gaps_after(seed: int, budget: str, steps: int) -> Figures:
    """Both gaps in training error after so many steps, and the four errors."""
    error = {
        f"{kind}-{depth}": trained(seed, kind, depth, budget).errors[steps]
        for kind in KINDS
        for depth in (SHALLOW, DEEP)
    }
    shown = {name: both["train"] for name, both in error.items()}
    return {
        "residual_gap": shown[f"residual-{SHALLOW}"] - shown[f"residual-{DEEP}"],
        "plain_gap": shown[f"plain-{DEEP}"] - shown[f"plain-{SHALLOW}"],
        "training_error": error,
    }


def c01_4_sooner(seed: int, budget: str, share: float) -> Figures:
    """The gaps after a share of the steps, in the same training."""
    return gaps_after(seed, budget, round(share * stops_of(budget)[-1]))


@claim(
    "C01.4",
    statement="26 plain layers have a higher training error than 8; with shortcuts they have a lower one.",
    paper="K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning, CVPR 2016 (section 4.2, figures 1 and 6)",
    rule=(Rule("residual_gap", above=0.0), Rule("plain_gap", above=0.0)),
    seeds=5,
    note="1,024 objects of 12 × 12 pixels, nets of 2 to 8 channels, 800 steps of 64 pictures (50 epochs), "
    "Adam at the better of two rates for each net. The error is on the training pictures, each batch "
    "normalised by itself as in training. Width, pictures and optimiser were chosen on another seed, so that "
    "800 steps suffice to fit and the shallow net cannot quite; the rule and the boundary's axis, the length "
    "of training, stood before the run. An earlier experiment (SGD as in the paper, 8 and 44 layers, 16 × 16 "
    "pixels, 2,000 steps, eight seeds) gave a plain gap of 0.78; the residual gap was 0.05 on three seeds "
    "and 0.08 on five others, and its interval reached just below zero.",
    names={
        "residual_gap": "training error of the shallow residual net minus that of the deep one",
        "plain_gap": "training error of the deep plain net minus that of the shallow one",
    },
    boundary=Boundary("share of the 800 steps of training", (0.0625, 0.25), c01_4_sooner),
)
def c01_4_degradation(seed: int, budget: str) -> Figures:
    """Training error of plain and residual nets with 8 and 26 layers; `plain_gap` and `residual_gap`.

    The claim wants both above zero: degradation, and its cure.
    """
    last = stops_of(budget)[-1]
    runs = {f"{k}-{d}": trained(seed, k, d, budget) for k in KINDS for d in (SHALLOW, DEEP)}
    return {
        **gaps_after(seed, budget, last),
        "test_error": {name: run.test for name, run in runs.items()},
        "rates": {name: run.rate for name, run in runs.items()},
        "loss": {name: thinned(run.losses) for name, run in runs.items()},
        "steps": last,
    }


# --- C01.5 -----------------------------------------------------------------------------------------
DEPTHS = (8, 14, 20, 32, 44, 56)


def library_init_(model: nn.Module) -> None:
    """PyTorch's own initial weights for every convolution: variance 1 / (3 · fan-in), a sixth of He's."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()


def first_gradient(depth: int, *, residual: bool, normed: bool, he: bool, seed: int) -> float:
    """Norm of the loss's gradient with respect to the first layer's weights, before any training."""
    images, labels = toyworld.classification(32, size=32, seed=seed)
    torch.manual_seed(seed)
    norm: type[nn.Module] = FusedBatchNorm2d if normed else nn.Identity
    model = CifarNet(depth, residual=residual, width=8, classes=len(toyworld.CLASSES), norm=norm).train()
    if not he:
        library_init_(model)
    cross_entropy(model, images - images.mean(), labels).backward()
    gradient = next(p.grad for p in model.parameters() if p.grad is not None)
    return gradient.double().norm().item()  # squares of 1e-20 do not fit float32


def decades_a_layer(depths: Sequence[int], norms: Sequence[float]) -> float:
    """Slope of log10(norm) against depth: -0.1 means ten times smaller every ten layers."""
    return float(np.polyfit(depths, np.log10(np.maximum(norms, 1e-45)), 1)[0])


@claim(
    "C01.5",
    statement="With batch norm, depth changes the first gradient less in residual than in plain nets.",
    paper="K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning, CVPR 2016 (sections 1 and 4.1)",
    rule=Rule("steadier", above=0.0),
    seeds=5,
    note="The words 'with batch norm' were added after the run; the rule looked at those networks all along. "
    "Without a norm and with He et al.'s initial weights it is the residual nets that depth unsteadies. The "
    "paper (4.1) calls the gradients of plain nets with batch norm healthy: here they grow with depth.",
    names={"steadier": "powers of ten by which a layer changes the gradient, plain minus residual"},
)
def c01_5_gradients(seed: int, budget: str) -> Figures:
    """First-layer gradient norm of plain and residual nets against depth, in four regimes.

    The rule looks at the networks of the paper, which are also those of C01.4: batch norm and He et al.'s
    weights. `steadier` is |decades a layer, plain| − |decades a layer, residual| there. The other regimes
    (without batch norm, with PyTorch's smaller weights) are measured alike and shown beside it, whatever
    they say.
    """
    norms: dict[str, dict[str, list[float]]] = {}
    slopes: dict[str, dict[str, float]] = {}
    for regime, normed, he in regimes():
        arms = {"plain": False, "residual": True}
        norms[regime] = {
            arm: [first_gradient(d, residual=r, normed=normed, he=he, seed=seed) for d in DEPTHS]
            for arm, r in arms.items()
        }
        slopes[regime] = {arm: decades_a_layer(DEPTHS, norms[regime][arm]) for arm in arms}
    gaps = {regime: abs(s["plain"]) - abs(s["residual"]) for regime, s in slopes.items()}
    return {
        "steadier": gaps["batch norm, He init"],
        "gaps": gaps,
        "slopes": slopes,
        "norms": norms,
        "depths": list(DEPTHS),
    }


def regimes() -> Iterator[tuple[str, bool, bool]]:
    """Name, batch norm?, He et al.'s initial weights? for each of the four."""
    for normed in (True, False):
        for he in (True, False):
            yield f"{'batch norm' if normed else 'no norm'}, {'He' if he else 'library'} init", normed, he
