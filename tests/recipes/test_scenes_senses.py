"""The ear, the touch, and what X-InstructBLIP learns: few steps, lessons, judges that can be wrong."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.recipes import scenes_senses, scenes_x_instructblip
from lecture_utils.recipes._scenes import IGNORE, words

pytestmark = pytest.mark.system("S14.6")


def test_a_few_steps_already_name_some_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, small in (("SOUNDS", 300), ("CLOUDS", 64)):
        monkeypatch.setattr(scenes_senses, name, small)
    model, info = scenes_senses.train(0, steps={"sound": 12, "points": 1})
    assert info["steps"] == 13 and not model.training
    struck = scenes_senses.sounds(100, split="val")
    with torch.no_grad():
        right = (model.hear(struck.mel).argmax(dim=1) == struck.shape_id).float().mean()
    assert right > 0.3  # chance is 0.125


def test_a_centres_shape_is_that_of_its_own_point() -> None:
    touched = scenes_senses.clouds(20, split="val")
    got = scenes_senses.at_centres(touched.points, touched.shape_id)
    assert got.shape == (20, scenes_senses.CENTRES)
    assert torch.equal(got[:, 0], touched.shape_id[:, 0])  # the first centre is point 0


def test_lessons_ask_each_sense_about_its_own_scenes() -> None:
    for sense in scenes_x_instructblip.SENSES:
        its = scenes_x_instructblip.material(sense, 80)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scenes_x_instructblip, "EXAMPLES", 80)
            patch.setattr(scenes_x_instructblip, "material", lambda *_args, its=its: its)
            (tokens, ids, asked), target = next(scenes_x_instructblip.lessons(sense, 0))
        assert tokens.shape[0] == ids.shape[0] == asked.shape[0] == 64
        assert bool(((target != IGNORE).sum(dim=1) == 1).all())
        question = its.questions
        texts = {q.text: q for q in question}
        for row in range(8):
            text = words().decode(asked[row].tolist()).strip()
            assert text in texts
            answers = {q.answer for q in question if q.text == text}
            assert words().decode([int(target[row].max())]).strip() in answers


def test_shares_are_means_over_kinds_and_can_be_0() -> None:
    its = scenes_x_instructblip.material("sound", 40, split="val")
    answer_of = {(q.scene, q.text): q.answer for q in its.questions}
    scene = iter([q.scene for q in its.questions])
    share = scenes_x_instructblip.share
    given = {"sound": its}
    assert share(lambda _, asked: [answer_of[next(scene), a] for a in asked], given, its.questions) == 1
    assert share(lambda _, asked: ["sand"] * len(asked), given, its.questions) == 0


@pytest.mark.skipif("scenes_x_instructblip" not in zoo.names(), reason="no weights yet")
def test_the_shipped_one_needs_its_sense() -> None:
    model = zoo.load("scenes_x_instructblip")
    answers = scenes_x_instructblip.answerer(model)  # type: ignore[arg-type]
    its = scenes_x_instructblip.material("sound", 80, split="val")
    swapped = its._replace(tokens=its.tokens.roll(1, 0))
    right = scenes_x_instructblip.share(answers, {"sound": its}, its.questions)
    assert right > scenes_x_instructblip.share(answers, {"sound": swapped}, its.questions) + 0.1
