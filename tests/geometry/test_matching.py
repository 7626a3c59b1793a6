"""Descriptors and matches: what they ignore, pairs against a loop, the ratio test, a shifted picture."""

import pytest
import torch
from skimage import data

from lecture_utils.geometry import matching
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.2")


def picture(row: int = 0, column: int = 0) -> torch.Tensor:
    """A part of a photograph, (1, 120, 160), shifted."""
    part = data.camera()[100 + row : 220 + row, 150 + column : 310 + column]
    return torch.from_numpy(part.copy() / 255.0).float()[None]


@pytest.mark.parametrize("kind", ["histograms", "patches"])
def test_a_shifted_brighter_picture_is_matched(kind: str) -> None:
    a = matching.find_features(picture(), kind=kind)
    b = matching.find_features(0.2 + 0.6 * picture(7, 11), kind=kind)
    torch.testing.assert_close(a.descriptors.norm(dim=1), torch.ones(len(a.pixels)))
    pairs = matching.match(a.descriptors, b.descriptors).pairs
    moved = a.pixels[pairs[:, 0]] - b.pixels[pairs[:, 1]]
    right = (moved - torch.tensor([11.0, 7.0])).norm(dim=1) < 0.5
    assert len(pairs) > 60 and float(right.float().mean()) > 0.97


def test_histograms_count_directions() -> None:
    """Slopes along +u fill one bin; along +v the bin a quarter turn on; -u and -v the opposite ones."""
    ramp = torch.linspace(0, 1, 64).expand(64, 64)
    middle = torch.tensor([[32.0, 32.0]])
    for image, wanted in ((ramp, 0), (ramp.mT, 2), (ramp.flip(1), 4), (ramp.mT.flip(0), 6)):
        read = matching.gradient_histograms(image[None, None], middle).unflatten(1, (8, 16))
        assert int(read.sum(2).argmax()) == wanted and float(read[:, wanted].norm()) > 0.999


def loop(first: torch.Tensor, second: torch.Tensor, ratio: float) -> list[tuple[int, int]]:
    """`match`, one pair after the other."""
    distance = torch.cdist(first, second)
    pairs = []
    for i in range(len(first)):
        j = int(distance[i].argmin())
        if int(distance[:, j].argmin()) != i:
            continue
        others = [*distance[i, torch.arange(len(second)) != j], *distance[torch.arange(len(first)) != i, j]]
        if all(distance[i, j] <= ratio * other for other in others):
            pairs.append((i, j))
    return pairs


def agrees(module) -> bool:
    random = torch.Generator().manual_seed(0)
    for k, m, ratio in ((30, 40, 0.9), (40, 30, 0.8), (25, 25, 1.0), (1, 1, 0.5), (1, 6, 0.8)):
        a, b = torch.rand(k, 3, generator=random), torch.rand(m, 3, generator=random)
        got = sorted(map(tuple, module.match(a, b, ratio=ratio).pairs.tolist()))
        if got != loop(a, b, ratio):
            return False
    return True


def test_matches_are_those_of_a_loop() -> None:
    assert agrees(matching)


@pytest.mark.parametrize(
    "fault",
    [("mutual = back[chosen] == row", "mutual = row == row"), ("near <= ratio * ", "near <= "),
     ("torch.minimum(_second(distance), ", "torch.maximum(_second(distance), ")],
)  # fmt: skip
def test_the_loop_finds_faults(fault: tuple[str, str]) -> None:
    assert not agrees(planted("lecture_utils.geometry.matching", fault))


def test_samples_are_read_between_pixels() -> None:
    v, u = torch.meshgrid(torch.arange(20) + 0.5, torch.arange(30) + 0.5, indexing="ij")
    at = torch.tensor([[10.2, 9.7], [14.0, 8.5]])
    read = matching.sample_grid(torch.stack([u, v]), at, cells=3, spacing_px=2.0)
    assert read.shape == (2, 2, 3, 3)
    torch.testing.assert_close(read[:, :, 1, 1], at)
    torch.testing.assert_close(read[:, 0, 1], at[:, :1] + torch.tensor([-2.0, 0.0, 2.0]))
    torch.testing.assert_close(read[:, 1, :, 1], at[:, 1:] + torch.tensor([-2.0, 0.0, 2.0]))


def test_nothing_to_match_is_no_match_and_bad_input_is_refused() -> None:
    none = matching.match(torch.zeros(0, 4), torch.rand(3, 4))
    assert none.pairs.shape == (0, 2)
    with pytest.raises(ValueError, match="second"):
        matching.match(torch.rand(3, 4), torch.rand(3, 5))
    with pytest.raises(ValueError, match="ratio"):
        matching.match(torch.rand(3, 4), torch.rand(3, 4), ratio=0)
    with pytest.raises(ValueError, match="kind"):
        matching.find_features(torch.rand(3, 40, 40), kind="sift")
