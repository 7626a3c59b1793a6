"""Good calls of what learns on points and volumes: PointNet, the 3-D box head, 3-D U-Net, upright boxes."""

import torch
from torch import nn

from lecture_utils.geometry import box_head_3d, point_layers, pointnet
from lecture_utils.segmentation.unet3d import UNet3D
from tests.bad_calls import Value, count, floats, labels, made, masks, number, pair, word
from tests.good_calls.makers import Call

TEMPLATES = floats(3, 3, of=lambda x: x + 0.5)
LAYERS = made(lambda: point_layers.shared_mlp(3, 4))


def upright(n: int) -> Value:
    """Boxes (n, 7) x, y, z, length, width, height, yaw."""
    return floats(n, 7, of=lambda x: x + 0.1)


def clouds(*shape: int) -> Value:
    """Points (…, 3) in [-1, 1]."""
    return floats(*shape)


def net(kind: str = "") -> nn.Module:
    """A narrow network on points (B, P, 3)."""
    torch.manual_seed(0)
    if kind == "classifier":
        return pointnet.PointNetClassifier(4, width=3).eval()
    if kind == "segmenter":
        return pointnet.PointNetSegmenter(4, categories=3, width=3).eval()
    return pointnet.PointNet(width=3).eval()


def head() -> box_head_3d.BoxHead3D:
    """Points of three kinds of objects → boxes in four bins."""
    torch.manual_seed(0)
    return box_head_3d.BoxHead3D(TEMPLATES.make(), bins=4, width=4).eval()


def scores() -> box_head_3d.BoxScores:
    """What `head` says of two objects."""
    with torch.no_grad():
        return head()(clouds(2, 9, 3).make(), torch.tensor([0, 2]))


def code() -> box_head_3d.BoxCode:
    """Two boxes in four bins and three templates."""
    return box_head_3d.encode_boxes_3d(upright(2).make(), torch.tensor([0, 2]), TEMPLATES.make(), bins=4)


def unet() -> UNet3D:
    """Volumes (B, 2, D, H, W) → 3 scores."""
    torch.manual_seed(0)
    return UNet3D(3, in_channels=2, width=2, levels=1, padding="same").eval()


SQUARE = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
NET = {"channels": count(3), "width": count(3), "transforms": True}
VOLUME = floats(2, 3, 2, 4, 2)

GOOD: dict[str, dict[str, Call]] = {
    "ops.boxes_3d": {
        "box_corners_3d": {"boxes": upright(3)},
        "clip_polygon": {"polygon": SQUARE, "window": SQUARE},
        "polygon_area": {"polygon": SQUARE},
        "box_iou_3d": {"a": upright(2), "b": upright(3)},
        "paired_iou_3d": {"a": upright(2), "b": upright(2)},
    },
    "geometry.point_layers": {
        "PointConv": {"before": count(3), "after": count(4)},
        "PointConv.forward": {"self": made(lambda: LAYERS.make()[0]), "x": floats(2, 3, 5)},
        "PointConvBesideCloud": {"local": count(3), "cloud": count(4), "after": count(5)},
        "PointConvBesideCloud.forward": {"self": made(lambda: point_layers.PointConvBesideCloud(3, 4, 5)),
            "x": floats(2, 3, 5), "cloud": floats(2, 4)},
        "matrix_times_points": {"matrix": floats(2, 4, 3), "x": floats(2, 3, 5)},
        "in_one_order": {"model": made(net)},
        "shared_mlp": {"*": (3, 4, 5)},
        "dense": {"*": (3, 4, 5)},
    },
    "geometry.point_blocks": {
        "block_points": {"points": clouds(20, 3), "side_m": number(1.0), "margin_m": number(0.2),
            "least": count(2)},
        "block_features": {"points": clouds(6, 3), "colours": floats(6, 3, of=lambda x: x),
            "middle": floats(2), "low": floats(3, of=lambda x: x - 3), "high": floats(3, of=lambda x: x + 3)},
        "to_unit_sphere": {"points": clouds(2, 6, 3)},
        "turned": {"points": clouds(2, 6, 3), "angle": floats(2)},
    },
    "geometry.pointnet": {
        "TransformNet": {"channels": count(3), "width": count(4)},
        "TransformNet.forward": {"self": made(lambda: pointnet.TransformNet(3, width=2).eval()),
            "x": floats(2, 3, 6)},
        "TransformNet.turn": {"self": made(lambda: pointnet.TransformNet(3, width=2)),
            "matrix": floats(2, 3, 3), "x": floats(2, 3, 6)},
        "PointNet": NET,
        "PointNet.forward": {"self": made(net), "points": clouds(2, 6, 3)},
        "PointNetClassifier": {"classes": count(4), **NET, "dropout": number(0.3)},
        "PointNetClassifier.forward": {"self": made(lambda: net("classifier")), "points": clouds(2, 6, 3)},
        "PointNetSegmenter": {"classes": count(4), "categories": count(2, zero=True), **NET},
        "PointNetSegmenter.forward": {"self": made(lambda: net("segmenter")), "points": clouds(2, 6, 3),
            "category": labels(3, 2)},
        "orthogonality_penalty": {"transform": floats(2, 3, 3)},
        "pointnet_loss": {"scores": floats(2, 4), "labels": labels(4, 2), "transform": floats(2, 3, 3),
            "penalty": number(0.001)},
        "critical_points": {"features": made(lambda: net()(clouds(2, 6, 3).make()))},
    },
    "geometry.box_head_3d": {
        "encode_boxes_3d": {"boxes": upright(4), "size": labels(3, 4), "templates": TEMPLATES,
            "bins": count(4)},
        "decode_boxes_3d": {"code": made(code), "templates": TEMPLATES, "bins": count(4)},
        "BoxHead3D": {"templates": TEMPLATES, "bins": count(4), "width": count(4)},
        "BoxHead3D.forward": {"self": made(head), "points": clouds(2, 9, 3), "category": labels(3, 2)},
        "BoxHead3D.boxes": {"self": made(head), "scores": made(scores)},
        "chosen": {"scores": made(scores), "heading": labels(4, 2), "size": labels(3, 2)},
        "box_losses": {"head": made(head), "scores": made(scores), "boxes": upright(2),
            "size": labels(3, 2), "corner_weight": number(1.0)},
        "corner_distance": {"boxes": upright(3), "truth": upright(3)},
    },
    "segmentation.unet3d": {
        "UNet3D": {"classes": count(3), "in_channels": count(2), "width": count(2), "levels": count(1),
            "padding": word("same")},
        "UNet3D.forward": {"self": made(unet), "x": floats(2, 2, 4, 6, 4)},
        "two_convolutions_3d": {"before": count(2), "between": count(3), "after": count(4),
            "padding": word("same")},
        "middle": {"x": floats(1, 2, 6, 4, 4), "size": pair(6, 4, 4)},
        "sparse_cross_entropy": {"scores": VOLUME, "labels": labels(3, 2, 2, 4, 2),
            "labelled": masks(2, 2, 4, 2), "class_weights": floats(3, of=lambda x: x + 0.1)},
        "soft_dice_loss": {"scores": VOLUME, "labels": labels(3, 2, 2, 4, 2)},
    },
}  # fmt: skip
