"""Weights `shapes_vpsnet`: panoptic maps of a toy video, in which an object keeps its number.

VPSNet (Kim et al., CVPR 2020) on `shapes_upsnet`: fusion, flow and the track head are new, and all is
trained on, jointly, on pairs of neighbouring frames. The flow learns from the toy world's exact one. Frames
are noisy, by another amount in each pair of a batch, up to a standard deviation of 0.2: with noise there is
something to gain from a second look.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.metrics.video_panoptic import identity_switches, mean_video_panoptic_quality
from lecture_utils.recipes import shapes_mask_rcnn, shapes_upsnet
from lecture_utils.recipes._clips import FRAMES, Pairs, asked, fresh_pairs
from lecture_utils.recipes._detection import SIZE
from lecture_utils.recipes._masks import THINGS
from lecture_utils.segmentation.feature_flow import FeatureFlow
from lecture_utils.segmentation.tracking import TrackHead
from lecture_utils.segmentation.vpsnet import TemporalFusion, VPSNet
from lecture_utils.training.loop import in_evaluation
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 500, 6, 1e-3
NOISE = 0.2  # the largest standard deviation
WINDOWS = (1, 2, 4)
CLIPS = 40


def build(*, fuse: bool = True) -> VPSNet:
    """The network, untrained."""
    width = shapes_mask_rcnn.WIDTH
    head = TrackHead(width * 7**2, hidden=64)
    return VPSNet(shapes_upsnet.build(), FeatureFlow(width, radius=3), TemporalFusion(width), head, fuse=fuse)


def noisy(images: Tensor, strength: Tensor | float, generator: torch.Generator | None = None) -> Tensor:
    """Add normal noise of a standard deviation, one number or one a picture (B, 1, 1, 1)."""
    return (images + strength * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def losses(model: Any, x: Pairs, _: None) -> Tensor:
    """UPSNet's losses on fused maps, those of the tracks and of the flow, added."""
    strength = NOISE * torch.rand(len(x.now), 1, 1, 1)
    own = model.losses(
        noisy(x.now, strength), noisy(x.earlier, strength), x.targets, x.earlier_targets, x.semantic,
        motion=(x.flow, x.known),
    )  # fmt: skip
    return torch.stack(list(own.values())).sum()


def train(seed: int = 0, *, steps: int = STEPS, fuse: bool = True) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pairs of frames, 6 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build(fuse=fuse)
    model.panoptic.load_state_dict(zoo.load("shapes_upsnet").state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_pairs(seed, BATCH), loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="VPSNet", clock=time.thread_time,
    )  # fmt: skip


def test_clips(n: int, *, seed: int = 0, noise: float = 0.0) -> tuple[Tensor, list[Tensor]]:
    """Test clips (n, T, 3, 64, 64), noisy if asked, and what is so: (T, 64, 64) codes, VOID of slivers."""
    clips = toyworld.sample_clips(n, FRAMES, seed=seed, split="test")
    sample = toyworld.render_clips(clips, SIZE, only=("image", "instance", "panoptic", "visibility"))
    generator = torch.Generator().manual_seed(seed)
    return noisy(sample.image, noise, generator), list(asked(sample, sample.panoptic))


def video_score(found: list[Tensor], truth: list[Tensor]) -> dict[str, float]:
    """VPQ, its parts by window, and how often an object changed its number."""
    quality = mean_video_panoptic_quality(
        found, truth, windows=WINDOWS, classes=len(toyworld.SEMANTIC), things=THINGS
    )
    parts = {f"VPQ{k}": own.all.pq for k, own in quality.windows.items()}
    return {"VPQ": quality.vpq} | parts | {"switches": identity_switches(found, truth, things=THINGS)}


def evaluate(model: VPSNet) -> dict[str, float]:
    """Video panoptic quality on 40 test clips of 8 frames, with noise of 0.1, and the switches of numbers."""
    clips, truth = test_clips(CLIPS, noise=0.1)
    return video_score(seen_in(model, clips), truth)


def seen_in(model: VPSNet, clips: Tensor) -> list[Tensor]:
    """What a model makes of clips (n, T, 3, 64, 64), in evaluation mode: (T, 64, 64) codes of each."""

    def run(_: nn.Module) -> list[Tensor]:
        return [model.run(clip) for clip in clips]

    return in_evaluation(model, run)
