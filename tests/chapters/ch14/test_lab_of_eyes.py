"""Chapter 14's lab: the eyes learn, the faults show as they should, and the reading is what figures say."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.chapters.ch14 import lab_debug, lab_eyes, lab_interpret
from lecture_utils.chapters.ch14.lab import LAB
from lecture_utils.exercises.checker import labs
from lecture_utils.exercises.examine import examine
from lecture_utils.exercises.hints import known_mistake
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.recipes import _scenes

STEP_1, STEP_2, STEP_3 = LAB.steps


def test_the_lab_is_the_chapters() -> None:
    assert labs("14") == [LAB]
    assert 30 <= LAB.minutes <= 40


# --- step 1 ----------------------------------------------------------------------------------------
def small_world() -> tuple[Any, tuple[Tensor, Tensor, Tensor], LanguageModel]:
    """Random eyes for a random language model, and one batch whose answers hang on the picture."""
    torch.manual_seed(0)
    lm = LanguageModel(20, dim=16, heads=2, layers=2, length=30)
    with torch.no_grad():
        for p in lm.parameters():
            p.mul_(6)
    eyes = lab_eyes.Sighted(lm, nn.Linear(5, 16), nn.Parameter(torch.randn(3, 16)))
    eyes.optimizer.param_groups[0]["lr"] = 0.05
    ids = torch.randint(1, 20, (1, 6)).repeat(4, 1)
    ids[:, 5] = torch.tensor([3, 7, 11, 15])  # one question, four pictures, four answers
    answer = torch.zeros(4, 6, dtype=torch.bool)
    answer[:, 5] = True
    return eyes, (torch.randn(4, 3, 5), ids, answer), lm


def test_a_batch_is_overfitted_and_the_language_model_is_as_it_was() -> None:
    eyes, batch, lm = small_world()
    before = [p.clone() for p in lm.parameters()]
    losses = [eyes.step(*batch) for _ in range(60)]
    assert losses[-1] < 0.1 * losses[0]
    assert all(torch.equal(a, b) for a, b in zip(before, lm.parameters(), strict=True))
    assert all(p.grad is not None and bool((p.grad != 0).any()) for p in eyes.projection.parameters())
    grid, ids, _ = batch
    said = eyes.answer(grid, F.pad(ids[:, :5], (0, 3)), torch.full((4,), 5))
    assert said.tolist() == [3, 7, 11, 15], "the answer is read behind the prompt, not behind the filling"


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [0, 3])
def test_what_the_notebook_trains_reaches_the_bar_and_needs_its_pictures(seed: int) -> None:
    eyes, val = lab_eyes.Sighted(*lab_eyes.parts(seed)), lab_eyes.exam()
    for batch in lab_eyes.batches(seed, lab_eyes.STEPS):
        eyes.step(*batch)
    blind = lab_eyes.accuracy(lab_eyes.Blind(eyes.lm), val)
    assert lab_eyes.accuracy(eyes, val) > lab_eyes.BAR > blind + 0.05
    assert lab_eyes.accuracy(eyes, val, exchanged=True) < blind + 0.05
    table = lab_interpret.kinds(eyes, eyes.lm, lab_eyes.exam("test"))
    check_reading(table)


def test_the_batches_mark_the_answer_and_nothing_else() -> None:
    grid, ids, answer = next(lab_eyes.batches(0, 1, 8, scenes=40))
    words = _scenes.words()
    assert grid.shape[0] == 8 and grid.shape[1:] == (36, _scenes.eye().dim)
    assert bool((answer.sum(1) == 1).all())
    before = ids[:, :-1][answer[:, 1:]]  # the token in front of each answer
    assert bool((before == words.encode(" answer :")[-1]).all())
    after = torch.cat([answer[:, :1] & False, answer[:, :-1]], 1)
    assert bool((ids[after] == words.pad).all()), "behind the answer comes filling"


def test_eyes_written_in_another_way_are_accepted() -> None:
    class Mine:
        def __init__(self, lm: LanguageModel, look: nn.Module, where: nn.Parameter) -> None:
            self.model, self.look, self.where = lm, look, where
            for p in lm.parameters():
                p.requires_grad = False
            groups: Any = [{"params": [where]}, {"params": look.parameters()}]
            self.adam = torch.optim.Adam(groups, lr=1e-2)

        def forward(self, grid: Tensor, ids: Tensor) -> Tensor:
            words = self.model.token(ids)
            picture = self.look(grid) + self.where[None]
            x = torch.cat((words[:, 0:1], picture, words[:, 1:]), dim=1)
            return self.model.from_embeddings(x)[:, picture.shape[1] :]  # row k: after word k

        def step(self, grid: Tensor, ids: Tensor, answer: Tensor) -> Any:
            self.adam.zero_grad()
            rows, place = answer.nonzero(as_tuple=True)
            loss = F.cross_entropy(self.forward(grid, ids)[rows, place - 1], ids[rows, place])
            loss.backward()
            self.adam.step()
            return loss.detach()

        def answer(self, grid: Tensor, ids: Tensor, length: Tensor) -> Tensor:
            rows = [
                self.forward(g[None], one[None, :n])[0, -1].argmax()
                for g, one, n in zip(grid, ids, length.tolist(), strict=True)
            ]
            return torch.stack(rows)

    found = examine(STEP_1, Mine)
    assert found.state == "right", found


# --- step 2 ----------------------------------------------------------------------------------------
def shared_out(lm: Any, image: Tensor, ids: Tensor, length: Tensor) -> Tensor:
    """The first fault mended, the second one kept."""
    return lab_debug.next_words_faulty(lm, image.repeat_interleave(len(ids) // len(image), 0), ids, length)


def test_each_fault_has_the_symptom_that_the_hints_speak_of() -> None:
    """On a model that reads its picture by heart: a random one, and the answers that it gives itself."""
    eyes, _, lm = small_world()
    pictures, each = 12, 3
    image = (eyes.projection(torch.randn(pictures, 3, 5)) + eyes.places).detach() * 3
    length = torch.tensor([4, 6, 5]).repeat(pictures)
    ids = torch.randint(1, 20, (pictures * each, 6)).masked_fill(torch.arange(6) >= length[:, None], 0)
    right = lab_debug.next_words(lm, image, ids, length).argmax(-1)
    its = lab_debug.Questions(torch.zeros(pictures, 3, 5), ids, length, right)
    mended, both, one = (
        lab_debug.symptoms(f, lm, image, its)
        for f in (lab_debug.next_words, lab_debug.next_words_faulty, shared_out)
    )
    assert mended.alone == mended.by_picture == mended.together == 1 > mended.exchanged + 0.3
    assert both.alone == 1, "asked alone, both faults sleep"
    assert 1 / 3 <= both.by_picture < 0.8, "of the questions about one picture the longest is read right"
    assert both.together < 0.5 and abs(both.together - both.exchanged) < 0.25, "it looks blind"
    assert one.alone == 1 and 1 / 3 <= one.together < 0.8, "with the pictures in order, filling is left"


def test_the_questions_come_picture_by_picture() -> None:
    val = lab_eyes.talks(24, "val", 4)
    its = lab_debug.questions(6, val)
    assert len(its.grid) == 6 and len(its.ids) == len(its.right) == 24
    for picture in range(6):
        number = int((val.grid == its.grid[picture]).flatten(1).all(1).nonzero()[0, 0])
        own = slice(4 * picture, 4 * picture + 4)
        assert torch.equal(its.ids[own], val.ids[val.scene == number])


# --- step 3 ----------------------------------------------------------------------------------------
def check_reading(table: dict[str, lab_interpret.Kind]) -> None:
    """Each reason is true, and the right one would not be if the picture had the same part in both kinds."""
    what, count = table["what"], table["count"]
    assert 0.65 < count.seeing < 0.85, "1: about three in four"
    assert abs(sum(kind.blind for kind in table.values()) / len(table) - 0.5) < 0.08, "2: about half"
    assert count.seeing - count.blind < 0.08 < 0.2 < what.seeing - what.blind, "3, and so is the reading"
    assert sum(kind.seeing > kind.exchanged for kind in table.values()) > 3, "4: in most kinds"


@pytest.mark.parametrize("choice", [("E", "1"), ("B",), "B"])
def test_what_is_no_choice_is_told_so(choice: Any) -> None:
    found = examine(STEP_3, choice)
    assert found.reason == "answer" and known_mistake(STEP_3, choice, found) is None


@pytest.mark.parametrize("choice", [("b", 3), ["B", "3"]])
def test_small_letters_and_lists_will_do(choice: Any) -> None:
    assert examine(STEP_3, choice).state == "right"


def test_readings_and_reasons_are_the_choices() -> None:
    assert STEP_3.choices == (tuple(lab_interpret.READINGS), tuple(lab_interpret.REASONS))
