"""Word arithmetic: take one word from another, add a third, and see whose vector is near."""

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils.data.toyworld.language.stories import stories
from lecture_utils.multimodal.word2vec import SkipGram, negative_sampling_loss
from lecture_utils.multimodal.word_pairs import index_words, skip_gram_batches
from lecture_utils.multimodal.word_vectors import solve_analogies
from lecture_utils.plotting.style import BLUE, INK, QUIET, SKY
from lecture_utils.training.one_cycle import one_cycle
from lecture_utils.widgets.controls import Choice
from lecture_utils.widgets.widget import Widget

NEAR = 6
WORDS = (
    "king", "queen", "man", "woman", "boy", "girl", "father", "mother", "uncle", "aunt",
    "red", "blue", "star", "ball",
)  # fmt: skip


def nearest(
    vectors: Tensor, words: Sequence[str], minus: str, base: str, plus: str
) -> list[tuple[str, float]]:
    """The words nearest to base - minus + plus, and their cosines; the three themselves are left out."""
    place = {word: i for i, word in enumerate(words)}
    unit = torch.nn.functional.normalize(vectors, dim=1)
    target = torch.nn.functional.normalize(unit[place[base]] - unit[place[minus]] + unit[place[plus]], dim=0)
    cosine = unit @ target
    cosine[[place[word] for word in (minus, base, plus)]] = -2.0
    values, found = cosine.topk(NEAR)
    return [(words[i], value) for i, value in zip(found.tolist(), values.tolist(), strict=True)]


def arithmetic(
    base: str, minus: str, plus: str, *, vectors: Tensor | None = None, words: Sequence[str] | None = None
) -> Figure:
    """Draw the words nearest to base - minus + plus.

    Parameters
    ----------
    base, minus, plus : str
        Of `words`.
    vectors : Tensor, optional
        (V, D); those of `trained` where not given.
    words : sequence of V str, optional
    """
    if vectors is None or words is None:
        vectors, words = trained()
    found = nearest(vectors, words, minus, base, plus)
    fig = Figure(figsize=(6.4, 2.9))
    fig.set_layout_engine("none")
    ax = fig.add_axes((0.2, 0.14, 0.72, 0.68))
    places = np.arange(len(found))[::-1]
    ax.barh(places, [value for _, value in found], color=[BLUE, *[SKY] * (NEAR - 1)], height=0.66)
    for place, (_, value) in zip(places, found, strict=True):
        ax.text(max(value, 0) + 0.015, place, f"{value:.2f}", va="center", fontsize=9, color=INK)
    ax.set(xlim=(0, 1.1), xticks=(0, 0.5, 1), yticks=places)
    ax.set_yticklabels([word for word, _ in found], fontsize=10)
    ax.set_xlabel("cosine with the sum", fontsize=9, labelpad=1)
    ax.tick_params(length=0, labelsize=9)
    ax.grid(visible=False)
    fig.text(0.05, 0.9, f"{base} − {minus} + {plus}", fontsize=13, color=INK, weight="bold")
    fig.text(0.95, 0.9, "the three words are left out", fontsize=9, color=QUIET, ha="right")
    return fig


@lru_cache(maxsize=1)
def trained() -> tuple[Tensor, list[str]]:
    """Word vectors (V, D) of a skip-gram after 450 steps on 5,000 stories, and the words: two seconds."""
    words, ids, counts = index_words(stories(5000))
    torch.manual_seed(0)
    model = SkipGram(len(words), 32)
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    batches = skip_gram_batches(ids, counts)
    one_cycle(
        model,
        batches,
        loss=negative_sampling_loss,  # type: ignore[arg-type]
        optimizer=adam,
        steps=450,
        warm_up=0.1,
        label="words",
    )
    return model.centre.detach(), words


def word_arithmetic(vectors: Tensor | None = None, words: Sequence[str] | None = None) -> Widget:
    """Make the widget.

    Parameters
    ----------
    vectors : Tensor, optional
        (V, D), of a skip-gram that was trained on stories; `trained` where not given.
    words : sequence of V str, optional
    """
    if vectors is not None:
        solve_analogies(vectors, torch.tensor([[0, 1, 2]]))  # so that bad vectors are refused here
    options = [word for word in WORDS if words is None or word in set(words)]
    tour = [
        ("king", "man", "woman", "The word that stands to king as woman to man."),
        ("king", "man", "girl", "Another woman's word does nearly as well: the difference is what counts."),
        ("father", "man", "woman", "The same difference, for another pair."),
        ("boy", "man", "woman", "And for another."),
        ("queen", "woman", "man", "The way back."),
        ("red", "ball", "star", "Words of things: no such difference is known, a neighbour of red is near."),
        ("star", "red", "blue", "A star less red plus blue: colours keep one another's company, no more."),
    ]
    return Widget(
        title="Word arithmetic",
        compute=partial(arithmetic, vectors=vectors, words=words),
        controls={
            "base": Choice(options, "king", label="word"),
            "minus": Choice(options, "man", label="minus"),
            "plus": Choice(options, "woman", label="plus"),
        },
        tour=[(said, {"base": b, "minus": m, "plus": p}) for b, m, p, said in tour],
        trivial={"base": "king", "minus": "man", "plus": "man"},
        alt="Bars: the six words whose vectors are nearest to a word minus a second plus a third.",
    )
