"""What `scenes_lm` reads and how it answers: answers weigh more, padding nothing, easy documents first."""

import itertools

import pytest
import torch

from lecture_utils.data.toyworld.language.prompts import short, tokens
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.recipes import scenes_baselines, scenes_lm
from tests.parity import liven

pytestmark = pytest.mark.system("S14.2")

TOKENIZER = tokens()


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(scenes_lm, "PORTION", 40)
    monkeypatch.setattr(scenes_lm, "EASY", 1)


def test_answers_weigh_more_and_padding_nothing(brief):
    ids, (after, weight) = next(scenes_lm.batches(0, TOKENIZER))
    assert torch.equal(ids[:, 1:], after[:, :-1])
    assert bool(((weight == 0) == (after == TOKENIZER.pad)).all())
    assert set(weight.unique().tolist()) <= {0.0, 1.0, scenes_lm.ANSWERS_WEIGH}
    colon, answer = TOKENIZER.encode(" answer :")[1], TOKENIZER.encode(" answer :")[0]
    heads = (ids[:, :-1] == answer) & (ids[:, 1:] == colon)  # what comes after is an answer
    assert bool(heads.any())
    assert bool((weight[:, 1:][heads] == scenes_lm.ANSWERS_WEIGH).all())
    question = after == TOKENIZER.encode(" question :")[0]
    assert bool((weight[question] == 1).all())


def test_documents_about_three_things_come_later(brief):
    lengths = [ids.shape[1] for ids, _ in itertools.islice(scenes_lm.batches(0, TOKENIZER), 4)]
    assert sum(lengths[:2]) < sum(lengths[2:])  # two batches of sixteen to a portion of forty


def test_loss_is_a_weighted_mean():
    lm = scenes_lm.build()
    ids, after = torch.tensor([[5, 6, 7]]), torch.tensor([[6, 7, 8]])
    each = -lm(ids).log_softmax(-1)[0, torch.arange(3), after[0]]
    weight = torch.tensor([[1.0, 5.0, 0.0]])
    torch.testing.assert_close(scenes_lm.loss(lm, ids, (after, weight)), (each[0] + 5 * each[1]) / 6)


def test_replies_are_those_of_each_text_alone():
    torch.manual_seed(0)
    lm = LanguageModel(TOKENIZER.vocabulary, dim=16, heads=2, layers=1, length=40, tokenizer=TOKENIZER).eval()
    liven(lm, torch.randint(250, (2, 9)), torch.randint(250, (2, 9)))
    texts = [short("is it red ?"), short("how many things left of the red ball are there ?"), " a"]
    want = []
    for text in texts:
        ids = torch.tensor([[TOKENIZER.start, *TOKENIZER.encode(text)]])
        want.append(TOKENIZER.decode([int(lm(ids)[0, -1].argmax())]).strip())
    assert scenes_lm.replies(lm, texts, portion=2) == want


def test_openings_are_those_of_the_grammar():
    model = scenes_baselines.Baselines(4)
    for text in ("is the sky clear ?", "are there as many balls as stars ?", "what shape is the red thing ?"):
        assert text.startswith(scenes_baselines.OPENINGS[model.prior.opening(text)])
