"""DINO: a student matches a teacher that is its own moving average, and nobody needs a label.

M. Caron, H. Touvron, I. Misra, H. Jégou, J. Mairal, P. Bojanowski, A. Joulin, "Emerging Properties in
Self-Supervised Vision Transformers", ICCV 2021, section 3 (algorithm 1, equations 1 to 4).

Parts: multi-crop, projection head with a weight-normalised last layer, student and EMA teacher, centring and
sharpening against collapse, cosine momentum schedule.

Shapes: V views, B batch, D backbone width, K prototypes.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.selfsup.ema import EMA

Backbone = Callable[[Tensor], Tensor]  # images (B, C, H, W) → features (B, D)


class DINOHead(nn.Module):
    """Three-layer MLP, a unit-length bottleneck, and K prototypes of unit length (appendix C).

    Parameters
    ----------
    dim, hidden, bottleneck, prototypes : int
        D, width of the MLP, width of the bottleneck, K.
    """

    def __init__(self, dim: int, *, hidden: int = 256, bottleneck: int = 64, prototypes: int = 256) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Parameter(torch.randn(prototypes, bottleneck))

    def forward(self, x: Tensor) -> Tensor:  # (B, D)
        x = F.normalize(self.mlp(x), dim=-1)  # (B, bottleneck)
        return x @ F.normalize(self.prototypes, dim=-1).T  # (B, K): cosines


def dino_loss(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    centre: Tensor,
    *,
    student_temperature: float = 0.1,
    teacher_temperature: float = 0.04,
) -> Tensor:
    """Mean cross-entropy H(teacher's view, student's other view) (equations 1 and 3).

    Parameters
    ----------
    student : sequence of Tensor
        Logits (B, K) of every view; the first `len(teacher)` of them are the teacher's views, in order.
    teacher : sequence of Tensor
        Logits (B, K) of the global views. No gradient flows into them: this is the stop-gradient.
    centre : Tensor
        (K,), subtracted from the teacher's logits (equation 4 keeps it).
    student_temperature, teacher_temperature : float
        The teacher's is lower: sharpening.

    Raises
    ------
    ValueError
        With fewer than two views of the student, or none of the teacher.
    """
    if len(student) < 2 or not 1 <= len(teacher) <= len(student):
        raise ValueError(
            f"DINO: got {len(student)} student views and {len(teacher)} teacher views, want ≥ 2, of which ≥ 1"
        )
    losses = []
    for i, t in enumerate(teacher):
        wanted = ((t.detach() - centre) / teacher_temperature).softmax(dim=-1)  # centred, sharpened
        for j, s in enumerate(student):
            if i != j:  # never the same view
                losses.append(-(wanted * (s / student_temperature).log_softmax(dim=-1)).sum(-1).mean())
    return torch.stack(losses).mean()


def momentum_schedule(step: int, steps: int, start: float = 0.996) -> float:
    """Return the teacher's momentum: from `start` to 1 along half a cosine (section 3.1)."""
    return 1 - (1 - start) * (math.cos(math.pi * step / steps) + 1) / 2


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy in nats of softmax(logits (B, K)): 0 when one prototype takes all, ln K when uniform."""
    log_p = logits.log_softmax(dim=-1)
    return -(log_p.exp() * log_p).sum(-1).mean()


class DINO(nn.Module):
    """Student, teacher and centre: what algorithm 1 keeps between steps.

    Parameters
    ----------
    backbone : nn.Module
        Images (B, C, H, W) of every crop's size → features (B, D).
    dim : int
        D.
    centring, sharpening : bool
        Turn one off to watch the collapse that the other cannot prevent (section 5.3).
    momentum : float
        Teacher's first momentum.
    head : keyword arguments
        Of `DINOHead`.
    """

    centre: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        dim: int,
        *,
        centring: bool = True,
        sharpening: bool = True,
        momentum: float = 0.996,
        centre_momentum: float = 0.9,
        **head: int,
    ) -> None:
        super().__init__()
        self.student = nn.Sequential(backbone, DINOHead(dim, **head))
        self.ema = EMA(self.student, momentum=momentum)
        self.teacher = self.ema.average
        self.centring, self.momentum, self.centre_momentum = centring, momentum, centre_momentum
        self.student_temperature = 0.1
        self.teacher_temperature = 0.04 if sharpening else self.student_temperature
        self.register_buffer("centre", torch.zeros(head.get("prototypes", 256)))

    def forward(self, global_views: Sequence[Tensor], local_views: Sequence[Tensor] = ()) -> Tensor:
        """Return the loss for lists of views, each (B, C, H, W), and move the centre (training only)."""
        student = [self.student(view) for view in (*global_views, *local_views)]
        with torch.no_grad():
            teacher = [self.teacher(view) for view in global_views]  # the teacher sees global views only
        loss = dino_loss(
            student,
            teacher,
            self.centre,
            student_temperature=self.student_temperature,
            teacher_temperature=self.teacher_temperature,
        )
        if self.training and self.centring:
            self.centre.lerp_(torch.cat(teacher).mean(dim=0), 1 - self.centre_momentum)  # equation 4
        return loss

    def update_teacher(self, step: int, steps: int) -> None:
        """Move the teacher towards the student, after the optimiser's step."""
        self.ema.update(self.student, momentum_schedule(step, steps, self.momentum))

    @torch.no_grad()
    def teacher_entropy(self, images: Tensor) -> float:
        """Entropy in nats of the teacher's sharpened, centred answer: near 0 or ln K means collapse."""
        return entropy((self.teacher(images) - self.centre) / self.teacher_temperature).item()


def crop_batch(
    images: Tensor, size: int, scale: tuple[float, float], *, generator: torch.Generator | None = None
) -> Tensor:
    """Cut one random square out of each image, sized `scale` of its area, mirrored at random.

    Parameters
    ----------
    images : Tensor
        (B, C, H, W).
    size : int
        Side of the crops in pixels.
    scale : (float, float)
        Smallest and largest share of the area.

    Returns
    -------
    Tensor
        (B, C, size, size), bilinear.
    """
    batch = len(images)
    low, high = scale
    share = low + (high - low) * torch.rand(batch, generator=generator)
    side = share.sqrt()  # of the image's side, which spans [-1, 1]
    centre = (torch.rand(batch, 2, generator=generator) * 2 - 1) * (1 - side)[:, None]
    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = side * mirror, side, centre
    grid = F.affine_grid(theta.to(images), [batch, images.shape[1], size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def jitter_colour(
    images: Tensor, strength: float = 0.4, *, generator: torch.Generator | None = None
) -> Tensor:
    """Change each image's brightness, contrast and colour balance at random; (B, C, H, W) in [0, 1]."""

    def factor(*shape: int) -> Tensor:
        draw = 1 + strength * (torch.rand(len(images), *shape, generator=generator) * 2 - 1)
        return draw.to(images)

    x = images * factor(1, 1, 1)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = (x - mean) * factor(1, 1, 1) + mean
    return (x * factor(images.shape[1], 1, 1)).clamp(0, 1)


def multi_crop(
    images: Tensor,
    *,
    global_size: int,
    local_size: int,
    local_views: int = 4,
    generator: torch.Generator | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Cut two large crops (over 40 % of the area) and several small ones (5 to 40 %) (section 3.1)."""

    def view(size: int, scale: tuple[float, float]) -> Tensor:
        return jitter_colour(crop_batch(images, size, scale, generator=generator), generator=generator)

    large = [view(global_size, (0.4, 1.0)) for _ in range(2)]
    return large, [view(local_size, (0.05, 0.4)) for _ in range(local_views)]
