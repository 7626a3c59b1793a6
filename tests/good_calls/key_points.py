"""Good calls of detectors by key points: pooling, heat maps, heads, CornerNet and the two CenterNets."""

import torch
from torch import nn

from lecture_utils.detection import center_points, centernet_triplets, cornernet, key_point_heads
from lecture_utils.detection.key_points import KeyPoints, Objects
from lecture_utils.detection.structures import Detections
from tests.bad_calls import boxes, count, floats, grouped, images, labels, made, number, pair, word
from tests.good_calls.makers import Call
from tests.good_calls.two_stage import OneMap

BOXES = boxes((1.0, 2.0, 18.0, 20.0), (4.0, 0.0, 30.0, 31.0))
TRUTH = grouped(grouped(BOXES, labels(3, 2)), grouped(BOXES, labels(3, 2)))
PICTURES, SIZES, SIZE = images(2, 3, 32, 32), [(32, 32), (32, 32)], pair(8, 8)
MAP, POINTS = floats(2, 4, 8, 8), floats(2, 2, of=lambda x: 30 * x)
UNIT = floats(2, 3, 8, 8, of=lambda x: x)
SETTINGS = {"stride": count(4), "iou": number(0.3), "most": count(9)}


def cells() -> torch.Tensor:
    """Two cells, x and y."""
    return torch.tensor([[2, 1], [5, 7]])


CELLS = made(cells)


def objects() -> Objects:
    """Two objects of two pictures."""
    return Objects(BOXES.make(), torch.tensor([0, 1]), torch.tensor([0, 1]))


def key_points() -> KeyPoints:
    """Their key points."""
    return KeyPoints(UNIT.make(), torch.tensor([0, 1]), cells(), torch.rand(2, 2))


def corner_net() -> cornernet.CornerNet:
    """The smallest one."""
    return cornernet.corner_net(OneMap(), channels=4, classes=3, width=4).eval()


def triplets() -> centernet_triplets.CenterNetTriplets:
    """The smallest one."""
    return centernet_triplets.center_net_triplets(OneMap(), channels=4, classes=3, width=4).eval()


def point_head() -> center_points.PointHead:
    """Three classes on a map of 4 channels."""
    return center_points.PointHead(4, 3, width=4)


def points() -> center_points.CenterPoints:
    """The smallest one."""
    return center_points.CenterPoints(OneMap(), point_head()).eval()


def head() -> key_point_heads.KeyPointHead:
    """A head for top-left corners."""
    return key_point_heads.KeyPointHead(key_point_heads.CornerPooling(4, 4, "top-left"), 3).eval()


def head_maps() -> key_point_heads.KeyPointMaps:
    """What it says of random maps."""
    torch.manual_seed(0)
    return head()(torch.rand(2, 4, 8, 8))


def found() -> Detections:
    """Two pairs of a picture."""
    return Detections(BOXES.make(), torch.tensor([0, 1]), torch.tensor([0.9, 0.8]))


POOLS = {f"{name}_pool": {"x": MAP} for name in ("top", "bottom", "left", "right")}
PAIRED = {"vertical": MAP, "horizontal": MAP}
CORNER = {"channels": count(4), "width": count(4), "corner": word("top-left")}
HEADS = {"top_left": made(head), "bottom_right": made(head)}
SMALL = {"channels": count(4), "classes": count(3), "width": count(4)}


class Pooling:
    """Makers of the three poolings, in use."""

    @staticmethod
    def corner() -> nn.Module:
        return key_point_heads.CornerPooling(4, 4, "top-left").eval()

    @staticmethod
    def cascade() -> nn.Module:
        return key_point_heads.CascadeCornerPooling(4, 4, "bottom-right").eval()

    @staticmethod
    def centre() -> nn.Module:
        return key_point_heads.CentrePooling(4, 4).eval()


GOOD: dict[str, dict[str, Call]] = {
    "ops.corner_pooling": {
        **POOLS,
        "top_left_pool": PAIRED,
        "bottom_right_pool": PAIRED,
        "centre_pool": PAIRED,
    },
    "detection.heatmaps": {
        "corner_radii": {"sides": floats(3, 2, of=lambda x: 1 + x), "iou": number(0.3)},
        "gaussian_radius": {"sides": floats(3, 2, of=lambda x: 1 + x), "iou": number(0.3)},
        "gaussian_targets": {"cells": CELLS, "radius": floats(2, of=lambda x: x), "channel": labels(3, 2),
            "channels": count(3), "size": SIZE},
        "heatmap_focal_loss": {"logits": floats(2, 3, 8, 8), "heat": UNIT, "objects": count(2, zero=True),
            "alpha": number(2.0), "beta": number(4.0)},
        "pick_peaks": {"heat": UNIT, "most": count(5), "window": count(3)},
    },
    "detection.key_points": {
        "in_a_row": {"targets": TRUTH, "like": made(MAP.make), "classes": count(3)},
        "to_cells": {"points": POINTS, "size": SIZE, "stride": count(4)},
        "encode_key_points": {"points": POINTS, "objects": made(objects), "batch": count(2),
            "classes": count(3), "size": SIZE, "stride": count(4), "iou": number(0.3)},
        "offset_loss": {"offsets": floats(2, 2, 8, 8), "points": made(key_points)},
        "gather_at": {"maps": MAP, "picture": labels(2, 2), "cells": CELLS},
        "last_map": {"maps": grouped(MAP), "images": made(PICTURES.make), "stride": count(4)},
    },
    "detection.key_point_heads": {
        "conv": {"inputs": count(4), "outputs": count(4), "kernel": count(3)},
        "branch": {"channels": count(4), "width": count(4), "outputs": count(3), "start": number(0.1)},
        "CornerPooling": CORNER,
        "CornerPooling.forward": {"self": made(Pooling.corner), "x": MAP},
        "CascadeCornerPooling": CORNER,
        "CascadeCornerPooling.forward": {"self": made(Pooling.cascade), "x": MAP},
        "CentrePooling": {"channels": count(4), "width": count(4)},
        "CentrePooling.forward": {"self": made(Pooling.centre), "x": MAP},
        "KeyPointHead": {"pooling": made(Pooling.corner), "classes": count(3)},
        "KeyPointHead.forward": {"self": made(head), "x": MAP},
    },
    "detection.corner_pairs": {
        "pull_push_loss": {"top_left": floats(2), "bottom_right": floats(2), "picture": labels(2, 2),
            "batch": count(2), "margin": number(1.0)},
        "pair_corners": {"top_left": made(head_maps), "bottom_right": made(head_maps), "sizes": SIZES,
            "stride": count(4), "peaks": count(9), "tag_distance": number(0.5)},
        "soften": {"found": made(found), "sigma": number(0.5)},
        "best_of": {"found": made(found), "most": count(1)},
    },
    "detection.cornernet": {
        "CornerNet": {"backbone": made(OneMap), **HEADS, **SETTINGS, "peaks": count(9),
            "tag_distance": number(0.5), "soft_sigma": number(0.5), "pull": number(0.1), "push": number(0.1),
            "offset": number(1.0)},
        "CornerNet.features": {"self": made(corner_net), "images": PICTURES},
        "CornerNet.forward": {"self": made(corner_net), "images": PICTURES},
        "CornerNet.losses": {"self": made(corner_net), "images": PICTURES, "targets": TRUTH},
        "corner_net": {"backbone": made(OneMap), **SMALL},
    },
    "detection.centernet_triplets": {
        "central_regions": {"boxes": BOXES, "scale": number(150.0)},
        "keep_triplets": {"pairs": made(found), "points": POINTS, "labels": labels(None, 2),
            "scores": floats(2, of=lambda x: x), "scale": number(150.0)},
        "CenterNetTriplets": {"backbone": made(OneMap), **HEADS, "centre": made(head),
            "scale": number(150.0), **SETTINGS},
        "CenterNetTriplets.forward": {"self": made(triplets), "images": PICTURES},
        "CenterNetTriplets.triplets": {"self": made(triplets), "pairs": made(lambda: [found(), found()]),
            "maps": made(head_maps)},
        "center_net_triplets": {"backbone": made(OneMap), **SMALL},
    },
    "detection.center_points": {
        "encode_points": {"targets": TRUTH, "like": made(MAP.make), "classes": count(3), "stride": count(4),
            "iou": number(0.3)},
        "decode_points": {"heat": UNIT, "sizes": floats(2, 2, 8, 8), "offsets": floats(2, 2, 8, 8),
            "picture_sizes": SIZES, "stride": count(4), "most": count(9), "window": count(3)},
        "PointHead": SMALL,
        "PointHead.forward": {"self": made(point_head), "x": MAP},
        "CenterPoints": {"backbone": made(OneMap), "head": made(point_head), **SETTINGS, "window": count(3),
            "size": number(0.1), "offset": number(1.0)},
        "CenterPoints.features": {"self": made(points), "images": PICTURES},
        "CenterPoints.forward": {"self": made(points), "images": PICTURES},
        "CenterPoints.losses": {"self": made(points), "images": PICTURES, "targets": TRUTH},
    },
}  # fmt: skip
