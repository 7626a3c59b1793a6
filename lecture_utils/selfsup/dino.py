"""DINO: a student matches a teacher that is its own moving average, and nobody needs a label.

M. Caron, H. Touvron, I. Misra, H. Jégou, J. Mairal, P. Bojanowski, A. Joulin, "Emerging Properties in
Self-Supervised Vision Transformers", ICCV 2021, section 3 (algorithm 1, equations 1 to 4).

Parts: projection head with a weight-normalised last layer, student and EMA teacher, centring and sharpening
against collapse, cosine momentum schedule. Multi-crop: `selfsup.views`. The teacher's temperature is constant
unless `DINO.forward` is given another one, as `temperature_schedule` computes it for a warm-up.

Departures from the authors' code: the head starts as torch starts linear layers (there: truncated normal with
deviation 0.02, zero biases); the teacher is always in evaluation mode (there: in training mode, which differs
where a backbone has batch norm or dropout; the paper's ViTs and ours have none). Of the training, our recipes
leave out: weight decay that rises from 0.04 to 0.4 along a cosine (ours is constant), and clipping of each
parameter's gradient on its own (ours clips them all together).

Shapes: V views, B batch, D backbone width, K prototypes.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.ops.checks import check_images, check_number, check_tensor, check_whole
from lecture_utils.selfsup.ema import EMA, check_momentum

Backbone = Callable[[Tensor], Tensor]  # images (B, C, H, W) → features (B, D)


class DINOHead(nn.Module):
    """Three-layer MLP, a unit-length bottleneck, and K prototypes of unit length (appendix C).

    Parameters
    ----------
    dim, hidden, bottleneck, prototypes : int
        D, width of the MLP, width of the bottleneck, K.

    Raises
    ------
    ValueError
        For a size below 1, or features that are not floating point (B, D).
    """

    def __init__(self, dim: int, *, hidden: int = 256, bottleneck: int = 64, prototypes: int = 256) -> None:
        super().__init__()
        sizes = {"dim": dim, "hidden": hidden, "bottleneck": bottleneck, "prototypes": prototypes}
        for name, size in sizes.items():
            check_whole(size, f"DINOHead, {name}")
        self.dim = dim
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Parameter(torch.randn(prototypes, bottleneck))

    def forward(self, x: Tensor) -> Tensor:  # (B, D)
        check_tensor(x, "features", "B", self.dim, some=True)
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
        Above 0. The teacher's is lower: sharpening.

    Raises
    ------
    ValueError
        With fewer than two views of the student, or none of the teacher; for other shapes or types, or a
        temperature of 0 or less.
    """
    check_answers(student, teacher, centre, student_temperature, teacher_temperature)
    losses = []
    for i, t in enumerate(teacher):
        wanted = ((t.detach() - centre) / teacher_temperature).softmax(dim=-1)  # centred, sharpened
        for j, s in enumerate(student):
            if i != j:  # never the same view
                losses.append(-(wanted * (s / student_temperature).log_softmax(dim=-1)).sum(-1).mean())
    return torch.stack(losses).mean()


def momentum_schedule(step: int, steps: int, start: float = 0.996) -> float:
    """Return the teacher's momentum: from `start` to 1 along half a cosine (section 3.1).

    Raises
    ------
    ValueError
        For a step outside 0 to `steps` (beyond it the cosine would fall again), no steps, or a start
        outside [0, 1].
    """
    check_momentum(start)
    if check_whole(step, "step", 0) > check_whole(steps, "steps"):
        raise ValueError(f"momentum: got step {step} of {steps}, want 0 to {steps}")
    return 1 - (1 - start) * (math.cos(math.pi * step / steps) + 1) / 2


def temperature_schedule(step: int, warmup: int, start: float = 0.04, end: float = 0.07) -> float:
    """Return the teacher's temperature: from `start` to `end` along a line, then `end` (section 3.2).

    As the authors' ``linspace(start, end, warmup)``: step 0 has `start`, step `warmup` - 1 has `end`. Pass it
    to `DINO.forward`.

    Raises
    ------
    ValueError
        For a step or a warm-up below 0, or a temperature of 0 or less.
    """
    check_whole(step, "step", 0)
    check_number(start, "start", 0, above=True)
    check_number(end, "end", 0, above=True)
    if step >= check_whole(warmup, "warmup", 0):
        return end
    return start + (end - start) * step / max(warmup - 1, 1)


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy in nats of softmax(logits (B, K)): 0 when one prototype takes all, ln K when uniform."""
    check_tensor(logits, "logits", "B", "K", some=True)
    log_p = logits.log_softmax(dim=-1)
    return -(log_p.exp() * log_p).sum(-1).mean()


def divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """Mean KL(teacher ‖ student) in nats, from logits (B, K): 0 when both agree (section 5.3)."""
    check_tensor(teacher, "teacher", "B", "K", some=True)
    check_tensor(student, "student", *teacher.shape)
    log_p, log_q = teacher.log_softmax(dim=-1), student.log_softmax(dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


class DINO(nn.Module):
    """Student, teacher and centre: what algorithm 1 keeps between steps.

    The teacher is in evaluation mode always, also after `train()`: it answers as the network that is kept.

    Parameters
    ----------
    backbone : nn.Module
        Images (B, C, H, W) of every crop's size → features (B, D).
    dim : int
        D.
    centring, sharpening : bool
        Turn one off to watch the collapse that the other cannot prevent (section 5.3).
    momentum : float
        Teacher's first momentum, in [0, 1].
    centre_momentum : float
        m of equation 4, in [0, 1].
    head : keyword arguments
        Of `DINOHead`.

    Raises
    ------
    ValueError
        For a setting out of its range, or views that are not lists of floating-point (B, C, H, W).
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
        if not isinstance(backbone, nn.Module):
            raise ValueError(f"DINO: got the backbone {type(backbone).__name__}, want an nn.Module")
        self.student = nn.Sequential(backbone, DINOHead(dim, **head))
        self.ema = EMA(self.student, momentum=momentum)
        self.teacher = self.ema.average
        self.centring, self.momentum = centring, momentum
        self.centre_momentum = check_momentum(centre_momentum)
        self.student_temperature = 0.1
        self.teacher_temperature = 0.04 if sharpening else self.student_temperature
        self.register_buffer("centre", torch.zeros(head.get("prototypes", 256)))

    def train(self, mode: bool = True) -> "DINO":
        """Set the student's mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(
        self,
        global_views: Sequence[Tensor],
        local_views: Sequence[Tensor] = (),
        *,
        teacher_temperature: float | None = None,
    ) -> Tensor:
        """Return the loss for lists of views, each (B, C, H, W), and move the centre (training only).

        `teacher_temperature` is the model's own unless given, for example by `temperature_schedule`.
        """
        check_views(global_views, local_views)
        temperature = self.teacher_temperature if teacher_temperature is None else teacher_temperature
        student = [self.student(view) for view in (*global_views, *local_views)]
        with torch.no_grad():
            teacher = [self.teacher(view) for view in global_views]  # the teacher sees global views only
        loss = dino_loss(
            student,
            teacher,
            self.centre,
            student_temperature=self.student_temperature,
            teacher_temperature=temperature,
        )
        if self.training and self.centring:
            mean = torch.cat(teacher).to(self.centre).mean(dim=0)  # (K,), in full precision under autocast
            self.centre.lerp_(mean, 1 - self.centre_momentum)  # equation 4
        return loss

    def update_teacher(self, step: int, steps: int) -> None:
        """Move the teacher towards the student, after the optimiser's step."""
        self.ema.update(self.student, momentum_schedule(step, steps, self.momentum))

    @torch.no_grad()
    def teacher_entropy(self, images: Tensor) -> float:
        """Entropy in nats of the teacher's sharpened, centred answer: near 0 or ln K means collapse."""
        return self.diagnose(images, images)[0]

    @torch.no_grad()
    def diagnose(self, first: Tensor, second: Tensor) -> tuple[float, float]:
        """Return the two curves of the paper's figure 7 for two views (B, C, H, W) of the same pictures.

        Returns
        -------
        entropy, divergence : float
            In nats: h(teacher of `first`), and KL(teacher of `first` ‖ student of `second`). Their sum is
            the loss.
        """
        check_views([first, second], [])
        teacher = (self.teacher(first) - self.centre) / self.teacher_temperature
        student = self.student(second) / self.student_temperature
        return entropy(teacher).item(), divergence(teacher, student).item()


def check_views(global_views: Sequence[Tensor], local_views: Sequence[Tensor]) -> None:
    """Raise ValueError unless both are lists of pictures (B, C, H, W) of one batch, one of them global."""
    views = [*global_views, *local_views]
    if not len(global_views) or len(views) < 2:
        got = f"{len(global_views)} global and {len(local_views)} local views"
        raise ValueError(f"DINO: got {got}, want two or more, one of them global")
    for view in views:
        check_images(view)
        if len(view) != len(views[0]):
            lengths = [len(view) for view in views]
            raise ValueError(f"DINO: got views of {lengths} pictures, want as many in each")


def check_answers(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    centre: Tensor,
    student_temperature: float,
    teacher_temperature: float,
) -> None:
    """Raise ValueError unless `dino_loss` can use these."""
    if len(student) < 2 or not 1 <= len(teacher) <= len(student):
        raise ValueError(
            f"DINO: got {len(student)} student views and {len(teacher)} teacher views, want ≥ 2, of which ≥ 1"
        )
    check_tensor(student[0], "DINO, student", "B", "K", some=True)
    for name, answers in (("student", student), ("teacher", teacher)):
        for answer in answers:
            check_tensor(answer, f"DINO, {name}", *student[0].shape)
    check_tensor(centre, "DINO, centre", student[0].shape[1])
    check_number(student_temperature, "DINO, student's temperature", 0, above=True)
    check_number(teacher_temperature, "DINO, teacher's temperature", 0, above=True)
