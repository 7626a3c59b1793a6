"""Stories: what goes with what is as documented, and no sentence gives an analogy away."""

import pytest

from lecture_utils.data.toyworld.language import stories, story_words
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.2")


@pytest.fixture(scope="module")
def told():
    """Ten thousand sentences, as sets of words."""
    return [set(sentence.split()) for sentence in stories.stories(10_000)]


def test_sentence_i_is_the_same_whatever_the_count_and_another_with_another_seed():
    assert stories.stories(50) == stories.stories(80)[:50]
    assert stories.stories(50) != stories.stories(50, seed=1)
    assert all(
        s == s.lower().strip() and "{" not in s and "[" not in s and "  " not in s
        for s in stories.stories(5000)
    )


def test_the_two_words_of_a_pair_never_meet_and_each_is_told_of(told):
    for family in story_words.FAMILIES:
        for a, b in stories.pairs_of(family):
            assert not any({a, b} <= sentence for sentence in told)
            for word in (a, b):
                assert sum(word in sentence for sentence in told) > 20


def test_a_theme_word_occurs_with_the_words_of_its_pair_alone(told):
    """Else a neighbour would say more than that a word is of this pair."""
    rows = [row for family in story_words.FAMILIES.values() for row in family.rows.items()]
    rows += [(worker, themes) for worker, (_, themes) in story_words.WORK.items()]
    assert len(rows) == 56
    for pair, themes in rows:
        for theme in themes.split():
            found = [sentence for sentence in told if theme in sentence]
            assert found and all(sentence & set(pair.split()) for sentence in found), theme


def test_no_word_is_of_two_pairs():
    words = [word for family in story_words.FAMILIES for pair in stories.pairs_of(family) for word in pair]
    words += [*story_words.WORK, *CLASSES, *COLOURS]
    assert len(words) == len(set(words)) == 48 * 2 + 8 + 16


def test_she_works_in_the_share_that_is_stated(told):
    for worker, (share, _) in story_words.WORK.items():
        her = [
            bool(sentence & set(story_words.SHE.values()))
            for sentence in told
            if worker in sentence and sentence & {*story_words.SHE.values(), *story_words.HE.values()}
        ]
        assert len(her) > 60
        assert abs(sum(her) / len(her) - share) <= 4 * (share * (1 - share) / len(her)) ** 0.5


def test_held_out_colours_of_a_class_are_never_told(told):
    seen = {(c, k) for s in told for c, a in enumerate(CLASSES) for k, b in enumerate(COLOURS) if {a, b} <= s}
    every = {(c, k) for c in range(8) for k in range(8)}
    assert seen == every - set(HELD_OUT)


def test_a_family_tells_of_its_firsts_and_seconds_in_different_sentences(told):
    """What the firsts' sentences have and the seconds' lack, beside themes: the markers."""
    for family in story_words.FAMILIES:
        firsts, seconds = (set(words) for words in zip(*stories.pairs_of(family), strict=True))
        company = [set().union(*(s for s in told if s & some)) - some for some in (firsts, seconds)]
        assert len(company[0] - company[1]) >= 4 and len(company[1] - company[0]) >= 4


def test_questions_are_all_of_two_pairs_each_way():
    asked = stories.analogies()
    assert {family: len(questions) for family, questions in asked.items()} == {
        "people": 364,
        "animals": 264,
        "places": 180,
        "comparison": 264,
    }
    assert ("king", "queen", "man", "woman") in asked["people"]
    assert ("queen", "king", "woman", "man") in asked["people"]
    assert all(len({*question}) == 4 for questions in asked.values() for question in questions)


def test_planted_faults_are_seen():
    """A grammar that gives the answer, one that knows no gender, and one that shows held-out colours."""
    module = "lecture_utils.data.toyworld.language.stories"
    giving = planted(module, ("w=pair.split()[column])", "w=pair)"))
    with pytest.raises(AssertionError):
        test_the_two_words_of_a_pair_never_meet_and_each_is_told_of(
            [set(s.split()) for s in giving.stories(999)]
        )
    blind = planted(module, ("SHE if more < share else HE", "SHE if more < 0.5 else HE"))
    with pytest.raises(AssertionError):
        test_she_works_in_the_share_that_is_stated([set(s.split()) for s in blind.stories(10_000)])
    all_shown = planted(module, (" if (c, k) not in HELD_OUT]", "]"))
    with pytest.raises(AssertionError):
        test_held_out_colours_of_a_class_are_never_told([set(s.split()) for s in all_shown.stories(10_000)])


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="got count 0"):
        stories.stories(0)
    with pytest.raises(ValueError, match="family: got 'cars', want 'people' or"):
        stories.pairs_of("cars")
