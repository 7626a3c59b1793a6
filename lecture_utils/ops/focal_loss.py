"""Focal loss (S08.2): cross-entropy in which an example counts less the better it is known already.

T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection", ICCV 2017:
equations 2 (p_t), 4 (the loss) and 5 (with α); its gradient is in appendix B, equation 10. The factor
(1 - p_t)^γ is 1 at most: no example's loss exceeds its cross-entropy. (Its slope can: by 22 % at p_t = 0.1
with γ = 2.)

p_t is the probability that the network gives to the truth, y = 1 or 0. With z = x for y = 1 and z = -x for
y = 0, where x is the logit, p_t = σ(z) and 1 - p_t = σ(-z). Logarithms are computed from z directly: p_t
itself rounds to 0 or 1 for large logits, and log 0 is infinite.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_choice, check_number, check_tensor
from lecture_utils.ops.precision import at_least_single, precise


def focal_loss(
    logits: Tensor,
    targets: Tensor,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: str = "none",
) -> Tensor:
    """Compute FL(p_t) = -α_t (1 - p_t)^γ log p_t, for each logit a decision of its own.

    Parameters
    ----------
    logits : Tensor
        Any shape, floating point.
    targets : Tensor
        The same shape, 0 or 1 of any type.
    alpha : float or None
        α_t is `alpha` where the target is 1, and 1 - `alpha` where it is 0. In [0, 1]; None: α_t = 1.
    gamma : float
        0 or more. 0 is cross-entropy, weighted by α_t.
    reduction : {"none", "sum", "mean"}
        What to do with the losses of all logits.

    Returns
    -------
    Tensor
        The shape of `logits`, or a scalar; half precision becomes single.

    Raises
    ------
    ValueError
        For shapes that differ, targets other than 0 and 1, settings out of range, or the mean of nothing.
    """
    check_decisions(logits, targets, alpha, gamma)
    check_choice(reduction, "reduction", "none", "sum", "mean")
    check_tensor(logits, "logits", "…", some=reduction == "mean")
    z = towards_truth(logits, targets)
    log_p = F.logsigmoid(z)  # log p_t
    factor = (gamma * F.logsigmoid(-z)).exp()  # (1 - p_t)^γ
    loss = -balance(z, targets, alpha) * factor * log_p
    if reduction == "sum":
        return loss.sum()
    return loss.mean() if reduction == "mean" else loss


def focal_gradient(
    logits: Tensor, targets: Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0
) -> Tensor:
    """Compute the slope of `focal_loss` for each logit, by the closed form (equation 10).

    dFL/dx = ±α_t (1 - p_t)^γ (γ p_t log p_t + p_t - 1), + where the target is 1.

    Parameters, shape and errors as for `focal_loss`.
    """
    check_decisions(logits, targets, alpha, gamma)
    z = towards_truth(logits, targets)
    factor = (gamma * F.logsigmoid(-z)).exp()  # (1 - p_t)^γ
    slope = factor * (gamma * z.sigmoid() * F.logsigmoid(z) - (-z).sigmoid())  # p_t - 1 = -σ(-z)
    return balance(z, targets, alpha) * torch.where(targets == 1, slope, -slope)


def gradient_share(
    logits: Tensor, targets: Tensor, chosen: Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0
) -> float:
    """Say which share of all gradient comes from some of the logits: Σ |dFL/dx| of those over that of all.

    Parameters
    ----------
    logits, targets, alpha, gamma
        As for `focal_loss`; one logit or more, finite.
    chosen : Tensor
        bool, the same shape: those to ask about, such as the easy negatives.

    Returns
    -------
    float
        In [0, 1]; 0 where there is no gradient at all.

    Raises
    ------
    ValueError
        As `focal_loss`, and for `chosen` of another shape or type, no logit, or NaN.
    """
    check_tensor(logits, "logits", "…", finite=True, some=True)
    check_tensor(chosen, "chosen", *logits.shape, kind="bool")
    size = focal_gradient(precise(logits), targets, alpha=alpha, gamma=gamma).abs()
    return float(size[chosen].sum() / size.sum().clamp(min=torch.finfo(size.dtype).tiny))


def towards_truth(logits: Tensor, targets: Tensor) -> Tensor:
    """Turn each logit so that it speaks for the truth: z, with p_t = σ(z)."""
    x = at_least_single(logits)
    return torch.where(targets == 1, x, -x)


def balance(z: Tensor, targets: Tensor, alpha: float | None) -> Tensor:
    """Give α_t for each target, in the type of z."""
    if alpha is None:
        return torch.ones_like(z)
    return torch.where(targets == 1, alpha, 1 - alpha).to(z.dtype)


def check_decisions(logits: Tensor, targets: Tensor, alpha: float | None, gamma: float) -> None:
    """Raise ValueError unless there is a target, 0 or 1, for each logit, and α and γ are in range."""
    check_tensor(logits, "logits", "…")
    check_tensor(targets, "targets", *logits.shape, kind="any")
    if not bool(((targets == 0) | (targets == 1)).all()):
        raise ValueError("targets: got others than 0 and 1, want 0 or 1 for each logit")
    check_balance(alpha, gamma)


def check_balance(alpha: float | None, gamma: float) -> None:
    """Raise ValueError unless α is None or in [0, 1], and γ is 0 or more."""
    if alpha is not None:
        check_number(alpha, "alpha", 0, 1)
    check_number(gamma, "gamma", 0)
