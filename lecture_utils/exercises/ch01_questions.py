"""Chapter 01: the prediction questions, asked before the cell that answers them (jupyterquiz's format)."""

from typing import Any

Question = dict[str, Any]


def _choice(question: str, *answers: tuple[str, bool, str]) -> list[Question]:
    """One question with its answers: (text, right or wrong, what to say about it)."""
    listed = [
        {"answer": text, "correct": correct, "feedback": feedback} for text, correct, feedback in answers
    ]
    return [{"question": question, "type": "multiple_choice", "answers": listed}]


def _number(
    question: str, value: int, right: str, wrong: str, known: dict[int, str] | None = None
) -> list[Question]:
    """One question with a number for an answer; `known` explains numbers that a typical slip leads to."""
    answers: list[dict[str, Any]] = [{"type": "value", "value": value, "correct": True, "feedback": right}]
    answers += [
        {"type": "value", "value": v, "correct": False, "feedback": text} for v, text in (known or {}).items()
    ]
    answers.append({"type": "default", "feedback": wrong})
    return [{"question": question, "type": "numeric", "answers": answers}]


QUESTIONS: dict[str, list[Question]] = {
    "01.1": _choice(
        "A picture moves three pixels to the right. What happens to the 64 outputs of a fully connected "
        "layer?",
        (
            "They move three places along the vector.",
            False,
            "The vector has no order to move along: each output has weights of its own.",
        ),
        (
            "They change, in a way that depends on the weights and the picture.",
            True,
            "Each pixel now meets another weight.",
        ),
        (
            "Nothing: the sum runs over all pixels anyway.",
            False,
            "It would, if all the weights of an output were equal.",
        ),
    ),
    "01.2": _choice(
        "A 3×3 kernel is zero but for a 1 in the middle of its right column. Which way does the picture "
        "move?",
        ("To the right.", False, "That is what a true convolution, with its flipped kernel, would do."),
        (
            "To the left.",
            True,
            "Each output copies the pixel on its right, so what was on the right appears one pixel "
            "further left.",
        ),
        ("It stays.", False, "A 1 in the centre would do that."),
    ),
    "01.3": _number(
        "A convolution has 64 input channels, 128 output channels, 3×3 kernels, 32 groups and a bias. "
        "How many parameters?",
        2432,
        "Each of 128 outputs looks at 64/32 = 2 channels: 128 × 2 × 9 weights and 128 biases.",
        "Each output channel sees only the channels of its own group: how many are there? And one bias "
        "for each output.",
        {
            2304: "Right for the weights; each output channel has a bias too.",
            73856: "That is the layer without groups: each output would see all 64 channels.",
            4736: "Only the input channels are shared out: 64/32 = 2 for each output channel.",
        },
    ),
    "01.4": _number(
        "A 3×3 convolution (stride 1) is followed by a 2×2 max pool. How wide is the patch of input that "
        "one pooled value sees?",
        4,
        "P + K - 1 = 2 + 3 - 1: two neighbouring 3-wide windows overlap in two pixels.",
        "Draw two 3-wide windows side by side, one pixel apart. How many pixels do they cover together?",
        {
            6: "The two windows overlap: they stand one pixel apart, not three.",
            5: "That is two 3×3 convolutions.",
        },
    ),
    "01.5": _choice(
        "Two plain nets, 8 and 44 layers deep, train equally long. The deep one does worse on test data. "
        "On the training data it does …",
        (
            "… better: it has five times the layers, so it overfits.",
            False,
            "Natural to think, and it is what overfitting would look like.",
        ),
        (
            "… worse as well.",
            True,
            "So the trouble is not overfitting: the optimiser fails to find even what the shallow net found.",
        ),
        (
            "… equally well.",
            False,
            "The deeper net could copy the shallower one, but does training find that?",
        ),
    ),
    "01.6": _choice(
        "A trained net with batch norm is left in training mode and gets one picture at a time. What "
        "will it do?",
        (
            "Raise an error: the variance of one sample is zero.",
            False,
            "It does where a map is 1×1. Elsewhere the statistics run over the map's pixels too, so "
            "there is enough to divide by.",
        ),
        (
            "Answer as before: the weights are the same.",
            False,
            "The weights are, but not the numbers that each channel is normalised with.",
        ),
        (
            "Answer with no complaint, but less well.",
            True,
            "Each picture is normalised by its own statistics, so how bright or busy it is, channel by "
            "channel, is lost.",
        ),
    ),
    "01.7": _choice(
        "We delete `+ x` from a trained residual net's blocks and touch nothing else. The accuracy …",
        (
            "… falls a little: each block loses a small correction.",
            False,
            "F(x) is what a block adds; x is what it adds to, and that is gone nine times in a row.",
        ),
        (
            "… falls to about chance.",
            True,
            "Each block was trained to add to a signal that no longer arrives.",
        ),
        ("… stays: F(x) was trained to do the work.", False, "F was trained to produce the difference only."),
    ),
}
