"""The recipes of BLIP-2: whose text is whose, what is an instruction, whether the judges can judge."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from lecture_utils.data.toyworld.language.asked import asked_scenes, described
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.recipes import _blip, scenes_qformer
from lecture_utils.recipes._scenes import IGNORE, Portion, spoken, words

pytestmark = pytest.mark.system("S14.5")

COUNT = 40


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forty scenes, of which nobody has seen the pictures; row i of a grid holds the number i."""
    facts = tuple(asked_scenes(COUNT, seed=5)[1])
    grid = torch.arange(float(COUNT)).half().view(-1, 1, 1).expand(-1, 36, 128)
    monkeypatch.setattr(_blip, "training", lambda count=COUNT: Portion(grid, facts, ()))
    _blip.descriptions.cache_clear()
    yield
    _blip.descriptions.cache_clear()


def untrained(kind: type[BLIP2] = BLIP2) -> BLIP2:
    torch.manual_seed(0)
    lm = LanguageModel(words().vocabulary, dim=16, heads=2, layers=1, length=96, tokenizer=words())
    return kind(lm, _blip.build_qformer(2, layers=1)).eval()


def test_each_picture_comes_with_its_description_and_none_is_described_twice_in_a_batch() -> None:
    facts = _blip.training().facts
    for seen, text in itertools.islice(_blip.pairs(_blip.training().grid, _blip.descriptions(), 0, 8), 6):
        numbers = seen[:, 0, 0].long().tolist()
        told = _blip.written(text)
        assert told == [described(facts[i]) for i in numbers]
        assert len(set(told)) == 8
        assert bool((text[:, 0] == words().start).all()) and bool((text[:, -1] != words().pad).any())


def test_the_first_of_each_number() -> None:
    assert _blip.first_of_each(torch.tensor([3, 3, 1, 3, 0, 1])).tolist() == [0, 2, 4]


def test_the_instruction_is_the_question_without_its_answer() -> None:
    questions = ["is the ball red ?", "how many things are there ?"]
    ids, target = spoken([short(q) for q in questions], [" yes", " 2"])
    told = _blip.asked(ids, target)
    assert _blip.written(told) == [short(q).strip() for q in questions]
    longer, after = spoken([short(questions[0])], [" the ball is red ."], end=True)
    assert torch.equal(_blip.asked(longer, after), told[:1, : int((told[0] != words().pad).sum())])


def test_every_fourth_lesson_is_a_description_and_its_instruction_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids, target = spoken([short("is the ball red ?")] * 8, [" yes"] * 8)
    grid = torch.zeros(8, 36, 128)
    monkeypatch.setattr(_blip, "lessons", lambda *a, **k: itertools.repeat((grid, ids, target)))
    drawn = list(itertools.islice(_blip.told(0, 8, scenes=COUNT), 8))
    sizes = [len(lesson.ids) for lesson, _ in drawn]
    assert sizes == [8, 8, 8, 4] * 2
    lesson, after = drawn[3]
    facts = _blip.training().facts
    numbers = lesson.grid[:, 0, 0].long().tolist()
    assert torch.equal(lesson.question, torch.full((4, 1), words().start))
    for row, wanted, i in zip(lesson.ids, after, numbers, strict=True):
        assert words().decode(wanted[wanted != IGNORE]).strip() == described(facts[i])
        assert torch.equal(row[1:], torch.where(wanted == IGNORE, words().pad, wanted)[:-1])
        assert int(wanted[wanted != IGNORE][-1]) == words().end
    assert all(len(lesson.ids) == 8 for lesson, _ in itertools.islice(_blip.told(0, 8, every=0), 8))


def test_only_what_reads_the_instruction_is_misled_by_another() -> None:
    grid = torch.randn(3, 36, 128, generator=torch.Generator().manual_seed(0))
    own, other = ["is the ball red ?"] * 3, ["how many things are there ?"] * 3
    for kind, same in ((BLIP2, True), (InstructBLIP, False)):
        model = untrained(kind)
        with torch.no_grad():
            model.projection.weight.mul_(30)
        said: list[Tensor] = []
        model.projection.register_forward_hook(lambda _, ins, out, said=said: said.append(out))
        _blip.answered(model, grid, own, own)
        _blip.answered(model, grid, own, other)
        assert torch.allclose(said[0], said[1]) is same


def test_an_answer_is_the_word_after_the_prompt_whatever_the_others_length() -> None:
    model, grid = untrained(), torch.randn(2, 36, 128)
    questions = ["is the ball red ?", "how many things are there left of the red star ?"]
    together = _blip.answerer(model)(grid, questions)
    alone = [_blip.answerer(model)(grid[i : i + 1], questions[i : i + 1])[0] for i in range(2)]
    assert together == alone


def test_descriptions_end_where_they_end() -> None:
    tokenizer = words()
    ids = torch.tensor([[*tokenizer.encode(" a red ball"), tokenizer.end, tokenizer.end]])
    assert _blip.written(ids) == ["a red ball"] and _blip.written(ids[:, :2]) == ["a red"]
    told = _blip.description(untrained(), torch.randn(2, 36, 128), steps=3)
    assert len(told) == 2


def test_truth_counts_statements_and_takes_no_nonsense() -> None:
    facts = _blip.training().facts
    right = [described(scene) for scene in facts]
    assert scenes_qformer.truth(right, list(facts)) == 1.0
    wrong = [f"{text} the ground is lava ." for text in right]
    statements = sum(text.count(" .") for text in right)
    assert scenes_qformer.truth(wrong, list(facts)) == pytest.approx(statements / (statements + COUNT))
    assert scenes_qformer.truth(["", "red red"], list(facts[:2])) == 0.0
    shifted = scenes_qformer.truth(right[1:] + right[:1], list(facts))
    assert (
        0.1 < shifted < 0.7
    )  # others' descriptions: much is wrong, the ground and the sky are right at times


def test_matching_is_judged_on_own_texts_and_wrong_ones() -> None:
    text = _blip.descriptions()[:8]
    model = scenes_qformer.build().eval()
    grid = torch.arange(8.0).view(-1, 1, 1).expand(-1, 36, 128)
    answers = {
        "knows": lambda seen, told: torch.stack(
            [torch.tensor([0.0, 1.0]) if torch.equal(t, text[int(s[0, 0])]) else torch.tensor([1.0, 0.0])
             for s, t in zip(seen, told, strict=True)]
        ),
        "yes": lambda seen, told: torch.tensor([[0.0, 1.0]]).expand(len(seen), -1),
    }  # fmt: skip
    for name, want in (("knows", 1.0), ("yes", 0.5)):
        model.match = answers[name]  # type: ignore[method-assign]
        found = scenes_qformer.matched(model, grid, text, torch.zeros(8, 8))
        assert found == {"matching_hard": want, "matching_anyhow": want}


def test_training_in_the_open_uses_the_mask_and_the_contrast_that_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lecture_utils.multimodal.blip2.masks import qformer_mask
    from lecture_utils.multimodal.blip2.stage1 import image_text_contrast

    facts = list(_blip.training().facts)
    monkeypatch.setattr(scenes_qformer, "drawn", lambda *a, **k: (torch.randn(COUNT, 36, 128), facts))
    asked: list[str] = []

    def mask(kind: str, queries: int, text: int) -> Tensor:
        asked.append(kind)
        return qformer_mask(kind, queries, text)

    def contrast(queries: Tensor, text: Tensor, scale: Tensor) -> Tensor:
        asked.append("ITC")
        return image_text_contrast(queries, text, scale)

    model, losses = scenes_qformer.in_the_open(mask=mask, contrast=contrast, steps=1, batch=4)
    assert {"matching", "generation", "contrast", "ITC"} <= set(asked)
    assert set(losses) == {"contrast", "matching", "generation"} and len(losses["matching"]) == 1
    assert not model.training
