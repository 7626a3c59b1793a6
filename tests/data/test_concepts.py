"""S04.3: masks of the toy world's concepts, one pixel at a time."""

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.data.concepts import CONCEPTS, FIELDS, KIND, concept_masks

pytestmark = pytest.mark.system("S04.3")


def sample(size: int = 24) -> toyworld.Sample:
    scenes = toyworld.sample_scenes(6, seed=3, split="train", objects=toyworld.Objects(count=(0, 4)))
    return toyworld.render(scenes, size, only=FIELDS)


def test_each_pixel_has_stuff_or_one_word_of_each_other_kind() -> None:
    masks = concept_masks(sample())
    assert masks.shape == (6, 24, 24, 24) and masks.dtype == torch.bool and len(CONCEPTS) == len(KIND) == 24
    count = {
        kind: masks[:, [KIND[word] == kind for word in CONCEPTS]].sum(1)
        for kind in ("stuff", "class", "colour", "material")
    }
    thing = count["class"]
    assert int(thing.max()) == 1 and int(thing.sum()) > 0
    for kind in ("colour", "material"):
        assert torch.equal(count[kind], thing)
    assert torch.equal(count["stuff"], 1 - thing)


def test_equals_a_loop_over_pixels() -> None:
    got = sample()
    masks = concept_masks(got)
    for n in range(6):
        for y, x in ((0, 0), (11, 5), (12, 12), (20, 3), (23, 23), (14, 18)):
            words = {word for word, there in zip(CONCEPTS, masks[n, :, y, x].tolist(), strict=True) if there}
            place = int(got.instance[n, y, x]) - 1
            want = {toyworld.SEMANTIC[got.semantic[n, y, x]]}
            if place >= 0:
                want |= {
                    toyworld.COLOURS[got.colour_id[n, place]],
                    toyworld.MATERIALS[got.material_id[n, place]],
                }
            assert words == want


def test_a_field_that_is_missing_is_named() -> None:
    scenes = toyworld.sample_scenes(1, seed=0, split="train")
    with pytest.raises(AttributeError, match="instance was not rendered"):
        concept_masks(toyworld.render(scenes, 16, only=("semantic", "colour_id", "material_id")))
    with pytest.raises(ValueError, match=r"got Tensor, want a toyworld\.Sample"):
        concept_masks(torch.zeros(1, 3, 8, 8))  # type: ignore[arg-type]
