"""The kernel distance between two sets of pictures, without bias: KID (a contrast to S15.7).

M. Bińkowski, D. Sutherland, M. Arbel, A. Gretton, "Demystifying MMD GANs", ICLR 2018, section 4: the squared
maximum mean discrepancy of features under the kernel k(x, y) = (x·y / F + 1)³, estimated without bias
(A. Gretton et al., "A Kernel Two-Sample Test", Journal of Machine Learning Research 2012, equation 3).

It fits no Gaussian, and on average few pictures give what many give; so it can come out below 0. Simplified:
one estimate from all rows, where the paper averages over random subsets of 1,000.

Shapes: N and M pictures, F features.
"""

from torch import Tensor

from lecture_utils.metrics.nearest import check_rows


def _cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """(x·y / F + 1)³ of all pairs of rows (N, F) and (M, F): (N, M)."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """Mean kernel within a, plus that within b, less twice that between: an unbiased MMD².

    A row is never compared with itself: k(x, x) is large, and would make small sets look far apart.

    Parameters
    ----------
    a, b : Tensor, (N, F) and (M, F)
        Features, N and M ≥ 2.

    Returns
    -------
    float
        0 in expectation where both come from one distribution; so it may be a little negative.

    Raises
    ------
    ValueError
        For fewer than two rows, other shapes, or a value that is not finite.
    """
    check_rows(a, "a")
    check_rows(b, "b", a.shape[1])
    n, m = len(a), len(b)
    if min(n, m) < 2:
        raise ValueError(f"features: got {n} and {m} rows, want two or more of each")
    a, b = a.double(), b.double()
    within_a, within_b = _cubic_kernel(a, a), _cubic_kernel(b, b)  # (N, N), (M, M)
    mean_a = (within_a.sum() - within_a.trace()) / (n * (n - 1))
    mean_b = (within_b.sum() - within_b.trace()) / (m * (m - 1))
    return (mean_a + mean_b - 2 * _cubic_kernel(a, b).mean()).item()
