"""Chapter 03: the prediction questions, asked before the cell that answers them (jupyterquiz's format)."""

from typing import Any

Question = dict[str, Any]


def _choice(question: str, *answers: tuple[str, bool, str]) -> list[Question]:
    """One question with its answers: (text, right or wrong, what to say about it)."""
    listed = [
        {"answer": text, "correct": correct, "feedback": feedback} for text, correct, feedback in answers
    ]
    return [{"question": question, "type": "multiple_choice", "answers": listed}]


def _number(question: str, value: int, right: str, wrong: str, known: dict[int, str]) -> list[Question]:
    """One question with a number for an answer; `known` explains numbers that a typical slip leads to."""
    answers: list[dict[str, Any]] = [{"type": "value", "value": value, "correct": True, "feedback": right}]
    answers += [
        {"type": "value", "value": v, "correct": False, "feedback": text} for v, text in known.items()
    ]
    answers.append({"type": "default", "feedback": wrong})
    return [{"question": question, "type": "numeric", "answers": answers}]


QUESTIONS: dict[str, list[Question]] = {
    "03.1": _choice(
        "A moving average with momentum 0.99 follows a value that jumps from 0 to 1 and stays there. "
        "After 100 "
        "updates the average is about …",
        (
            "… 0.99.",
            False,
            "What is left of the old value is 0.99 to the power of 100, and that is not 0.01.",
        ),
        (
            "… 0.63.",
            True,
            "0.99 to the power of 100 is about 1/e = 0.37: that share of the old value is left.",
        ),
        ("… 0.01.", False, "That is after one update: each brings in a hundredth of the gap."),
    ),
    "03.2": _choice(
        "A patch of a picture is hidden. Which share must be hidden before a network has to know what things "
        "are, rather than copy from the neighbours?",
        (
            "About 15 %, as with words in a text.",
            False,
            "A hidden word is hard to guess, since text is dense with meaning. A hidden patch among visible "
            "neighbours can be painted over from its rim.",
        ),
        (
            "About 75 %.",
            True,
            "Then a hidden patch has about two visible ones among its eight neighbours: its rim does not "
            "tell what it holds. He et al. found 75 % good for images.",
        ),
        ("99 %.", False, "Too little is left to tell what is there at all: try it in the widget."),
    ),
    "03.3": _number(
        "An encoder gets the class token and 16 of 64 patches in place of all 64. Each token is compared "
        "with each "
        "other token in attention. How many percent of the comparisons are left? (Round to a whole number.)",
        7,
        "17² / 65² = 289 / 4,225. The rest of the layer, which works token by token, falls to 26 %.",
        "Count the tokens with and without masking, then square: every token meets every token.",
        {
            25: "That is the share of patches: attention compares pairs, so the share is squared.",
            26: "That is the share of tokens: attention compares pairs, so the share is squared.",
            6: "Nearly: the class token is always there, 17 and 65 tokens.",
        },
    ),
    "03.4": _choice(
        "Student and teacher have only to agree with one another; nobody says what is right. What is the "
        "easiest "
        "way to agree?",
        ("Look closely at the picture.", False, "That is one way, and the hardest."),
        (
            "Say the same about every picture.",
            True,
            "That is collapse. Centring, sharpening and the slow teacher are there to make it costly.",
        ),
        (
            "Say something different about every picture.",
            False,
            "Then two crops of one picture would disagree.",
        ),
    ),
    "03.5": _choice(
        "The teacher's temperature is low (sharpening), but its logits are no longer centred. What will "
        "it end up "
        "saying?",
        (
            "One prototype for every picture: entropy near 0.",
            True,
            "Sharpening alone makes the strong stronger, until one prototype wins everywhere.",
        ),
        (
            "All prototypes equally, for every picture: entropy near ln K.",
            False,
            "That is what centring does where no sharpening works against it.",
        ),
        ("Nothing changes.", False, "Then the paper could have left it out; it tried (section 5.3)."),
    ),
    "03.6": _choice(
        "At temperature 1 a teacher says 99.6 % star, 0.3 % cross, 0.1 % disc. What does a student learn "
        "from "
        "the last two numbers?",
        ("Nothing: they are noise.", False, "They are small, but a higher temperature makes them speak."),
        (
            "That stars look more like crosses than like discs.",
            True,
            "Hinton has called this dark knowledge. A temperature above 1 lifts it into view.",
        ),
        ("That this label is wrong in 0.4 % of cases.", False, "The teacher was not asked about the label."),
    ),
    "03.7": _choice(
        "We let gradients flow into the teacher too: the loss may now move both networks. What will happen?",
        (
            "They never agree: two networks chase each other.",
            False,
            "Gradient descent on both lowers the loss by whatever means it finds, and agreeing is easy.",
        ),
        (
            "They soon agree on one answer for all pictures.",
            True,
            "Moving the teacher towards what the student says is a short cut: agreement without a look at "
            "the "
            "picture.",
        ),
        (
            "Nothing much: the teacher follows the student anyway.",
            False,
            "It follows slowly, and only the student's weights, not the loss.",
        ),
    ),
    "03.8": _choice(
        "We take the loss over the visible patches instead of the hidden ones. What will the hidden "
        "patches look "
        "like?",
        (
            "Blurred, but right.",
            False,
            "Nothing ever tells the decoder what belongs there.",
        ),
        (
            "Like nothing: the network was never asked for them.",
            True,
            "Copying what it sees is all it has to do, and the loss falls nicely.",
        ),
        (
            "As good as before: the patches are alike.",
            False,
            "A mask token was never trained to become a picture.",
        ),
    ),
    "03.9": _choice(
        "Nobody told DINO what an object is. Sky and sand fill most of our pictures, and the object is often "
        "cut off in a crop. Where will the class token of our DINO look?",
        (
            "Everywhere alike: it has no reason to prefer a place.",
            False,
            "That is nearly so before training.",
        ),
        (
            "At sky and sand, which every crop shows.",
            False,
            "Every crop of *every* picture shows them: they hardly tell whose crop this is.",
        ),
        (
            "At the object.",
            True,
            "It is what tells one picture from another once colours are changed: there the answer is read.",
        ),
    ),
}
