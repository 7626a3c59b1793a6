"""The arms of chapter 03's claims, and the ways to judge an encoder: machinery of `chapters.ch03.claims`.

Shapes: N pictures, B batch, D = 64 features, K classes.
"""

import functools
import time
from itertools import product

import numpy as np
import torch

from lecture_utils import zoo
from lecture_utils.backbones.vit import ViT
from lecture_utils.data import toyworld
from lecture_utils.data.portraits import Portraits, portraits
from lecture_utils.metrics.probes import knn_accuracy, linear_probe
from lecture_utils.selfsup.mae import MAE
from lecture_utils.selfsup.small_vit import (
    POOLS,
    SIZE,
    PooledClassifier,
    features,
    small_vit,
)
from lecture_utils.training.kit import TUNING_SEED, Data, mirrored, train_cycle
from lecture_utils.training.kit import best_setting as best_of
from lecture_utils.training.loop import accuracy, minibatches
from lecture_utils.training.losses import cross_entropy
from lecture_utils.training.muon import MuonAndAdamW

CLASSES = len(toyworld.CLASSES)
FIRST_SEED = 100  # the pre-training pictures are those of seed 0: seeds from here on draw others
ARMS = ("MAE", "DINO", "supervised", "from scratch")
COUNTS = (40, 160, 640)  # labels: 5, 20 and 80 a class
RATES, TUNING_STEPS = (5e-4, 2e-3), 400
Setting = tuple[float, str]  # learning rate and pool
NEIGHBOURS = (1, 5, 20)


def encoder(arm: str) -> ViT:
    """The shipped encoder of an arm, or an untrained one from torch's present seed."""
    if arm == "from scratch":
        return small_vit().eval()
    model = zoo.load({"MAE": "shapes_mae", "DINO": "shapes_dino", "supervised": "shapes_supervised_vit"}[arm])
    vit = model.encoder if isinstance(model, MAE) else model
    assert isinstance(vit, ViT)
    return vit


def drawn(n: int, split: str, seed: int) -> Portraits:
    """Labelled pictures that no pre-training has seen."""
    return portraits(n, split=split, seed=FIRST_SEED + seed)


def labelled(n: int, split: str, seed: int) -> Data:
    """`drawn`, without the outlines."""
    return drawn(n, split, seed)[:2]


def encoder_seconds(ratios: tuple[float, ...], *, repeats: int, batch: int, seed: int) -> dict[float, float]:
    """Median CPU seconds of the encoder's forward and backward pass at each masking ratio, taken in turns."""
    torch.manual_seed(seed)
    model, images = MAE(small_vit()), torch.rand(batch, 3, SIZE, SIZE)
    taken: dict[float, list[float]] = {ratio: [] for ratio in ratios}
    for turn in range(repeats + 2):  # the first two turns warm up
        for ratio in ratios:
            model.ratio = ratio
            start = time.process_time()
            model.encode(images)[0].sum().backward()
            if turn >= 2:
                taken[ratio].append(time.process_time() - start)
    return {ratio: float(np.median(values)) for ratio, values in taken.items()}


def fine_tune(arm: str, data: Data, setting: Setting, *, steps: int, seed: int) -> PooledClassifier:
    """Train an arm's encoder and a new linear layer on few labels: Muon and AdamW, cosine, mirroring."""
    rate, pool = setting
    torch.manual_seed(seed)
    model = PooledClassifier(encoder(arm), CLASSES, pool)
    optimizer = MuonAndAdamW(model, model.encoder.layers, rate)
    batches = minibatches(*data, batch_size=32, seed=seed, augment=mirrored)
    how = {"steps": steps, "warm_up": 0.1, "cycle_momentum": False}
    train_cycle(model, batches, loss=cross_entropy, optimizer=optimizer, **how)  # type: ignore[arg-type]
    return model


@functools.lru_cache
def best_setting(arm: str, steps: int) -> Setting:
    """Rate and pool with the best validation accuracy at 160 labels, on a seed that is not measured."""
    data, val = labelled(COUNTS[1], "train", TUNING_SEED), labelled(500, "val", TUNING_SEED)

    def score(setting: Setting) -> float:
        return accuracy(fine_tune(arm, data, setting, steps=steps, seed=TUNING_SEED), *val)

    return best_of(product(RATES, POOLS), score)


def neighbours(train: Data, val: Data, test: Data) -> tuple[float, float]:
    """k-NN accuracy on (validation, test) with the k that is best on validation; features (N, D)."""
    k = max(NEIGHBOURS, key=lambda k: knn_accuracy(*train, *val, k=k))
    return knn_accuracy(*train, *val, k=k), knn_accuracy(*train, *test, k=k)


def frozen(arm: str, data: list[Portraits]) -> dict[str, float]:
    """Test accuracy of k-NN and a linear probe on frozen features, pooled as is best on validation."""
    vit = encoder(arm)
    knn, linear = [], []
    for pool in POOLS:
        train, val, test = ((features(vit, some.image, pool), some.label) for some in data)
        knn.append(neighbours(train, val, test))
        linear.append(linear_probe(train, val, test))
    return {"knn": max(knn)[1], "linear": max(linear)[1]}
