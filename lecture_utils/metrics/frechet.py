"""The Fréchet distance between two sets of pictures, by Gaussians fitted to their features (S15.7).

M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter, "GANs Trained by a Two Time-Scale Update
Rule Converge to a Local Nash Equilibrium", NeurIPS 2017, equation 6. The closed form for Gaussians:
D. Dowson, B. Landau, "The Fréchet distance between multivariate normal distributions", Journal of
Multivariate Analysis 1982.

It is *not* the "FID" of papers: that takes 2,048 features of an Inception net trained on ImageNet. Here the
features are those of a course network, so a value means something only beside another measured alike, above
all that between two sets of *real* pictures of the same number, which is not zero: both are estimates, and
fewer pictures push it up. How far, and what infinitely many would give: M. J. Chong, D. Forsyth, "Effectively
Unbiased FID and Inception Score and Where to Find Them", CVPR 2020.

Shapes: N pictures, F features.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import (
    check_finite,
    check_float,
    check_images,
    check_numbers,
    check_tensor,
    check_whole,
    check_wholes,
)


def gaussian_fit(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (F,) and unbiased covariance (F, F) of features (N, F), N ≥ 2, both in float64.

    Raises
    ------
    ValueError
        For fewer than two rows, another rank, or a value that is not finite.
    """
    check_float(features, name="features")
    if features.ndim != 2 or len(features) < 2 or features.shape[1] == 0:
        raise ValueError(f"features: got shape {tuple(features.shape)}, want (N, F) with N ≥ 2, F ≥ 1")
    check_finite(features, "features")
    x = (features.cpu() if features.device.type == "mps" else features).double()
    mean = x.mean(dim=0)  # (F,)
    centred = x - mean  # (N, F)
    return mean, centred.T @ centred / (len(x) - 1)


def sqrt_psd(matrix: Tensor) -> Tensor:
    """The positive semi-definite square root of a symmetric positive semi-definite matrix (F, F).

    Through its eigenvalues: A = Q Λ Qᵀ, so √A = Q √Λ Qᵀ. Rounding can make a zero eigenvalue negative: it is
    taken as zero.

    Raises
    ------
    ValueError
        For another shape, or a value that is not finite.
    """
    check_finite(matrix, "matrix")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) == 0:
        raise ValueError(f"matrix: got shape {tuple(matrix.shape)}, want (F, F)")
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def frechet_distance(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> float:
    """‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½) of two Gaussians.

    Σ₁ Σ₂ is not symmetric, but has the eigenvalues of S = √Σ₁ Σ₂ √Σ₁, which is: so the trace of its root is
    the sum of the roots of S's eigenvalues, and no complex number can turn up.

    Parameters
    ----------
    a, b : (mean (F,), covariance (F, F))
        From `gaussian_fit`.

    Returns
    -------
    float
        0 or more; in squared units of the features.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a value is not finite.
    """
    if len(a) != 2 or len(b) != 2:
        raise ValueError(f"gaussians: got {len(a)} and {len(b)} tensors, want (mean, covariance) twice")
    (mean_a, cov_a), (mean_b, cov_b) = a, b
    n = mean_a.shape[0] if mean_a.ndim == 1 else -1
    if not (mean_b.shape == (n,) and cov_a.shape == cov_b.shape == (n, n)):
        got = [tuple(t.shape) for t in (mean_a, cov_a, mean_b, cov_b)]
        raise ValueError(f"gaussians: got shapes {got}, want (F,), (F, F), (F,), (F, F)")
    for part in (mean_a, cov_a, mean_b, cov_b):
        check_finite(part, "gaussians")
    mean_a, cov_a, mean_b, cov_b = (part.double() for part in (mean_a, cov_a, mean_b, cov_b))
    root = sqrt_psd(cov_a)
    middle = root @ cov_b @ root  # (F, F), symmetric
    cross = torch.linalg.eigvalsh((middle + middle.T) / 2).clamp(min=0).sqrt().sum()
    distance = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(0.0, distance.item())


def frechet_at_sizes(
    features: Tensor, reference: tuple[Tensor, Tensor], sizes: Sequence[int], *, seed: int = 0
) -> list[float]:
    """Fréchet distances to a reference from so many rows each, drawn without replacement.

    Parameters
    ----------
    features : Tensor, (N, F)
    reference : (mean (F,), covariance (F, F))
        Of as many real pictures as there are.
    sizes : sequence of int
        Each from 2 to N.
    seed : int
        Of the draws.

    Raises
    ------
    ValueError
        For a size that cannot be drawn, and as `frechet_distance` does.
    """
    check_wholes(sizes, "sizes", least=2)
    check_whole(seed, "seed", 0)
    check_tensor(features, "features", "N", "F")
    if max(sizes) > len(features):
        raise ValueError(f"sizes: got {max(sizes)}, want at most the {len(features)} rows")
    generator = torch.Generator().manual_seed(seed)
    drawn = [features[torch.randperm(len(features), generator=generator)[:size]] for size in sizes]
    return [frechet_distance(gaussian_fit(rows), reference) for rows in drawn]


def without_bias(sizes: Sequence[int], distances: Sequence[float]) -> tuple[float, float]:
    """The distance that infinitely many pictures would have, and how much one picture alone would add.

    The bias of a distance from n rows shrinks as 1 / n (Chong & Forsyth, section 3). So the line through the
    distances over 1 / n is followed to 1 / n = 0: their FID∞. The reference's own sample stays in it.

    Parameters
    ----------
    sizes : sequence of int
        n of each, two different ones or more.
    distances : sequence of float

    Returns
    -------
    at_infinity, slope : float
        distance ≈ at_infinity + slope / n, by least squares.

    Raises
    ------
    ValueError
        For other numbers of the two, or sizes that are all the same.
    """
    check_wholes(sizes, "sizes")
    check_numbers(distances, "distances", len(sizes))
    if len(set(sizes)) < 2:
        raise ValueError(f"sizes: got {list(sizes)}, want two different ones or more")
    x = 1 / torch.tensor(sizes, dtype=torch.float64)
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() - slope * x.mean()).item(), slope.item()


def stage_features(model: nn.Module, images: Tensor, *, batch_size: int = 256) -> Tensor:
    """Features of pictures: the means over places of what a residual net's stages give, side by side.

    Early stages tell colours and textures apart, late ones classes of objects; the last alone would be blind
    to what a classifier ignores, such as the ground.

    Parameters
    ----------
    model : nn.Module
        With `stem` and `stages` in a row (`backbones.resnet.CifarNet`): for the course's figures, the weights
        ``shapes_resnet``. Used as it is: put it in evaluation mode first.
    images : Tensor, (N, C, H, W)

    Returns
    -------
    Tensor, (N, F)
        F = 16 + 32 + 64 = 112 for ``shapes_resnet``.

    Raises
    ------
    ValueError
        For what are no images, or a model without `stem` and `stages`.
    """
    check_images(images)
    check_whole(batch_size, "batch_size")
    parts = [name for name, _ in model.named_children()]
    if not {"stem", "stages"} <= set(parts):
        raise ValueError(f"model: got {type(model).__name__} of {parts}, want one with 'stem' and 'stages'")
    rows = []
    stem, stages = model.get_submodule("stem"), model.get_submodule("stages")
    with torch.inference_mode():
        for part in images.split(batch_size):
            x, means = stem(part), []
            for stage in stages.children():
                x = stage(x)  # (B, C', H', W')
                means.append(x.mean(dim=(2, 3)))
            rows.append(torch.cat(means, dim=1))  # (B, F)
    return torch.cat(rows)
