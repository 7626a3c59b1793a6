"""The recipe of the splatted scene: what is fitted comes back from its weights, whatever its number."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.data.toyworld import solids
from lecture_utils.metrics.psnr import psnr
from lecture_utils.recipes import _views, solids_gaussians
from lecture_utils.rendering.gaussians.fit import FitSettings
from lecture_utils.rendering.gaussians.projection import DILATION, dilation_at

pytestmark = pytest.mark.system("S18.5")


def test_what_is_fitted_can_be_stored_and_built_again() -> None:
    cameras, seen = _views.pictures(solids.showpiece(), "train", count=2, size=(16, 16))
    settings = FitSettings(steps=6, densify_from=1, densify_every=3, gradient_threshold=0.0, most=40)
    scene, history = solids_gaussians.fitted(
        cameras, seen.image, settings, start=30, degree=solids_gaussians.DEGREE
    )
    assert history.seconds > 0 and len(history.changes) == 2 and len(scene) != 30
    again = solids_gaussians.build()
    again.load_state_dict(scene.state_dict())
    assert torch.equal(again(cameras), scene(cameras))


def test_the_shipped_scene_is_the_same_at_another_size_if_its_blur_is() -> None:
    scene = zoo.load("solids_gaussians")
    gaps = {}
    for size in (32, 128):
        cameras, seen = _views.pictures(solids.showpiece(), "test", count=1, size=(size, size))
        for name, dilation in (("same blur", dilation_at(size, _views.SIZE[0])), ("same pixels", DILATION)):
            with torch.inference_mode():
                image = scene(cameras, dilation=dilation).clamp(0, 1)
            gaps[size, name] = float(psnr(image, seen.image))
        assert gaps[size, "same blur"] > gaps[size, "same pixels"] + 3
    assert min(gaps[size, "same blur"] for size in (32, 128)) > 25
