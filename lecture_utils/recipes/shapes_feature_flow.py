"""Weights `shapes_feature_flow`: the motion between two frames, read from the maps of `shapes_yolact`.

The motion estimate of YolactEdge (Liu et al., ICRA 2021). YOLACT stays as it is; the flow network learns from
the toy world's exact flow, between frames one to four apart.
"""

import time
from typing import Any

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.data import toyworld
from lecture_utils.ops.flow_warp import resize_flow
from lecture_utils.recipes._clips import Pairs, fresh_pairs, spaced
from lecture_utils.recipes._detection import SIZE
from lecture_utils.segmentation.feature_flow import FeatureFlow
from lecture_utils.segmentation.vpsnet import known_flow_loss
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 800, 16, 3e-3
GAPS = (1, 2, 4)


def build() -> FeatureFlow:
    """The network, untrained."""
    return FeatureFlow(48, radius=4)


def losses(model: Any, x: Pairs, _: None) -> Tensor:
    """The end-point error, in cells, where the flow is known."""
    earlier, now = fine_maps(x.earlier, x.now)
    return known_flow_loss(model(earlier, now), x.flow, x.known)


@torch.no_grad()
def fine_maps(*frames: Tensor) -> tuple[Tensor, ...]:
    """What the shipped YOLACT's early stages make of frames (B, 3, 64, 64): (B, 48, 16, 16) each."""
    backbone: Any = zoo.load("shapes_yolact").get_submodule("backbone")
    return backbone.early(torch.cat(frames)).chunk(len(frames))


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[nn.Module, dict[str, float]]:
    """Train on fresh pairs of frames, 16 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    return one_cycle(
        model, fresh_pairs(seed, BATCH, most=4), loss=losses, optimizer=optimizer, steps=steps,
        warm_up=0.15, label="flow", clock=time.thread_time,
    )  # fmt: skip


@torch.inference_mode()
def evaluate(model: FeatureFlow) -> dict[str, float]:
    """Mean end-point error in pixels on 100 test clips, between frames 1, 2 and 4 apart; and of no motion."""
    clips = toyworld.sample_clips(100, 5, seed=0, split="test")
    errors = {}
    for gap in GAPS:
        sample = toyworld.render_clips(spaced(clips, 0, gap), SIZE, only=("image", "flow", "known"))
        flow, known = sample.flow[:, 1], sample.known[:, 1]
        said = model(*fine_maps(sample.image[:, 0], sample.image[:, 1]))
        for name, own in (("error", resize_flow(said, (SIZE, SIZE))), ("still", torch.zeros_like(flow))):
            errors[f"{name}_{gap}"] = float((own - flow).norm(dim=1)[known].mean())
    return errors
