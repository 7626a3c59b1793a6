"""Portraits: one outlined object, on sand, plain."""

import torch

from lecture_utils.data import toyworld
from lecture_utils.data.portraits import portrait_scenes, portraits

SIZE = 48


def test_portraits_show_one_outlined_object_and_do_not_depend_on_how_many() -> None:
    some, first = portraits(6, split="val", seed=4), portraits(2, split="val", seed=4)
    assert some.image.shape == (6, 3, SIZE, SIZE) and some.outline.shape == (6, SIZE, SIZE)
    assert torch.equal(some.image[:2], first.image) and torch.equal(some.label[:2], first.label)
    share = some.outline.float().mean((1, 2))
    assert (share > 0.05).all() and (share < 0.5).all()


def test_nothing_but_the_object_and_the_light_tells_pictures_apart() -> None:
    scenes = portrait_scenes(40, seed=2)
    assert (scenes.material_id[:, 0] == toyworld.MATERIALS.index("plain")).all()
    assert (scenes.ground[:, 0] == toyworld.STUFF.index("sand")).all()
    assert torch.equal(scenes.class_id[:, 0], portraits(40, seed=2).label)
