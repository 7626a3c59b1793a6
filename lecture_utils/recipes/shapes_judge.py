"""Weights `shapes_judge`: names class, colour and ground in 32 × 32 pictures of one object, also in bad ones.

It judges generated pictures. A net that has seen none but clean pictures fails as a judge: `shapes_resnet`
names 1.00 of clean pictures, and 0.2 of the same pictures under noise that a person hardly sees. So this one
learns from pictures under noise, blur, and small changes of colour and contrast, as C. Shorten and
T. M. Khoshgoftaar survey them ("A survey on Image Data Augmentation for Deep Learning", Journal of Big Data
2019). It sees all 64 pairs of class and colour, the held-out ones too: a judge must know what it may see.

Shapes: B batch.
"""

import itertools
import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils.backbones.resnet import CifarNet
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, MATERIALS
from lecture_utils.ops.checks import check_images
from lecture_utils.training.loop import predictions
from lecture_utils.training.one_cycle import one_cycle

STEPS, BATCH, PEAK_RATE = 1400, 64, 4e-3
PORTION, HELD_OUT = 3200, 800  # pictures rendered at a time, and how many of them show held-out pairs
NOISE, BLUR, COLOUR, CONTRAST, CLEAN = 0.1, 1.0, 0.08, 0.15, 0.2  # the most of each; share left as it is
APART = 10**6  # between the seeds of seen and of held-out pairs: equal seeds give equal places and light
PARTS = {"class_id": len(CLASSES), "colour_id": len(COLOURS), "ground_id": 3}


class Judge(nn.Module):
    """A residual net of He et al. (CVPR 2016, section 4.2) with three answers in place of one.

    `stem` and `stages` are its trunk's, so that `metrics.frechet.stage_features` reads it as it reads
    ``shapes_resnet``.
    """

    def __init__(self, depth: int = 14, width: int = 16) -> None:
        super().__init__()
        trunk = CifarNet(depth, residual=True, width=width, classes=sum(PARTS.values()))
        self.stem, self.stages, self.head = trunk.stem, trunk.stages, trunk.head

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits of what pictures show.

        Parameters
        ----------
        images : Tensor, (B, 3, H, W)
            In [0, 1]; trained at 32 × 32.

        Returns
        -------
        dict of str to Tensor
            "class_id" (B, 8), "colour_id" (B, 8), and "ground_id" (B, 3): 0 is grass, STUFF[1].

        Raises
        ------
        ValueError
            For what are no pictures of three channels.
        """
        check_images(images, 3, like=self.head.weight)
        x = self.stages(self.stem(images)).mean(dim=(2, 3))  # (B, 64)
        parts = self.head(x).split(list(PARTS.values()), dim=1)
        return dict(zip(PARTS, parts, strict=True))


def build() -> Judge:
    """The network, untrained."""
    return Judge()


def pictures(
    n: int, *, seed: int, split: str = "train", held_out: int = 0, materials: tuple[str, ...] = MATERIALS
) -> tuple[Tensor, Tensor]:
    """Pictures (n, 3, 32, 32), `held_out` of which show held-out pairs, and labels (n, 3) as in PARTS."""
    some = [
        captioned(count, seed=number, split=split, held_out=held, materials=materials)
        for count, number, held in ((n - held_out, seed, False), (held_out, seed + APART, True))
        if count
    ]
    labels = torch.cat([torch.stack((s.class_id, s.colour_id, s.ground_id - 1), dim=1) for s in some])
    return torch.cat([s.image for s in some]), labels


def fresh_batches(seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of 64 worsened pictures that never repeat, and their labels (B, 3)."""
    generator = torch.Generator().manual_seed(seed)
    for portion in itertools.count(1000 * seed):
        images, labels = pictures(PORTION, seed=portion, held_out=HELD_OUT)
        for rows in torch.randperm(PORTION, generator=generator).split(BATCH):
            yield worsened(images[rows], generator), labels[rows]


def blurred(images: Tensor, sigma: Tensor | float) -> Tensor:
    """Pictures (B, C, H, W) under a Gaussian blur of `sigma` pixels, one number or (B,); 0 leaves them."""
    b, c, h, w = images.shape
    sigma = torch.as_tensor(sigma, dtype=images.dtype).expand(b).clamp(min=1e-3)
    taps = torch.exp(-0.5 * (torch.arange(-3, 4) / sigma[:, None]).square())  # (B, 7)
    taps = (taps / taps.sum(dim=1, keepdim=True)).repeat_interleave(c, dim=0)[:, None]  # (B·C, 1, 7)
    x = F.pad(images, (3, 3, 3, 3), mode="replicate").reshape(1, b * c, h + 6, w + 6)
    x = F.conv2d(F.conv2d(x, taps[:, :, None], groups=b * c), taps[..., None], groups=b * c)
    return x.reshape(images.shape)


def worsened(images: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 3, H, W) under blur, changes of contrast and colour, and noise; a fifth stays clean."""
    b = len(images)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(b, *shape, generator=generator)

    x = blurred(images, BLUR * drawn() * (drawn() < 0.5))
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + CONTRAST * (2 * drawn(1, 1, 1) - 1))
    x = x * (1 + COLOUR * (2 * drawn(3, 1, 1) - 1))
    noise = torch.randn(x.shape, generator=generator)
    x = x + NOISE * drawn(1, 1, 1) * (drawn(1, 1, 1) < 0.8) * noise
    return torch.where(drawn(1, 1, 1) < CLEAN, images, x.clamp(0, 1))


def three_losses(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Sum of the cross-entropies of class, colour and ground; 0.95 is asked of the right one."""
    answers = model(x).values()
    return torch.stack([
        F.cross_entropy(answer, y[:, i], label_smoothing=0.05) for i, answer in enumerate(answers)
    ]).sum()  # fmt: skip


def train(seed: int = 0, *, steps: int = STEPS) -> tuple[Judge, dict[str, float]]:
    """Train on fresh pictures, 64 a step.

    Returns
    -------
    model : Judge
        In evaluation mode.
    info : dict
        steps, seconds (processor time), and the mean loss of the last 50 steps.
    """
    torch.manual_seed(seed)
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-2)
    _, info = one_cycle(
        model, fresh_batches(seed), loss=three_losses, optimizer=optimizer, steps=steps, warm_up=0.15,
        label="judge", clock=time.thread_time,
    )  # fmt: skip
    return model, info


def answered(model: nn.Module, images: Tensor) -> Tensor:
    """What the judge says of pictures (N, 3, 32, 32): class, colour and ground, (N, 3)."""
    rows = predictions(_Joined(model), images)  # (N, 19)
    return torch.stack([part.argmax(dim=1) for part in rows.split(list(PARTS.values()), dim=1)], dim=1)


class _Joined(nn.Module):
    """The answers side by side, as one tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat(list(self.model(images).values()), dim=1)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Accuracies on 4,000 test pictures of the narrow world, plain objects, a quarter of held-out pairs."""
    images, labels = pictures(4000, seed=0, split="test", held_out=1000, materials=("plain",))
    generator = torch.Generator().manual_seed(0)
    found: dict[str, float] = {}
    for name, x in (
        ("clean", images),
        ("noise_0.05", (images + 0.05 * torch.randn(images.shape, generator=generator)).clamp(0, 1)),
        ("blur_1", blurred(images, 1.0)),
    ):
        right = (answered(model, x) == labels).float().mean(dim=0)
        found |= {f"{part[:-3]}_{name}": share.item() for part, share in zip(PARTS, right, strict=True)}
    return found
