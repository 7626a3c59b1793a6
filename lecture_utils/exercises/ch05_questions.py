"""Chapter 05: the prediction questions, asked before the cell that answers them (jupyterquiz's format)."""

from typing import Any

Question = dict[str, Any]


def _choice(question: str, *answers: tuple[str, bool, str]) -> list[Question]:
    """One question with its answers: (text, right or wrong, what to say about it)."""
    listed = [
        {"answer": text, "correct": correct, "feedback": feedback} for text, correct, feedback in answers
    ]
    return [{"question": question, "type": "multiple_choice", "answers": listed}]


QUESTIONS: dict[str, list[Question]] = {
    "05.1": _choice(
        "A network learned its shapes from pictures taken on bright days only. How does it do at dusk?",
        (
            "As well as before: a star is a star, and its edges are where they were.",
            False,
            "To you. The network has learned weights for numbers of a certain size, and nobody told it that "
            "brightness does not matter.",
        ),
        (
            "Well for a while, then worse and worse.",
            True,
            "Near its training light it holds; further down, pictures lie far from all that it was "
            "trained on.",
        ),
        (
            "Well at every brightness down to black: the edges are still in the numbers.",
            False,
            "They are, only smaller. But its weights were learned for numbers of another size.",
        ),
    ),
    "05.2": _choice(
        "We enlarge a picture 1.6 times by sending every pixel to its new place, rounded to the nearest. "
        "What is wrong with the result?",
        (
            "Nothing, apart from jagged edges.",
            False,
            "Count: where do 100 pixels go that have to fill 256 places?",
        ),
        (
            "It is full of holes.",
            True,
            "There are 2.6 times as many places as pixels; a place that no pixel is sent to stays empty.",
        ),
        (
            "It is blurred.",
            False,
            "Blur comes from averaging, and nothing is averaged here.",
        ),
    ),
    "05.3": _choice(
        "A box fits tightly around a star. We rotate picture and box by 45° and draw the upright box around "
        "the box's four new corners. How does that fit the star?",
        (
            "Tightly: it was tight before.",
            False,
            "The corners of the box are empty. It is they, and not the star, that the new box has to hold.",
        ),
        (
            "Too large: there is room between it and the star.",
            True,
            "A square box of side 1 becomes one of side 1.41, twice the area, though the star did not grow. "
            "Only the mask knows better.",
        ),
        (
            "Too small: tips of the star stick out.",
            False,
            "The turned box still holds the whole star, and the new box holds the turned one.",
        ),
    ),
    "05.4": _choice(
        "A network is trained on mixtures: 70 % of a picture of a ring, 30 % of one of a heart, target 0.7 "
        "and 0.3. What is the lowest loss (cross-entropy) that it can reach on this one picture?",
        (
            "0, if it says ring with certainty.",
            False,
            "Then the 30 % of heart would cost it infinitely much.",
        ),
        (
            "0.61, by saying 70 % ring and 30 % heart.",
            True,
            "−0.7 ln 0.7 − 0.3 ln 0.3 = 0.61: the entropy of the target is a floor that no network "
            "gets below.",
        ),
        (
            "0, if it says 70 % ring and 30 % heart.",
            False,
            "That is the best answer, but cross-entropy with a soft target is the target's entropy "
            "even then.",
        ),
    ),
    "05.5": [
        {
            "question": "CutMix draws λ = 0.5, so the patch should cover half of the picture. Its centre "
            "falls on the picture's corner. Which share of the first picture is left, in percent?",
            "type": "numeric",
            "precision": 3,
            "answers": [
                {
                    "type": "value",
                    "value": 87.5,
                    "correct": True,
                    "feedback": "Three quarters of the patch lie outside: 0.5 / 4 is covered, 0.875 is left.",
                },
                {
                    "type": "value",
                    "value": 50,
                    "correct": False,
                    "feedback": "So it was drawn. But how much of the patch lies inside the picture?",
                },
                {
                    "type": "value",
                    "value": 12.5,
                    "correct": False,
                    "feedback": "That is the share of the second picture.",
                },
                {
                    "type": "default",
                    "feedback": "Draw it: a square about the corner; one quarter lies in the picture.",
                },
            ],
        }
    ],
    "05.6": _choice(
        "A network tells the four numbers of a box, trained with squared error. In training every "
        "picture also "
        "comes mirrored, but with the box of the unmirrored one. What does it answer in the end?",
        (
            "Nothing useful: half of its targets are wrong, so the boxes jump about.",
            False,
            "The wrong targets are not random. For each picture they always point to one and the same place.",
        ),
        (
            "Boxes of the right size, but all near the middle line of the picture.",
            True,
            "Half of the lessons say here, half say at the mirror image. Their mean, which has the "
            "least squared "
            "error, is the middle; height and width are the same in both.",
        ),
        (
            "The right boxes: the errors average out.",
            False,
            "They do average out, but to the mean of the true place and its mirror image.",
        ),
    ),
    "05.7": _choice(
        "We train with CutMix and forget to count λ again after the patch was cut at the border. "
        "What becomes of the labels?",
        (
            "They are right on average: errors in both directions cancel.",
            False,
            "Cutting only ever makes a patch smaller, so all errors have one direction.",
        ),
        (
            "They credit the patch with more than it covers.",
            True,
            "The label says 1 − λ for the patch, the picture shows less of it, sometimes nearly nothing.",
        ),
        (
            "They credit the patch with less than it covers.",
            False,
            "The part that was cut off cannot be seen, but the label still counts it.",
        ),
    ),
}
