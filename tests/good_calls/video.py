"""Good calls of video: moving toy scenes, warping, tracking, temporal fusion, VPSNet."""

import torch

from lecture_utils.data import toyworld
from lecture_utils.segmentation import temporal_fusion, tracking, vpsnet
from lecture_utils.segmentation.feature_flow import FeatureFlow
from tests.bad_calls import (
    Value,
    boxes,
    count,
    floats,
    grouped,
    images,
    labels,
    made,
    masks,
    number,
    pair,
    word,
)  # fmt: skip
from tests.good_calls import panoptic

BOXES = boxes((1.0, 2.0, 18.0, 20.0), (4.0, 0.0, 30.0, 31.0))
MAPS, OTHER_MAPS = grouped(floats(2, 4, 8, 8)), grouped(floats(2, 4, 8, 8, of=lambda x: x))
PICTURES, SIZE = images(2, 3, 32, 32), pair(32, 32)
NAMES = labels(None, 2)
TRUTH = grouped(*[grouped(BOXES, labels(3, 2), masks(2, 32, 32), NAMES)] * 2)
FLOW, WARPED = floats(2, 2, 8, 8), {"features": images(2, 4, 8, 8), "flow": floats(2, 2, 8, 8)}
SETTINGS = {"coefficients": pair(1.0, 2.0, 10.0), "remember": count(3, zero=True)}
FOUND = {
    "embeddings": floats(2, 5), "boxes": BOXES, "labels": labels(None, 2),
    "scores": floats(2, of=lambda x: 0.1 + 0.8 * x),
}  # fmt: skip
CLIPS = made(lambda: toyworld.sample_clips(2, 2))


def codes(*shape: int) -> Value:
    """Codes of a panoptic map, with the objects 1 and 2."""
    value = labels(3, *shape)
    kinds = {kind: spoil for kind, spoil in value.kinds.items() if not kind.startswith("label")}
    return Value(lambda: 4000 + value.make(), kinds)


def tracker() -> tracking.Tracker:
    """It has seen one frame."""
    out = tracking.Tracker()
    made_ = torch.Generator().manual_seed(1)
    out.step(torch.rand(2, 5, generator=made_), BOXES.make(), torch.tensor([0, 1]), torch.tensor([0.5, 0.9]))
    return out


def net() -> vpsnet.VPSNet:
    """The smallest one."""
    torch.manual_seed(0)
    base = panoptic.net()
    head = tracking.TrackHead(base.instances.heads.head.fc6.in_features, hidden=4)
    return vpsnet.VPSNet(base, FeatureFlow(4, radius=1), temporal_fusion.TemporalFusion(4), head).eval()


def fusion() -> temporal_fusion.TemporalFusion:
    """Of four channels, not at its start."""
    torch.manual_seed(0)
    out = temporal_fusion.TemporalFusion(4)
    torch.nn.init.normal_(out.refine.weight)
    return out


NET = made(net)
GOOD = {
    "ops.flow_warp": {
        "warp": WARPED,
        "warp_plain": WARPED,
        "resize_flow": {"flow": floats(2, 2, 8, 8), "size": pair(4, 3)},
    },
    "data.toyworld": {
        "video": {"n": count(2, zero=True), "frames": count(2), "size": count(16), "split": word("train"),
            "seed": count(0, zero=True)},
    },
    "data.toyworld.clips": {
        "sample_clips": {"n": count(2, zero=True), "frames": count(2), "seed": count(0, zero=True),
            "split": word("train")},
    },
    "data.toyworld.clip_rendering": {
        "ClipSample": {"size": count(16)},
        "ClipSample.targets": {"self": made(lambda: toyworld.render_clips(toyworld.sample_clips(2, 2), 16)),
            "clip": count(0, zero=True), "frame": count(1, zero=True), "least_seen": number(0.2)},
        "render_clips": {"clips": CLIPS, "size": count(16), "only": word("image")},
    },
    "data.toyworld.sampling.motion": {
        "Motion": {"speed": pair(0.1, 0.2), "turn": pair(1.0, 2.0), "approach": pair(0.0, 0.01),
            "camera": pair(0.0, 0.1)},
    },
    "segmentation.tracking": {
        "TrackHead": {"inputs": count(16), "hidden": count(4)},
        "TrackHead.forward": {"self": made(lambda: tracking.TrackHead(16, hidden=4)),
            "regions": floats(3, 4, 2, 2)},
        "match_logits": {"now": floats(3, 5), "earlier": floats(2, 5)},
        "match_targets": {"identities": labels(None, 3), "earlier": labels(None, 2)},
        "match_loss": {"logits": grouped(floats(3, 4)), "targets": grouped(labels(4, 3))},
        "Tracker": SETTINGS,
        "Tracker.step": {"self": made(tracker), **FOUND},
        "Tracker.scores": {"self": made(tracker), **FOUND},
        "assign": {"scores": floats(3, 4)},
    },
    "segmentation.temporal_fusion": {
        "TemporalFusion": {"channels": count(4), "middle": count(1, zero=True)},
        "TemporalFusion.forward": {"self": made(fusion), "now": MAPS, "earlier": OTHER_MAPS, "flow": FLOW},
        "TemporalFusion.gather": {"self": made(fusion), "maps": MAPS},
        "TemporalFusion.weights": {"self": made(fusion), "now": floats(2, 4, 8, 8),
            "aligned": floats(2, 4, 8, 8)},
        "TemporalFusion.attend": {"self": made(fusion), "now": floats(2, 4, 8, 8),
            "aligned": floats(2, 4, 8, 8)},
        "resized": {"x": floats(2, 4, 8, 8), "size": pair(4, 4)},
    },
    "segmentation.vpsnet": {
        "VPSNet": {"panoptic": made(panoptic.net), "flow": made(lambda: FeatureFlow(4)),
            "fusion": made(fusion), "head": made(lambda: tracking.TrackHead(16, hidden=4)), **SETTINGS,
            "track_weight": number(1.0), "flow_weight": number(1.0)},
        "VPSNet.fused": {"self": NET, "now": MAPS, "earlier": OTHER_MAPS, "flow": FLOW},
        "VPSNet.motion": {"self": NET, "now": MAPS, "earlier": OTHER_MAPS},
        "VPSNet.run": {"self": NET, "clip": PICTURES},
        "VPSNet.forward": {"self": NET, "clip": PICTURES},
        "VPSNet.embed": {"self": NET, "features": MAPS, "boxes": grouped(BOXES, BOXES)},
        "VPSNet.losses": {"self": NET, "now": PICTURES, "earlier": PICTURES, "targets": TRUTH,
            "earlier_targets": TRUTH, "semantic": panoptic.codes(2, 32, 32, classes=5)},
        "known_flow_loss": {"flow": FLOW, "truth": floats(2, 2, 16, 16),
            "known": made(lambda: torch.ones(2, 16, 16, dtype=torch.bool))},
        "shown_rows": {"codes": codes(4, 4)},
        "renumber": {"codes": codes(4, 4), "old": made(lambda: torch.tensor([1, 2])), "new": labels(None, 2)},
    },
}  # fmt: skip
