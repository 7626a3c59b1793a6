"""Pairs of words, noise, and frequent words passed over: against loops and the papers' formulas."""

import math
import random

import numpy as np
import pytest
import torch

from lecture_utils.data.toyworld.language.stories import stories
from lecture_utils.multimodal import ppmi, word2vec, word_pairs
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.2")

NAME = "lecture_utils.multimodal.word_pairs"
IDS = torch.tensor([[0, 1, 2, 0, 3], [4, 0, -1, -1, -1], [2, -1, -1, -1, -1], [3, 3, 1, 2, -1]])


def test_words_are_numbered_by_how_often_they_occur():
    words, ids, counts = word_pairs.index_words(["a red ball", "a ball", "", "a ring"])
    assert words == ["a", "ball", "red", "ring"] and counts.tolist() == [3, 2, 1, 1]
    assert ids.tolist() == [[0, 2, 1], [0, 1, -1], [-1, -1, -1], [0, 3, -1]]
    for bad, why in [("a ball", "got str"), ([], "no word"), ([""], "no word"), ([3], "got int")]:
        with pytest.raises(ValueError, match=why):
            word_pairs.index_words(bad)


# Pairs of a window


def assert_pairs_of_a_loop(module):
    """For every word, those up to two (or one, three, nine) places away in its own sentence."""
    for window in (1, 2, 3, 9):
        want = []
        for row in IDS.tolist():
            sentence = [word for word in row if word >= 0]
            for i, centre in enumerate(sentence):
                around = sentence[max(i - window, 0) : i] + sentence[i + 1 : i + 1 + window]
                want += [(centre, context) for context in around]
        assert sorted(map(tuple, module.window_pairs(IDS, window).tolist())) == sorted(want)


def test_pairs_are_those_of_a_loop():
    assert_pairs_of_a_loop(word_pairs)
    assert word_pairs.window_pairs(torch.tensor([[5]])).shape == (0, 2)
    inside = word_pairs.window_pairs(torch.arange(9)[None])
    assert (inside[:, 0] == 4).sum() == 4  # a window of five words


# Frequent words and noise


def test_probabilities_are_those_of_the_paper():
    counts = torch.tensor([90.0, 9.0, 1.0])
    want = [math.sqrt(0.1 / 0.9), 1, 1]
    torch.testing.assert_close(word_pairs.keep_probability(counts, 0.1), torch.tensor(want))
    weights = np.array([90, 9, 1]) ** 0.75
    np.testing.assert_allclose(word_pairs.noise_distribution(counts), weights / weights.sum(), rtol=1e-6)
    torch.testing.assert_close(word_pairs.noise_distribution(counts, 0.0), torch.full((3,), 1 / 3))


def test_words_are_left_out_and_the_gaps_closed():
    every, none = torch.ones(5), torch.zeros(5)
    assert torch.equal(word_pairs.subsample(IDS, every), IDS)
    assert (word_pairs.subsample(IDS, none) == -1).all()
    without = torch.tensor([0.0, 1, 1, 1, 1])
    want = [[1, 2, 3, -1, -1], [4, -1, -1, -1, -1], [2, -1, -1, -1, -1], [3, 3, 1, 2, -1]]
    assert word_pairs.subsample(IDS, without).tolist() == want
    long = torch.zeros(100, 100, dtype=torch.long)
    left = word_pairs.subsample(long, torch.tensor([0.3]), torch.Generator().manual_seed(0))
    assert abs((left == 0).float().mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / 1e4)


def mean_gradient(module, K=3, rounds=100):
    """How far, in standard errors, the mean gradient is from 0 where theory says that the loss is least.

    With vectors of V numbers any table of scores can be had, and the least loss is at
    log(#(w, c) / (#(w) P(c))) - log K, P being the noise (Levy and Goldberg 2014, section 3.1).
    """
    rng = random.Random(0)
    texts = [" ".join(rng.choices("abcdef", [6, 5, 4, 3, 2, 2], k=rng.randint(4, 9))) for _ in range(150)]
    _, ids, counts = module.index_words(texts)
    pairs = ppmi.cooccurrence(word_pairs.window_pairs(ids), 6)
    noise = (counts**0.75 / (counts**0.75).sum()).double()
    assert bool((pairs > 4).all())
    model = word2vec.SkipGram(6, 6).double()
    with torch.no_grad():
        model.context.copy_(torch.eye(6))
        model.centre.copy_((pairs.double() / pairs.sum(1, keepdim=True) / noise).log() - math.log(K))
    whole = {"batch_size": 10**6, "negatives": K, "threshold": 1e9}
    batches = module.skip_gram_batches(ids, counts, **whole)
    found = []
    for _ in range(rounds):
        model.zero_grad()
        word2vec.negative_sampling_loss(model, *next(batches)).backward()
        found.append(model.centre.grad.clone())
    found = torch.stack(found)  # (rounds, V, V)
    return float((found.mean(0) / (found.std(0) / math.sqrt(rounds))).abs().max())


def test_the_best_scores_are_the_mutual_information_less_log_k():
    assert mean_gradient(word_pairs) < 5


SAMPLING = [
    ("power: float = 0.75", "power: float = 1.0"),
    ("power: float = 0.75", "power: float = 0.0"),
    ("torch.cat([true[:, None], drawn", "torch.cat([centre[:, None], drawn"),
]
PAIRS = [
    ("pairs += [both, both.flip(1)]", "pairs += [both]"),
    ("min(window, ids.shape[1] - 1) + 1", "min(window, ids.shape[1] - 1)"),
    ("(found != NO_WORD).all(dim=1)", "(found != NO_WORD).any(dim=1)"),
    ("[ids[:, :-step], ids[:, step:]]", "[ids[:, :-step], ids[:, :-step]]"),
]


@pytest.mark.parametrize("fault", PAIRS)
def test_planted_faults_in_the_pairs_are_seen(fault):
    with pytest.raises(AssertionError):
        assert_pairs_of_a_loop(planted(NAME, fault))


@pytest.mark.parametrize("fault", SAMPLING)
def test_planted_faults_in_the_sampling_are_seen(fault):
    assert mean_gradient(planted(NAME, fault)) > 10


def test_batches_go_round_the_corpus_with_noise_beside_each_pair():
    _, ids, counts = word_pairs.index_words(stories(300))
    total = len(word_pairs.window_pairs(ids))
    batches = word_pairs.skip_gram_batches(ids, counts, batch_size=64, threshold=1e9)
    once = [next(batches) for _ in range(math.ceil(total / 64))]
    assert once[0][0].shape == (64,) and once[0][1].shape == (64, 6)
    pairs = torch.cat([torch.stack([centre, context[:, 0]], 1) for centre, context in once])
    assert sorted(pairs.tolist()) == sorted(word_pairs.window_pairs(ids).tolist())
    again = next(word_pairs.skip_gram_batches(ids, counts, batch_size=64, threshold=1e9))
    assert torch.equal(again[1], once[0][1])
    other = next(word_pairs.skip_gram_batches(ids, counts, batch_size=64, threshold=1e9, seed=1))
    assert not torch.equal(other[0], once[0][0])
    with pytest.raises(ValueError, match="no sentence with two words"):
        next(word_pairs.skip_gram_batches(torch.tensor([[0], [1]]), torch.ones(2)))
