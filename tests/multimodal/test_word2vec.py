"""Skip-gram: loss and gradient against loops, and what it learns from stories."""

import math
import random

import numpy as np
import pytest
import torch

from lecture_utils.data.toyworld.language.stories import analogies, groups, stories
from lecture_utils.data.toyworld.language.story_words import WORK
from lecture_utils.multimodal import word2vec, word_pairs, word_vectors
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.2")

NAME = "lecture_utils.multimodal.word2vec"


# The loss and its gradient


def loss_and_gradients_by_loop(centre_matrix, context_matrix, centre, context):
    """Equation 4 pair by pair, and its derivative: (σ(score) - 1 if true, σ(score) if noise) · vector."""
    v, u = centre_matrix.numpy(), context_matrix.numpy()
    loss, dv, du = 0.0, np.zeros_like(v), np.zeros_like(u)
    for c, others in zip(centre.tolist(), context.tolist(), strict=True):
        for place, o in enumerate(others):
            sigma = 1 / (1 + math.exp(-sum(v[c] * u[o])))
            loss -= math.log(sigma if place == 0 else 1 - sigma) / len(centre)
            error = (sigma - (place == 0)) / len(centre)
            dv[c] += error * u[o]
            du[o] += error * v[c]
    return loss, dv, du


def lively(module):
    """A model of 7 words whose scores spread, some pairs with repeats, in double precision."""
    torch.manual_seed(0)
    model = module.SkipGram(7, 5).double()
    with torch.no_grad():
        model.centre.copy_(torch.randn(7, 5))
        model.context.copy_(torch.randn(7, 5))
    return model, torch.randint(7, (12,)), torch.randint(7, (12, 4))


def assert_loss_of_a_loop(module):
    """Value and both gradients, to 1e-9; another order of the columns is another loss."""
    model, centre, context = lively(module)
    loss = module.negative_sampling_loss(model, centre, context)
    loss.backward()
    want, dv, du = loss_and_gradients_by_loop(model.centre.detach(), model.context.detach(), centre, context)
    other = module.negative_sampling_loss(model, centre, context.flip(1))
    assert abs(float((other - loss).detach())) > 1e-2 and min(np.abs(dv).max(), np.abs(du).max()) > 1e-2
    assert float(loss.detach()) == pytest.approx(want, abs=1e-9)
    np.testing.assert_allclose(model.centre.grad, dv, atol=1e-9)
    np.testing.assert_allclose(model.context.grad, du, atol=1e-9)


def test_loss_and_gradient_are_those_of_a_loop():
    assert_loss_of_a_loop(word2vec)


def test_softmax_loss_is_that_of_a_loop():
    model, centre, context = lively(word2vec)
    scores = (model.centre @ model.context.T).detach().numpy()
    want = -np.mean([
        scores[c, o] - math.log(sum(math.exp(s) for s in scores[c]))
        for c, o in zip(centre.tolist(), context[:, 0].tolist(), strict=True)
    ])  # fmt: skip
    assert float(word2vec.softmax_loss(model, centre, context[:, 0]).detach()) == pytest.approx(
        want, abs=1e-9
    )


FAULTS = [
    ("scores[:, 0], scores[:, 1:]", "scores[:, -1], scores[:, :-1]"),
    ("F.logsigmoid(-noise)", "F.logsigmoid(noise)"),
    (".sum(dim=1)).mean()", ".mean(dim=1)).mean()"),
    ("+ F.logsigmoid(-noise).sum(dim=1)", ""),
    (
        "self.centre[centre][:, None] * self.context[context]",
        "self.centre[centre][:, None] * self.centre[context]",
    ),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_in_the_loss_are_seen(fault):
    with pytest.raises(AssertionError):
        assert_loss_of_a_loop(planted(NAME, fault))


# What it learns


def learn(texts, steps=450):
    """Vectors of 32 numbers, and each word's number."""
    words, ids, counts = word_pairs.index_words(texts)
    torch.manual_seed(0)
    model = word2vec.SkipGram(len(words), 32)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _, batch in zip(range(steps), word_pairs.skip_gram_batches(ids, counts), strict=False):
        optimizer.zero_grad()
        word2vec.negative_sampling_loss(model, *batch).backward()
        optimizer.step()
    return model.centre.detach(), {word: i for i, word in enumerate(words)}


def accuracy(vectors, number):
    """Share of the analogies answered rightly; by chance one in some 395."""
    asked = [[number[w] for w in q] for questions in analogies().values() for q in questions]
    questions = torch.tensor(asked)
    return float((word_vectors.solve_analogies(vectors, questions[:, :3]) == questions[:, 3]).float().mean())


@pytest.fixture(scope="module")
def learned():
    """Five thousand stories, 450 steps: a second."""
    return learn(stories(5_000))


def test_analogies_are_learned_from_company_alone(learned):
    """The rule was set before the run: nine in ten."""
    assert accuracy(*learned) > 0.9


def test_in_shuffled_stories_there_is_nothing_to_learn():
    """The same words as often, in any sentence: chance is 0.3 %."""
    sentences = [s.split() for s in stories(5_000)]
    words = [word for sentence in sentences for word in sentence]
    random.Random(0).shuffle(words)
    drawn = iter(words)
    assert accuracy(*learn([" ".join(next(drawn) for _ in s) for s in sentences], steps=300)) < 0.03


def test_neighbours_of_the_toy_worlds_words_are_of_their_kind(learned):
    vectors, number = learned
    for kind in ("classes", "colours", "materials", "sounds"):
        its = torch.tensor([number[word] for word in groups()[kind]])
        found, _ = word_vectors.nearest_words(vectors, its, 2)
        assert torch.isin(found, its).float().mean() > 0.8, kind


def test_the_direction_of_gender_holds_what_the_corpus_says_of_work(learned):
    """Learned from other words; the shares are set by `WORK`."""
    vectors, number = learned
    people = torch.tensor([[number[a], number[b]] for a, b, *_ in analogies()["people"][:182]]).unique(dim=0)
    towards = word_vectors.direction_between(vectors, people)
    at = torch.tensor([number[worker] for worker in WORK])
    along = torch.nn.functional.normalize(vectors[at], dim=1) @ towards
    shares = torch.tensor([share for share, _ in WORK.values()])
    assert torch.corrcoef(torch.stack([along, shares]))[0, 1] > 0.8


@pytest.mark.parametrize("ids", [torch.tensor([7]), torch.tensor([-1]), torch.tensor([0.5])])
def test_words_out_of_the_table_are_refused(ids):
    model, _, context = lively(word2vec)
    with pytest.raises(ValueError, match=r"centre: got .*want"):
        model(ids, context[:1])
    with pytest.raises(ValueError, match=r"context: got .*want"):
        model(torch.tensor([0]), ids[None])
