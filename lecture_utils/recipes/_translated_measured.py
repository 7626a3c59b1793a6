"""How what Pix2Pix paints is measured: detail, agreement with the label map, colours, Fréchet distance.

P. Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017: a segmenter
that reads the labels off the pictures (section 4, "FCN score"), and histograms of colours (figure 7).

Shapes: N pictures, S their side.
"""

import functools

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.generative.pix2pix.losses import l1_loss
from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit, stage_features
from lecture_utils.metrics.segmentation import confusion, iou_by_class
from lecture_utils.ops.checks import check_images, check_tensor
from lecture_utils.recipes._translated import OBJECT, Pairs


@functools.cache
def reader() -> torch.nn.Module:
    """A segmenter that was trained on other real pictures: it names stuff, or "object"."""
    return zoo.load("shapes_segmenter").eval()


def agreement(made: Tensor, labels: Tensor) -> dict[str, float]:
    """How well a segmenter reads the label maps (N, S, S) off the pictures: the paper's FCN score.

    Five classes: the four kinds of stuff, and "object". "pixels" is the share that is right, "mean_iou" the
    mean over classes.
    """
    check_images(made, 3)
    check_tensor(labels, "labels", len(made), *made.shape[2:], kind="int")
    with torch.inference_mode():
        read = torch.cat([reader()(part).argmax(1) for part in made.split(100)])  # (N, S, S)
    truth = labels.clamp(max=OBJECT)
    iou = iou_by_class(confusion(read, truth, OBJECT + 1))
    return {"pixels": (read == truth).float().mean().item(), "mean_iou": iou.nanmean().item()}


def detail(images: Tensor) -> float:
    """Root mean square of the differences between pixels that touch: what blur takes away."""
    check_images(images)
    down = (images[:, :, 1:] - images[:, :, :-1]).square().mean()
    across = (images[:, :, :, 1:] - images[:, :, :, :-1]).square().mean()
    return float((down + across).sqrt())


def colourfulness(images: Tensor, labels: Tensor) -> float:
    """Mean distance of the objects' pixels from grey: the largest of red, green, blue minus the smallest."""
    check_images(images, 3)
    check_tensor(labels, "labels", len(images), *images.shape[2:], kind="int")
    return (images.amax(1) - images.amin(1))[labels >= OBJECT].mean().item()


def colour_overlap(made: Tensor, real: Tensor, bins: int = 8) -> float:
    """Shared part of the histograms of colours (bins a side of the RGB cube): 1 where they are equal.

    The paper's figure 7 compares such histograms by axis of Lab; L1's are narrower than the real ones.
    """

    def histogram(x: Tensor) -> Tensor:
        check_images(x, 3)
        cell = (x.clamp(0, 1) * bins).long().clamp(max=bins - 1)  # (N, 3, S, S)
        index = (cell[:, 0] * bins + cell[:, 1]) * bins + cell[:, 2]
        counts = torch.bincount(index.flatten(), minlength=bins**3)
        return counts / counts.sum()

    return torch.minimum(histogram(made), histogram(real)).sum().item()


def frechet(made: Tensor, real: Tensor) -> float:
    """Fréchet distance in features of ``shapes_resnet`` (`metrics.frechet.stage_features`)."""
    net = zoo.load("shapes_resnet").eval()
    return frechet_distance(*(gaussian_fit(stage_features(net, x)) for x in (made, real)))


def measured(made: Tensor, pairs: Pairs) -> dict[str, float]:
    """All measures of outputs for the label maps of `pairs`, some as shares of the real pictures'."""
    read = agreement(made, pairs.labels)
    return {
        "agreement": read["pixels"],
        "mean_iou": read["mean_iou"],
        "detail": detail(made) / detail(pairs.image),
        "colour": colourfulness(made, pairs.labels) / colourfulness(pairs.image, pairs.labels),
        "overlap": colour_overlap(made, pairs.image),
        "frechet": frechet(made, pairs.image),
        "l1": l1_loss(made, pairs.image).item(),
    }
