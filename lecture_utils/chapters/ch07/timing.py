"""Where the seconds of a detector go: proposals, the network, and everything after it."""

import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lecture_utils.detection.fast_rcnn import FastRCNN
from lecture_utils.detection.faster_rcnn import FasterRCNN
from lecture_utils.detection.rcnn import RCNN
from lecture_utils.detection.selective_search import selective_search

Stages = dict[str, float]  # seconds of "proposals", "network" and "regions"


def seconds_in(run: Callable[[], object], parts: Mapping[str, nn.Module]) -> Stages:
    """Time a run: the seconds spent inside of each part, and "regions" for the rest of it.

    A part that is called several times counts each time. Parts must not contain one another.
    """
    spent, began = dict.fromkeys(parts, 0.0), dict.fromkeys(parts, 0.0)

    def enter(name: str) -> None:
        began[name] = time.perf_counter()

    def leave(name: str) -> None:
        spent[name] += time.perf_counter() - began[name]

    hooks = []
    for name, part in parts.items():
        hooks.append(part.register_forward_pre_hook(lambda *_, name=name: enter(name)))
        hooks.append(part.register_forward_hook(lambda *_, name=name: leave(name)))
    try:
        start = time.perf_counter()
        run()
        whole = time.perf_counter() - start
    finally:
        for hook in hooks:
            hook.remove()
    return spent | {"regions": whole - sum(spent.values())}


@torch.inference_mode()
def stage_seconds(image: Tensor, rcnn: RCNN, fast: FastRCNN, faster: FasterRCNN) -> dict[str, Stages]:
    """Seconds that each of the three takes for a picture (3, H, W), stage by stage.

    "regions" is all that is done with the regions besides: cutting them out, judging them, NMS.
    """
    start = time.perf_counter()
    proposals = selective_search(image)
    searched = {"proposals": time.perf_counter() - start}
    features = rcnn.features
    assert isinstance(features, nn.Module)
    batch = image[None]
    whole = seconds_in(lambda: faster(batch), {"proposals": faster.rpn, "network": faster.backbone})
    return {
        "R-CNN": searched | seconds_in(lambda: rcnn(image, proposals), {"network": features}),
        "Fast R-CNN": searched | seconds_in(lambda: fast(batch, [proposals]), {"network": fast.backbone}),
        "Faster R-CNN": whole,
    }
