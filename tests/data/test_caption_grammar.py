"""The captions' grammar as a distribution: it is what `sentences` draws, and its entropy is known."""

import math
from collections import Counter

import pytest

from lecture_utils.data.toyworld.language.captioned import sentences
from lecture_utils.data.toyworld.language.grammar import caption_entropy, caption_probabilities, shown_pairs
from lecture_utils.data.toyworld.sampling import Objects, sample_scenes

pytestmark = pytest.mark.system("S14.2")


def entropy(*shares: float) -> float:
    return -sum(share * math.log(share) for share in shares)


@pytest.mark.parametrize(("held_out", "pairs"), [(False, 48), (True, 16)])
def test_entropy_is_the_sum_of_the_parts(held_out, pairs):
    opening, place, sky = math.log(6), entropy(0.5, 0.5) + 0.5 * math.log(3), entropy(0.7, 0.15, 0.15)
    thing = entropy(0.2, 0.1, 0.7) + 0.3 * math.log(8) + 0.7 * math.log(pairs)
    assert len(shown_pairs(held_out=held_out)) == pairs
    assert caption_entropy(held_out=held_out) == pytest.approx(opening + thing + place + sky, rel=1e-9)


@pytest.mark.parametrize("held_out", [False, True])
def test_captions_come_as_often_as_the_grammar_says(held_out):
    """Chi-square over all captions: its mean is their number less 1, its variance about twice that."""
    shares, count = caption_probabilities(held_out=held_out), 40_000
    scenes = sample_scenes(count, seed=3, objects=Objects(count=1, held_out=held_out))
    drawn = Counter(sentences(scenes))
    assert sum(shares.values()) == pytest.approx(1)
    assert set(drawn) <= set(shares)
    square = sum((drawn[text] - count * share) ** 2 / (count * share) for text, share in shares.items())
    freedom = len(shares) - 1
    assert abs(square - freedom) < 5 * math.sqrt(2 * freedom)
