"""Precision and recall of generated pictures: are they real-looking, and is the whole world covered?

T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila, "Improved Precision and Recall Metric for
Assessing Generative Models", NeurIPS 2019, equations 1 and 2. The manifold of a set is estimated by a ball
around each of its rows, as wide as the distance to the row's k-th nearest neighbour in the set. Precision:
the share of generated rows inside some ball of the real ones. Recall: the share of real rows inside some ball
of the generated ones.

The Fréchet distance is one number for two failings; these two tell them apart.

Shapes: N generated rows, M real rows, F features.
"""

import torch
from torch import Tensor

from lecture_utils.metrics.nearest import PORTION, check_rows, nearest_rows
from lecture_utils.ops.checks import check_whole


def _inside(rows: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """Which rows (N, F) lie in some ball of centres (M, F) and radii (M,), its edge included: (N,) bool."""
    exact = "donot_use_mm_for_euclid_dist"  # 0 between equals: a ball of radius 0 holds its copies
    parts = [torch.cdist(part, centres, compute_mode=exact) <= radii for part in rows.split(PORTION)]
    return torch.cat([part.any(dim=1) for part in parts])


def precision_recall(generated: Tensor, real: Tensor, k: int = 3) -> tuple[float, float]:
    """Shares of generated rows on the real manifold, and of real rows on the generated one.

    Parameters
    ----------
    generated : Tensor, (N, F)
        Features of generated pictures; the paper has 50,000, and as many real ones.
    real : Tensor, (M, F)
        Features of real pictures. More rows make smaller balls: compare equal numbers only.
    k : int
        Which neighbour gives a ball its radius, 1 to min(N, M) - 1; a row is no neighbour of itself.

    Returns
    -------
    precision, recall : float
        In [0, 1].

    Raises
    ------
    ValueError
        For rows that are not finite (N, F) and (M, F), or another k.
    """
    check_rows(generated, "generated")
    check_rows(real, "real", generated.shape[1])
    check_whole(k, "k")
    if k >= min(len(generated), len(real)):
        raise ValueError(f"k: got {k}, want less than the {min(len(generated), len(real))} rows")
    generated, real = generated.double(), real.double()
    radius_real, _ = nearest_rows(real, real, k + 1)  # (M,): the first neighbour is the row itself
    radius_generated, _ = nearest_rows(generated, generated, k + 1)  # (N,)
    precision = _inside(generated, real, radius_real).double().mean()
    recall = _inside(real, generated, radius_generated).double().mean()
    return precision.item(), recall.item()
