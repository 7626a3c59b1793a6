"""The gradient of t-SNE as the paper writes it: what chapter 04 shows; a test holds it equal to tsne.py's.

Paper: van der Maaten and Hinton, Visualizing Data using t-SNE, 2008. It forms all N × N differences at once,
which for 300 points is little; tsne.py's blocked matrix products are what runs.

Shapes: N points, d dimensions of the map.
"""

from torch import Tensor


def tsne_gradient(p: Tensor, y: Tensor, exaggeration: float = 1.0) -> Tensor:
    """Gradient of KL(P ‖ Q) by the map: 4 Σ_j (p_ij − q_ij) w_ij (y_i − y_j) (equation 5).

    Parameters
    ----------
    p : Tensor (N, N)
        Joint probabilities of the data, zero on the diagonal.
    y : Tensor (N, d)
        Points of the map.
    exaggeration : float
        Factor on p, above 1 in the first steps.

    Returns
    -------
    Tensor (N, d)
    """
    difference = y[:, None] - y[None, :]  # (N, N, d): y_i − y_j
    w = 1 / (1 + difference.square().sum(-1))  # (N, N): Student's t
    w = w.fill_diagonal_(0)  # a point is no neighbour of its own
    q = w / w.sum()
    return 4 * (((exaggeration * p - q) * w)[..., None] * difference).sum(1)
