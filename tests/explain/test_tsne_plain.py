"""S04.2: the gradient that chapter 04 shows is the one that `tsne` descends."""

import pytest
import torch

from lecture_utils.explain import tsne, tsne_plain

pytestmark = pytest.mark.system("S04.2")


@pytest.mark.parametrize("factor", [1.0, 12.0])
def test_the_plain_gradient_equals_the_fast_one(factor: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(41, 5, generator=generator, dtype=torch.float64)
    y = torch.randn(41, 2, generator=generator, dtype=torch.float64)
    p = tsne.joint_probabilities(x, 8.0).double()
    torch.testing.assert_close(tsne_plain.tsne_gradient(p, y, factor), tsne.tsne_gradient(p, y, factor))
