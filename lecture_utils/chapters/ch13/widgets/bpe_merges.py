"""Merge by merge: how a text falls into ever fewer tokens as the tokenizer knows more pairs."""

from functools import lru_cache, partial

import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lecture_utils.multimodal.tokenizer import BYTES, Tokenizer
from lecture_utils.plotting.style import BLUE, INK, QUIET, SKY, on_colour
from lecture_utils.recipes._clip import tokenizer as captions_tokenizer
from lecture_utils.widgets.controls import Slider, Text
from lecture_utils.widgets.widget import Widget

WIDTH, LINE, LETTER = 7.6, 0.42, 0.118  # inches: of the figure, of a line of tokens, of a letter
LINES = 3
SHADES = ("#E8EEF3", "#CFE3F2", "#A9D1EC", SKY, "#2F8FC7", BLUE)  # the more bytes in a token, the darker


def shown(token: bytes) -> str:
    """A token as letters; a space as an open box, a byte that is no letter by its number."""
    try:
        return token.decode().replace(" ", "␣")
    except UnicodeDecodeError:
        return " ".join(f"{value:02X}" for value in token)


@lru_cache(maxsize=32)
def first_merges(tokenizer: Tokenizer, count: int) -> Tokenizer:
    """The tokenizer as it was after so many merges."""
    return Tokenizer(tokenizer.merges[:count])


def merged(text: str, merges: int, tokenizer: Tokenizer) -> Figure:
    """Draw a text's tokens when only the first `merges` merges are known.

    Parameters
    ----------
    text : str
    merges : int
        More than there are counts as all.
    tokenizer : Tokenizer
    """
    known = first_merges(tokenizer, min(merges, len(tokenizer.merges)))
    tokens = [known.tokens[i] for i in known.encode(text)]
    fig = Figure(figsize=(WIDTH, 0.75 + LINES * LINE))
    fig.set_layout_engine("none")
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, 0.75 + LINES * LINE))
    ax.axis("off")
    left, line = 0.1, 0
    for at, token in enumerate(tokens):
        word = shown(token)
        wide = LETTER * len(word) + 0.14
        if left + wide > WIDTH - 0.1:
            left, line = 0.1, line + 1
        if line == LINES:
            ax.text(WIDTH - 0.1, 0.52, f"… and {len(tokens) - at} more", ha="right", fontsize=9, color=QUIET)
            break
        low = 0.62 + (LINES - 1 - line) * LINE
        shade = SHADES[min(len(token), len(SHADES)) - 1]
        ax.add_patch(
            FancyBboxPatch((left, low), wide - 0.06, 0.3, boxstyle="round,pad=0.01", fc=shade, ec="none")
        )
        ax.text(left + wide / 2 - 0.03, low + 0.14, word, ha="center", va="center", fontsize=10.5,
                family="monospace", color=on_colour(shade))  # fmt: skip
        left += wide
    count = len(known.merges)
    foot = f"{len(text.encode())} bytes → {len(tokens)} tokens, {count} merges known"
    if count:
        a, b = (known.tokens[i] for i in known.merges[-1].tolist())
        foot += f".   The last one: {shown(a)} + {shown(b)} → {shown(known.tokens[BYTES + count - 1])}"
    ax.text(0.1, 0.22, foot, fontsize=10, color=INK, va="center")
    return fig


def bpe_merges(tokenizer: Tokenizer | None = None) -> Widget:
    """Make the widget for a tokenizer of captions; CLIP's where none is given."""
    tokenizer = captions_tokenizer() if tokenizer is None else tokenizer
    caption, most = "a photo of a purple triangle on water", len(tokenizer.merges)
    new = "a turquoise triangle on water"
    return Widget(
        title="Merge by merge",
        compute=partial(merged, tokenizer=tokenizer),
        controls={
            "text": Text(caption, (new, "삼각형 🙂"), label="text"),
            "merges": Slider(0, most, 1, 0, label="merges known"),
        },
        tour=[
            (
                "A third of the merges: common pieces have become tokens.",
                {"text": caption, "merges": most // 3},
            ),
            ("No merges yet: every byte is a token.", {"text": caption, "merges": 0}),
            ("Ten merges: the commonest pairs of the corpus.", {"text": caption, "merges": min(10, most)}),
            ("Two thirds: most words are one token or two.", {"text": caption, "merges": 2 * most // 3}),
            ("All merges: every word of the corpus is one token.", {"text": caption, "merges": most}),
            ("A word never seen falls into pieces. It is not lost.", {"text": new, "merges": most}),
            ("So does another script, into its bytes.", {"text": "삼각형 on water", "merges": most}),
        ],
        trivial={"text": caption, "merges": 0},
        alt="A text cut into tokens, drawn as boxes, the darker the more letters; below, their number.",
    )


def merges_tensor(pairs: list[tuple[int, int]]) -> torch.Tensor:
    """Merges of a learner's own as `Tokenizer` takes them, (M, 2) int64."""
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
