"""CLIP's loss (S13.4): of N pictures and N captions, which belong together?

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2.3 and figure 3.

Shapes: B pairs, D width of the joint space.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils.ops.checks import check_number, check_tensor


def clip_loss(image: Tensor, text: Tensor, log_scale: Tensor | float) -> Tensor:
    """Cross-entropy of the B × B similarities, along both axes: the right answers are on the diagonal.

    Parameters
    ----------
    image, text : Tensor
        (B, D) of unit length; pair i is row i of both.
    log_scale : Tensor or float
        t of figure 3: the similarities are multiplied by exp(t), one over the temperature.

    Returns
    -------
    Tensor
        Scalar, the mean of the two sides, in nats: log B where nothing is told apart.

    Raises
    ------
    ValueError
        If shapes differ, the embeddings are not of unit length, or t is not one finite number.
    """
    check_pairs(image, text)
    check_number(log_scale.detach() if isinstance(log_scale, Tensor) else log_scale, "log_scale")
    scale = torch.as_tensor(log_scale, dtype=image.dtype, device=image.device).exp()
    logits = scale * image @ text.T  # (B, B): image × text
    right = torch.arange(len(logits), device=logits.device)
    loss_image = F.cross_entropy(logits, right)  # each picture looks for its caption along its row
    loss_text = F.cross_entropy(logits.T, right)  # each caption for its picture down its column
    return (loss_image + loss_text) / 2


def check_pairs(image: Tensor, text: Tensor) -> None:
    """Raise ValueError unless these are as many pictures' and texts' embeddings of unit length."""
    check_tensor(image, "image embeddings", "B", "D", some=True)
    check_tensor(text, "text embeddings", *image.shape)
    for name, x in (("image", image), ("text", text)):
        lengths = x.detach().norm(dim=1)
        if not bool(((lengths - 1).abs() < 1e-2).all()):
            got = f"lengths from {float(lengths.min()):.3g} to {float(lengths.max()):.3g}"
            raise ValueError(f"{name} embeddings: got {got}, want 1: F.normalize(x, dim=1)")
