"""Good calls of the baselines of visual question answering, and of how questions are put to a model."""

from lecture_utils.data.toyworld.language.asked import asked_scenes
from lecture_utils.data.toyworld.language.prompts import Document, tokens
from lecture_utils.data.toyworld.language.questions import questions
from lecture_utils.multimodal.vqa_baselines import AnswerPrior, BagOfWords
from tests.bad_calls import count, floats, made, number, word
from tests.good_calls.makers import Call

ASKED, ANSWERED = ["how many balls are there ?", "is the star red ?"], ["2", "no"]
OPENINGS, WORDS, ANSWERS = ("how many", "is the"), ("many", "red", "star"), ("2", "no", "yes")


def counted() -> AnswerPrior:
    prior = AnswerPrior(OPENINGS, ANSWERS)
    prior.count(ASKED, ANSWERED)
    return prior


PRIOR, BAG = made(counted), made(lambda: BagOfWords(WORDS, ANSWERS, 4))
SCENE = made(lambda: asked_scenes(1)[1][0])
QUESTION = made(lambda: questions(asked_scenes(1)[1], 1, asked=("count",))[0])
TEXTS, TOLD = made(lambda: list(ASKED)), made(lambda: list(ANSWERED))
DOCUMENT = made(lambda: Document(" a ball .", ((" question : is the sky clear ? answer :", " no"),)))

GOOD: dict[str, dict[str, Call]] = {
    "multimodal.vqa_baselines": {
        "AnswerPrior": {"openings": made(lambda: OPENINGS), "answers": made(lambda: ANSWERS)},
        "AnswerPrior.opening": {"self": PRIOR, "question": word("how many")},
        "AnswerPrior.count": {"self": PRIOR, "questions": TEXTS, "answers": TOLD},
        "AnswerPrior.forward": {"self": PRIOR, "questions": TEXTS},
        "BagOfWords": {
            "words": made(lambda: WORDS), "answers": made(lambda: ANSWERS), "picture": count(4, zero=True),
        },
        "BagOfWords.bag": {"self": BAG, "questions": TEXTS},
        "BagOfWords.forward": {"self": BAG, "questions": TEXTS, "grid": floats(2, 5, 4)},
        "BagOfWords.from_bag": {"self": BAG, "bag": floats(2, 3), "grid": floats(2, 5, 4)},
    },
    "data.toyworld.language.prompts": {
        "short": {"question": word("is it red ?")},
        "long": {"request": word("describe the picture .")},
        "answered": {"question": QUESTION, "scene": SCENE, "form": word("short")},
        "documents": {
            "count": count(2), "split": word("train"), "each": count(1), "described_share": number(0.5),
            "long_share": number(0.5),
        },
        "encoded": {"document": DOCUMENT, "tokenizer": made(tokens)},
    },
}  # fmt: skip
