"""On the sphere of embeddings: between two, and along the difference of two sentences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial import geometric_slerp

from lecture_utils.generative.unclip import manipulation
from lecture_utils.generative.unclip.manipulation import interpolations, slerp, text_diff
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.4")
A, B = torch.randn(2, 4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
SHARES = (0.0, 0.2, 0.5, 1.0)


def against_scipy(module):
    a, b = F.normalize(A, dim=1), F.normalize(B, dim=1)
    for share in SHARES:
        want = [geometric_slerp(x.numpy(), y.numpy(), share) for x, y in zip(a, b, strict=True)]
        np.testing.assert_allclose(module.slerp(2 * A, 0.1 * B, share).numpy(), np.stack(want), atol=1e-9)


def test_slerp_is_that_of_scipy():
    against_scipy(manipulation)


@pytest.mark.parametrize(
    "fault",
    [
        ("((1 - share) * angle).sin() / sine", "(1 - share) * angle / sine"),
        ("a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)\n    angle", "angle"),
        ("angle = 2 * torch", "angle = 1 * torch"),
        ("first * a + second * b", "first * b + second * a"),
    ],
)
def test_a_fault_in_slerp_is_seen(fault):
    with pytest.raises(AssertionError):
        against_scipy(planted(manipulation.__name__, fault))


def test_between_two_that_are_nearly_one_it_is_finite_and_between():
    near = A + 1e-7 * B
    found = slerp(A, near, 0.5)
    torch.testing.assert_close(found, F.normalize(A, dim=1), atol=1e-6, rtol=0)
    torch.testing.assert_close(slerp(A, A, 0.3), F.normalize(A, dim=1))


def test_interpolations_are_evenly_spaced_on_the_great_circle():
    walk = interpolations(A[0], B[0], [i / 5 for i in range(6)])
    steps = (walk[1:] * walk[:-1]).sum(1).acos()
    torch.testing.assert_close(steps, steps.mean().expand(5))
    torch.testing.assert_close(walk[[0, -1]], F.normalize(torch.stack([A[0], B[0]]), dim=1))


def test_a_text_diff_turns_towards_what_one_sentence_has_and_the_other_has_not():
    image, before, after = A[:2], B[:2], B[2:]
    torch.testing.assert_close(text_diff(image, before, after, 0.0), F.normalize(image, dim=1))
    along = F.normalize(F.normalize(after, dim=1) - F.normalize(before, dim=1), dim=1)
    torch.testing.assert_close(text_diff(image, before, after, 1.0), along)
    nearer = [(text_diff(image, before, after, share) * along).sum(1) for share in (0.0, 0.2, 0.4)]
    assert bool((nearer[0] < nearer[1]).all()) and bool((nearer[1] < nearer[2]).all())


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: slerp(A, -A, 0.5), "opposite"),
        (lambda: slerp(A, 0 * A, 0.5), "zeros"),
        (lambda: slerp(A, B.float(), 0.5), "want one type"),
        (lambda: slerp(A, B[:2], 0.5), "b: got"),
        (lambda: slerp(A, B, float("nan")), "share: got nan"),
        (lambda: text_diff(A, B, 2 * B, 0.3), "two of one embedding"),
    ],
)
def test_what_has_no_way_between_is_refused(call, told):
    with pytest.raises(ValueError, match=told):
        call()
