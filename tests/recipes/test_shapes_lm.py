"""The recipe of the captions' language model: its text, its tokenizer, and the grammar that bounds it."""

import itertools
import math

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.language.grammar import caption_entropy, caption_probabilities
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from lecture_utils.multimodal.decoding import generate
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.recipes import shapes_lm

pytestmark = pytest.mark.system("S14.2")


def test_it_reads_what_stands_under_pictures_without_rendering_them():
    want = captioned(50, seed=3)
    assert tuple(shapes_lm.captions(50, 3)) == want.text
    tokenizer = Tokenizer.train(captioned(400, seed=0).text, 50)
    assert torch.equal(tokenizer.merges, Tokenizer.train(shapes_lm.captions(400, 0), 50).merges)


def test_held_out_pairs_are_never_read():
    tokenizer = shapes_lm.build().tokenizer
    pairs = {f"{COLOURS[colour]} {CLASSES[name]}" for name, colour in HELD_OUT}
    for ids, target in itertools.islice(shapes_lm.batches(0, tokenizer), 40):
        assert torch.equal(ids[:, 1:], target[:, :-1])
        assert not any(pair in tokenizer.decode(row) for row in ids for pair in pairs)


def test_a_few_steps_come_nearer_to_the_entropy_and_stay_above_it(monkeypatch):
    monkeypatch.setattr(shapes_lm, "PORTION", 1280)
    model, info = shapes_lm.train(0, steps=10)
    after = shapes_lm.against_grammar(model)
    assert info["steps"] == 10
    assert after["entropy"] < after["nats"] < 0.9 * math.log(model.vocabulary) * after["tokens"]


def test_shipped_weights_are_close_to_the_entropy_from_above():
    """No model can be below; within a tenth of a nat a caption is 1.2 % of perplexity."""
    model = zoo.load("shapes_lm")
    seen, held_out = (shapes_lm.against_grammar(model, held_out=flag) for flag in (False, True))
    assert seen["entropy"] == pytest.approx(caption_entropy())
    assert 0 < seen["excess"] < 0.1
    assert held_out["excess"] > 1  # what never stood together is a surprise


@pytest.mark.parametrize("seed", [0, 1])
def test_shipped_weights_write_captions_of_the_grammar(seed):
    """One in a hundred sampled captions may be none: at temperature 1 rare slips are drawn, too."""
    model = zoo.load("shapes_lm")
    tokenizer = model.tokenizer
    start = torch.full((400, 1), tokenizer.start)
    chance = torch.Generator().manual_seed(seed)
    ids = generate(model, start, 14, end=tokenizer.end, generator=chance)
    known = caption_probabilities() | caption_probabilities(held_out=True)
    wrong = [text for row in ids if (text := tokenizer.decode(row)) not in known]
    assert len(wrong) <= 12, wrong
