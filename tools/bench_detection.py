"""The bench's part on segmentation and detection (chapters 06 to 08): ours against the libraries'."""

import contextlib
import inspect
import io
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from bench_pairs import Rows, compared
from torch import Tensor, nn

Boxes = tuple[Tensor, Tensor]  # a picture: boxes (G, 4) and classes (G,)


def boxes_in(n: int, width: int, height: int, low: float, high: float) -> Tensor:
    """Boxes (n, 4) with sides from `low` to `high` pixels, wholly in a picture."""
    side = low + (high - low) * torch.rand(n, 2)
    corner = (torch.tensor([width, height]) - side) * torch.rand(n, 2)
    return torch.cat([corner, corner + side], dim=1)


def upsampling() -> Rows:
    """Our transposed convolution as one matrix product against PyTorch's."""
    from lecture_utils.ops.upsampling import conv_transpose2d

    torch.manual_seed(0)
    rows: Rows = []
    for shape, channels, kernel, stride in (((8, 64, 32, 32), 32, 4, 2), ((1, 21, 12, 16), 21, 64, 32)):
        x, weight = torch.randn(shape), torch.randn(shape[1], channels, kernel, kernel)
        settings = {"stride": stride, "padding": (kernel - stride) // 2}

        def ours(x: Tensor = x, weight: Tensor = weight, settings: dict[str, int] = settings) -> object:
            return conv_transpose2d(x, weight, **settings)

        def theirs(x: Tensor = x, weight: Tensor = weight, settings: dict[str, int] = settings) -> object:
            return F.conv_transpose2d(x, weight, **settings)  # type: ignore[arg-type]

        size = " × ".join(map(str, shape))
        what = f"Transposed convolution {kernel}×{kernel}, stride {stride}, {size} to {channels}, ours : F's"
        rows.append(compared(what, ours, theirs, pairs=15))
    return rows


def sliding() -> Rows:
    """A classifier slid over a picture against the same one made convolutional: claim C06.3's."""
    from lecture_utils.chapters.ch06.claims import WINDOW, c06_3_sliding

    found = c06_3_sliding(0, "full")
    what = f"FCN: {found['windows']} windows of {WINDOW}², one by one : one pass over the picture"
    return [(what, f"{found['times_faster']:.1f}", "> 2")]


def regions() -> Rows:
    """RoIPool and RoIAlign of 512 boxes out of a map of stride 16, without and with their gradients."""
    import torchvision

    from lecture_utils.ops.roi import roi_align, roi_pool

    torch.manual_seed(0)
    features = torch.randn(2, 256, 50, 68, requires_grad=True)  # of two pictures, 800 × 1088
    boxes, index = boxes_in(512, 1088, 800, 16, 512), torch.randint(2, (512,))
    rois = torch.cat([index[:, None].float(), boxes], dim=1)
    slope = torch.randn(512, 256, 7, 7)
    size = (7, 7), 1 / 16

    def forward(cut: Callable[[], Tensor]) -> Callable[[], object]:
        return torch.no_grad()(cut)

    def backward(cut: Callable[[], Tensor]) -> Callable[[], object]:
        return lambda: torch.autograd.grad(cut(), features, slope)

    what = "of 512 boxes to 7×7, maps 2 × 256 × 50 × 68, ours : torchvision"
    rows: Rows = []
    for name, ours, theirs in (
        ("RoIPool", partial(roi_pool, features, boxes, index, *size),
         partial(torchvision.ops.roi_pool, features, rois, *size)),
        ("RoIAlign", partial(roi_align, features, boxes, index, *size),
         partial(torchvision.ops.roi_align, features, rois, *size, 2, True)),
    ):  # fmt: skip
        rows.append(compared(f"{name} {what}", forward(ours), forward(theirs), pairs=7))
        rows.append(compared(f"{name} forward + backward {what}", backward(ours), backward(theirs), pairs=7))
    return rows


def suppression() -> Rows:
    """Non-maximum suppression of a thousand and of ten thousand boxes."""
    import torchvision

    from lecture_utils.ops.nms import nms

    torch.manual_seed(0)
    rows: Rows = []
    for n, pairs in ((1_000, 25), (10_000, 5)):
        boxes, scores = boxes_in(n, 640, 480, 20, 200), torch.rand(n)

        def ours(boxes: Tensor = boxes, scores: Tensor = scores) -> object:
            return nms(boxes, scores, 0.5)

        def theirs(boxes: Tensor = boxes, scores: Tensor = scores) -> object:
            return torchvision.ops.nms(boxes, scores, 0.5)

        rows.append(compared(f"NMS of {n:,} boxes, ours : torchvision", ours, theirs, pairs=pairs))
    return rows


def precision() -> Rows:
    """The twelve numbers of COCO for 1,000 pictures, from boxes at hand to the summary."""
    from pycocotools.cocoeval import COCOeval

    from lecture_utils.metrics.coco import coco_summary

    torch.manual_seed(0)
    found, truth = [], []
    for _ in range(1000):  # seven objects each, as COCO has; each found twice, with errors, and six wrong
        there, labels = boxes_in(7, 640, 480, 10, 300), torch.randint(80, (7,))
        side = (there[:, 2:] - there[:, :2]).repeat(1, 2)
        near = there + 0.1 * side * torch.randn(7, 2).repeat(1, 2)
        boxes = torch.cat([there, near, boxes_in(6, 640, 480, 10, 300)])
        found.append((boxes, torch.cat([labels, labels, torch.randint(80, (6,))]), torch.rand(20)))
        truth.append((there, labels))
    known, given = as_coco(truth), as_coco(found)
    answers: dict[str, float] = {}

    def ours() -> None:
        answers["ours"] = coco_summary(found, truth, classes=80)["AP"]

    def theirs() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            judge = COCOeval(known, given, "bbox")
            judge.evaluate(), judge.accumulate(), judge.summarize()
        answers["theirs"] = float(judge.stats[0])

    row = compared("COCO's AP of 1,000 pictures, 80 classes, ours : pycocotools", ours, theirs, pairs=3)
    difference = f"{abs(answers['ours'] - answers['theirs']):.0e} (AP {answers['ours']:.3f})"
    return [row, ("Its AP, ours less pycocotools'", difference, "≤ 1e-6")]


def as_coco(pictures: list[Any]) -> Any:
    """Hand pictures with boxes, classes and perhaps scores to pycocotools."""
    from pycocotools.coco import COCO

    numbers, made = count(1), COCO()
    made.dataset = {
        "images": [{"id": i} for i in range(len(pictures))],
        "categories": [{"id": k} for k in range(80)],
        "annotations": [
            {
                "id": next(numbers), "image_id": i, "category_id": int(label), "iscrowd": 0,
                "bbox": (box := [x1, y1, x2 - x1, y2 - y1]), "area": box[2] * box[3],
                **({"score": float(scores[0][j])} if scores else {}),
            }
            for i, (boxes, labels, *scores) in enumerate(pictures)
            for j, ((x1, y1, x2, y2), label) in enumerate(zip(boxes.tolist(), labels, strict=True))
        ],
    }  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        made.createIndex()
    return made


SIDE = 320


def faster_rcnn() -> Rows:
    """Faster R-CNN on ResNet-50 with a pyramid, with random weights: some 3,000 boxes to suppress."""
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    from lecture_utils.hub.detector_weights import from_torchvision

    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=5)
    theirs = settled(FasterRCNN(backbone, 91, min_size=SIDE, max_size=SIDE).eval())
    theirs.roi_heads.box_predictor.cls_score.weight.data.mul_(20)
    return against_torchvision("Faster R-CNN, ResNet-50 with FPN", from_torchvision(theirs), theirs, first=1)


def retinanet() -> Rows:
    """RetinaNet on ResNet-50, with random weights that leave many candidates a level."""
    from torchvision.models.detection import retinanet_resnet50_fpn

    from lecture_utils.hub.retinanet_weights import from_torchvision

    torch.manual_seed(0)
    model = retinanet_resnet50_fpn(weights=None, weights_backbone=None, min_size=SIDE, max_size=SIDE)
    theirs = settled(model.eval())
    theirs.head.classification_head.cls_logits.bias.data.fill_(-2.9)
    return against_torchvision("RetinaNet, ResNet-50", from_torchvision(theirs), theirs, first=0)


def against_torchvision(name: str, ours: Any, theirs: Any, *, first: int, masked: bool = False) -> Rows:
    """Time what is found, then losses with gradients, on one picture; `first` is torchvision's first class.

    With `masked` the networks give masks too, and learn from them.
    """
    from lecture_utils.detection.resize import batch_images, detect
    from lecture_utils.segmentation.mask_rcnn import segment

    image = torch.rand(3, SIDE, SIDE)
    boxes, labels = boxes_in(5, SIDE, SIDE, 20, 200), torch.randint(90, (5,))
    target, truth = (boxes, labels), {"boxes": boxes, "labels": labels + first}
    if masked:
        at = torch.arange(SIDE)
        across, down = ((at >= boxes[:, k, None]) & (at < boxes[:, k + 2, None]) for k in (0, 1))
        masks = down[:, :, None] & across[:, None]  # (5, SIDE, SIDE)
        target, truth = (*target, masks), truth | {"masks": masks.to(torch.uint8)}
    see: Callable[..., object] = segment if masked else detect
    sized = "sizes" in inspect.signature(ours.losses).parameters

    def our_losses() -> None:
        batch = batch_images([image], shortest=SIDE, longest=SIDE)
        more = (batch.sizes,) if sized else ()
        descend(ours, ours.losses(batch.images, [target], *more))

    def their_losses() -> None:
        descend(theirs, theirs([image], [truth]))

    what = f"{name}, one picture of {SIDE}², "
    with torch.inference_mode():
        rows = [
            compared(
                what + f"{'objects and masks' if masked else 'detections'}, ours : torchvision",
                lambda: see(ours, [image], shortest=SIDE, longest=SIDE),
                lambda: theirs([image]),
                pairs=9,
                aim="≤ 1.10",
            )
        ]
    ours.train(), theirs.train()
    what += "losses and their gradients, ours : torchvision"
    return [*rows, compared(what, our_losses, their_losses, pairs=9, aim="≤ 1.10")]


def descend(model: nn.Module, losses: dict[str, Tensor]) -> None:
    """Take the gradients of the sum of the losses."""
    model.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()


@torch.no_grad()
def settled(model: Any) -> Any:
    """Give a detector's frozen batch norm the statistics of a picture: signals neither die nor grow."""
    from torchvision.ops import FrozenBatchNorm2d

    def measure(layer: Any, given: tuple[Tensor]) -> None:
        layer.running_mean.copy_(given[0].mean((0, 2, 3)))
        layer.running_var.copy_(given[0].var((0, 2, 3)))

    norms = [layer for layer in model.modules() if isinstance(layer, FrozenBatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(measure) for layer in norms]
    model([torch.rand(3, SIDE, SIDE)])
    for hook in hooks:
        hook.remove()
    return model


SECTIONS: dict[str, Callable[[], Rows]] = {
    "upsampling": upsampling,
    "sliding": sliding,
    "regions": regions,
    "suppression": suppression,
    "precision": precision,
    "faster_rcnn": faster_rcnn,
    "retinanet": retinanet,
}
