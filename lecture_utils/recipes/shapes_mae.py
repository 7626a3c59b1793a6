"""Weights `shapes_mae`: a masked auto-encoder of toy-world pictures, encoder and decoder.

K. He et al., "Masked Autoencoders Are Scalable Vision Learners", CVPR 2022: 75 % of the patches hidden, the
loss on the normalised pixels of hidden patches. A second, small loss teaches the mean and spread of each
patch, so that predictions can be shown as pictures with nothing borrowed from the truth.

16,000 pictures of one object, without labels, mirrored at random (the paper crops and mirrors). Muon moves
the layers' matrices (`training.muon`): in 100 CPU seconds it got further than AdamW, 21.4 against 21.1 dB.
"""

import time

import torch
from torch import Tensor, nn

from lecture_utils.data.portraits import portraits
from lecture_utils.metrics.probes import linear_probe
from lecture_utils.metrics.psnr import psnr
from lecture_utils.nn.vit_start import grid_encoding
from lecture_utils.recipes._shared import batches
from lecture_utils.recipes._shared import pictures as pictures
from lecture_utils.selfsup.fills import hidden_pixels, linear_fill, mean_fill
from lecture_utils.selfsup.mae import MAE, MAEWithMoments
from lecture_utils.selfsup.small_vit import SIZE, features, small_vit
from lecture_utils.training.muon import MuonAndAdamW
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 6000, 64, 2e-3
WIDTH = 48  # of the decoder


def build() -> MAEWithMoments:
    """The auto-encoder, untrained: `small_vit`, and a decoder whose positions start as sines and cosines."""
    model = MAEWithMoments(small_vit(), width=WIDTH, heads=4, layers=2, moments=10.0)
    with torch.no_grad():
        model.position[0, 1:] = 0.5 * grid_encoding(SIZE // model.patch, WIDTH)
    return model


def mae_loss(model: nn.Module, x: Tensor, _: Tensor) -> Tensor:
    """The model's own loss; labels are not looked at."""
    loss: Tensor = model(x)[0]
    return loss


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train without labels.

    Returns
    -------
    model : nn.Module
        In evaluation mode.
    info : dict
        steps, seconds (of this thread's processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    layers = nn.ModuleList([model.encoder.layers, model.decoder])
    return one_cycle(
        model, batches(seed, batch_size=BATCH), loss=mae_loss, steps=steps,
        optimizer=MuonAndAdamW(model, layers, PEAK_RATE), warm_up=0.1, cycle_momentum=False, label="MAE",
        clock=time.thread_time,
    )  # fmt: skip


def filling(model: nn.Module, images: Tensor, seed: int = 0) -> dict[str, float]:
    """PSNR in dB on the hidden pixels of pictures (B, 3, H, W), by the model and by two simple fills."""
    assert isinstance(model, MAE)
    filled, mask = model.reconstruct(images, generator=torch.Generator().manual_seed(seed))
    hidden = hidden_pixels(mask, model.patch, *images.shape[-2:])
    ways = {
        "psnr": filled,
        "psnr_mean": mean_fill(images, hidden),
        "psnr_linear": linear_fill(images, hidden),
    }
    return {name: psnr(way.clamp(0, 1), images, hidden).mean().item() for name, way in ways.items()}


def probe(vit: nn.Module, pool: str) -> float:
    """Test accuracy of a linear classifier on frozen features, with 1,000 labels."""
    sets = (("train", 1000), ("val", 500), ("test", 1000))
    data = [portraits(n, split=split, seed=1) for split, n in sets]
    parts = [(features(vit, p.image, pool), p.label) for p in data]  # type: ignore[arg-type]
    return linear_probe(parts[0], parts[1], parts[2])[1]


def evaluate(model: nn.Module) -> dict[str, float]:
    """PSNR on 300 test pictures against two fills, and a linear probe."""
    assert isinstance(model, MAE)
    return {
        **filling(model, portraits(300, split="test").image),
        "linear_probe": probe(model.encoder, "mean"),
    }
