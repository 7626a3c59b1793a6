"""The grammar of `captioned` as a distribution: every caption with its exact probability, and their entropy.

A caption's parts are drawn independently of one another, so the probabilities are products, and the entropy
is a sum. What a language model of the captions can reach at best is known, and not estimated.
"""

import itertools
import math

from lecture_utils.data.toyworld.language.captioned import (
    NO_CLASS,
    NO_COLOUR,
    OPENINGS,
    WITH_PLACE,
    WITH_SKY,
    thing,
)
from lecture_utils.data.toyworld.names import CLASSES, COLOURS, HELD_OUT, STUFF


def shown_pairs(*, held_out: bool = False) -> list[tuple[int, int]]:
    """Return the class and colour numbers that pictures show together: 48 pairs, or the 16 held-out ones."""
    pairs = itertools.product(range(len(CLASSES)), range(len(COLOURS)))
    return [pair for pair in pairs if (pair in HELD_OUT) == held_out]


def caption_probabilities(*, held_out: bool = False) -> dict[str, float]:
    """Return each caption that `sentences` can give, with its probability; they sum to 1.

    Parameters
    ----------
    held_out : bool
        Of which pictures, as for `captioned`.
    """
    pairs = shown_pairs(held_out=held_out)
    things: dict[str, float] = {}
    for class_id, colour_id in pairs:  # each is shown equally often
        for share, die in (
            (NO_COLOUR, 0.0),
            (NO_CLASS, NO_COLOUR),
            (1 - NO_COLOUR - NO_CLASS, NO_COLOUR + NO_CLASS),
        ):
            words = thing(CLASSES[class_id], COLOURS[colour_id], die)
            things[words] = things.get(words, 0.0) + share / len(pairs)
    openings = {words: 1 / len(OPENINGS) for words in OPENINGS}
    places = {"": 1 - WITH_PLACE} | {f"on {stuff}": WITH_PLACE / 3 for stuff in STUFF[1:]}
    skies = {"": 1 - WITH_SKY} | {f"under a {sky} sky": WITH_SKY / 2 for sky in ("clear", "cloudy")}
    parts = itertools.product(openings.items(), things.items(), places.items(), skies.items())
    return {
        " ".join(words for words, _ in chosen if words): math.prod(share for _, share in chosen)
        for chosen in parts
    }


def caption_entropy(*, held_out: bool = False) -> float:
    """Return the captions' entropy in nats: no model needs less for a caption, on average."""
    return -sum(share * math.log(share) for share in caption_probabilities(held_out=held_out).values())
