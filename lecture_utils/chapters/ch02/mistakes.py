"""Chapter 02: further usual mistakes in the exercises of `exercises.py`, each with its own hint.

A second round of readers made them. Shapes as in `solutions.py`.
"""

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from lecture_utils.chapters.ch02.solutions import (
    attend,
    multi_head,
    multiply_adds,
    times_chance,
    vit_tokens,
)
from lecture_utils.exercises.exercise import Mistake, mistake

Mixed = tuple[Tensor, Tensor]


# --- 02.1 attention --------------------------------------------------------------------------------
def _mixed(scores: Tensor, value: Tensor, mask: Tensor | None) -> Mixed:
    """Mask, softmax, mixture."""
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1).nan_to_num(0.0)
    return weights @ value, weights


@mistake(
    "You added the mask to the scores: True raises a score by 1, and False forbids nothing. A forbidden "
    "score has to become minus infinity."
)
def _mask_added(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores + mask.float()).softmax(-1)
    return weights @ value, weights


@mistake(
    "You set forbidden scores to 0. The softmax still gives e⁰, which is 1, to a score of 0: only minus "
    "infinity gets no weight."
)
def _scores_zeroed(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores * mask).softmax(-1)
    return weights @ value, weights


@mistake("You divided by the root of the number of keys. It is the width d of a query whose root counts.")
def _scaled_by_keys(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return _mixed(query @ key.mT / math.sqrt(key.shape[-2]), value, mask)


@mistake("You multiplied the scores by √d, which makes the softmax sharper still. Divide by it.")
def _scaled_up(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return _mixed(query @ key.mT * math.sqrt(query.shape[-1]), value, mask)


@mistake("You divided by √d after the softmax, so the weights do not sum to 1. The *scores* are divided.")
def _divided_after(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    _, weights = _mixed(query @ key.mT, value, mask)
    weights = weights / math.sqrt(query.shape[-1])
    return weights @ value, weights


@mistake(
    "The mixture is right, but you return the scores beside it. Asked for are the weights, after the softmax."
)
def _scores_returned(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return attend(query, key, value, mask)[0], scores


@mistake("Both results are there, but in the wrong order: the mixtures come first, then the weights.")
def _results_exchanged(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    mixture, weights = attend(query, key, value, mask)
    return weights, mixture


@mistake(
    "The mixture is mended where a query may look nowhere, but its weights are still NaN. Mend the weights, "
    "and the mixture is mended with them."
)
def _weights_still_nan(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
    return (weights @ value).nan_to_num(0.0), weights


@mistake("You left the mask out: where it is False, a query must not look.")
def _mask_left_out(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Mixed:
    return attend(query, key, value)


# --- 02.2 several heads ----------------------------------------------------------------------------
def _cut(z: Tensor, heads: int) -> Tensor:
    return rearrange(z, "b n (h d) -> b h n d", h=heads)


def _joined(y: Tensor) -> Tensor:
    return rearrange(y, "b h n d -> b n (h d)")


@mistake("You divide by the root twice: your `attend` does it already.")
def _scaled_twice(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query / math.sqrt(x.shape[2] / heads), to_key, to_value, to_output, heads)


@mistake("The scores of a head are not divided by the root of its width.")
def _not_scaled(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query * math.sqrt(x.shape[2] / heads), to_key, to_value, to_output, heads)


@mistake(
    "Your heads attend to one another inside each token: the heads still stand behind the tokens. The last "
    "two axes of what goes into `attend` are tokens and width."
)
def _heads_attend_to_heads(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    query, key, value = (_cut(x @ m.T, heads).transpose(1, 2) for m in (to_query, to_key, to_value))
    return attend(query, key, value)[0].reshape(x.shape) @ to_output.T


@mistake("Only the last matrix is used as it is. It is a layer like the others: y = x Wᵀ.")
def _output_not_transposed(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query, to_key, to_value, to_output.T, heads)


@mistake(
    "Query, key and value are used as they are, untransposed, and only the last matrix is turned: all are."
)
def _inputs_not_transposed(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query.T, to_key.T, to_value.T, to_output, heads)


@mistake("Your values are the tokens themselves. They too are made by a matrix of their own, `to_value`.")
def _values_as_they_are(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query, to_key, torch.eye(x.shape[2]), to_output, heads)


@mistake(
    "Keys ask and queries answer with you: the two are exchanged. Each row of weights belongs to a query."
)
def _keys_ask(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_key, to_query, to_value, to_output, heads)


@mistake(
    "The way in is right. On the way out you deal the heads' numbers out in turn: what one head found has to "
    "stand side by side."
)
def _joined_in_turn(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    query, key, value = (_cut(x @ m.T, heads) for m in (to_query, to_key, to_value))
    return rearrange(attend(query, key, value)[0], "b h n d -> b n (d h)") @ to_output.T


@mistake("Your keys are the tokens themselves. They too are made by a matrix of their own, `to_key`.")
def _keys_as_they_are(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query, torch.eye(x.shape[2]), to_value, to_output, heads)


@mistake("You used the matrix of the queries for the keys as well. Each of the three has its own.")
def _query_for_key(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    return multi_head(x, to_query, to_query, to_value, to_output, heads)


@mistake(
    "You changed axes before you cut. First cut the last axis into heads and width, which moves nothing; "
    "then let tokens and heads change places."
)
def _changed_then_cut(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    b, n, d = x.shape
    query, key, value = (
        (x @ m.T).transpose(1, 2).reshape(b, heads, n, d // heads) for m in (to_query, to_key, to_value)
    )
    return _joined(attend(query, key, value)[0]) @ to_output.T


@mistake("Your heads are averaged. They are set side by side, each in its own stretch of the D channels.")
def _heads_averaged(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    query, key, value = (_cut(x @ m.T, heads) for m in (to_query, to_key, to_value))
    return attend(query, key, value)[0].mean(1).repeat(1, 1, heads) @ to_output.T


# --- 02.3 the tokens of a ViT ----------------------------------------------------------------------
@mistake(
    "Rows and columns of patches are exchanged: there are H / patch rows of them and W / patch columns. On "
    "square pictures it does not show."
)
def _sides_exchanged(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    b, c, h, w = pictures.shape
    grid = pictures.reshape(b, c, w // patch, patch, h // patch, patch)
    flat = grid.permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * patch * patch)
    return torch.cat([class_token.expand(b, 1, -1), flat @ matrix.T + bias], 1) + position


@mistake("Positions are off by one: the patches got those from 0 on. Position 0 belongs to the class token.")
def _positions_shifted(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    zero = torch.zeros_like(position)
    bare = vit_tokens(pictures, patch, matrix, bias, class_token, zero)
    return torch.cat([bare[:, :1], bare[:, 1:] + position[:-1]], 1)


@mistake("The class token is missing: there are N tokens, and 1 + N are wanted.")
def _class_missing(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, bias, class_token, position)[:, 1:]


@mistake("You added the class token to every patch. It is a token of its own, in front of them.")
def _class_added(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, bias + class_token, class_token, position)


@mistake("Only the patches' own numbers count in your tokens: the class token in front is all zeros.")
def _class_of_zeros(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, bias, torch.zeros_like(class_token), position)


@mistake("Your tokens are multiplied by their positions. Positions are added.")
def _places_multiplied(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    return vit_tokens(pictures, patch, matrix, bias, class_token, torch.zeros_like(position)) * position


# --- 02.4 cost -------------------------------------------------------------------------------------
def _pairs(tokens: int, window: int) -> int:
    return tokens * (window * window or tokens)


@mistake("You counted the softmax as well. It is left out here: only products of matrices count.")
def _with_softmax(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, heads, window) + heads * _pairs(tokens, window)


@mistake(
    "You counted the four projections once for each head. Together the heads have one matrix of width × "
    "width for the queries, and so on."
)
def _projections_by_head(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return heads * 4 * tokens * dim * dim + 2 * _pairs(tokens, window) * dim


@mistake("You counted everything once for each head, with the full width. A head is dim / heads wide.")
def _all_by_head(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return heads * multiply_adds(tokens, dim, heads, window)


@mistake("You counted the projections of one head only: all heads together make D numbers of D.")
def _projections_narrow(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim * (dim // heads) + 2 * _pairs(tokens, window) * dim


@mistake("You left `window` out: with windows each query looks at window × window keys, not at all tokens.")
def _window_ignored(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, heads)


@mistake("You counted one projection. Queries, keys, values and the output have a matrix each.")
def _one_projection(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return tokens * dim * dim + 2 * _pairs(tokens, window) * dim


@mistake("You counted the work of one window. The map has tokens / window² of them.")
def _single_window(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(window * window or tokens, dim, heads)


@mistake("You counted the biases as well. They are left out here: only products of matrices count.")
def _with_biases(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, heads, window) + 4 * tokens * dim


@mistake(
    "A token looks at itself too: each query has as many keys as there are tokens, or places in its window."
)
def _not_at_itself(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return multiply_adds(tokens, dim, heads, window) - 2 * tokens * dim


@mistake(
    "Two things are missing: the output's matrix, and the mixture of the values, as much work as the scores."
)
def _three_and_scores(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 3 * tokens * dim * dim + _pairs(tokens, window) * dim


@mistake(
    "A projection is D × D: each of the D outputs of a token takes D products, which makes D² for a token."
)
def _projections_linear(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim + 2 * _pairs(tokens, window) * dim


@mistake("Between two tokens stands one dot product: that takes D products over all heads, not D².")
def _pairs_squared(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    return 4 * tokens * dim * dim + 2 * _pairs(tokens, window) * dim * dim


# --- 02.5 the mask of shifted windows --------------------------------------------------------------
def _labels(came: Tensor) -> Tensor:
    came = came.long()
    return 2 * came[:, None] + came[None, :]


def _alike(label: Tensor) -> Tensor:
    return label[:, :, None] == label[:, None, :]


@mistake(
    "In each window all may look at all with you. Marks that fall on the windows' own walls change nothing: "
    "it is the last `shift` rows and columns that came round."
)
def _last_windows_marked(side: int, window: int, shift: int) -> Tensor:
    label = _labels(torch.arange(side) >= side - window)
    return _alike(rearrange(label, "(h m) (w n) -> (h w) (m n)", m=window, n=window))


@mistake("Your mask holds all pairs of the map. It is wanted window by window: (windows, window², window²).")
def _whole_map(side: int, window: int, shift: int) -> Tensor:
    label = _labels(torch.arange(side) >= side - shift).flatten()
    return label[:, None] == label[None, :]


@mistake("Your windows come column by column. Reading order goes along a row of windows first.")
def _windows_down_first(side: int, window: int, shift: int) -> Tensor:
    label = _labels(torch.arange(side) >= side - shift)
    return _alike(rearrange(label, "(h m) (w n) -> (w h) (m n)", m=window, n=window))


@mistake(
    "You marked the places after the roll and then rolled the marks once more. Mark them where they stand "
    "now, or mark the first rows and roll those."
)
def _rolled_again(side: int, window: int, shift: int) -> Tensor:
    label = _labels(torch.arange(side) >= side - shift).roll((-shift, -shift), dims=(0, 1))
    return _alike(rearrange(label, "(h m) (w n) -> (h w) (m n)", m=window, n=window))


@mistake(
    "Your mask lets a token look at tokens of *other* kinds too, if they share the row's kind or the "
    "column's."
)
def _one_axis_is_enough(side: int, window: int, shift: int) -> Tensor:
    came = torch.arange(side) >= side - shift
    parts = (came[:, None].expand(side, side), came[None, :].expand(side, side))
    rows, columns = (
        _alike(rearrange(part, "(h m) (w n) -> (h w) (m n)", m=window, n=window)) for part in parts
    )
    return rows | columns


# --- 02.6 how much attention the object gets -------------------------------------------------------
def _share(inside: Tensor, patch: int) -> Tensor:
    return F.avg_pool2d(inside.float()[:, None], patch).flatten(1)


@mistake(
    "You count a patch as full if half of it or more is on the object, and else not at all. It counts by the "
    "share of its pixels."
)
def _half_is_full(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    full = (_share(inside, patch) >= 0.5).float()
    return (weights * full).sum(1) / weights.sum(1) / inside.float().mean((1, 2))


@mistake(
    "You count only patches that lie on the object as a whole. A patch counts by the share of its pixels."
)
def _only_full(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    full = (_share(inside, patch) == 1).float()
    return (weights * full).sum(1) / weights.sum(1) / inside.float().mean((1, 2))


@mistake("You count the pixels of each patch, not their share: your number is patch² times too large.")
def _pixels_counted(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return times_chance(weights, inside, patch) * patch**2


@mistake("Your quotient is upside down: the share of the attention is divided by the share of the pixels.")
def _upside_down(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return 1 / times_chance(weights, inside, patch)


@mistake(
    "You compare the object with the background. Asked for is how it does against an even share, which all "
    "pixels get."
)
def _against_the_rest(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    on, pixels = (weights * _share(inside, patch)).sum(1) / weights.sum(1), inside.float().mean((1, 2))
    return (on / pixels) / ((1 - on) / (1 - pixels))


@mistake(
    "Neither is shared out: the weights may sum to less than 1, and the object's share of the pixels is "
    "chance. Two divisions are missing."
)
def _only_the_sum(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights * _share(inside, patch)).sum(1)


@mistake("You divide by the number of pixels on the object. Chance is their *share* of all pixels.")
def _by_number_of_pixels(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights * _share(inside, patch)).sum(1) / weights.sum(1) / inside.float().sum((1, 2))


@mistake(
    "You put the weights through a softmax once more. They are weights already: divide them by their sum."
)
def _softmax_again(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return (weights.softmax(1) * _share(inside, patch)).sum(1) / inside.float().mean((1, 2))


@mistake("That is the attention of the *background*, against its own share. Asked for is the object's.")
def _of_the_background(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return times_chance(weights, ~inside, patch)


@mistake("You divide by the largest weight. A share is a part of the sum of all.")
def _by_the_largest(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    on = (weights / weights.amax(1, keepdim=True) * _share(inside, patch)).sum(1)
    return on / inside.float().mean((1, 2))


@mistake(
    "Your attention on the object is a mean over the patches, and is set against a sum. Take the same for "
    "both."
)
def _mean_against_sum(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    return times_chance(weights, inside, patch) / weights.shape[1]


MORE: dict[str, tuple[Mistake, ...]] = {
    "02.1": (
        _mask_added,
        _scores_zeroed,
        _scaled_by_keys,
        _scaled_up,
        _divided_after,
        _scores_returned,
        _results_exchanged,
        _weights_still_nan,
        _mask_left_out,
    ),
    "02.2": (
        _scaled_twice,
        _not_scaled,
        _heads_attend_to_heads,
        _output_not_transposed,
        _inputs_not_transposed,
        _values_as_they_are,
        _keys_ask,
        _joined_in_turn,
        _keys_as_they_are,
        _query_for_key,
        _changed_then_cut,
        _heads_averaged,
    ),
    "02.3": (
        _sides_exchanged,
        _positions_shifted,
        _class_missing,
        _class_added,
        _class_of_zeros,
        _places_multiplied,
    ),
    "02.4": (
        _with_softmax,
        _projections_by_head,
        _all_by_head,
        _projections_narrow,
        _window_ignored,
        _one_projection,
        _single_window,
        _with_biases,
        _not_at_itself,
        _three_and_scores,
        _projections_linear,
        _pairs_squared,
    ),
    "02.5": (
        _last_windows_marked,
        _whole_map,
        _windows_down_first,
        _rolled_again,
        _one_axis_is_enough,
    ),
    "02.6": (
        _half_is_full,
        _only_full,
        _pixels_counted,
        _upside_down,
        _against_the_rest,
        _only_the_sum,
        _by_number_of_pixels,
        _softmax_again,
        _of_the_background,
        _by_the_largest,
        _mean_against_sum,
    ),
}
