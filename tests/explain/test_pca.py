"""S04.2: principal components against scikit-learn and the eigenvectors of the covariance."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as SklearnPCA

from lecture_utils.data import digits
from lecture_utils.explain.pca import fit_pca

pytestmark = pytest.mark.system("S04.2")


def points() -> torch.Tensor:
    return digits.load(split="all")[0].flatten(1).double()


@pytest.mark.parametrize("k", [1, 2, 10])
def test_equal_to_scikit_learn_up_to_sign(k: int) -> None:
    x = points()
    got, want = fit_pca(x, k), SklearnPCA(k, svd_solver="full").fit(x.numpy())
    sign = np.sign((got.components.numpy() * want.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(got.components.numpy() * sign, want.components_, atol=1e-9)
    np.testing.assert_allclose(got.variance.numpy(), want.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(got.ratio.numpy(), want.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(got.transform(x).numpy() * sign.T, want.transform(x.numpy()), atol=1e-9)


def test_components_are_eigenvectors_of_the_covariance() -> None:
    x = points()
    fitted, covariance = fit_pca(x, 5), torch.cov(x.T)
    torch.testing.assert_close(fitted.components @ covariance, fitted.variance[:, None] * fitted.components)
    torch.testing.assert_close(fitted.components @ fitted.components.T, torch.eye(5, dtype=torch.float64))
    z = fitted.transform(x)
    torch.testing.assert_close(torch.cov(z.T), fitted.variance.diag(), atol=1e-10, rtol=0)


def test_all_components_go_there_and_back_and_few_lose_what_they_say() -> None:
    x = points()
    full = fit_pca(x, 64)
    torch.testing.assert_close(full.inverse(full.transform(x)), x)
    assert abs(float(full.ratio.sum()) - 1) < 1e-12
    few = fit_pca(x, 8)
    lost = (few.inverse(few.transform(x)) - x).square().sum() / (x - x.mean(0)).square().sum()
    assert abs(float(lost) - (1 - float(few.ratio.sum()))) < 1e-12


def test_the_sign_is_settled() -> None:
    x = points()
    a, b = fit_pca(x, 4), fit_pca(-x, 4)
    torch.testing.assert_close(a.components, b.components)


def test_two_components_for_a_picture_are_the_default() -> None:
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fit_pca(x).components, fit_pca(x, 2).components)


def test_odd_shapes_and_types() -> None:
    x = torch.randn(3, 50, generator=torch.Generator().manual_seed(0))  # fewer points than numbers
    fitted = fit_pca(x, 3)
    assert fitted.components.shape == (3, 50) and float(fitted.variance[2]) < 1e-8  # 3 points span a plane
    assert fitted.components.dtype == torch.float32
    same = fit_pca(torch.ones(4, 2), 1)  # no variance at all
    assert same.ratio.tolist() == [0] and bool(torch.isfinite(same.components).all())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(kind: torch.dtype) -> None:
    x = points()[:100].to(kind)
    got, want = fit_pca(x, 3), fit_pca(x.float(), 3)
    assert torch.equal(got.components, want.components) and got.components.dtype == torch.float32
    torch.testing.assert_close(got.transform(x), want.transform(x.float()))
    assert got.inverse(got.transform(x).double()).dtype == torch.float32


def test_bad_input_is_told() -> None:
    for bad, message in (
        (lambda: fit_pca(torch.zeros(5, 3), 4), "k from 1 to 3"),
        (lambda: fit_pca(torch.zeros(1, 3), 1), "N ≥ 2"),
        (lambda: fit_pca(torch.zeros(5, 3), 1.5), "k: got 1.5"),
        (lambda: fit_pca(torch.zeros(5, 3), 0), "k = 0"),
        (lambda: fit_pca(torch.zeros(5, 3, dtype=torch.uint8), 1), "uint8"),
        (lambda: fit_pca(torch.zeros(5), 1), r"\(5,\), want \(N, D\)"),
        (lambda: fit_pca(torch.full((5, 3), torch.inf), 1), "infinite"),
        (lambda: fit_pca(torch.randn(5, 3), 2).transform(torch.zeros(2, 4)), r"\(2, 4\), want \(N, 3\)"),
        (lambda: fit_pca(torch.randn(5, 3), 2).inverse(torch.zeros(2, 3)), r"\(2, 3\), want \(N, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            bad()
