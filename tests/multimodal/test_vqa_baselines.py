"""Baselines: the prior against counting by hand, the bag against scikit-learn's counts and linear algebra."""

import pytest
import torch

from lecture_utils.multimodal.vqa_baselines import AnswerPrior, BagOfWords
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.2")

MODULE = "lecture_utils.multimodal.vqa_baselines"
OPENINGS = ("how many", "is the", "is")
ANSWERS = ("0", "1", "no", "yes")
MANY = ["how many balls ?", "how many rings ?", "how many stars ?", "how many hearts ?"]
ASKED, RIGHT = [*MANY, "is the ball red ?", "is it red ?"], ["1", "0", "1", "1", "no", "yes"]
WORDS = ("ball", "is", "red", "the")


def prior(module=None) -> AnswerPrior:
    model = (AnswerPrior if module is None else module.AnswerPrior)(OPENINGS, ANSWERS)
    model.count(ASKED[:2], RIGHT[:2])  # in two parts, of which the second has an answer twice
    model.count(ASKED[2:], RIGHT[2:])
    return model


def shares_are_right(model) -> None:
    want = [[1 / 4, 3 / 4, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    got = model(["how many crosses ?", "is the ring blue ?", "is there a ring ?"])
    torch.testing.assert_close(got, torch.tensor(want, dtype=torch.float64))


def test_prior_gives_the_shares_of_answers_by_opening():
    shares_are_right(prior())


@pytest.mark.parametrize(
    "fault",
    [
        ("+= times", "= times"),
        ("+= times", "+= 1"),
        ("counts.sum(dim=1, keepdim=True)", "counts.sum(dim=0, keepdim=True)"),
    ],
)
def test_shares_see_a_fault(fault):
    with pytest.raises(AssertionError):
        shares_are_right(prior(planted(MODULE, fault)))


def test_prior_refuses_what_it_has_not_met():
    with pytest.raises(ValueError, match="want one that begins with how many, is the"):
        prior()(["what colour is it ?"])
    with pytest.raises(ValueError, match="never counted"):
        AnswerPrior(OPENINGS, ANSWERS)(ASKED)
    with pytest.raises(ValueError, match="answer: got 'red'"):
        prior().count(["is it red ?"], ["red"])
    assert prior().opening("is the ball red ?") == 1  # the first that fits, whole words
    assert prior().opening("is theball red ?") == 2


def test_bag_equals_the_counts_of_scikit_learn():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    counter = text.CountVectorizer(vocabulary=list(WORDS), token_pattern=r"\S+", lowercase=False)
    asked = [*ASKED, "is the the red red ball unknown ?"]
    want = torch.tensor(counter.transform(asked).toarray(), dtype=torch.float32)
    assert float(want.max()) == 2
    torch.testing.assert_close(BagOfWords(WORDS, ANSWERS).bag(asked), want)


def test_scores_are_linear_in_words_and_in_the_mean_token():
    torch.manual_seed(0)
    model, grid = BagOfWords(WORDS, ANSWERS, 5), torch.randn(6, 7, 5)
    bag = model.bag(ASKED)
    weight, bias = model.score.weight, model.score.bias
    want = bag @ weight[:, :4].T + grid.mean(1) @ weight[:, 4:].T + bias
    torch.testing.assert_close(model(ASKED, grid), want)
    turned = grid[:, torch.randperm(7)]
    torch.testing.assert_close(model(ASKED, turned), want)  # places are lost, by design
    assert float((model(ASKED, grid + 1) - want).abs().max()) > 0.1  # and the picture is looked at


def test_words_in_another_order_are_the_same_question():
    torch.manual_seed(0)
    model = BagOfWords(WORDS, ANSWERS)
    torch.testing.assert_close(model(["is the red ball ?"]), model(["? ball red the is"]))


def test_a_picture_is_given_to_whom_looks_alone():
    grid = torch.randn(2, 7, 5)
    with pytest.raises(ValueError, match="grid: got one"):
        BagOfWords(WORDS, ANSWERS)(ASKED[:2], grid)
    with pytest.raises(ValueError, match="grid: got none"):
        BagOfWords(WORDS, ANSWERS, 5)(ASKED[:2])
    with pytest.raises(ValueError, match="words: got 1 twice"):
        BagOfWords(("red", "red"), ANSWERS)
