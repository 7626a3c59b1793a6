"""Toy brains: nested tissues with exact labels, told apart by brightness but not by a threshold."""

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from lecture_utils.data.toyworld import solids

pytestmark = pytest.mark.system("S18.3")
BACKGROUND, SKULL, GREY, WHITE, VENTRICLE, LESION = range(6)


def _layers(labels: Tensor) -> list[int]:
    """Largest tissue number that touches each tissue of the first four, over the faces of voxels."""
    most = [0] * 6
    for axis in range(3):
        a, b = labels.narrow(axis, 0, labels.shape[axis] - 1), labels.narrow(axis, 1, labels.shape[axis] - 1)
        for tissue in range(6):
            for one, other in ((a, b), (b, a)):
                beside = other[one == tissue]
                most[tissue] = max(most[tissue], int(beside.max()) if len(beside) else 0)
    return most


@pytest.mark.parametrize("seed", range(8))
def test_tissues_are_nested(seed: int) -> None:
    volume, labels = solids.brain(seed, (40, 40, 40))
    assert volume.shape == (1, 40, 40, 40) and labels.dtype == torch.int64
    beside = _layers(labels)
    assert beside[BACKGROUND] == SKULL  # nothing but skull touches the outside
    assert beside[SKULL] == GREY
    rim = torch.cat([labels.movedim(axis, 0)[end].flatten() for axis in range(3) for end in (0, -1)])
    assert bool((rim == BACKGROUND).all())  # the head is whole
    counts = torch.bincount(labels.flatten(), minlength=6)
    assert bool((counts[:5] > 60).all())
    assert int(ndimage.label((labels > BACKGROUND).numpy())[1]) == 1


def test_about_half_have_one_lesion() -> None:
    _, labels = solids.brains(0, 60, (16, 16, 16))
    having = (labels == LESION).flatten(1).any(1)
    assert 15 <= int(having.sum()) <= 45
    _, fine = solids.brains(0, 8, (32, 32, 32))
    for one in fine[(fine == LESION).flatten(1).any(1)]:
        assert int(ndimage.label((one == LESION).numpy())[1]) <= 2


def test_brightness_tells_tissues_apart_but_not_alone() -> None:
    volumes, labels = solids.brains(3, 6)
    means = torch.stack([volumes[:, 0][labels == t].mean() for t in range(5)])
    assert means[GREY] < means[WHITE] < means[SKULL] and means[VENTRICLE] < means[GREY]
    middle = (means[:, None] - means).abs()
    guess = (volumes[:, 0][..., None] - means).abs().argmin(-1)
    inner = labels > SKULL
    right = (guess == labels)[inner].float().mean()
    assert 0.35 < float(right) < 0.9, middle  # a network has something to learn


def test_noise_and_splits_and_seeds() -> None:
    clean, labels = solids.brain(1, noise=0.0)
    noisy, same = solids.brain(1, noise=0.1)
    assert torch.equal(labels, same) and float((noisy - clean).std()) == pytest.approx(0.1, rel=0.03)
    assert torch.equal(solids.brain(1, noise=0.1)[0], noisy)
    volumes, _ = solids.brains(1, 3, noise=0.1)
    assert torch.equal(volumes[0], noisy) and torch.equal(solids.brains(1, 5, noise=0.1)[0][:3], volumes)
    drawn = [solids.brain(seed, split=split)[1] for seed in (0, 1) for split in ("train", "val", "test")]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_a_finer_grid_is_the_same_brain() -> None:
    coarse, fine = solids.brain(2, (16, 16, 16))[1], solids.brain(2, (48, 48, 48))[1]
    assert torch.equal(coarse, fine[1::3, 1::3, 1::3])  # the middles of every third voxel are the same points
    assert solids.brain(2, (20, 24, 28))[1].shape == (20, 24, 28)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="size: got"):
        solids.brain(0, (32, 32, 4))
    with pytest.raises(ValueError, match="size: got"):
        solids.brain(0, (32, 32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="noise: got -1"):
        solids.brain(0, noise=-1)
    with pytest.raises(ValueError, match="split"):
        solids.brain(0, split="trial")
    assert solids.brains(0, 0)[0].shape == (0, 1, 32, 32, 32)
