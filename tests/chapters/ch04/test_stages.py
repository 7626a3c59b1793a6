"""Chapter 04: parts of objects as concepts, kinds of concept by stage, pictures made of photographs."""

import torch

from lecture_utils.chapters.ch04 import photos, stages
from lecture_utils.data import photographs, toyworld


def one_of(name: str, seed: int = 0) -> toyworld.Sample:
    scenes = toyworld.sample_scenes(60, seed=seed, split="val", objects=toyworld.ONE_OBJECT)
    chosen = (scenes.class_id[:, 0] == toyworld.CLASSES.index(name)).nonzero().flatten()[:4]
    return toyworld.render(scenes[chosen], 48, None, only=stages.NEEDED)


def test_parts_lie_on_their_class_and_around_a_keypoint() -> None:
    sample = one_of("star")
    masks = stages.part_masks(sample)  # (4, 7, 48, 48)
    tips = masks[:, list(stages.PARTS).index("tip of a star")]
    assert tips.any((1, 2)).all() and not (tips & (sample.instance == 0)).any()
    assert tips.sum() < (sample.instance > 0).sum()  # a part, not the whole
    others = [row for row, name in enumerate(stages.PARTS) if "star" not in name]
    assert not masks[:, others].any()
    x, y, visible = sample.keypoints[0, 0, 0].tolist()
    if visible:
        assert tips[0, max(int(y), 0) : int(y) + 2, max(int(x) - 1, 0) : int(x) + 2].any()


def test_every_word_has_a_kind_and_a_mask() -> None:
    sample = one_of("heart")
    masks = stages.words_and_parts(sample)
    assert masks.shape == (len(sample.instance), len(stages.NAMES), 48, 48)
    assert set(stages.KINDS) == set(stages.NAMES) and set(stages.KINDS.values()) == {
        "stuff", "class", "colour", "texture", "part",
    }  # fmt: skip


def test_what_moved_is_last_less_first() -> None:
    first = {"colour": 0.5, "texture": 0.1, "stuff": 0.0, "part": 0.0, "class": 0.1}
    last = {"colour": 0.1, "texture": 0.0, "stuff": 0.0, "part": 0.2, "class": 0.6}
    gain, loss = stages.moved({"stem": first, "middle": first, "top": last})
    assert abs(gain - 0.7) < 1e-9 and abs(loss - 0.5) < 1e-9


def test_tiles_do_not_overlap_and_give_the_photograph_back() -> None:
    cut, whose = photos.tiles(["cat", "brick"])
    assert cut.shape == (18, 3, 128, 128) and whose.tolist() == [0] * 9 + [1] * 9
    whole = photographs.load("cat", size=384)
    assert torch.equal(cut[4], whole[:, 128:256, 128:256])


def test_collages_are_labelled_exactly() -> None:
    names = ["cat", "brick", "page", "coffee"]
    pictures, where = photos.collages(names, 5, seed=0)
    assert pictures.shape == (5, 3, 224, 224) and where.shape == (5, 4, 28, 28)
    assert (where.sum(1) == 1).all()  # each place is of one photograph
    assert where.flatten(2).any(2).sum().item() == 20  # four photographs a picture
    pair = photos.side_by_side("cat", "coffee")
    assert torch.equal(pair[:, :, :112], photographs.load("cat", size=224)[:, :, 56:168])
