"""The fit: who moves in which step, which frames are read, and that it gets better."""

import functools
from typing import Any

import pytest
import torch

from lecture_utils.body.multiply.avatar import Avatar
from lecture_utils.body.multiply.fit import FitSettings, fit_people
from lecture_utils.body.multiply.people import People
from lecture_utils.body.multiply.refine import ColourRefiner, Prompt
from lecture_utils.body.multiply.segment import segment, shared
from tests.body.multiply.scenes import Crossing, crossing
from tests.body.stick import stick_body

pytestmark = pytest.mark.system("S20.6")
SHORT = FitSettings(rounds=1, person_steps=2, pose_steps=2, frames=2)


@functools.cache
def scene() -> Crossing:
    return crossing(frames=6)


def people(off: float = 0.0, count: int = 150) -> People:
    """Two people in the true poses, or nearly."""
    own, made = scene(), torch.Generator().manual_seed(0)
    avatars = [Avatar(stick_body(), count, seed=p) for p in range(2)]
    poses = own.poses + off * torch.randn(own.poses.shape, generator=made)
    places = own.translations + 0.4 * off * torch.randn(own.translations.shape, generator=made)
    return People(avatars, poses, places, own.images.median(dim=0).values)


def run(own: People, settings: FitSettings = SHORT, **more: Any):
    return fit_people(own, more.pop("images", scene().images), scene().camera, settings, **more)


def moved(before: dict[str, torch.Tensor], after: People) -> set[str]:
    return {name for name, value in after.state_dict().items() if not torch.equal(before[name], value)}


def copied(own: People) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in own.state_dict().items()}


@pytest.mark.parametrize("kind", ["person", "pose"])
def test_people_and_poses_move_in_turn(kind: str) -> None:
    own = people(0.05)
    before = copied(own)
    only = FitSettings(rounds=1, frames=2, **{"person_steps": 0, "pose_steps": 0, f"{kind}_steps": 2})
    run(own, only)
    poses = {"poses", "translations"}
    assert moved(before, own) == poses if kind == "pose" else not moved(before, own) & poses
    if kind == "person":
        assert {"background", "avatars.0.shape", "avatars.1.offsets"} <= moved(before, own)
    assert all(value.requires_grad for value in own.parameters())


def spoilt(frame: int) -> torch.Tensor:
    """The video with noise in place of a frame."""
    images = scene().images.clone()
    images[frame] = torch.rand(images[frame].shape, generator=torch.Generator().manual_seed(7))
    return images


def test_held_out_frames_are_not_read() -> None:
    held_out = torch.arange(6) == 3
    results = []
    for images in (scene().images, spoilt(3)):
        own = people(0.05)
        history = run(own, images=images, held_out=held_out)
        results.append(copied(own))
        assert not history.reliable[0][3] and history.masks[0].layers.shape[0] == 5
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


class Blind:
    """A refiner that finds nobody in one picture, and agrees with the layers elsewhere."""

    def __init__(self, image: torch.Tensor) -> None:
        self.image, self.prompts = image, []

    def __call__(self, image: torch.Tensor, coarse: torch.Tensor, prompt: Prompt) -> torch.Tensor:
        self.prompts.append(prompt)
        return torch.zeros_like(coarse) if torch.equal(image, self.image) else coarse


def test_a_frame_that_is_not_reliable_does_not_teach_the_people() -> None:
    """The spoilt picture is in disagreement: persons learn the same whether it holds noise or other noise."""
    results = []
    for seed in (1, 2):
        images = spoilt(2)
        images[2] = torch.rand(images[2].shape, generator=torch.Generator().manual_seed(seed))
        own, refiner = people(), Blind(images[2])
        only = FitSettings(rounds=1, person_steps=3, pose_steps=0, frames=6, unreliable=0.2)
        history = run(own, only, images=images, refiner=refiner)
        assert not history.reliable[0][2] and len(refiner.prompts) == 12
        results.append(copied(own))
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_with_all_frames_reliable_it_does() -> None:
    results = []
    for seed in (1, 2):
        images = spoilt(2)
        images[2] = torch.rand(images[2].shape, generator=torch.Generator().manual_seed(seed))
        own = people()
        only = FitSettings(rounds=1, person_steps=3, pose_steps=0, frames=6, unreliable=0.0)
        assert run(own, only, images=images, refiner=Blind(images[2])).reliable[0].all()
        results.append(copied(own))
    assert not torch.equal(results[0]["avatars.0.colour_logits"], results[1]["avatars.0.colour_logits"])


def test_refined_masks_share_pixels() -> None:
    masks = torch.tensor([[[0.9, 0.4, 0.0]], [[0.9, 0.3, 0.0]]])
    assert torch.allclose(shared(masks), torch.tensor([[[0.5, 0.4, 0.0]], [[0.5, 0.3, 0.0]]]))
    found = segment(
        people(0.05), scene().images[:2], scene().camera, ColourRefiner(), frames=torch.tensor([4, 1])
    )
    assert found.refined.sum(1).max() <= 1 + 1e-5 and found.agreement.shape == (2, 2)


def test_a_fit_brings_poses_and_masks_nearer() -> None:
    own = people(0.08)
    settings = FitSettings(rounds=2, person_steps=12, pose_steps=12, frames=3, unreliable=0.3)

    def state() -> tuple[float, float]:
        with torch.no_grad():
            gap = (own.joints() - scene().joints).norm(dim=-1).mean()
        views = [own(f, scene().camera) for f in range(6)]
        got, truth = torch.stack([view.masks for view in views]) > 0.5, scene().masks
        ious = (got & truth).sum((2, 3)) / (got | truth).sum((2, 3)).clamp_min(1)
        return float(gap), float(ious.mean())

    (gap, iou), history = state(), run(own, settings, seed=1)
    after, better = state()
    assert after < 0.85 * gap and better > iou
    assert len(history.person_losses) == len(history.pose_losses) == 24 and history.seconds > 0
    assert history.person_losses[11] < history.person_losses[0]


def test_settings_and_videos_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="rounds: got 0"):
        FitSettings(rounds=0)
    with pytest.raises(ValueError, match="pose_rate: got -1"):
        FitSettings(pose_rate=-1)
    with pytest.raises(ValueError, match="images: got"):
        run(people(), images=scene().images[:4])
    with pytest.raises(ValueError, match="got all frames"):
        run(people(), held_out=torch.ones(6, dtype=torch.bool))
