"""Knowledge distillation: a small student learns from a large teacher's soft answers.

G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", NeurIPS Deep Learning Workshop
2015, section 2.

Shapes: B batch, K classes.
"""

import torch.nn.functional as F
from torch import Tensor


def distillation_loss(
    student: Tensor, teacher: Tensor, target: Tensor, *, temperature: float = 4.0, soft: float = 0.9
) -> Tensor:
    """Mix of two losses: soft · T² · KL(teacher at T ‖ student at T) + (1 - soft) · cross-entropy.

    The temperature T flattens both distributions, so that the teacher's opinion of the *wrong* classes
    counts. Gradients of the soft part shrink as 1/T²; the factor T² keeps its share of the mix whatever T is.

    Parameters
    ----------
    student, teacher : Tensor
        Logits (B, K). No gradient flows into the teacher's.
    target : Tensor
        Right classes (B,), int64.
    temperature : float
        T > 0.
    soft : float
        Share of the soft loss, in [0, 1].

    Raises
    ------
    ValueError
        If the shapes differ, or a setting lies outside its range.
    """
    if student.shape != teacher.shape or student.ndim != 2:
        shapes = tuple(student.shape), tuple(teacher.shape)
        raise ValueError(f"distillation: got logits {shapes[0]} and {shapes[1]}, want (B, K) twice")
    if temperature <= 0 or not 0 <= soft <= 1:
        raise ValueError(
            f"distillation: got temperature {temperature} and soft {soft}, want T > 0 and a share in [0, 1]"
        )
    at_t = F.log_softmax(student / temperature, dim=1), F.log_softmax(teacher.detach() / temperature, dim=1)
    softened = F.kl_div(*at_t, log_target=True, reduction="batchmean") * temperature**2
    return soft * softened + (1 - soft) * F.cross_entropy(student, target)
