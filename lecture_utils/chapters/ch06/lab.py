"""The lab of chapter 06: the classifier of chapter 01 becomes a segmenter, in three checked steps.

The net is He et al.'s small residual net (CVPR 2016, section 4.2), with three stages at strides 1, 2 and 4.
Its linear layer becomes a 1 × 1 convolution, and scores are added from coarse to fine, as in J. Long,
E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015 (section 4.2,
figure 3). Kinds of errors are weighed by what the score would be without each, as D. Hoiem, Y. Chodpathumwan,
Q. Dai did for detectors ("Diagnosing Error in Object Detectors", ECCV 2012).

Shapes: B batch, C_i channels of stage i, H_i × W_i its map, K classes.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.data import toyworld
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, mistake
from lecture_utils.metrics.segmentation import iou_by_class

Layers = Sequence[Callable[[Tensor], Tensor]]
STUFF = len(toyworld.STUFF)  # the first four classes are kinds of ground and the sky, the others objects


# --- what the notebook shows -----------------------------------------------------------------------
class Segmenter(nn.Module):
    """A classifier of three stages, a 1 × 1 score layer on each, and `fuse` to bring the scores together.

    The coarsest layer starts as the classifier's linear layer where that knows the class, all else at zero.
    """

    def __init__(self, classifier: CifarNet, fuse: Callable[[list[Tensor], Layers], Tensor]) -> None:
        super().__init__()
        self.stem, self.stages, self.fuse = classifier.stem, classifier.stages, fuse
        objects, widest = classifier.head.weight.shape  # (8, 64)
        coarsest = nn.Conv2d(widest, STUFF + objects, 1)
        finer = [nn.Conv2d(width, STUFF + objects, 1) for width in (widest // 4, widest // 2)]
        self.layers = nn.ModuleList([*finer, coarsest])
        with torch.no_grad():
            for parameter in self.layers.parameters():
                parameter.zero_()
            coarsest.weight[STUFF:, :, 0, 0] = classifier.head.weight  # a dense layer, now at every place
            coarsest.bias[STUFF:] = classifier.head.bias  # type: ignore[index]

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        maps: list[Tensor] = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)  # (B, 16, H, W), (B, 32, H/2, W/2), (B, 64, H/4, W/4)
        return self.fuse(maps, list(self.layers))  # (B, K, H, W)


def mean_iou_without(table: Tensor) -> dict[str, float]:
    """Mean IoU of a table (K, K) of counts, as it is and with one kind of confusion put right at a time."""
    thing = torch.arange(len(table)) >= STUFF
    kinds = {
        "as it is": torch.zeros_like(table, dtype=torch.bool),
        "no ground taken for another ground": ~thing[:, None] & ~thing,
        "no object taken for ground, nor ground for an object": thing[:, None] != thing,
        "no object called by another object's name": thing[:, None] & thing,
    }
    found = {}
    for name, kind in kinds.items():
        right = table * ~kind + torch.diag((table * kind).sum(dim=1))  # to the true class, on the diagonal
        found[name] = float(iou_by_class(right).nanmean())
    return found


# --- step 1: scores of three levels become one map -------------------------------------------------
def fuse_scores(maps: list[Tensor], layers: Layers) -> Tensor:
    """Scores (B, K, H_1, W_1) from maps (B, C_i, H_i, W_i), finest first, and a score layer for each.

    From the coarsest on: bring the scores up, bilinearly, to the size of the next finer map, and add its own.
    """
    scores = layers[-1](maps[-1])  # (B, K, H/4, W/4)
    for finer, layer in zip(maps[-2::-1], layers[-2::-1], strict=True):
        scores = F.interpolate(scores, size=finer.shape[2:], mode="bilinear", align_corners=False)
        scores = scores + layer(finer)  # (B, K, H/2, W/2), then (B, K, H, W)
    return scores


def with_layers(
    fuse: Callable[[list[Tensor], Layers], Tensor], maps: list[Tensor], layers: list[Tensor]
) -> Tensor:
    """Call an answer with score layers made of weights (K, C_i): a check must be able to copy its inputs."""
    made = [lambda x, weight=weight: F.conv2d(x, weight[..., None, None]) for weight in layers]
    return fuse(maps, made)


def _levels(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def normal(*shape: int) -> Tensor:
        return torch.tensor(rng.normal(size=shape), dtype=torch.float32)

    def level(side: Sequence[int], channels: Sequence[int], classes: int, batch: int) -> tuple[Any, ...]:
        sides = [tuple(-(-n // stride) for n in side) for stride in (1, 2, 4)]
        maps = [normal(batch, c, *s) for c, s in zip(channels, sides, strict=True)]
        return maps, [normal(classes, c) for c in channels]

    yield level((4, 4), (1, 1, 1), 1, 1)
    yield level((8, 8), (2, 2, 2), 2, 1)
    yield level((8, 12), (2, 3, 4), 3, 2)
    yield level((7, 9), (2, 3, 4), 3, 1)  # odd sides: the maps are 7 × 9, 4 × 5 and 2 × 3
    yield level((13, 10), (3, 3, 3), 2, 2)
    yield level((16, 16), (4, 8, 16), 12, 2)


def _brought_up(maps: list[Tensor], layers: Layers, **how: Any) -> Tensor:
    scores = layers[-1](maps[-1])
    for finer, layer in zip(maps[-2::-1], layers[-2::-1], strict=True):
        settings: Any = how if "scale_factor" in how else {"size": finer.shape[2:], **how}
        scores = F.interpolate(scores, **settings) + layer(finer)
    return scores


@mistake(
    "You repeat each score: your map has steps. Bilinear mixes the nearest four, so that the score changes "
    "gradually."
)
def _repeated(maps: list[Tensor], layers: Layers) -> Tensor:
    return _brought_up(maps, layers, mode="nearest")


@mistake(
    "Your corners are aligned: the outermost centres of both maps fall on one another, so everything is "
    "shifted a little. Pixels are areas here; leave align_corners False."
)
def _corners_aligned(maps: list[Tensor], layers: Layers) -> Tensor:
    return _brought_up(maps, layers, mode="bilinear", align_corners=True)


@mistake(
    "You doubled each map. Where a side is odd, twice the coarser side is one too many: bring the scores to "
    "the size that the finer map has."
)
def _doubled(maps: list[Tensor], layers: Layers) -> Tensor:
    return _brought_up(maps, layers, mode="bilinear", scale_factor=2)


@mistake(
    "You brought each level to the full size by itself and added all at the end. Here the sum of the two "
    "coarser levels is brought up together, one level at a time."
)
def _each_by_itself(maps: list[Tensor], layers: Layers) -> Tensor:
    size = maps[0].shape[2:]
    scores = [layer(x) for x, layer in zip(maps, layers, strict=True)]
    return sum((F.interpolate(s, size=size, mode="bilinear") for s in scores[1:]), scores[0])


@mistake(
    "Each score layer got another level's map. Maps and layers are listed in the same order, the finest "
    "first; you begin with the last of both."
)
def _layers_reversed(maps: list[Tensor], layers: Layers) -> Tensor:
    return fuse_scores(maps, layers[::-1])


@mistake(
    "You took only the coarsest scores and brought them up. Now what each finer map says must be added: that "
    "is where the outlines come from."
)
def _coarsest_only(maps: list[Tensor], layers: Layers) -> Tensor:
    nothing = lambda x: torch.zeros(())  # noqa: E731
    return fuse_scores(maps, [nothing, nothing, layers[-1]])


@mistake(
    "You turned scores into shares before they were added. Scores are added as they are; the softmax comes "
    "once, in the loss."
)
def _softmax_before(maps: list[Tensor], layers: Layers) -> Tensor:
    def shares(layer: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda x: layer(x).softmax(dim=1)

    return fuse_scores(maps, [shares(layer) for layer in layers])


# --- step 2: a data step with a fault --------------------------------------------------------------
def shrink_faulty(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Shrink pictures (B, 3, H, W) and the classes of their pixels (B, H, W) to size × size pixels."""
    images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    maps = F.interpolate(labels[:, None].float(), size=(size, size), mode="bilinear")  # (B, 1, size, size)
    return images, maps[:, 0].round().long()


def shrink(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Shrink pictures (B, 3, H, W) and the classes of their pixels (B, H, W) to size × size pixels.

    A pixel of the small label map has the class of the pixel that its centre falls on.
    """
    images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    maps = F.interpolate(labels[:, None].float(), size=(size, size), mode="nearest-exact")
    return images, maps[:, 0].long()


def _scenes(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    def picture(batch: int, side: int) -> Tensor:
        return torch.tensor(rng.uniform(size=(batch, 3, side, side)), dtype=torch.float32)

    yield picture(1, 3), torch.tensor([[[1, 1, 4]] * 3]), 2  # grass, and a ball at the right
    ball = torch.ones(1, 6, 6, dtype=torch.long)
    ball[0, 2:5, 1:4] = 4
    yield picture(1, 6), ball, 4
    square = torch.zeros(1, 9, 9, dtype=torch.long)
    square[0, 5:], square[0, 2:7, 3:8] = 2, 5
    yield picture(1, 9), square, 6
    for side, size in ((9, 6), (12, 8), (15, 10)):
        coarse = torch.tensor(rng.integers(0, 12, size=(2, side // 3, side // 3)))
        yield picture(2, side), coarse.repeat_interleave(3, 1).repeat_interleave(3, 2), size


@mistake(
    "Your label map still holds classes that the large one does not. A class's number is a name: what lies "
    "half-way between grass, number 1, and a ball, number 4? Mix no numbers of classes."
)
def _mixed(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    return shrink_faulty(images, labels, size)


@mistake(
    "You left the rounding out, and the numbers of the classes are still mixed, then cut down to whole ones. "
    "Rounding was not the fault: the mixing is."
)
def _mixed_and_cut(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    maps = F.interpolate(labels[:, None].float(), size=(size, size), mode="bilinear")[:, 0]
    return shrink(images, labels, size)[0], maps.long()


@mistake(
    "The classes are right now, but your label map lies a little to the lower right of its picture. "
    "`nearest` looks up a corner of each pixel; look for the mode that looks up its centre."
)
def _corner_of_the_pixel(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    maps = F.interpolate(labels[:, None].float(), size=(size, size), mode="nearest")[:, 0]
    return shrink(images, labels, size)[0], maps.long()


@mistake(
    "You let classes vote by area, which is sound, but thin parts lose the vote. Asked for is the class that "
    "the centre of a pixel falls on."
)
def _by_vote(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    shares = F.interpolate(F.one_hot(labels).movedim(3, 1).float(), size=(size, size), mode="area")
    return shrink(images, labels, size)[0], shares.argmax(1)


@mistake(
    "You changed the picture's part as well. Colours may be mixed, and should be: only the labels must not."
)
def _picture_too(images: Tensor, labels: Tensor, size: int) -> tuple[Tensor, Tensor]:
    picked = F.interpolate(images, size=(size, size), mode="nearest-exact")
    return picked, shrink(images, labels, size)[1]


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "06.L1",
    "Three score maps become one",
    fuse_scores,
    _levels,
    difficulty=2,
    minutes=12,
    hints=(
        "Begin at the end of both lists: the coarsest map, put through the coarsest layer, gives the first "
        "scores.",
        "Before the next level's scores can be added, yours need its size: F.interpolate with size=, and not "
        "scale_factor=, so that odd sides work as well.",
        "In a loop over maps[-2::-1] and layers[-2::-1]: interpolate to finer.shape[2:], bilinear, then add "
        "layer(finer).",
    ),
    mistakes=(
        _repeated,
        _corners_aligned,
        _doubled,
        _each_by_itself,
        _layers_reversed,
        _coarsest_only,
        _softmax_before,
    ),
    use=with_layers,
)
STEP_2 = Exercise(
    "06.L2",
    "A rim around every object",
    shrink,
    _scenes,
    difficulty=2,
    minutes=12,
    hints=(
        "Look at one row of labels, 1 1 1 4 4 4, and at what comes out of it. Where does a 2 come from, and "
        "which class is that?",
        "A picture may be mixed, since half-way between two colours is a colour. Between two classes there "
        "is nothing: for each small pixel one large pixel has to be chosen.",
        "F.interpolate has modes that choose: `nearest` looks up a corner of the pixel, `nearest-exact` its "
        "centre.",
    ),
    mistakes=(_mixed, _mixed_and_cut, _corner_of_the_pixel, _by_vote, _picture_too),
)
STEP_3 = Exercise(
    "06.L3",
    "What does it get wrong?",
    ("B", "2"),
    None,
    difficulty=2,
    minutes=10,
    hints=(
        "Each bar is the mean IoU that the net would have if it never made one kind of error. The longer the "
        "step from the first bar, the more that kind costs.",
        "Mean IoU counts each of the twelve classes once. How many of them are objects, and what happens to "
        "an object's IoU where it is called by another name?",
    ),
    mistakes=(
        Mistake(
            ("A", "1"),
            "Missed objects and blurred outlines do cost something, but look at the bars: which error, put "
            "right, brings more, and by how much?",
        ),
        Mistake(
            ("A", "2"),
            "Your reason is what the bars show, but it speaks of names, not of the ground: which kind of "
            "confusion does the longest bar put right?",
        ),
        Mistake(
            ("A", "3"),
            "Pixels of ground are many, and mean IoU does not count pixels: it counts each class once. Look "
            "at the bars again.",
        ),
        Mistake(
            ("B", "1"),
            "A blurred outline confuses an object with the ground beside it, not "
            "with another object: which bar speaks for the names?",
        ),
        Mistake(
            ("B", "3"),
            "How many pixels the ground has says nothing about the names of objects: which bar does?",
        ),
        Mistake(
            ("C", "1"),
            "Outlines are not kinds of ground, and what would the net gain if it never mistook one ground "
            "for another? Look at the bars.",
        ),
        Mistake(
            ("C", "2"),
            "Your reason speaks of names, your answer of ground: which bar is the longest?",
        ),
        Mistake(
            ("C", "3"),
            "The ground does cover most of the picture. But what would the net gain if it never mistook one "
            "ground for another?",
        ),
    ),
    choices=(("A", "B", "C"), ("1", "2", "3")),
)
LAB = Lab("06.L", "A classifier becomes a segmenter", (STEP_1, STEP_2, STEP_3))
