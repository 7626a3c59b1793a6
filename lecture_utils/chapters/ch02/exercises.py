"""Chapter 02: the checked exercises about attention and vision transformers; the lab stands in `lab.py`.

Each exercise holds a reference (the solution that the notebook shows), inputs to try (smallest first),
general hints that say more each time, and the usual mistakes, each with its own hint (more of them in
`mistakes.py`). Shapes as in `solutions.py`.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from lecture_utils.chapters.ch02.lab import LAB
from lecture_utils.chapters.ch02.mistakes import MORE
from lecture_utils.chapters.ch02.solutions import (
    attend,
    multi_head,
    multiply_adds,
    times_chance,
    vit_tokens,
    window_mask,
    window_mask_faulty,
)
from lecture_utils.exercises.exercise import Exercise, mistake

__all__ = ["EXERCISES", "LAB"]

Mixed = tuple[Tensor, Tensor]


def _normal(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


# --- 02.1 attention --------------------------------------------------------------------------------
def _queries(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    key, value = torch.tensor([[math.log(3)], [0.0]]), torch.tensor([[4.0], [8.0]])
    yield torch.tensor([[1.0]]), key, value, None  # scores ln 3 and 0: weights 3/4 and 1/4
    wide = F.pad(key, (0, 3))  # d = 4, so the root is 2
    yield torch.tensor([[2.0, 0, 0, 0]]), wide, value, None
    for seen in ([True, False], [False, True], [False, False]):
        yield torch.tensor([[1.0]]), key, value, torch.tensor([seen])
    yield torch.tensor([[1.0], [0.0]]), key, value, torch.tensor([[True, True], [True, False]])
    for shape, n, m, d, width in (((), 3, 5, 4, 2), ((), 4, 4, 9, 3), ((2, 3), 4, 6, 4, 4)):
        tensors = 2 * _normal(rng, *shape, n, d), _normal(rng, *shape, m, d), _normal(rng, *shape, m, width)
        yield *tensors, None
        mask = torch.tensor(rng.random((n, m)) < 0.5)
        mask[0, 1:], mask[-1] = False, False
        yield *tensors, mask


def _mixed(scores: Tensor, value: Tensor, mask: Tensor | None, *, axis: int = -1) -> Mixed:
    """Mask, softmax along an axis, mixture."""
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(axis).nan_to_num(0.0)
    return weights @ value, weights


@mistake(
    "The scores are not divided by anything, so the softmax is too sharp: with d numbers in a query, products"
    " grow like √d."
)
def _unscaled(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return _mixed(query @ key.mT, value, mask)


@mistake(
    "You divided the scores by d. Their standard deviation grows like √d, so that is too much: the weights "
    "come out too even."
)
def _scaled_by_width(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return _mixed(query @ key.mT / query.shape[-1], value, mask)


@mistake(
    "Your weights sum to 1 over the queries. Each query shares out its own attention, so the sum runs over "
    "the keys."
)
def _softmax_over_queries(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return _mixed(query @ key.mT / math.sqrt(query.shape[-1]), value, mask, axis=-2)


@mistake(
    "You hid what may be seen. The mask is True where a query may look, so it is the False places that have "
    "to go."
)
def _mask_reversed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return attend(query, key, value, None if mask is None else ~mask)


@mistake(
    "You set weights to zero after the softmax, so the ones that are left no longer sum to 1. What must a "
    "score be, so that the softmax itself gives it no weight?"
)
def _masked_after_softmax(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    weights = attend(query, key, value)[1]
    weights = weights if mask is None else weights * mask
    return weights @ value, weights


@mistake(
    "A query that may look nowhere gets NaN with you: its row is 0 divided by 0. Weights and mixture are to "
    "be zeros there."
)
def _nowhere_is_nan(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
    return weights @ value, weights


@mistake(
    "A query that may look nowhere looks everywhere with you: where all scores are equally low, the softmax "
    "shares out evenly. Weights and mixture are to be zeros there."
)
def _nowhere_is_everywhere(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1)
    return weights @ value, weights


# --- 02.2 several heads ----------------------------------------------------------------------------
def _tokens(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    eye, none = torch.eye(2), torch.zeros(2, 2)
    two = torch.tensor([[[1.0, 10.0], [3.0, 30.0]]])
    yield two[:, :1], eye, eye, eye, eye, 1  # one token: it can only hear itself
    yield two, none, none, eye, eye, 1  # scores of 0: the mean of the values
    yield two, none, none, eye, eye, 2
    yield two, none, none, torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]]), 2
    yield two / 10, eye, eye, eye, eye, 2
    for b, n, d, heads in ((1, 3, 4, 2), (2, 5, 6, 3), (2, 4, 8, 4), (2, 4, 6, 1)):
        yield _normal(rng, b, n, d), *(_normal(rng, d, d) for _ in range(4)), heads


def _in_heads(
    x: Tensor, matrices: tuple[Tensor, ...], heads: int, *, cut: str, join: str, deviation: int = 1
) -> Tensor:
    """Attention in heads that are cut and joined by the patterns given."""
    to_query, to_key, to_value, to_output = matrices
    query, key, value = (rearrange(x @ m.T, cut, h=heads) for m in (to_query, to_key, to_value))
    y = attend(query / math.sqrt(deviation), key, value)[0]
    return rearrange(y, join, h=heads) @ to_output.T


_CUT, _JOIN = "b n (h d) -> b h n d", "b h n d -> b n (h d)"


@mistake(
    "You cut and joined the heads by one reshape each. A reshape only counts numbers off: head 0 got whole "
    "tokens. Cut the last axis, then swap two axes; and swap back before you join."
)
def _cut_and_joined_at_once(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    b, n, d = x.shape
    query, key, value = ((x @ m.T).reshape(b, heads, n, d // heads) for m in (to_query, to_key, to_value))
    return attend(query, key, value)[0].reshape(b, n, d) @ to_output.T


@mistake(
    "You cut the heads in one reshape, and a reshape only counts numbers off in order: head 0 got whole "
    "tokens, not a part of each token. Cut the last axis first, then swap two axes."
)
def _cut_at_once(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    b, n, d = x.shape
    query, key, value = ((x @ m.T).reshape(b, heads, n, d // heads) for m in (to_query, to_key, to_value))
    return attend(query, key, value)[0].transpose(1, 2).reshape(b, n, d) @ to_output.T


@mistake(
    "The heads are cut rightly and joined wrongly: bring the heads back behind the tokens before the last "
    "reshape, or a token gets numbers of other tokens."
)
def _joined_at_once(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    query, key, value = (rearrange(x @ m.T, _CUT, h=heads) for m in (to_query, to_key, to_value))
    return attend(query, key, value)[0].reshape(x.shape) @ to_output.T


@mistake(
    "You dealt the channels out to the heads in turn, like cards. Each head gets a stretch of neighbouring "
    "channels: the first head the first ones."
)
def _heads_interleaved(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    matrices = to_query, to_key, to_value, to_output
    return _in_heads(x, matrices, heads, cut="b n (d h) -> b h n d", join="b h n d -> b n (d h)")


@mistake(
    "All channels go into one softmax: your heads all look at the same places. Each head has its own scores, "
    "from its own stretch of the channels."
)
def _one_head(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query, to_key, to_value, to_output, 1)


@mistake(
    "You divided the scores by √D. The dot product of a head runs over D / heads numbers only, so that is the"
    " width whose root counts."
)
def _scaled_by_all(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    matrices = to_query, to_key, to_value, to_output
    return _in_heads(x, matrices, heads, cut=_CUT, join=_JOIN, deviation=heads)


@mistake("The output matrix is missing: it mixes what the heads have found.")
def _no_output(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query, to_key, to_value, torch.eye(x.shape[2]), heads)


@mistake("You multiplied by the matrices as they are. A layer y = x Wᵀ has an output for each row of W.")
def _not_transposed(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query.T, to_key.T, to_value.T, to_output.T, heads)


# --- 02.3 the tokens of a ViT ----------------------------------------------------------------------
def _pictures(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one, none = torch.tensor([1.0]), torch.zeros(1)
    row = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    yield row, 1, torch.tensor([[1.0]]), none, torch.tensor([9.0]), torch.zeros(5, 1)
    yield row, 1, torch.tensor([[1.0]]), one, torch.tensor([9.0]), torch.zeros(5, 1)
    places = torch.tensor([[500.0], [100.0], [200.0], [300.0], [400.0]])
    yield row, 1, torch.tensor([[1.0]]), none, torch.tensor([9.0]), places
    two = torch.tensor([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]])  # two patches of 2 × 2
    yield two, 2, torch.eye(4), torch.zeros(4), torch.zeros(4), torch.zeros(3, 4)
    four = torch.arange(16.0).view(1, 1, 4, 4)
    yield four, 2, torch.eye(4), torch.zeros(4), torch.zeros(4), torch.zeros(5, 4)
    colour = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[10.0, 20.0], [30.0, 40.0]]]])  # two channels
    yield colour, 2, torch.eye(8), torch.zeros(8), torch.zeros(8), torch.zeros(2, 8)
    for (b, c, h, w), p, d in (((2, 3, 4, 6), 2, 5), ((3, 2, 6, 3), 3, 4), ((2, 3, 4, 4), 1, 2)):
        n = (h // p) * (w // p)
        yield (
            _normal(rng, b, c, h, w), p, _normal(rng, d, c * p * p), _normal(rng, d), _normal(rng, d),
            _normal(rng, n + 1, d),
        )  # fmt: skip


def _words(pictures: Tensor, p: int, matrix: Tensor, bias: Tensor, pattern: str) -> Tensor:
    flat = rearrange(pictures, f"b c (h p) (w q) -> {pattern}", p=p, q=p)
    return flat @ matrix.T + bias


def _with_class(words: Tensor, class_token: Tensor, position: Tensor) -> Tensor:
    return torch.cat([class_token.expand(len(words), 1, -1), words], 1) + position


@mistake(
    "A reshape alone cuts the picture into strips of its rows. A patch is a square: first split both sides "
    "into (number of patches, patch), then bring the axes that belong together side by side."
)
def _plain_reshape(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    words = pictures.reshape(len(pictures), -1, matrix.shape[1]) @ matrix.T + bias
    return _with_class(words, class_token, position)


@mistake(
    "Your patches are right, but they come column by column. Reading order goes along a row of patches first."
)
def _down_the_columns(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    words = _words(pictures, patch, matrix, bias, "b (w h) (c p q)")
    return _with_class(words, class_token, position)


@mistake(
    "Inside each patch you change the channel fastest. All pixels of channel 0 come first, then those of "
    "channel 1, as in the weights of a convolution."
)
def _channels_last(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    words = _words(pictures, patch, matrix, bias, "b (h w) (p q c)")
    return _with_class(words, class_token, position)


@mistake("Inside each patch you read down first. The pixels of a patch are read along its rows.")
def _pixels_transposed(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    words = _words(pictures, patch, matrix, bias, "b (h w) (c q p)")
    return _with_class(words, class_token, position)


@mistake("The class token comes last with you. It is the first token: position 0 is its place.")
def _class_last(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    words = _words(pictures, patch, matrix, bias, "b (h w) (c p q)")
    return torch.cat([words, class_token.expand(len(words), 1, -1)], 1) + position


@mistake("The class token gets no position with you. There are 1 + N positions, and the first is its own.")
def _class_without_place(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    words = _words(pictures, patch, matrix, bias, "b (h w) (c p q)") + position[1:]
    return torch.cat([class_token.expand(len(words), 1, -1), words], 1)


@mistake("No positions are added: to this network the picture is a bag of patches.")
def _no_places(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, bias, class_token, torch.zeros_like(position))


@mistake("The class token went through the matrix or its bias as well. It is a vector of width D already.")
def _class_with_bias(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, bias, class_token + bias, position)


@mistake("The bias is missing: after the matrix, the same D numbers are added to every patch's token.")
def _no_bias(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, torch.zeros_like(bias), class_token, position)


# --- 02.4 cost -------------------------------------------------------------------------------------
def _layers(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from ((1, 1, 1), (4, 1, 1), (4, 2, 1), (4, 2, 2), (16, 8, 4), (16, 8, 4, 2), (3136, 96, 3))
    yield 3136, 96, 3, 7


@mistake(
    "You counted the work between tokens. Every token is also multiplied by matrices of width × width: how "
    "many of them has the layer?"
)
def _without_projections(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 2 * tokens * (window * window or tokens) * dim


@mistake("You counted the scores. The weights then mix the values, which is as much work again.")
def _scores_only(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, heads, window) - tokens * (window * window or tokens) * dim


@mistake("You let each query look at `window` keys. A window is a square of window × window tokens.")
def _window_side(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim * dim + 2 * tokens * (window or tokens) * dim


@mistake(
    "You counted query, key and value. After the heads are put together, one more matrix makes the output."
)
def _three_projections(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, heads, window) - tokens * dim * dim


@mistake(
    "With more heads your layer costs more. But each head is narrower in the same measure: how wide are the "
    "vectors whose products it takes?"
)
def _each_head_full(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim * dim + heads * 2 * tokens * (window * window or tokens) * dim


@mistake("You counted one head. There are `heads` of them, each of width dim / heads.")
def _one_head_only(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim * dim + 2 * tokens * (window * window or tokens) * dim // heads


@mistake(
    "You counted the pairs of one window, m² queries with m² keys each. There are tokens / m² windows: every "
    "token has m² keys."
)
def _one_window(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim * dim + 2 * (window**4 or tokens**2) * dim


@mistake(
    "You counted multiplication and addition as two. Asked for are multiply-adds, which take both at once: "
    "half of your number."
)
def _flops(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 2 * multiply_adds(tokens, dim, heads, window)


# --- 02.5 the mask of shifted windows --------------------------------------------------------------
def _maps(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    yield from ((2, 2, 1), (4, 2, 1), (4, 4, 1), (6, 3, 1), (8, 4, 2), (8, 4, 1), (6, 3, 0))


def _grouped(label: Tensor, window: int) -> Tensor:
    """Who shares a label, window by window."""
    label = rearrange(label, "(h m) (w n) -> (h w) (m n)", m=window, n=window)
    return label[:, :, None] == label[:, None, :]


@mistake(
    "It is the colleague's mask still. Three corners of the picture share its last window, and your mask "
    "takes them for neighbours. How many kinds of tokens must be told apart?"
)
def _one_kind_of_guest(side: int, window: int, shift: int) -> Tensor:
    return window_mask_faulty(side, window, shift)


@mistake(
    "Two kinds still share a label: those that came round at the right only, and those that came round below "
    "only. Adding the two marks makes 1 of both."
)
def _marks_added(side: int, window: int, shift: int) -> Tensor:
    came = (torch.arange(side) >= side - shift).long()
    return _grouped(came[:, None] + came[None, :], window)


@mistake(
    "Only the corner that came round along both axes has a label of its own with you. Who came round at one "
    "side only is a third and a fourth kind."
)
def _corner_only(side: int, window: int, shift: int) -> Tensor:
    came = torch.arange(side) >= side - shift
    return _grouped((came[:, None] & came[None, :]).long(), window)


@mistake(
    "You marked the first rows and columns. The roll goes up and left: what leaves there comes in at the "
    "end, so the last `shift` of them came round."
)
def _first_for_last(side: int, window: int, shift: int) -> Tensor:
    came = (torch.arange(side) < shift).long()
    return _grouped(2 * came[:, None] + came[None, :], window)


@mistake("You marked the rows that came round, and not the columns. The map was rolled along both axes.")
def _rows_only(side: int, window: int, shift: int) -> Tensor:
    came = (torch.arange(side) >= side - shift).long()
    return _grouped(came[:, None].expand(side, side), window)


@mistake("You marked the columns that came round, and not the rows. The map was rolled along both axes.")
def _columns_only(side: int, window: int, shift: int) -> Tensor:
    came = (torch.arange(side) >= side - shift).long()
    return _grouped(came[None, :].expand(side, side), window)


@mistake("Your mask is True where tokens must not look at each other. True means that they may.")
def _forbidden_instead(side: int, window: int, shift: int) -> Tensor:
    return ~window_mask(side, window, shift)


@mistake(
    "You took window - shift rows and columns as those that came round. A roll by `shift` takes exactly "
    "`shift` of them to the back."
)
def _shift_counted_from_window(side: int, window: int, shift: int) -> Tensor:
    return window_mask(side, window, window - shift)


@mistake(
    "The labels are right, the windows are not: you cut the map into strips. A window is a square of tokens, "
    "so two axes have to change places before the last reshape."
)
def _cut_into_strips(side: int, window: int, shift: int) -> Tensor:
    came = (torch.arange(side) >= side - shift).long()
    label = (2 * came[:, None] + came[None, :]).reshape(-1, window * window)
    return label[:, :, None] == label[:, None, :]


@mistake(
    "You let tokens look only at those of their own old window. Then the shift is for nothing: neighbours "
    "from different old windows may and should meet."
)
def _old_windows(side: int, window: int, shift: int) -> Tensor:
    place = (torch.arange(side) + shift) % side // window
    return _grouped(side * place[:, None] + place[None, :], window)


# --- 02.6 how much attention the object gets -------------------------------------------------------
def _looks(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    left, whole = torch.zeros(1, 2, 4, dtype=torch.bool), torch.ones(1, 2, 4, dtype=torch.bool)
    left[0, :, :2] = True  # the first of two patches
    yield torch.tensor([[0.75, 0.25]]), left, 2
    yield torch.tensor([[0.3, 0.1]]), left, 2  # 0.6 went to the class token itself
    half = left.clone()
    half[0, 1] = False  # half of the first patch
    yield torch.tensor([[0.75, 0.25]]), half, 2
    yield torch.tensor([[0.3, 0.1]]), whole, 2
    corner = torch.zeros(1, 4, 4, dtype=torch.bool)
    corner[0, :2, 2:] = True  # the second of four patches
    yield torch.tensor([[0.1, 0.4, 0.2, 0.1]]), corner, 2
    for b, rows, columns, patch in ((2, 2, 3, 2), (3, 4, 4, 2), (2, 3, 2, 4)):
        weights = torch.tensor(rng.uniform(0, 1 / (rows * columns), (b, rows * columns)), dtype=torch.float32)
        inside = torch.tensor(rng.random((b, rows * patch, columns * patch)) < 0.3)
        yield weights, inside, patch


def _share(inside: Tensor, patch: int) -> Tensor:
    return F.avg_pool2d(inside.float()[:, None], patch).flatten(1)


@mistake(
    "The class token's look at itself is still in your figure. Divide by what all patches get together, so "
    "that only the choice among patches counts."
)
def _not_shared_out(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights * _share(inside, patch)).sum(1) / inside.float().mean((1, 2))


@mistake(
    "You count a patch that the object only touches as if it were full of it. A patch counts by the share of "
    "its pixels."
)
def _touched_is_inside(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    on = (weights * (_share(inside, patch) > 0)).sum(1) / weights.sum(1)
    return on / inside.float().mean((1, 2))


@mistake(
    "You count a patch that the object only touches as full, in the attention and in chance. A patch counts "
    "by the share of its pixels, and chance is the object's share of all pixels."
)
def _touched_in_both(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    touched = (_share(inside, patch) > 0).float()
    return (weights * touched).sum(1) / weights.sum(1) / touched.mean(1)


@mistake("You look at one pixel of each patch. A patch counts by the share of all its pixels on the object.")
def _first_pixel(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    on = (weights * inside[:, ::patch, ::patch].float().flatten(1)).sum(1) / weights.sum(1)
    return on / inside.float().mean((1, 2))


@mistake(
    "You give one number for the whole batch. Each picture has its own attention and its own chance: (B,)."
)
def _one_for_all(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights * _share(inside, patch)).sum() / weights.sum() / inside.float().mean()


@mistake(
    "You share out over the whole batch. Each picture has its own attention and its own chance: sums and "
    "means run over one picture."
)
def _shared_by_batch(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights * _share(inside, patch)).sum(1) / weights.sum(1) / inside.float().mean()


@mistake(
    "That is the share of attention on the object. A large object gets much of it by chance alone: divide by "
    "the share of the pixels that it has."
)
def _not_by_chance(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights * _share(inside, patch)).sum(1) / weights.sum(1)


@mistake("You took chance away in place of dividing by it. Asked for is how many *times* chance it is.")
def _minus_chance(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return _not_by_chance.wrong(weights, inside, patch) - inside.float().mean((1, 2))


@mistake(
    "Chance is the object's share of the *pixels*. You divide by the share of the patches that it touches, "
    "which is larger."
)
def _chance_by_patches(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    share = _share(inside, patch)
    return (weights * share).sum(1) / weights.sum(1) / (share > 0).float().mean(1)


@mistake(
    "The patches of your mask come column by column, those of the weights row by row: a weight meets the "
    "wrong patch."
)
def _down_first(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    share = F.avg_pool2d(inside.float()[:, None], patch).mT.flatten(1)
    return (weights * share).sum(1) / weights.sum(1) / inside.float().mean((1, 2))


EXERCISES = [
    Exercise(
        "02.1",
        "Attention, the equation",
        attend,
        _queries,
        difficulty=2,
        minutes=12,
        hints=(
            "Three steps: scores (…, N, M) from all pairs of query and key; weights; a mix of the values.",
            "Divide the scores by the square root of the width d. Where the mask is False put -inf, before "
            "the softmax over the last axis.",
            "Use key.mT and query.shape[-1], so that any axes may stand in front. A row of -inf alone comes "
            "out as NaN: .nan_to_num(0.0) makes zeros of it.",
        ),
        mistakes=(
            _unscaled,
            _scaled_by_width,
            _softmax_over_queries,
            _mask_reversed,
            _masked_after_softmax,
            _nowhere_is_nan,
            _nowhere_is_everywhere,
            *MORE["02.1"],
        ),
    ),
    Exercise(
        "02.2",
        "Several heads",
        multi_head,
        _tokens,
        difficulty=3,
        minutes=15,
        hints=(
            "Three products x @ W.T, each (B, N, D). Of each, head 0 gets channels 0 to D / heads - 1 of "
            "every token, head 1 the next ones.",
            "To cut: .reshape(b, n, heads, d // heads), which moves nothing, then .transpose(1, 2). Your "
            "`attend` takes the axes in front as they are.",
            "To join: .transpose(1, 2) first, then .reshape(b, n, d), and last the output matrix.",
        ),
        mistakes=(
            _cut_and_joined_at_once,
            _cut_at_once,
            _joined_at_once,
            _heads_interleaved,
            _one_head,
            _scaled_by_all,
            _no_output,
            _not_transposed,
            *MORE["02.2"],
        ),
    ),
    Exercise(
        "02.3",
        "From a picture to tokens",
        vit_tokens,
        _pictures,
        difficulty=2,
        minutes=15,
        hints=(
            "Cut both sides into (number of patches, patch): six axes, (B, C, rows, patch, columns, patch). "
            "Reading order wants the patch's row and column in front; inside a patch: channel, row, column.",
            "permute(0, 2, 4, 1, 3, 5), then one reshape to (B, N, C·patch²). Times matrix.T, plus bias.",
            "class_token.expand(b, 1, -1) goes in front by torch.cat along axis 1; position is added to all "
            "1 + N tokens.",
        ),
        mistakes=(
            _plain_reshape,
            _down_the_columns,
            _channels_last,
            _pixels_transposed,
            _class_last,
            _class_without_place,
            _no_places,
            _class_with_bias,
            _no_bias,
            *MORE["02.3"],
        ),
    ),
    Exercise(
        "02.4",
        "What attention costs",
        multiply_adds,
        _layers,
        difficulty=2,
        minutes=10,
        hints=(
            "Multiplying an (a, b) by a (b, c) matrix takes a·b·c multiply-adds. Go through your own "
            "multi_head line by line.",
            "Scores of one head: tokens × keys × its width. Mixing the values: the same again. How wide is a "
            "head, and how many are there?",
            "With windows, each query looks at window × window keys and no others; the projections stay.",
        ),
        mistakes=(
            _without_projections,
            _scores_only,
            _window_side,
            _three_projections,
            _each_head_full,
            _one_head_only,
            _one_window,
            _flops,
            *MORE["02.4"],
        ),
    ),
    Exercise(
        "02.5",
        "Three corners that were never neighbours",
        window_mask,
        _maps,
        difficulty=3,
        minutes=12,
        hints=(
            "Take a map of 4 × 4, roll it up and left by 1, write down where each token of its last window"
            " came from.",
            "Along one axis there are two kinds of places: those that came round, and those that did not. So "
            "along both axes there are four kinds.",
            "A label for each of the four: 2 * came_round[:, None] + came_round[None, :], as whole numbers. "
            "The cut into windows stays as it is.",
        ),
        mistakes=(
            _one_kind_of_guest,
            _marks_added,
            _corner_only,
            _first_for_last,
            _rows_only,
            _columns_only,
            _forbidden_instead,
            _shift_counted_from_window,
            _cut_into_strips,
            _old_windows,
            *MORE["02.5"],
        ),
    ),
    Exercise(
        "02.6",
        "Does it look at the object?",
        times_chance,
        _looks,
        difficulty=2,
        minutes=10,
        hints=(
            "Two shares have to be compared: what the object gets of the attention, and what it has of the "
            "pixels.",
            "F.avg_pool2d(inside.float()[:, None], patch) says of each patch which share of its pixels lies"
            " on the object; flatten it to (B, N).",
            "Attention on the object: (weights * share).sum(1) / weights.sum(1). Chance: the mean of inside "
            "over all pixels. Their quotient is the answer.",
        ),
        mistakes=(
            _not_shared_out,
            _touched_is_inside,
            _touched_in_both,
            _first_pixel,
            _one_for_all,
            _shared_by_batch,
            _not_by_chance,
            _minus_chance,
            _chance_by_patches,
            _down_first,
            *MORE["02.6"],
        ),
    ),
]
