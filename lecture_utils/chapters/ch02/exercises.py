"""Chapter 02: the checked exercises about attention and vision transformers.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint. Shapes: B batch, N
queries or tokens, M keys, D model width, d head width, C channels, H and W height and width.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from lecture_utils.exercises.exercise import Exercise, mistake


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 02.1 attention --------------------------------------------------------------------------------
def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Scaled dot-product attention; mask (N, M) is True where a query may look."""
    scores = query @ key.T / math.sqrt(query.shape[1])  # (N, M)
    scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=1) @ value  # (N, width of value)


def _queries(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield (
        torch.tensor([[2.0]]),
        torch.tensor([[1.0], [0.0]]),
        torch.tensor([[1.0], [0.0]]),
        torch.ones(1, 2).bool(),
    )
    # d = 4, so the root is 2 and the scores are 1 and 0; then the second key is hidden.
    numbers = torch.tensor([[2.0, 0, 0, 0]]), torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    for seen in ([True, True], [True, False]):
        yield *numbers, torch.tensor([[1.0], [0.0]]), torch.tensor([seen])
    for n, m, d, width in ((2, 2, 4, 2), (3, 5, 4, 2), (4, 4, 9, 3)):
        tensors = 2 * _normal(rng, n, d), _normal(rng, m, d), _normal(rng, m, width)
        yield *tensors, torch.ones(n, m, dtype=torch.bool)
        mask = torch.tensor(rng.random((n, m)) < 0.5)
        mask[:, 0] = True
        mask[0, 1:] = False
        yield *tensors, mask


@mistake(
    "The scores are not divided by anything, so the softmax is too sharp: with d numbers in a query, "
    "products grow like √d."
)
def _unscaled(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return attend(query * math.sqrt(query.shape[1]), key, value, mask)


@mistake(
    "You divided the scores by d. Their standard deviation grows like √d, so that is too much: the "
    "weights come out too even."
)
def _scaled_by_width(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return attend(query / math.sqrt(query.shape[1]), key, value, mask)


@mistake(
    "Your weights sum to 1 over the queries. Each query shares out its own attention, so the sum runs "
    "over the keys."
)
def _softmax_over_queries(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = (query @ key.T / math.sqrt(query.shape[1])).masked_fill(~mask, -1e9)
    return scores.softmax(dim=0) @ value


@mistake(
    "You hid what may be seen. The mask is True where a query may look, so it is the False places that "
    "have to go."
)
def _mask_reversed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    scores = (query @ key.T / math.sqrt(query.shape[1])).masked_fill(mask, -1e9)
    return scores.softmax(dim=1) @ value


@mistake(
    "You set weights to zero after the softmax, so the ones that are left no longer sum to 1. What must a "
    "score be, so that the softmax itself gives it no weight?"
)
def _masked_after_softmax(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    return ((query @ key.T / math.sqrt(query.shape[1])).softmax(dim=1) * mask) @ value


# --- 02.2 heads ------------------------------------------------------------------------------------
def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, D) → (B, heads, N, D / heads): each head gets its own stretch of the channels."""
    b, n, d = x.shape
    return x.reshape(b, n, heads, d // heads).transpose(1, 2)


def _tokens(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.arange(8.0).reshape(1, 2, 4), 2
    yield torch.arange(12.0).reshape(1, 3, 4), 2
    for shape, heads in (((2, 3, 6), 3), ((2, 4, 8), 2), ((1, 5, 4), 1)):
        yield _normal(rng, *shape), heads


@mistake(
    "The shape is right, but you went there in one reshape, and a reshape only counts numbers off in "
    "order. Head 0 got whole tokens, not a part of each token."
)
def _reshaped_at_once(x: Tensor, heads: int) -> Tensor:
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


@mistake(
    "You dealt the channels out to the heads in turn, like cards. Each head gets a stretch of "
    "neighbouring channels: the first head the first ones."
)
def _heads_interleaved(x: Tensor, heads: int) -> Tensor:
    return rearrange(x, "b n (d h) -> b h n d", h=heads)


@mistake("Your heads stand after the tokens. The order asked for is batch, heads, tokens, channels.")
def _heads_after_tokens(x: Tensor, heads: int) -> Tensor:
    return split_heads(x, heads).transpose(1, 2)


# --- 02.3 positions --------------------------------------------------------------------------------
def position_table(n: int, dim: int) -> Tensor:
    """(n, dim): sin(p · w) in even columns, cos(p · w) in odd ones, w = 10000^(-2i / dim) for pair i."""
    position = torch.arange(n)[:, None]
    frequency = 10_000.0 ** (-torch.arange(0, dim, 2) / dim)  # (dim / 2,)
    table = torch.empty(n, dim)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    return table


def _lengths(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from ((1, 2), (2, 2), (2, 4), (5, 6), (12, 16))


@mistake(
    "You put all sines in the left half and all cosines in the right. Here each sine stands beside the "
    "cosine of the same angle: even and odd columns."
)
def _halves_side_by_side(n: int, dim: int) -> Tensor:
    table = position_table(n, dim)
    return torch.cat([table[:, 0::2], table[:, 1::2]], dim=1)


@mistake(
    "In each pair you have the cosine first. Even columns hold the sine: at position 0 the row begins "
    "with 0, 1."
)
def _cosine_first(n: int, dim: int) -> Tensor:
    return position_table(n, dim).reshape(n, -1, 2).flip(2).reshape(n, dim)


@mistake("Your first row is position 1. Positions are counted from 0, where every sine is 0.")
def _from_one(n: int, dim: int) -> Tensor:
    return position_table(n + 1, dim)[1:]


@mistake(
    "Your frequencies fall too slowly: the exponent is half of what it should be. In 2i / dim, i counts "
    "pairs of columns and the 2 stays."
)
def _frequencies_too_close(n: int, dim: int) -> Tensor:
    angle = torch.arange(n)[:, None] * 10_000.0 ** (-torch.arange(dim // 2) / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=2).reshape(n, dim)


# --- 02.4 patches ----------------------------------------------------------------------------------
def cut_patches(x: Tensor, p: int) -> Tensor:
    """(C, H, W) → (N, C·p·p): patches in reading order, each flattened as a conv weight is."""
    c, h, w = x.shape
    x = x.reshape(c, h // p, p, w // p, p)
    return x.permute(1, 3, 0, 2, 4).reshape(-1, c * p * p)


def _images(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield torch.arange(8.0).reshape(1, 2, 4), 2
    yield torch.arange(16.0).reshape(1, 4, 4), 2
    yield torch.arange(16.0).reshape(2, 2, 4), 2
    for shape, p in (((3, 4, 6), 2), ((2, 6, 3), 3), ((3, 4, 4), 1)):
        yield _normal(rng, *shape), p


@mistake(
    "A reshape alone cuts the picture into strips of its rows. A patch is a square: first split both "
    "sides into (number of patches, p), and then bring the axes that belong together side by side."
)
def _plain_reshape(x: Tensor, p: int) -> Tensor:
    return x.reshape(-1, x.shape[0] * p * p)


@mistake(
    "Your patches are right, but they come column by column. Reading order goes along a row of patches first."
)
def _down_the_columns(x: Tensor, p: int) -> Tensor:
    return rearrange(x, "c (h p) (w q) -> (w h) (c p q)", p=p, q=p)


@mistake(
    "Inside each patch you change the channel fastest. A conv weight is flattened channel by channel: all "
    "pixels of channel 0 first."
)
def _channels_last(x: Tensor, p: int) -> Tensor:
    return rearrange(x, "c (h p) (w q) -> (h w) (p q c)", p=p, q=p)


@mistake("Inside each patch you read down first. The pixels of a patch are read along its rows.")
def _pixels_transposed(x: Tensor, p: int) -> Tensor:
    return rearrange(x, "c (h p) (w q) -> (h w) (c q p)", p=p, q=p)


# --- 02.5 cost -------------------------------------------------------------------------------------
def multiply_adds(tokens: int, dim: int, window: int = 0) -> int:
    """Multiply-adds of an attention layer: over all tokens, or in windows of window × window tokens."""
    seen = window * window if window else tokens  # keys that each query looks at
    projections = 4 * tokens * dim * dim  # query, key, value, output
    return projections + 2 * tokens * seen * dim  # scores, and the mixture of the values


def _layers(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from ((1, 1), (4, 1), (4, 2), (16, 8), (16, 8, 2), (3136, 96), (3136, 96, 7))


@mistake(
    "You counted the work between tokens. Every token is also multiplied by matrices of width × width: "
    "how many of them has the layer?"
)
def _without_projections(tokens: int, dim: int, window: int = 0) -> int:
    return 2 * tokens * (window * window or tokens) * dim


@mistake("You counted the scores. The weights then mix the values, which is as much work again.")
def _scores_only(tokens: int, dim: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, window) - tokens * (window * window or tokens) * dim


@mistake("You let each query look at `window` keys. A window is a square of window × window tokens.")
def _window_side(tokens: int, dim: int, window: int = 0) -> int:
    return 4 * tokens * dim * dim + 2 * tokens * (window or tokens) * dim


@mistake(
    "You counted query, key and value. After the heads are put together, one more matrix makes the output."
)
def _three_projections(tokens: int, dim: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, window) - tokens * dim * dim


# --- 02.6 shift mask -------------------------------------------------------------------------------
def row_mask(length: int, window: int, shift: int) -> Tensor:
    """Who may look at whom in a row of tokens rolled left by `shift`: (windows, window, window) boolean."""
    # tokens that the roll took from the front to the back
    came_round = torch.arange(length) >= length - shift
    label = came_round.reshape(-1, window)  # (windows, window)
    return label[:, :, None] == label[:, None, :]


def _rows(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from ((2, 2, 1), (4, 2, 1), (4, 4, 1), (8, 4, 2), (12, 4, 1), (6, 3, 0))


@mistake(
    "In your mask everybody may look at everybody. After the roll, the last window holds tokens from both "
    "ends of the row, which were never neighbours."
)
def _no_mask(length: int, window: int, shift: int) -> Tensor:
    return torch.ones(length // window, window, window, dtype=torch.bool)


@mistake("Your mask is True where tokens must not look at each other. True means that they may.")
def _forbidden_instead(length: int, window: int, shift: int) -> Tensor:
    return ~row_mask(length, window, shift)


@mistake(
    "You masked the first window. Rolling left takes tokens from the front to the back: in which window "
    "do they end up?"
)
def _front_instead(length: int, window: int, shift: int) -> Tensor:
    return row_mask(length, window, shift).flip(0)


@mistake(
    "You took window - shift tokens as those that came round. A roll by `shift` takes exactly `shift` "
    "tokens to the back."
)
def _shift_counted_from_window(length: int, window: int, shift: int) -> Tensor:
    return row_mask(length, window, window - shift)


EXERCISES = [
    Exercise(
        "02.1",
        "Attention, the equation",
        attend,
        _queries,
        difficulty=2,
        minutes=10,
        hints=(
            "Three steps: scores (N, M) from all pairs of query and key; weights; a mixture of the values.",
            "Divide the scores by the square root of the width d. Where the mask is False put -inf, "
            "before the softmax.",
            "Each query's weights sum to 1: softmax over the keys, the last axis. Then weights @ value.",
        ),
        mistakes=(_unscaled, _scaled_by_width, _softmax_over_queries, _mask_reversed, _masked_after_softmax),
    ),
    Exercise(
        "02.2",
        "Splitting into heads",
        split_heads,
        _tokens,
        difficulty=1,
        minutes=6,
        hints=(
            "Only the last axis is cut: head 0 gets channels 0 to d - 1 of every token.",
            "First (B, N, heads, d): that is a reshape which moves nothing. Then one transpose.",
            "A reshape straight to (B, heads, N, d) would mix tokens: head 0 would get whole tokens.",
        ),
        mistakes=(_reshaped_at_once, _heads_interleaved, _heads_after_tokens),
    ),
    Exercise(
        "02.3",
        "Sinusoidal positions",
        position_table,
        _lengths,
        difficulty=2,
        minutes=10,
        hints=(
            "Rows are positions from 0, columns come in pairs: a sine, then a cosine of the same angle.",
            "Pair i turns at w = 10000^(-2i / dim): torch.arange(0, dim, 2) is 2i.",
            "table[:, 0::2] = sin(position * w), table[:, 1::2] = cos(position * w); position is (n, 1).",
        ),
        mistakes=(_halves_side_by_side, _cosine_first, _from_one, _frequencies_too_close),
    ),
    Exercise(
        "02.4",
        "An image as a sentence",
        cut_patches,
        _images,
        difficulty=2,
        minutes=10,
        hints=(
            "Cut both sides into (number of patches, p): five axes, (C, H/p, p, W/p, p).",
            "Reading order wants the patch's row and column first; inside a patch: channel, row, column.",
            "permute(1, 3, 0, 2, 4), then one reshape to (N, C·p·p).",
        ),
        mistakes=(_plain_reshape, _down_the_columns, _channels_last, _pixels_transposed),
    ),
    Exercise(
        "02.5",
        "What attention costs",
        multiply_adds,
        _layers,
        difficulty=1,
        minutes=6,
        hints=(
            "Multiplying an (a, b) by a (b, c) matrix takes a·b·c multiply-adds. Count four projections.",
            "Scores: tokens × keys × dim. Mixing the values: the same again.",
            "With windows, each query looks at window × window keys and no others.",
        ),
        mistakes=(_without_projections, _scores_only, _window_side, _three_projections),
    ),
    Exercise(
        "02.6",
        "The mask of a shifted window",
        row_mask,
        _rows,
        difficulty=3,
        minutes=12,
        hints=(
            "After rolling left by s, the last s places hold tokens from the front of the row.",
            "Two tokens of one window may look at each other if both came round, or neither did.",
            "Give each place a label (came round or not), cut the labels into windows, compare all pairs: "
            "label[:, :, None] == label[:, None, :].",
        ),
        mistakes=(_no_mask, _forbidden_instead, _front_instead, _shift_counted_from_window),
    ),
]
