"""The recipe of the splatted scene: what is fitted comes back from its weights, whatever its number."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.data.toyworld import solids
from lecture_utils.recipes import _views, solids_gaussians
from lecture_utils.rendering.gaussians.fit import FitSettings

pytestmark = pytest.mark.system("S18.5")


def test_what_is_fitted_can_be_stored_and_built_again() -> None:
    cameras, seen = _views.pictures(solids.showpiece(), "train", count=2, size=(16, 16))
    settings = FitSettings(steps=6, densify_from=1, densify_every=3, gradient_threshold=0.0, most=40)
    scene, history = solids_gaussians.fitted(cameras, seen.image, settings, start=30)
    assert history.seconds > 0 and len(history.changes) == 2 and len(scene) != 30
    again = solids_gaussians.build()
    again.load_state_dict(scene.state_dict())
    assert torch.equal(again(cameras), scene(cameras))


def test_the_shipped_scene_renders_at_any_size() -> None:
    scene = zoo.load("solids_gaussians")
    with torch.inference_mode():
        small, large = (scene(_views.cameras("test", count=1, size=(s, s))) for s in (32, 96))
    assert small.shape == (1, 3, 32, 32) and large.shape == (1, 3, 96, 96)
    shrunk = torch.nn.functional.interpolate(large, (32, 32), mode="area")
    assert float((small - shrunk).abs().mean()) < 0.03
