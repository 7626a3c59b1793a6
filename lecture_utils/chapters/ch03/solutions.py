"""Chapter 03: the functions that the exercises ask for, as short as they can be said.

The package's own versions check their input: `selfsup.mae`, `selfsup.dino`, `selfsup.ema`,
`selfsup.distillation`. The tests hold each of these equal to its counterpart there; the papers are named
there too.

Shapes: B batch, N patches, P numbers in a patch, V views, K prototypes or classes, D width of a feature.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


def masking_indices(noise: Tensor, keep: int) -> tuple[Tensor, Tensor, Tensor]:
    """From noise (B, N): kept patches (B, keep), mask (B, N), True where hidden, and restore (B, N)."""
    order = noise.argsort(dim=1)  # (B, N): place k of the shuffled list holds patch order[k]
    restore = order.argsort(dim=1)  # (B, N): patch i stands at place restore[i]: the inverse permutation
    return order[:, :keep], restore >= keep, restore


def mae_loss_faulty(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error to normalised patches, hidden ones only: (B, N, P), (B, N, P), mask (B, N)."""
    mean, var = patches.mean((1, 2), keepdim=True), patches.var((1, 2), keepdim=True)
    target = (patches - mean) / (var + 1e-6).sqrt()
    error = (prediction - target).square().mean(-1)  # (B, N)
    return (error * mask).mean()


def mae_loss(prediction: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error to each patch's normalised pixels, over the hidden patches only."""
    # of each patch alone, (B, N, 1)
    mean, var = patches.mean(-1, keepdim=True), patches.var(-1, keepdim=True)
    target = (patches - mean) / (var + 1e-6).sqrt()
    error = (prediction - target).square().mean(-1)  # (B, N)
    return error[mask].mean()


def ema_update(slow: State, fast: State, momentum: float) -> State:
    """Move every floating-point tensor of `slow` a step towards `fast`; copy counters."""
    moved = {}
    for name, old in slow.items():
        new = fast[name]
        moved[name] = momentum * old + (1 - momentum) * new if old.is_floating_point() else new.clone()
    return moved


def dino_loss(
    student: Sequence[Tensor],
    teacher: Sequence[Tensor],
    centre: Tensor,
    *,
    student_temperature: float = 0.1,
    teacher_temperature: float = 0.04,
) -> Tensor:
    """Mean cross-entropy from each of the teacher's views to each *other* view of the student."""
    losses = []
    for i, t in enumerate(teacher):  # (B, K); view i of the student is the same picture, cut the same way
        wanted = ((t.detach() - centre) / teacher_temperature).softmax(dim=-1)
        for j, s in enumerate(student):
            if i != j:
                losses.append(-(wanted * (s / student_temperature).log_softmax(dim=-1)).sum(-1).mean())
    return torch.stack(losses).mean()


def distillation(student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float) -> Tensor:
    """soft · T² · KL(teacher ‖ student), both at T, + (1 - soft) · cross-entropy at temperature 1."""
    log_p = (teacher / temperature).log_softmax(dim=1)  # (B, K)
    log_q = (student / temperature).log_softmax(dim=1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(1).mean()
    return soft * temperature**2 * divergence + (1 - soft) * F.cross_entropy(student, target)


def knn_vote(queries: Tensor, bank: Tensor, labels: Tensor, k: int, classes: int) -> Tensor:
    """Class (Q,) of each query (Q, D): its k most similar rows of the bank (M, D) vote, by exp(s / 0.07)."""
    similarity = F.normalize(queries, dim=1) @ F.normalize(bank, dim=1).T  # (Q, M): cosines
    s, rows = similarity.topk(k, dim=1)  # (Q, k)
    votes = F.one_hot(labels[rows], classes) * (s / 0.07).exp()[..., None]  # (Q, k, K)
    return votes.sum(1).argmax(1)


def beyond_guessing(answers: Tensor, truth: Tensor) -> float:
    """What answers (N,) know of the truth (N,), classes from 0: 0 for the best constant guess, 1 for all."""
    right = (answers == truth).float().mean().item()
    guess = (truth.bincount().max() / len(truth)).item()  # always the most frequent class
    return (right - guess) / (1 - guess)
