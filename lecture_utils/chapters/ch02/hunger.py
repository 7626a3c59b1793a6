"""C02.3: how much data a CNN and a ViT of equal size want, and what the claim shares with C02.5.

Regime and rule were written down before the run. Toy portraits of 16 × 16 pixels: one plain object that fills
a good part of the frame. Both networks get the same pictures, batches and steps, without augmentation, and at
every size enough steps that the smaller sets are known by heart; `train` and `loss` say how far each came.
The ViT starts as the course's shipped ones do (positions from sines, mimetic attention) and is moved by Muon,
the CNN by AdamW. Either takes the better of two rates, chosen on validation pictures of a seed that is not
measured, with 1,024 pictures. A pilot had seeds 0 and 1 of pictures of 24 × 24, and a few trials of each
network had seed 10,000 of these; seed k here draws pictures, weights and batches from 100 + k: fresh ones.

Shapes: N images, C channels, H and W height and width.
"""

import functools

import numpy as np
import torch
from torch import nn

from lecture_utils.backbones.vit import ViT
from lecture_utils.chapters.ch02.stacked_muon import StackedMuon
from lecture_utils.data.portraits import portraits
from lecture_utils.experiments.rules import Boundary, Rule, claim
from lecture_utils.nn.attention import MultiHeadAttention
from lecture_utils.nn.vit_start import start_
from lecture_utils.training.kit import TUNING_SEED, Data, Figures, best_setting, size, train_cycle
from lecture_utils.training.loop import History, accuracy, minibatches
from lecture_utils.training.losses import cross_entropy

RATES = (3e-3, 1e-3)  # of C02.5
HUNGER_RATES = (3e-3, 1e-2)
PLAN = {256: 200, 512: 300, 1024: 400, 2048: 600, 8192: 2000}  # training pictures: steps of 32
LENGTHS = (125.0, 500.0, 2000.0)  # steps at the largest set, for the boundary


def small_cnn(channels: int, classes: int) -> nn.Sequential:
    """Three convolutions with batch norm, about as many weights as the ViT of this experiment."""
    layers: list[nn.Module] = []
    for c_in, c_out in ((channels, 24), (24, 48), (48, 72)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(72, classes))


def learner(name: str, world: str) -> nn.Module:
    """The CNN or the ViT, 16 patches a picture, for 16 × 16 colour portraits or 8 × 8 grey digits."""
    channels, classes, image = (3, 8, 16) if world == "portraits" else (1, 10, 8)
    if name == "CNN":
        return small_cnn(channels, classes)
    return ViT(
        image=image, patch=image // 4, dim=48, heads=4, hidden=96, layers=2, classes=classes,
        in_channels=channels,
    )  # fmt: skip


@functools.lru_cache(maxsize=4)  # what is trained on, of this seed and the tuning seed, and two splits
def rendered(split: str, seed: int, n: int) -> Data:
    """The first n portraits of a split and seed, centred and scaled for both networks alike."""
    found = portraits(n, split=split, seed=seed, size=16)
    return (found.image - 0.5) / 0.25, found.label


def train_on(
    model: nn.Module, data: Data, rate: float, *, steps: int, seed: int, batch: int = 32
) -> nn.Module:
    """Train with AdamW on shuffled batches, the rate warmed up and let down again."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    batches = minibatches(*data, batch_size=batch, seed=seed)
    train_cycle(model, batches, loss=cross_entropy, optimizer=optimizer, steps=steps, warm_up=0.15)
    return model


def grown(name: str, data: Data, rate: float, *, steps: int, seed: int) -> tuple[nn.Module, History]:
    """The CNN or the ViT, trained on portraits, where the data are: (network, its history)."""
    torch.manual_seed(seed)
    model = learner(name, "portraits").to(data[0].device)
    optimizer: torch.optim.Optimizer
    if isinstance(model, ViT) and isinstance(model.position, torch.Tensor):
        attentions = [part for part in model.modules() if isinstance(part, MultiHeadAttention)]
        start_(model.position, attentions)
        optimizer = StackedMuon(model, model.layers, rate)
    else:
        model = model.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05, fused=True)
    batches = minibatches(*data, batch_size=32, seed=seed)
    history = train_cycle(
        model, batches, loss=cross_entropy, optimizer=optimizer, steps=steps, warm_up=0.15,
        cycle_momentum=False,
    )  # fmt: skip
    return model, history


@functools.lru_cache
def score(name: str, n: int, rate: float, steps: int, seed: int, split: str) -> tuple[float, float, float]:
    """Train on n portraits; accuracy on 2,000 of another split, on 1,000 trained on, and the last loss."""
    x, y = (part[:n] for part in rendered("train", seed, max(PLAN)))
    model, history = grown(name, (x, y), rate, steps=steps, seed=seed)
    last = float(np.mean(history.losses[-max(1, steps // 10) :]))
    return accuracy(model, *rendered(split, 0, 2000)), accuracy(model, x[:1000], y[:1000]), last


@functools.lru_cache
def tuned_rate(name: str, budget: str) -> float:
    """The candidate rate with the best validation accuracy at 1,024 pictures, on a seed not measured."""
    n, steps = size(budget, quick=(256, 10), full=(1024, PLAN[1024]))
    return best_setting(HUNGER_RATES, lambda rate: score(name, n, rate, steps, TUNING_SEED, "val")[0])


def both(n: int, steps: int, seed: int, budget: str) -> dict[str, tuple[float, float, float]]:
    """Test accuracy, train accuracy and last loss of either network."""
    return {
        name: score(name, n, tuned_rate(name, budget), steps, 100 + seed, "test") for name in ("CNN", "ViT")
    }


def plan(budget: str) -> dict[int, int]:
    """Training pictures and steps."""
    return size(budget, quick={256: 10, 512: 10, 1024: 10}, full=PLAN)


def gap_few(seed: int, budget: str) -> float:
    """CNN minus ViT on test pictures, mean of the two smallest sets."""
    runs = [both(n, steps, seed, budget) for n, steps in list(plan(budget).items())[:2]]
    return float(np.mean([run["CNN"][0] - run["ViT"][0] for run in runs]))


def shrinks_after(seed: int, budget: str, steps: float) -> Figures:
    """How much smaller the gap is at the largest set, trained for so many steps there."""
    steps = size(budget, quick=steps / 100, full=steps)
    run = both(max(plan(budget)), round(steps), seed, budget)
    gap = run["CNN"][0] - run["ViT"][0]
    return {
        "shrinks_by": gap_few(seed, budget) - gap,
        "gap_many": gap,
        "test": {name: found[0] for name, found in run.items()},
        "train": {name: found[1] for name, found in run.items()},
    }


@claim(
    "C02.3",
    statement="With few images a CNN beats a ViT of the same size; the gap shrinks or flips as data grow.",
    paper="A. Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021 (figures 3 and 4)",
    rule=(Rule("shrinks_by", above=0.0), Rule("gap_few", above=0.0)),
    seeds=5,
    note=(
        "Networks of 42,000 weights (within 4 %) on toy portraits of 16 × 16, 32 a step, no augmentation: "
        "200 steps for 256 pictures, 2,000 for 8,192. The ViT has the shipped ones' start (sines, mimetic "
        "attention) and Muon, the CNN AdamW; either the better of two rates. An earlier version, with AdamW "
        "for both, scenes in place of portraits and at most 1,200 steps, was not reproduced there (the gap "
        "grew on five seeds of five), while on digits it halved."
    ),
    names={
        "shrinks_by": "gap with few pictures minus gap with 8,192",
        "gap_few": "gap with few: accuracy on new pictures, CNN minus ViT, mean of 256 and 512",
        "gap_many": "gap with 8,192",
        "sizes": "training pictures",
        "test": "accuracy on new pictures",
        "train": "accuracy on pictures trained on",
        "loss": "training loss, last tenth of the steps",
    },
    boundary=Boundary("training steps at 8,192 pictures", LENGTHS, shrinks_after),
)
def c02_3_data_hunger(seed: int, budget: str) -> Figures:
    """Accuracy of a CNN and a ViT of equal size against the number of training pictures.

    `gap_few` is CNN minus ViT on test pictures, mean of the two smallest training sets; `shrinks_by` is that
    minus the gap at the largest. `test`, `train` and `loss` hold both networks' figures at each size.
    """
    runs = {n: both(n, steps, seed, budget) for n, steps in plan(budget).items()}
    parts = {
        part: {name: [run[name][k] for run in runs.values()] for name in ("CNN", "ViT")}
        for k, part in enumerate(("test", "train", "loss"))
    }
    many = parts["test"]["CNN"][-1] - parts["test"]["ViT"][-1]
    few = gap_few(seed, budget)
    rates = {name: tuned_rate(name, budget) for name in ("CNN", "ViT")}
    return {
        "shrinks_by": few - many,
        "gap_few": few,
        "gap_many": many,
        "sizes": list(runs),
        "rates": rates,
        **parts,
    }
