"""The lab of chapter 01: write and train a residual network, stage by stage, in three checked steps.

The network is that of K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR
2016, section 4.2, with their option A (section 3.3): shortcuts without weights. Simplified: its first layer
halves the picture, which makes a training four times as quick.

Shapes: B batch, C channels, H and W height and width.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch01.solutions import batch_norm
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, mistake


class BatchNorm(nn.Module):
    """`batch_norm` as a layer: it keeps the running values, and learns a scale and a shift a channel."""

    mean: Tensor  # not shown
    var: Tensor  # not shown

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))  # γ
        self.shift = nn.Parameter(torch.zeros(channels))  # β
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        y, mean, var = batch_norm(x, self.mean, self.var, self.training)
        self.mean, self.var = mean.detach(), var.detach()
        return self.scale[:, None, None] * y + self.shift[:, None, None]


# --- step 1: a residual block ----------------------------------------------------------------------
class ResidualBlock(nn.Module):
    """ReLU(F(x) + x): two 3×3 convolutions with batch norm, and a shortcut that has no weights."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, channels - in_channels
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.norm1 = BatchNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = BatchNorm(channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))  # F(x)
        x = x[:, :, :: self.stride, :: self.stride]  # every stride-th row and column
        x = F.pad(x, (0, 0, 0, 0, 0, self.more))  # zeros for the new channels
        return F.relu(y + x)


def filled(model: nn.Module, weights: str) -> nn.Module:
    """Give a network weights that depend on nothing but their shapes, whatever its parts are called.

    "all 1" makes its answers small whole numbers: scales 1, shifts 0, and running variances at which batch
    norm changes nothing.
    """
    with torch.no_grad():
        for part in model.parameters():
            if part.ndim == 4:
                source = torch.Generator().manual_seed(sum(part.shape))
                drawn = torch.randn(part.shape, generator=source) / part[0].numel() ** 0.5
                part.copy_(torch.ones(part.shape) if weights == "all 1" else drawn)
            elif not bool((part == 1).all()):
                part.zero_()  # shifts, and the biases of a convolution that has some
        for kept in model.buffers():
            if kept.ndim == 1 and bool((kept == 1).all()):
                kept.fill_(1 - 1e-5)  # var + ε is 1
    return model


def run_block(block: Any, in_channels: int, channels: int, stride: int, weights: str, x: Tensor) -> Tensor:
    """Build a block, and give what it answers: evaluation mode for weights of 1, else training mode.

    With "random, trained twice" it sees the pictures twice in training mode and then answers in evaluation
    mode, so that its running values count.
    """
    model = filled(block(in_channels, channels, stride), weights)
    model.train(weights != "all 1")
    with torch.no_grad():
        if weights == "random, trained twice":
            model(x), model(x)
            model.eval()
        return model(x)


def _maps(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def _blocks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 1, 1, 1, "all 1", torch.tensor([[[[1.0, 2.0]]]])
    yield 1, 1, 1, "all 1", torch.tensor([[[[-8.0, 1.0]]]])
    yield 1, 2, 1, "all 1", torch.tensor([[[[1.0, 2.0]]]])  # a channel more
    yield 1, 1, 2, "all 1", torch.tensor([[[[1.0, 2.0, 4.0]]]])  # half the pixels
    for in_channels, channels, stride, side in ((2, 2, 1, 4), (2, 4, 2, 6), (3, 6, 2, 5), (4, 4, 1, 6)):
        yield in_channels, channels, stride, "random", _maps(rng, 4, in_channels, side, side)
    yield 2, 2, 1, "random, trained twice", _maps(rng, 8, 2, 4, 4)
    yield 2, 4, 2, "random, trained twice", _maps(rng, 8, 2, 4, 4)


@mistake(
    "You take the ReLU of F(x) before the sum. Then a block can only ever add to its input, never take "
    "away: the ReLU comes last, over the whole sum."
)
class _ReluBeforeTheSum(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))
        return y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


@mistake("The last ReLU is missing: what a block hands on is never negative.")
class _NoLastRelu(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))


@mistake("Nothing of x arrives at the end: your block is a plain one. Where is the sum?")
class _Plain(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


@mistake(
    "Between the two convolutions there is no ReLU, so they are one linear layer (but for the batch norm). "
    "It belongs after the first norm."
)
class _NoInnerRelu(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.norm1(self.conv1(x))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more)))


@mistake(
    "Where the map shrinks you average on the way around. This shortcut computes nothing: it keeps one of "
    "every `stride` rows and columns as it is."
)
class _AveragedAround(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        x = F.avg_pool2d(x, self.stride, ceil_mode=True)
        return F.relu(y + F.pad(x, (0, 0, 0, 0, 0, self.more)))


@mistake(
    "You put the zeros in front of the old channels, or around them. The old channels stay where they are, "
    "and all the new ones come after them."
)
class _ZerosInFront(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride]
        return F.relu(y + F.pad(x, (0, 0, 0, 0, self.more, 0)))


@mistake(
    "New channels get copies of the old ones on your way around. They get zeros: there is nothing yet that "
    "they could hand on."
)
class _ChannelsCopied(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        x = x[:, :, :: self.stride, :: self.stride].repeat(1, 1 + -(-self.more // x.shape[1]), 1, 1)
        return F.relu(y + x[:, : y.shape[1]])


@mistake(
    "Your way around has a 1×1 convolution. That is the paper's option B; asked for is the one without any "
    "weight."
)
class _Projected(ResidualBlock):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(in_channels, channels, stride)
        changes = stride > 1 or channels != in_channels
        self.around = nn.Conv2d(in_channels, channels, 1, stride, bias=False) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.around(x))


@mistake(
    "In training mode your block is right, in evaluation mode it is not: you use one norm twice, so its one "
    "running mean is moved by two different signals. Each convolution needs its own."
)
class _OneNormTwice(ResidualBlock):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(in_channels, channels, stride)
        self.norm2 = self.norm1


@mistake(
    "Where the map shrinks you average on the way around, which also loses the last row or column of an odd "
    "map. This shortcut keeps one of every `stride` rows and columns as it is."
)
class _AveragedAroundEven(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + F.pad(F.avg_pool2d(x, self.stride), (0, 0, 0, 0, 0, self.more)))


@mistake(
    "Your second convolution strides. The first one does, so that all that follows works on the smaller map."
)
class _SecondStrides(ResidualBlock):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(in_channels, channels, stride)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)


@mistake(
    "The second norm is missing: each of the two convolutions is followed by one, the second before the sum."
)
class _NoSecondNorm(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.norm1(self.conv1(x))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more)))


@mistake(
    "Your second norm stands after the sum, so the shortcut is normalised too. It belongs to F(x) alone."
)
class _NormOverTheSum(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.norm1(self.conv1(x))))
        x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(self.norm2(y + x))


@mistake(
    "You take a ReLU of F(x) before the sum and another one after it. Only the one over the sum is wanted."
)
class _ReluTwice(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more)))


@mistake(
    "Where the shape changes, nothing of x arrives at the end. There too x goes around: fewer rows and "
    "columns, more channels."
)
class _AroundOnlyIfAlike(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + x if y.shape == x.shape else y)


@mistake(
    "Where the map shrinks you keep the largest of each window on the way around. This shortcut computes "
    "nothing: it keeps every `stride`-th row and column."
)
class _LargestAround(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        x = F.max_pool2d(x, self.stride, ceil_mode=True)
        return F.relu(y + F.pad(x, (0, 0, 0, 0, 0, self.more)))


@mistake(
    "Your norms stand behind the ReLU. In each half of the block the norm comes right after the "
    "convolution, and the ReLU after that."
)
class _NormAfterRelu(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(self.norm1(F.relu(self.conv1(x)))))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more)))


@mistake(
    "There is a ReLU on your way around. x goes around as it is, below 0 too; the ReLU comes over the sum."
)
class _ReluAround(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        around = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y + F.relu(around))


@mistake("Both norms are missing: after each of the two convolutions stands one.")
class _NoNorms(ResidualBlock):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more)))


@mistake("You normalise on the way around. Only F(x) passes batch norms: x is added as it came.")
class _NormAround(ResidualBlock):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__(in_channels, channels, stride)
        self.norm3 = BatchNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        around = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y + self.norm3(around))


WRONG_BLOCKS: tuple[Any, ...] = (
    _ReluBeforeTheSum,
    _NoLastRelu,
    _Plain,
    _NoInnerRelu,
    _AveragedAround,
    _ZerosInFront,
    _ChannelsCopied,
    _Projected,
    _OneNormTwice,
    _AveragedAroundEven,
    _SecondStrides,
    _NoSecondNorm,
    _NormOverTheSum,
    _ReluTwice,
    _AroundOnlyIfAlike,
    _LargestAround,
    _NormAfterRelu,
    _ReluAround,
    _NoNorms,
    _NormAround,
)


# --- step 2: a stage, with a fault -----------------------------------------------------------------
class StageFaulty(nn.Module):
    """Residual blocks in a row; the first of them changes the channels and strides."""

    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__()
        first, other = ResidualBlock(in_channels, channels, stride), ResidualBlock(channels, channels, 1)
        self.blocks = nn.Sequential(first, *(other for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return self.blocks(x)


class Stage(nn.Module):
    """Residual blocks in a row; the first of them changes the channels and strides."""

    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__()
        others = (ResidualBlock(channels, channels, 1) for _ in range(blocks - 1))  # each one anew
        self.blocks = nn.Sequential(ResidualBlock(in_channels, channels, stride), *others)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return self.blocks(x)


class SmallResNet(nn.Module):
    """A stem that halves the picture, three stages, the mean over all places, one linear layer."""

    def __init__(self, width: int = 16, blocks: int = 1, classes: int = 8) -> None:
        super().__init__()
        stem = nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(stem, BatchNorm(width), nn.ReLU())
        self.stages = nn.Sequential(
            Stage(width, width, blocks, stride=1),
            Stage(width, 2 * width, blocks, stride=2),
            Stage(2 * width, 4 * width, blocks, stride=2),
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, H, W)
        x = self.stages(self.stem(x))  # (B, 4 · width, H / 8, W / 8)
        return self.head(x.mean(dim=(2, 3)))  # (B, classes)


def run_stage(
    stage: Any, in_channels: int, channels: int, blocks: int, stride: int, x: Tensor
) -> tuple[int, Tensor, Tensor]:
    """Build a stage; give its number of weights, its answer in training mode, then in evaluation mode."""
    model = filled(stage(in_channels, channels, blocks, stride), "random")
    with torch.no_grad():
        in_training = model.train()(x)
        return sum(part.numel() for part in model.parameters()), in_training, model.eval()(x)


def _stages(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield 1, 1, 1, 1, _maps(rng, 2, 1, 1, 2)
    yield 1, 1, 2, 1, _maps(rng, 2, 1, 1, 2)
    yield 1, 1, 3, 1, _maps(rng, 2, 1, 1, 2)
    yield 2, 4, 2, 2, _maps(rng, 2, 2, 4, 4)
    yield 2, 4, 3, 2, _maps(rng, 2, 2, 4, 4)
    yield 3, 3, 4, 1, _maps(rng, 3, 3, 4, 4)


@mistake(
    "From the third block on nothing new is added: with more blocks your stage has as many weights as "
    "before. How many different blocks does it really hold?"
)
class _SameBlockAgain(StageFaulty):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, blocks, stride)


@mistake(
    "Your stage has hardly a weight that an optimiser could find: blocks in a plain Python list are not "
    "registered. nn.Sequential or nn.ModuleList takes them in."
)
class _InAPlainList(nn.Module):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__()
        first = ResidualBlock(in_channels, channels, stride)
        self.rest = [first, *(ResidualBlock(channels, channels, 1) for _ in range(blocks - 1))]

    def forward(self, x: Tensor) -> Tensor:
        for block in self.rest:
            x = block(x)
        return x


@mistake(
    "Every block of yours strides, so the map shrinks again and again. Only the first block of a stage does."
)
class _EachBlockStrides(Stage):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, blocks, stride)
        others = (ResidualBlock(channels, channels, stride) for _ in range(blocks - 1))
        self.blocks = nn.Sequential(ResidualBlock(in_channels, channels, stride), *others)


@mistake("You have one block too many. The first, which widens, is one of the `blocks`.")
class _OneTooMany(Stage):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, blocks + 1, stride)


@mistake(
    "The blocks are made anew now, but you stride in the last of them. The first one strides, and the others "
    "work on the smaller map."
)
class _LastBlockStrides(Stage):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, blocks, 1)
        shape = (channels if blocks > 1 else in_channels, channels, stride)
        self.blocks[-1] = ResidualBlock(*shape)


@mistake("You have one block too few: with `blocks` of 3 the first is followed by two more.")
class _OneTooFew(Stage):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, max(blocks - 1, 1), stride)


@mistake("No block of yours strides, so the map keeps its size. The first one takes the stride of the stage.")
class _NoStride(Stage):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, blocks, 1)


@mistake("You stride in the second block. The first one, which widens, takes the stride of the stage.")
class _SecondBlockStrides(Stage):
    def __init__(self, in_channels: int, channels: int, blocks: int, stride: int) -> None:
        super().__init__(in_channels, channels, blocks, 1)
        if blocks > 1:
            self.blocks[1] = ResidualBlock(channels, channels, stride)


@mistake(
    "You add a shortcut around the whole stage. Each block has its own; a stage has blocks in a row, and no "
    "more."
)
class _ShortcutAround(Stage):
    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(x)
        return y + x if y.shape == x.shape else y


WRONG_STAGES: tuple[Any, ...] = (
    _SameBlockAgain,
    _InAPlainList,
    _EachBlockStrides,
    _OneTooMany,
    _LastBlockStrides,
    _OneTooFew,
    _NoStride,
    _SecondBlockStrides,
    _ShortcutAround,
)


# --- step 3: a reading -----------------------------------------------------------------------------
def centre_crops(images: Tensor, boxes: Tensor, zoom: float, size: int = 32) -> Tensor:
    """Windows of 1 / zoom of the picture's side around each object's centre, drawn at size × size pixels.

    images (B, 3, H, H), boxes (B, 4) as x1, y1, x2, y2 in pixels. Beyond the border its last pixels repeat.
    """
    side = images.shape[-1]
    centre = (boxes[:, :2] + boxes[:, 2:]) / side - 1  # from -1 to 1
    frame = torch.zeros(len(images), 2, 3)
    frame[:, 0, 0] = frame[:, 1, 1] = 1 / zoom
    frame[:, :, 2] = centre
    places = F.affine_grid(frame, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, places, padding_mode="border", align_corners=False)


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "01.L1",
    "A residual block",
    ResidualBlock,
    _blocks,
    difficulty=3,
    minutes=15,
    hints=(
        "In order: convolution (it strides), batch norm, ReLU, convolution, batch norm; then the sum with "
        "the way around, and one more ReLU.",
        "Both convolutions are 3×3 with padding=1. The way around keeps x[:, :, ::stride, ::stride], which "
        "has the height and width of F(x), also for odd sides.",
        "What is still missing are channels - in_channels channels of zeros after the old ones: "
        "F.pad(x, (0, 0, 0, 0, 0, more)), since F.pad counts axes from the last one backwards.",
    ),
    mistakes=WRONG_BLOCKS,
    use=run_block,
)
STEP_2 = Exercise(
    "01.L2",
    "A stage that does not grow",
    Stage,
    _stages,
    difficulty=2,
    minutes=12,
    hints=(
        "Count: what does a block of 16 channels weigh, and by how much should the stage grow for one block "
        "more?",
        "And why would training mode and evaluation mode disagree? Each batch norm has one running mean. "
        "Think of two different signals that both move it.",
        "nn.Sequential takes the same layer twice without complaint. Write it so that each block comes from "
        "a call of ResidualBlock of its own.",
    ),
    mistakes=WRONG_STAGES,
    use=run_stage,
)
STEP_3 = Exercise(
    "01.L3",
    "Why does it fail far away?",
    ("C", "2"),
    None,
    difficulty=2,
    minutes=8,
    hints=(
        "Go from bar to bar, and ask each time what has changed and what has not: the place, the size in "
        "pixels, the detail.",
        "Enlarging a picture adds no information. What it brings back cannot have been lost detail; what "
        "only sharper pictures bring back cannot have been size.",
    ),
    mistakes=(
        Mistake(
            ("A", "1"),
            "In the middle of the picture the far objects are missed about as often as before. Place is the "
            "one thing that a mean over all places does not care about.",
        ),
        Mistake(
            ("A", "2"),
            "Your reason compares pictures that all have the object in the middle, so it cannot speak about "
            "place. What does it speak about?",
        ),
        Mistake(
            ("A", "3"),
            "Confidence says that the net is in doubt, not why. And what did moving the object to the middle "
            "change?",
        ),
        Mistake(
            ("B", "1"),
            "That the place is not it is right, but size is only one thing that is left. Does the enlarged "
            "picture bring everything back?",
        ),
        Mistake(
            ("B", "2"),
            "Your bars show two gains. Size explains the first; the second has the same size, and more "
            "detail.",
        ),
        Mistake(
            ("B", "3"),
            "Confidence says that the net is in doubt, not why. Compare the bars in which only one thing "
            "differs.",
        ),
        Mistake(
            ("C", "1"),
            "The reading is right, but this pair of bars only rules the place out. Which pairs tell size "
            "from detail?",
        ),
        Mistake(
            ("C", "3"),
            "The reading is right, but confidence would fall for either reason. Which pairs of bars tell "
            "size from detail?",
        ),
        Mistake(
            ("D", "1"),
            "If only detail were missing, enlarging the same few pixels could not help. Look at the third "
            "bar.",
        ),
        Mistake(
            ("D", "2"),
            "The last bar does say that detail counts. But the third has no more detail than the first, and "
            "is it as low?",
        ),
        Mistake(
            ("D", "3"),
            "Confidence would fall for either reason. And if only detail were missing, could enlarging the "
            "same pixels help?",
        ),
    ),
    choices=(("A", "B", "C", "D"), ("1", "2", "3")),
)
LAB = Lab("01.L", "Write and train a residual network, stage by stage", (STEP_1, STEP_2, STEP_3))
