"""Knowledge distillation: a small student learns from a large teacher's soft answers.

G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", NeurIPS Deep Learning Workshop
2015, section 2.

Shapes: B batch, K classes.
"""

import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_labels, check_number, check_tensor


def distillation_loss(
    student: Tensor, teacher: Tensor, target: Tensor, *, temperature: float = 4.0, soft: float = 0.9
) -> Tensor:
    """Mix of two losses: soft · T² · KL(teacher at T ‖ student at T) + (1 - soft) · cross-entropy.

    The temperature T flattens both distributions, so that the teacher's opinion of the *wrong* classes
    counts. Gradients of the soft part shrink as 1/T²; the factor T² keeps its share of the mix whatever T is.

    Parameters
    ----------
    student, teacher : Tensor
        Logits (B, K), floating point, B ≥ 1. No gradient flows into the teacher's.
    target : Tensor
        Right classes (B,), int64, 0 to K - 1.
    temperature : float
        T > 0.
    soft : float
        Share of the soft loss, in [0, 1].

    Raises
    ------
    ValueError
        If the shapes or types differ, a class number is none, or a setting lies outside its range.
    """
    check_distillation(student, teacher, target, temperature, soft)
    at_t = F.log_softmax(student / temperature, dim=1), F.log_softmax(teacher.detach() / temperature, dim=1)
    softened = F.kl_div(*at_t, log_target=True, reduction="batchmean") * temperature**2
    return soft * softened + (1 - soft) * F.cross_entropy(student, target)


def check_distillation(
    student: Tensor, teacher: Tensor, target: Tensor, temperature: float, soft: float
) -> None:
    """Raise ValueError unless `distillation_loss` can use these."""
    check_tensor(student, "distillation, student", "B", "K", some=True)
    check_tensor(teacher, "distillation, teacher", *student.shape)
    check_labels(target, "distillation, target", *student.shape)
    check_number(temperature, "distillation, temperature", 0, above=True)
    check_number(soft, "distillation, soft", 0, 1)
