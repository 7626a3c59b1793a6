"""Mode coverage (S15.4) on samples whose coverage is known, and against a loop."""

import math

import pytest
import torch
from torch import Tensor

from lecture_utils.metrics.mode_coverage import Coverage, mode_coverage
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.4")
MODULE = "lecture_utils.metrics.mode_coverage"
CENTRES = torch.cartesian_prod(torch.arange(-4.0, 5, 2), torch.arange(-4.0, 5, 2))  # (25, 2)


def real(n: int, modes: int = 25, deviation: float = 0.05) -> Tensor:
    made = torch.Generator().manual_seed(0)
    which = torch.randint(modes, (n,), generator=made)
    return CENTRES[which] + deviation * torch.randn(n, 2, generator=made)


def by_loop(samples: Tensor, centres: Tensor, deviation: float, within: float) -> Coverage:
    hit, good, counts = set(), 0, [0] * len(centres)
    for x in samples.tolist():
        far = [math.dist(x, c) for c in centres.tolist()]
        k = far.index(min(far))
        counts[k] += 1
        if far[k] <= within * deviation:
            good += 1
            hit.add(k)
    q = [count / len(samples) for count in counts]
    kl = sum(share * math.log(share * len(centres)) for share in q if share > 0)
    return Coverage(len(hit), good / len(samples), kl)


def same(a: Coverage, b: Coverage) -> bool:
    pairs = ((a.modes, b.modes), (a.high_quality, b.high_quality), (a.reverse_kl, b.reverse_kl))
    return all(math.isclose(x, y, abs_tol=1e-9) for x, y in pairs)


def test_as_a_loop() -> None:
    made = torch.Generator().manual_seed(1)
    centres = torch.randn(7, 3, generator=made)
    samples = centres[torch.randint(5, (200,), generator=made)] + 0.3 * torch.randn(200, 3, generator=made)
    want = by_loop(samples, centres, 0.2, 2.0)
    assert 0 < want.modes < 7
    assert 0.1 < want.high_quality < 0.9
    assert same(mode_coverage(samples, centres, 0.2, within=2.0), want)
    faults = (
        ("distance <= within * deviation", "distance <= within"),
        ("nearest[good].unique()", "nearest.unique()"),
        (".min(dim=1)", ".max(dim=1)"),
        (" + math.log(len(centres))", ""),
        ("good.double().mean()", "1 - good.double().mean()"),
    )
    for fault in faults:
        wrong = planted(MODULE, fault).mode_coverage(samples, centres, 0.2, within=2.0)
        assert not same(wrong, want), fault


def test_real_samples_hit_all_and_989_of_1000_are_good() -> None:
    got = mode_coverage(real(20_000), CENTRES, 0.05)
    assert got.modes == 25
    assert got.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.004)  # five standard errors
    assert got.reverse_kl < 0.01


@pytest.mark.parametrize("modes", [1, 4, 25])
def test_samples_in_some_modes_only(modes: int) -> None:
    got = mode_coverage(CENTRES[:modes].repeat(40, 1), CENTRES, 0.05)
    assert got.modes == modes
    assert got.high_quality == 1.0
    assert got.reverse_kl == pytest.approx(math.log(25 / modes), abs=1e-12)


def test_a_cloud_between_the_modes_hits_none() -> None:
    got = mode_coverage(CENTRES[:16] + torch.tensor([0.9, 0.9]), CENTRES, 0.05)
    assert (got.modes, got.high_quality) == (0, 0.0)


def test_bad_input() -> None:
    for samples, centres, deviation, message in (
        (torch.zeros(0, 2), CENTRES, 0.1, "samples: got"),
        (torch.zeros(3, 3), CENTRES, 0.1, "centres: got"),
        (torch.full((3, 2), float("nan")), CENTRES, 0.1, "samples: got NaN"),
        (torch.zeros(3, 2), CENTRES, 0.0, "deviation: got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            mode_coverage(samples, centres, deviation)
    with pytest.raises(ValueError, match="within: got -1"):
        mode_coverage(torch.zeros(3, 2), CENTRES, 0.1, within=-1)
