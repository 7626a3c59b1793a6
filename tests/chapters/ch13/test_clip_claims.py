"""The pure parts of C13.1, C13.2, C13.3 and C13.6: shifts, curves, what is kept of a training."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lecture_utils import runtime
from lecture_utils.chapters.ch13 import clip_claims, clip_runs, shift_claims, shifts
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.data.toyworld.render import render
from lecture_utils.recipes._clip import BATCH, PAIRS, pairs

ITS = captioned(24, seed=3, split="test")


def test_shifts_show_the_same_scenes() -> None:
    found = shifts.shifted(24, 3)
    assert list(found) == ["darker", "noise", "materials", "outlines"]
    for images in found.values():
        assert images.shape == ITS.image.shape and images.min() >= 0 and images.max() <= 1
    mask = render(ITS.scenes, 32, only="silhouette").silhouette[:, 0][:, None]
    outside = ~torch.nn.functional.max_pool2d(mask.float(), 9, 1, 4).bool().expand_as(ITS.image)
    assert (found["materials"] - ITS.image)[outside].abs().max() < 0.02  # nothing but the object is other
    share = found["darker"].mean((1, 2, 3)) / ITS.image.mean((1, 2, 3))
    assert share.max() < 0.8


def test_outlines_have_no_colour_and_lie_on_the_outline() -> None:
    lines = shifts.outlines(ITS)
    assert lines[:, :1].expand_as(lines).equal(lines)
    mask = render(ITS.scenes, 32, only="silhouette").silhouette[:, 0]
    near = torch.nn.functional.max_pool2d(mask.float()[:, None], 3, 1, 1)[:, 0].bool()
    assert (lines[:, 0][~near] == 1).all()  # white elsewhere
    inside = -torch.nn.functional.max_pool2d(-mask.float()[:, None], 7, 1, 3)[:, 0] > 0
    assert inside.any() and (lines[:, 0][inside] == 1).all()  # and within
    assert (lines[:, 0].flatten(1).min(1).values < 0.3).all()


def test_noise_has_its_spread_and_is_the_same_each_time() -> None:
    grey = torch.full((4, 3, 32, 32), 0.5)
    off = shifts.noisy(grey, 0.05, 1) - grey
    assert off.std().item() == pytest.approx(0.05, rel=0.05) and abs(off.mean().item()) < 0.005
    assert shifts.noisy(grey, 0.05, 1).equal(shifts.noisy(grey, 0.05, 1))
    assert not shifts.noisy(grey, 0.05, 2).equal(shifts.noisy(grey, 0.05, 1))


@pytest.mark.parametrize(
    ("clean", "shift", "at", "want"),
    [
        ([0.6, 0.8], [0.3, 0.5], 0.7, 0.4),
        ([0.8, 0.6], [0.5, 0.3], 0.65, 0.35),  # in any order
        ([0.6, 0.8], [0.3, 0.5], 0.9, 0.5),  # beyond the ends the nearest
        ([0.6, 0.8, 0.9], [0.3, 0.5, 0.1], 0.85, 0.3),
    ],
)
def test_the_curve_is_read_off_between_its_points(
    clean: list[float], shift: list[float], at: float, want: float
) -> None:
    assert shift_claims.on_the_curve(clean, shift, at) == pytest.approx(want)


class Answers(nn.Module):
    """Stands for a classifier: a picture's first pixel holds the answer."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.one_hot((images[:, 0, 0, 0] * 10).round().long(), len(CLASSES)).float()


def test_shares_lost_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLIP loses 1 of 4 where the classifier, of the same accuracy without shift, loses 2 of 4."""
    label = torch.tensor([1, 2, 3, 4, 5])

    def pictures(*said: int) -> Tensor:
        return (torch.tensor(said) / 10).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()

    monkeypatch.setattr(shift_claims, "clip_of", lambda seed, steps: "CLIP")
    monkeypatch.setattr(shift_claims, "classifier_of", lambda seed, steps: Answers())
    clip_right = {"clean": 0.8, "noise": 0.6}
    clean, noise = pictures(1, 2, 3, 4, 0), pictures(1, 2, 0, 0, 0)
    monkeypatch.setattr(
        shift_claims, "clip_accuracy", lambda clip, x, y: clip_right["clean" if x is clean else "noise"]
    )
    found = shift_claims.compared(0, "quick", clean, label, {"noise": noise})
    assert found["lost"]["noise"] == pytest.approx(0.25)
    assert found["lost, supervised"]["noise"] == pytest.approx(0.5)
    assert found["spared"] == pytest.approx(0.25) and found["clean_gap"] == pytest.approx(0)


def test_pairs_are_numbered_as_the_candidates() -> None:
    names = [f"{COLOURS[c]} {CLASSES[k]}" for k, c in zip(ITS.class_id, ITS.colour_id, strict=True)]
    assert [PAIRS[i] for i in clip_claims.pair_of(ITS)] == names
    unseen = {PAIRS[i] for i in clip_claims.UNSEEN}
    assert unseen == {f"{COLOURS[c]} {CLASSES[k]}" for k, c in HELD_OUT}
    assert sorted(torch.cat([clip_claims.SEEN, clip_claims.UNSEEN]).tolist()) == list(range(64))
    assert torch.isin(clip_claims.pair_of(ITS), clip_claims.SEEN).all()


def test_the_classifier_sees_the_pictures_that_clip_sees() -> None:
    (images, _), (same, label) = next(pairs(2)), next(clip_runs.labelled(2))
    assert images.equal(same) and label.shape == (BATCH,)


def test_a_training_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "course_home", lambda: tmp_path)
    trained: list[int] = []

    def train() -> nn.Module:
        trained.append(1)
        return nn.Linear(2, 2)

    def again(name: str, steps: int) -> nn.Module:
        return clip_runs.kept(name, steps, lambda: nn.Linear(2, 2), train, clip_runs.train_classifier)

    first, second = again("net", 100), again("net", 100)
    assert len(trained) == 1 and first.weight.equal(second.weight) and not second.training
    again("net", 200), again("other", 100)  # other lengths and names are trained
    assert len(trained) == 3 and len(list(tmp_path.iterdir())) == 3
    again("short", 2), again("short", 2)  # not worth a file
    assert len(trained) == 5 and len(list(tmp_path.iterdir())) == 3
