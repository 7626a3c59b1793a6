"""Chapter 14: what the prediction questions say is so, where no record of a claim or of weights says it."""

import pytest
import torch
from torch import Tensor

from lecture_utils.chapters.ch14 import asked_solutions, solutions
from lecture_utils.chapters.ch14.tasks.writing import Rule
from lecture_utils.data.toyworld.language.asked import asked
from lecture_utils.data.toyworld.language.prompts import short
from lecture_utils.exercises.questions import questions
from lecture_utils.multimodal.blip2.blip2 import BLIP2
from lecture_utils.multimodal.blip2.instruct_blip import InstructBLIP
from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.flamingo.flamingo import Flamingo
from lecture_utils.multimodal.flamingo.resampler import PerceiverResampler
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.llava.llava import LLaVA
from lecture_utils.recipes import _scenes


def lively(model: torch.nn.Module, by: float = 5) -> None:
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 2:
                p.mul_(by)


def small() -> LanguageModel:
    torch.manual_seed(0)
    lm = LanguageModel(20, dim=16, heads=2, layers=2, length=40)
    lively(lm)
    return lm


IDS = torch.tensor([[1, 2, 3, 4, 5]])


def test_each_question_has_four_options() -> None:
    asked_of = {id: q for id, q in questions().items() if id.startswith("14.")}
    assert len(asked_of) == 20
    assert all(len(question["answers"]) == 4 for question in asked_of.values())


def test_question_1_half_are_to_be_answered_yes_and_a_blind_model_is_right_in_about_half() -> None:
    put = asked(150, split="test", kinds=("is",)).questions
    yes = sum(q.answer == "yes" for q in put) / len(put)
    assert 0.42 < yes < 0.58
    words, lm = _scenes.words(), _scenes.language_model()
    said = [lm(torch.tensor([[words.start, *words.encode(short(q.text))]]))[:, -1] for q in put]
    right = [w == q.answer for w, q in zip(_scenes.next_words(torch.cat(said)), put, strict=True)]
    assert abs(sum(right) / len(right) - 0.5) < 0.12


def test_question_2_what_is_left_of_the_cell() -> None:
    weight = torch.zeros(4, 1)
    bias = torch.tensor([-30.0, float(torch.logit(torch.tensor(0.9))), 0.0, 0.0])
    state = torch.zeros(1, 1), torch.ones(1, 1)
    for _ in range(20):
        state = solutions.lstm_step(torch.zeros(1, 1), state, weight, weight, bias)
    assert state[1].item() == pytest.approx(0.12, abs=0.005)


def test_question_3_the_penalty_is_smallest_where_all_places_get_as_much() -> None:
    def penalty(weights: Tensor) -> float:
        return float((1 - weights.sum(0)).square().sum())

    even = penalty(torch.full((9, 36), 1 / 36))
    four_each = torch.zeros(9, 36)
    for word in range(9):
        four_each[word, 4 * word : 4 * word + 4] = 0.25
    assert even == pytest.approx(penalty(four_each)) == pytest.approx(36 * 0.75**2)
    staring = torch.zeros(9, 36)
    staring[:, 0] = 1
    assert penalty(staring) > even > 0


def test_question_5_how_many_tokens_are_read() -> None:
    with_cache, without = Rule([1] * 60, 7), Rule([1] * 60, 7)
    ids = torch.ones(1, 10, dtype=torch.long)
    solutions.write(with_cache, ids, 50)  # type: ignore[arg-type]
    for _ in range(50):
        ids = torch.cat([ids, without(ids)[:, -1:].argmax(-1)], 1)
    assert (with_cache.read, without.read) == (59, 1725)


def test_question_7_the_latents_are_as_many_for_a_clip() -> None:
    resampler = PerceiverResampler(6, 16, latents=8, heads=2, frames=10)
    assert resampler(torch.randn(1, 36, 6)).shape == resampler(torch.randn(1, 10, 36, 6)).shape == (1, 8, 16)


def test_question_8_with_shut_gates_the_picture_changes_no_digit() -> None:
    lm = small()
    model = Flamingo(lm, PerceiverResampler(6, 16, latents=3, heads=2), heads=2)
    star, ball = torch.randn(2, 1, 1, 5, 6)
    which = torch.ones_like(IDS)
    assert torch.equal(model(IDS, star, which), model(IDS, ball, which))
    assert torch.equal(model(IDS, star, which), lm(IDS))
    model(IDS, star, which).square().sum().backward()
    moved = [p.grad for name, p in model.named_parameters() if name.endswith("alpha")]
    assert all(g is not None and int(g.count_nonzero()) for g in moved), "the gates do learn"


def test_question_9_about_half_is_trained() -> None:
    lm = LanguageModel(100, dim=96, heads=4, layers=4, length=192)
    model = Flamingo(lm, PerceiverResampler(128, 96))
    layer = sum(p.numel() for p in lm.layers[0].parameters())
    new = sum(p.numel() for p in model.gated["0"].parameters())
    assert new == pytest.approx(layer, rel=0.02)
    share = sum(p.numel() for p in model.learned()) / sum(p.numel() for p in model.parameters())
    assert 0.4 < share < 0.7


def test_question_12_a_picture_behind_the_text_is_not_seen() -> None:
    model = LLaVA(small(), 6)
    one, other = torch.randn(2, 1, 4, 6)
    behind = [model(grid, IDS, at=IDS.shape[1])[:, :-1] for grid in (one, other)]
    before = [model(grid, IDS)[:, :-1] for grid in (one, other)]
    torch.testing.assert_close(*behind)
    assert bool(((before[0] - before[1]).abs() > 0.01).any())


def test_questions_13_and_14_queries_see_words_in_matching_alone_and_then_they_can_copy() -> None:
    sees = {
        kind: bool(asked_solutions.qformer_mask(kind, 2, 3)[:2, 2:].any())
        for kind in ("contrast", "matching", "generation")
    }
    assert sees == {"contrast": False, "matching": True, "generation": False}


def test_question_15_blind_queries_do_not_know_the_question_and_those_of_instructblip_do() -> None:
    torch.manual_seed(0)
    qformer = QFormer(20, dim=16, features=6, heads=2, layers=2, queries=3, length=8)
    lively(qformer)
    features, instructions = torch.randn(1, 5, 6), torch.tensor([[[1, 2, 3]], [[4, 5, 6]]])
    blind, told = BLIP2(small(), qformer), InstructBLIP(small(), qformer)
    assert blind.soft_prompt(features).shape == (1, 3, 16)
    one, other = (told.soft_prompt(features, ids) for ids in instructions)
    assert bool(((one - other).abs() > 0.01).any())
