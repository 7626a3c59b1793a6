"""Chapter 13's lab: the towers learn, the faults show as they should, and the reading is what figures say."""

import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch13 import lab_debug, lab_interpret, lab_towers
from lecture_utils.chapters.ch13.lab import LAB
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.multimodal.clip.loss import clip_loss

STEP_1, STEP_2, STEP_3 = LAB.steps


def test_the_lab_is_the_chapters() -> None:
    assert labs("13") == [LAB]
    assert 30 <= LAB.minutes <= 40


# --- step 1 ----------------------------------------------------------------------------------------
def test_a_batch_is_overfitted_and_both_encoders_get_gradients() -> None:
    towers = lab_towers.TwoTowers(*lab_towers.encoders(0))
    images, ids = next(lab_towers.batches(0, 1))
    different = ids.unique(dim=0, return_inverse=True)[1]
    rows = torch.tensor([(different == k).nonzero()[0, 0] for k in different.unique()])[:12]
    images, ids = images[rows], ids[rows]
    losses = [towers.step(images, ids) for _ in range(60)]
    assert losses[-1] < 0.2 * losses[0]
    for part in (towers.image_encoder, towers.text_encoder, towers.image_projection, towers.text_projection):
        assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in part.parameters())
    assert float(towers.log_scale.exp()) <= 100 + 1e-3


def test_two_towers_learn_colours_in_the_open() -> None:
    """What the notebook trains, cut to a third: more than twice as often right as by chance, an eighth."""
    towers = lab_towers.TwoTowers(*lab_towers.encoders(0))
    for images, ids in lab_towers.batches(0, 70):
        towers.step(images, ids)
    its = captioned(300, seed=5, split="test")
    found = towers.classify(its.image, lab_towers.sentences())
    assert float((found == its.colour_id).double().mean()) > 2 / 8


def test_towers_written_in_another_way_are_accepted() -> None:
    class Mine:
        def __init__(self, see: nn.Module, read: nn.Module, left: nn.Module, right: nn.Module) -> None:
            self.see, self.read, self.left, self.right = see, read, left, right
            self.log_scale = torch.tensor(1 / 0.07).log().requires_grad_()
            everything = itertools.chain(*(part.parameters() for part in (see, read, left, right)))
            groups: Any = [{"params": [self.log_scale]}, {"params": everything}]
            self.adam = torch.optim.Adam(groups, lr=3e-3)

        def embed_images(self, images: Tensor) -> Tensor:
            made = self.left(self.see(images))
            return made / made.norm(dim=1, keepdim=True)

        def embed_texts(self, ids: Tensor) -> Tensor:
            return F.normalize(self.right(self.read(ids)))

        def step(self, images: Tensor, ids: Tensor) -> Any:
            self.adam.zero_grad()
            loss = clip_loss(self.embed_images(images), self.embed_texts(ids), self.log_scale)
            loss.backward()
            self.adam.step()
            self.log_scale.data = self.log_scale.data.clamp(max=torch.tensor(100.0).log())
            return loss.detach()

        def classify(self, images: Tensor, sentences: Tensor) -> Tensor:
            classes = torch.stack([self.embed_texts(own).mean(0) for own in sentences])
            return (self.embed_images(images) @ F.normalize(classes).T).max(1).indices

    found = examine(STEP_1, Mine)
    assert found.state == "right", found


# --- step 2 ----------------------------------------------------------------------------------------
def unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1)


def test_each_fault_has_the_symptom_that_the_hints_speak_of() -> None:
    both, right = (lab_debug.symptoms(f) for f in (lab_debug.class_scores_faulty, lab_debug.class_scores))
    assert both.by_folder < 0.25 < 0.9 < both.shuffled, "chance by folder, and well once shuffled"
    assert both.largest > 1 >= right.largest, "no cosine"
    assert right.by_folder > 0.98 and right.shuffled > 0.98
    short = lab_debug.symptoms(lambda images, texts: unit(images) @ unit(texts).mean(1).T)
    assert short.same_sentences > 0.98 > 0.9 > short.mixed_sentences, "rarely answered: their mean is short"
    lengths = unit(lab_debug.folders().texts).mean(1).norm(dim=1)
    assert float(lengths[::2].min()) > 0.9 > 0.8 > float(lengths[1::2].max())


def test_the_colleagues_sentences_name_their_class_and_no_other() -> None:
    for k, name in enumerate(CLASSES):
        assert len(lab_debug.told(k)) == 6
        assert all([word for word in s.split() if word in CLASSES] == [name] for s in lab_debug.told(k))


# --- step 3 ----------------------------------------------------------------------------------------
def test_the_reading_is_what_the_figures_say() -> None:
    table = lab_interpret.matrix()
    assert len(table.missed) > 10, "there is something to read"
    assert not any("class" in false or "colour" in false for false in table.false), "nothing is mixed up"
    true = sum(not false for false in table.false)
    assert true > 0.75 * len(table.missed), "the captions found are true as well"
    texts = [table.its.text[i] for i in table.order.tolist()]
    assert all(texts[row] != texts[column] for row, column in table.missed), "not ties of equal texts"


def test_each_reason_is_true() -> None:
    table = lab_interpret.matrix()
    its, order = table.its, table.order
    same = its.class_id[order][:, None] == its.class_id[order]
    away = ~torch.eye(lab_interpret.COUNT, dtype=torch.bool)
    assert table.cosine[same & away].mean() > table.cosine[~same].mean() + 0.1, "blocks"
    own = table.cosine.diagonal()[:, None]
    rank = (table.cosine > own).sum(1)
    assert int((rank < 5).sum()) > int((rank < 1).sum()), "five find more than one"
    assert torch.equal((20 * table.cosine).argmax(1), table.cosine.argmax(1)), "a scale changes no order"


def test_a_caption_is_false_where_it_says_what_is_not_there() -> None:
    its = captioned(40, seed=2)
    assert all(lab_interpret.false_words(text, its, i) == [] for i, text in enumerate(its.text))
    other = CLASSES[(int(its.class_id[0]) + 1) % 8]
    assert lab_interpret.false_words(f"this is a {other}", its, 0) == ["class"]


@pytest.mark.parametrize("choice", [("E", "1"), ("B",), "B"])
def test_what_is_no_choice_is_told_so(choice: Any) -> None:
    found = examine(STEP_3, choice)
    assert found.reason == "answer" and known_mistake(STEP_3, choice, found) is None


@pytest.mark.parametrize("choice", [("b", 1), ["B", "1"]])
def test_small_letters_and_lists_will_do(choice: Any) -> None:
    assert examine(STEP_3, choice).state == "right"
