"""Chapter 00's quick questions, in jupyterquiz's form: asked before a cell that answers them."""

from typing import Any


def _choice(question: str, *answers: tuple[str, bool, str]) -> list[dict[str, Any]]:
    """One multiple-choice question; an answer is (text, whether it is right, what to say about it)."""
    listed = [{"answer": text, "correct": right, "feedback": reply} for text, right, reply in answers]
    return [{"question": question, "type": "multiple_choice", "answers": listed}]


QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "00.1": _choice(
        "Which of the two squares is darker in the picture file, A or B?",
        ("A, by a factor of about two", False, "It looks so to nearly everyone. Run the next cell."),
        ("B, because it lies in the shadow", False, "The shadow darkens it; but how was it painted?"),
        ("Neither: their pixel values are equal", True, "Measured in the next cell."),
    ),
    "00.2": _choice(
        "A post stands twice as far from a pinhole camera as its twin. In the picture it is",
        ("half as tall", True, "Height in the picture is f · height / distance."),
        ("a quarter as tall", False, "Its area falls to a quarter; its height does not."),
        ("a little less than half as tall", False, "For a pinhole the law is exact: 1 / distance."),
    ),
    "00.3": _choice(
        "Stripes with 27 cycles across the picture are sampled at 32 points across, without a blur. "
        "You will see",
        ("27 cycles, a little rough", False, "27 is above the limit of 32 / 2 = 16 cycles."),
        ("no stripes: they average to grey", False, "Only a blur before sampling does that."),
        ("5 cycles, clean and wrong", True, "32 − 27 = 5: nothing in the samples tells them apart."),
    ),
    "00.4": _choice(
        "A 12-megapixel photograph holds 36 million numbers. How many of them did the sensor measure?",
        ("all 36 million", False, "Each photosite sits behind one colour filter."),
        ("12 million", True, "One number a pixel; the other two are computed."),
        ("24 million", False, "Half of the sites are green, but every site measures one number."),
    ),
    "00.5": _choice(
        "We fit a scene's parameters to its picture by small steps that lower the error. Which start fails?",
        ("a wrong colour in nearly the right place", False, "Where the shapes overlap, colour has a slope."),
        (
            "a place that does not overlap the true object at all",
            True,
            "Then no small move of the object makes the picture more alike.",
        ),
        ("none: less error is always a step nearer the truth", False, "Wait for the loss curve."),
    ),
    "00.6": _choice(
        "Pixel values are stored as 8-bit integers, 0 to 255. You add 80 to a photograph to brighten it. "
        "What happens to values above 175?",
        ("they stay at 255", False, "Only if something clips them at 255."),
        ("they wrap round to small numbers", True, "250 + 80 = 330, and 330 − 256 = 74."),
        ("Python raises an error", False, "NumPy arrays of small integers wrap round and say nothing."),
    ),
}
