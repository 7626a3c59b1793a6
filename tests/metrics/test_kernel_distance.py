"""The kernel distance against torchmetrics and loops; no bias; planted faults."""

import pytest
import torch
from torchmetrics.image.kid import KernelInceptionDistance

from lecture_utils.metrics.frechet import frechet_distance, gaussian_fit
from lecture_utils.metrics.kernel_distance import kernel_distance
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.7")


def two_sets(n: int = 40, m: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (n, 12) and (m, 12) in [0, 1], of one kind each."""
    made = torch.Generator().manual_seed(0)
    a = torch.rand(n, 12, generator=made, dtype=torch.float64)
    return a, torch.rand(m, 12, generator=made, dtype=torch.float64).square()


def by_loops(a: torch.Tensor, b: torch.Tensor) -> float:
    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return float((x @ y) / len(x) + 1) ** 3

    def within(rows: torch.Tensor) -> float:
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(x, y) for x in a for y in b]
    return within(a) + within(b) - 2 * sum(between) / len(between)


def test_equals_loops_and_torchmetrics() -> None:
    a, b = two_sets()
    assert by_loops(a, b) > 0.05
    assert kernel_distance(a, b) == pytest.approx(by_loops(a, b), rel=1e-9)
    a, b = two_sets(30, 30)  # torchmetrics takes subsets of one size: all rows
    metric = KernelInceptionDistance(torch.nn.Flatten(), subsets=1, subset_size=30, normalize=True)
    metric.set_dtype(torch.float64)
    metric.update(a.reshape(-1, 3, 2, 2), real=True)
    metric.update(b.reshape(-1, 3, 2, 2), real=False)
    assert kernel_distance(a, b) == pytest.approx(metric.compute()[0].item(), rel=1e-5)


FAULTS = (
    ("/ x.shape[1] + 1", "+ 1"),
    (") ** 3", ") ** 2"),
    ("within_a.trace()) / (n * (n - 1))", "0) / (n * n)"),  # the biased estimate
    ("within_b.trace()) / (m * (m - 1))", "0) / (m * m)"),
    ("2 * _cubic_kernel(a, b)", "_cubic_kernel(a, b)"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=[wrong for _, wrong in FAULTS])
def test_a_planted_fault_is_seen(fault: tuple[str, str]) -> None:
    a, b = two_sets()
    got = planted("lecture_utils.metrics.kernel_distance", fault).kernel_distance(a, b)
    assert abs(got - by_loops(a, b)) > 1e-3


def test_few_rows_do_not_bias_it_as_they_bias_the_frechet_distance() -> None:
    """Of 100 pairs of small sets of one distribution some come out below 0; no Fréchet distance does."""
    made = torch.Generator().manual_seed(0)
    pairs = [torch.randn(2, 15, 6, generator=made) for _ in range(100)]
    kernels = torch.tensor([kernel_distance(a, b) for a, b in pairs])
    frechets = torch.tensor([frechet_distance(gaussian_fit(a), gaussian_fit(b)) for a, b in pairs])
    assert kernels.mean().abs() < 4 * kernels.std() / 10  # four standard errors of the mean
    assert frechets.mean() > 4 * frechets.std() / 10
    assert frechets.min() > 0 > kernels.min()


def test_bad_input() -> None:
    good = torch.randn(4, 3)
    with pytest.raises(ValueError, match="two or more"):
        kernel_distance(good, good[:1])
    with pytest.raises(ValueError, match=r"b: got shape \(4, 2\)"):
        kernel_distance(good, good[:, :2])
    with pytest.raises(ValueError, match="a: got NaN"):
        kernel_distance(good * torch.nan, good)
