"""Neighbours, analogies and mutual information against loops and a case done by hand."""

import math

import numpy as np
import pytest
import torch

from lecture_utils.multimodal import ppmi, word_vectors
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.2")


def drawn(*shape, seed=0):
    """Vectors of different lengths."""
    made = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=made) * (0.2 + 3 * torch.rand(shape[0], 1, generator=made))


def cosine(a, b):
    """Of two arrays."""
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def assert_answers_of_a_loop(module):
    """Neighbours and analogies of forty random words, word by word."""
    vectors = drawn(40, 6)
    v = vectors.double().numpy()
    unit = v / np.linalg.norm(v, axis=1, keepdims=True)
    found, values = module.nearest_words(vectors, torch.arange(40), 3)
    for i in range(40):
        want = sorted((j for j in range(40) if j != i), key=lambda j: -cosine(v[i], v[j]))[:3]
        assert found[i].tolist() == want
        assert values[i].tolist() == pytest.approx([cosine(v[i], v[j]) for j in want], abs=1e-5)
    questions = torch.stack([torch.randperm(40)[:3] for _ in range(60)])
    for leave_out in (True, False):
        got = module.solve_analogies(vectors, questions, leave_out=leave_out).tolist()
        for (a, b, c), answer in zip(questions.tolist(), got, strict=True):
            options = [j for j in range(40) if not (leave_out and j in (a, b, c))]
            wanted = unit[b] - unit[a] + unit[c]
            assert answer == max(options, key=lambda j: cosine(wanted, v[j]))


def test_answers_are_those_of_a_loop():
    torch.manual_seed(0)
    assert_answers_of_a_loop(word_vectors)


FAULTS = [
    ("F.normalize(b - a + c, dim=1)", "F.normalize(a - b + c, dim=1)"),
    ("cosine.scatter(1, questions, -2)", "cosine.scatter(1, questions[:, :2], -2)"),
    ("    unit = F.normalize(vectors, dim=1)  # (V, D)\n    a, b, c", "    unit = vectors\n    a, b, c"),
    ("cosine.scatter(1, ids[:, None], -2)", "cosine.clone()"),
    ("cosine = unit[ids] @ unit.T", "cosine = vectors[ids] @ vectors.T"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault):
    torch.manual_seed(0)
    with pytest.raises(AssertionError):
        assert_answers_of_a_loop(planted("lecture_utils.multimodal.word_vectors", fault))


def test_an_analogy_by_hand():
    """King, queen, man, woman on a plane of gender and rank; and a question whose own word is nearest."""
    vectors = torch.tensor([[1.0, 1, 0], [-1, 1, 0], [1, -1, 0], [-1, -1, 0], [0.1, 0, 5]])
    questions = torch.tensor([[0, 1, 2], [2, 0, 3], [1, 0, 3]])
    assert word_vectors.solve_analogies(vectors, questions).tolist() == [3, 1, 2]
    twins = torch.tensor([[1.0, 0.1], [1.0, 0.11], [0.1, 1.0], [0.8, 0.6]])
    asked = torch.tensor([[0, 1, 2]])
    assert word_vectors.solve_analogies(twins, asked).tolist() == [3]
    assert word_vectors.solve_analogies(twins, asked, leave_out=False).tolist() == [2]  # c itself


def test_the_direction_between_pairs():
    vectors = torch.tensor([[2.0, 0], [0, 3], [1, 1], [-1, 1]])
    out = word_vectors.direction_between(vectors, torch.tensor([[0, 1], [2, 3]]))
    want = np.array([-1, 1]) + np.array([-math.sqrt(2), 0])
    np.testing.assert_allclose(out, want / np.linalg.norm(want), atol=1e-6)


# Counting


def assert_information_of_a_loop(module):
    """Counts, PMI with smoothed contexts, and vectors whose products give the positive part back."""
    pairs = torch.randint(4, (300, 2), generator=torch.Generator().manual_seed(0))
    pairs = torch.cat([pairs, torch.tensor([[4, 0], [4, 0], [4, 1], [2, 4], [3, 4]])])  # a rare fifth word
    counts = np.zeros((5, 5))
    for w, c in pairs.tolist():
        counts[w, c] += 1
    got = module.cooccurrence(pairs, 5)
    np.testing.assert_array_equal(got, counts)
    uneven = got * torch.tensor([1.0, 2, 3, 4, 5])
    n = uneven.numpy()
    for power in (1.0, 0.75):
        context = n.sum(0) ** power / (n.sum(0) ** power).sum()
        out = module.pointwise_mutual_information(uneven, power)
        for w in range(5):
            for c in range(5):
                want = math.log(n[w, c] / n[w].sum() / context[c]) if n[w, c] else -math.inf
                assert float(out[w, c]) == pytest.approx(want, abs=1e-5)
    vectors = module.ppmi_vectors(got, 5, shift=0.9)
    positive = np.maximum(module.pointwise_mutual_information(got).numpy() - math.log(0.9), 0)
    assert positive.max() > 0.1
    both = vectors @ vectors.T  # U S Uᵀ, whose square is the square of what was factorised
    np.testing.assert_allclose(both @ both, positive @ positive.T, atol=1e-4)
    lengths = np.linalg.svd(positive)[1]
    np.testing.assert_allclose(vectors.square().sum(0), lengths, atol=1e-4)
    few = module.ppmi_vectors(got, 2, shift=0.9)
    np.testing.assert_allclose(few, vectors[:, :2], atol=1e-5)


def test_mutual_information_is_that_of_a_loop():
    assert_information_of_a_loop(ppmi)


COUNTING = [
    ("pairs[:, 0] * vocabulary + pairs[:, 1]", "pairs[:, 1] * vocabulary + pairs[:, 0]"),
    ("rows, columns = counts.sum(1), counts.sum(0)", "columns, rows = counts.sum(1), counts.sum(0)"),
    ("columns**power / (columns**power).sum()", "columns**power / columns.sum()"),
    ("- torch.tensor(shift).log()", "+ torch.tensor(shift).log()"),
    (".clamp(min=0)", ".clamp(min=-1)"),
    ("* s[:dim].sqrt()", "* s[:dim]"),
]


@pytest.mark.parametrize("fault", COUNTING)
def test_planted_faults_in_counting_are_seen(fault):
    with pytest.raises(AssertionError):
        assert_information_of_a_loop(planted("lecture_utils.multimodal.ppmi", fault))


def test_mutual_information_by_hand():
    pmi = ppmi.pointwise_mutual_information(torch.tensor([[0.0, 2], [2, 0]]))
    assert pmi.tolist() == [[-math.inf, pytest.approx(math.log(2))], [pytest.approx(math.log(2)), -math.inf]]
    counts = ppmi.cooccurrence(torch.tensor([[0, 1], [1, 0], [0, 1]]), 2)
    assert counts.tolist() == [[0, 2], [1, 0]]
