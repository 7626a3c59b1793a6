"""The lab of chapter 02: assemble an encoder layer, and find why a colleague's ViT sees so little.

The layer is that of A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021 (equations 2 and 3);
the network is small enough to learn the handwritten digits in seconds.

Shapes: B batch, N tokens, D model width, d head width, C channels, p the side of a patch, H × W a picture.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lecture_utils.chapters.ch02.solutions import attend, multi_head, vit_tokens
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, mistake

Step = Callable[[Tensor], Tensor]
Norm = tuple[Tensor, Tensor]
Attention = Callable[[Tensor, Tensor, Tensor, int], Tensor]


# --- step 1: an encoder layer ----------------------------------------------------------------------
def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Each token (…, D) by its own mean and deviation, then scaled and shifted by D numbers each."""
    mean, var = x.mean(dim=-1, keepdim=True), x.var(dim=-1, unbiased=False, keepdim=True)
    return scale * (x - mean) / torch.sqrt(var + 1e-6) + shift


def encoder_layer(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    """Attention, then the MLP, each on normalised tokens and beside a shortcut (pre-norm): (B, N, D).

    norm1 and norm2 are a scale (D,) and a shift (D,) each.
    """
    x = x + attention(layer_norm(x, *norm1))
    return x + mlp(layer_norm(x, *norm2))


def as_it_is(x: Tensor) -> Tensor:
    """Hand tokens on: stands for a part whose answer can be worked out by hand."""
    return x


def mean_of_all(x: Tensor) -> Tensor:
    """Give every token the mean of all: attention with equal weights."""
    return x.mean(dim=1, keepdim=True).expand_as(x)


def ten_times(x: Tensor) -> Tensor:
    """Ten times each number of each token."""
    return 10 * x


def _plain(dim: int) -> Norm:
    return torch.ones(dim), torch.zeros(dim)


def _tensor(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def _layers(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    token = torch.tensor([[[1.0, 3.0]]])  # mean 2, deviation 1: normalised -1, 1
    yield token, as_it_is, ten_times, _plain(2), _plain(2)
    yield token, as_it_is, ten_times, (torch.tensor([2.0, 2.0]), torch.tensor([5.0, 5.0])), _plain(2)
    yield token, as_it_is, ten_times, _plain(2), (torch.tensor([2.0, 2.0]), torch.tensor([1.0, 1.0]))
    yield torch.tensor([[[1.0, 3.0], [6.0, 2.0]]]), mean_of_all, ten_times, _plain(2), _plain(2)
    for b, n, d in ((1, 3, 4), (2, 4, 6), (3, 2, 5)):
        norms = [(1 + 0.5 * _tensor(rng, d), _tensor(rng, d)) for _ in range(2)]
        yield 2 * _tensor(rng, b, n, d) + 1, mean_of_all, torch.tanh, *norms


@mistake(
    "Your norms come after the sums, as in the paper of 2017. Pre-norm normalises what enters a branch, and "
    "leaves the shortcut alone."
)
def _post_norm(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    x = layer_norm(x + attention(x), *norm1)
    return layer_norm(x + mlp(x), *norm2)


@mistake(
    "The shortcut carries the normalised tokens with you. It carries them as they came; only the branch gets "
    "them normalised."
)
def _normed_shortcut(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    x = layer_norm(x, *norm1)
    x = x + attention(x)
    x = layer_norm(x, *norm2)
    return x + mlp(x)


@mistake("Both shortcuts are missing: what a layer computes is added to its input, twice.")
def _no_shortcuts(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return mlp(layer_norm(attention(layer_norm(x, *norm1)), *norm2))


@mistake("The MLP's branch has no shortcut with you: add what came into its norm.")
def _second_shortcut_missing(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return mlp(layer_norm(x + attention(layer_norm(x, *norm1)), *norm2))


@mistake("Your second norm uses the first one's scale and shift. Each norm has its own two.")
def _first_norm_twice(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return encoder_layer(x, attention, mlp, norm1, norm1)


@mistake(
    "Attention and MLP stand side by side with you, both fed with the layer's input. The MLP works on what "
    "the attention has left."
)
def _side_by_side(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return x + attention(layer_norm(x, *norm1)) + mlp(layer_norm(x, *norm2))


@mistake("The MLP gets its tokens as they are. Before it stands the second norm.")
def _second_norm_missing(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    x = x + attention(layer_norm(x, *norm1))
    return x + mlp(x)


@mistake(
    "Your variance is divided by D - 1. Layer norm divides by D: these are all the numbers of the token, and "
    "no sample of them."
)
def _unbiased(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    def norm(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return scale * (z - z.mean(-1, keepdim=True)) / (z.std(-1, keepdim=True) + 1e-6) + shift

    x = x + attention(norm(x, *norm1))
    return x + mlp(norm(x, *norm2))


@mistake(
    "You normalise over the tokens. Layer norm never looks at another token: mean and deviation run over the "
    "D numbers of each one alone."
)
def _over_the_tokens(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    def norm(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        var = z.var(1, unbiased=False, keepdim=True)
        return scale * (z - z.mean(1, keepdim=True)) / torch.sqrt(var + 1e-6) + shift

    x = x + attention(norm(x, *norm1))
    return x + mlp(norm(x, *norm2))


@mistake(
    "You left out scale and shift. After normalising, each of the D numbers is scaled and shifted by its own "
    "two."
)
def _no_scale(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    ones, zeros = torch.ones(x.shape[-1]), torch.zeros(x.shape[-1])
    return encoder_layer(x, attention, mlp, (ones, zeros), (ones, zeros))


@mistake(
    "The MLP's result is added to the layer's input, and what attention did is lost on the way. The second "
    "shortcut carries the sum of the first."
)
def _first_sum_lost(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    y = x + attention(layer_norm(x, *norm1))
    return x + mlp(layer_norm(y, *norm2))


@mistake("The attention gets its tokens as they are. Before it stands the first norm.")
def _first_norm_missing(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    x = x + attention(x)
    return x + mlp(layer_norm(x, *norm2))


@mistake("The attention's branch has no shortcut with you: what came into its norm is added to its result.")
def _first_shortcut_missing(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    x = attention(layer_norm(x, *norm1))
    return x + mlp(layer_norm(x, *norm2))


@mistake(
    "You have the MLP before the attention. First tokens ask each other, then each works on what it got."
)
def _mlp_first(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return encoder_layer(x, mlp, attention, norm1, norm2)


@mistake("You have the two norms exchanged: norm1 stands before the attention, norm2 before the MLP.")
def _norms_exchanged(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return encoder_layer(x, attention, mlp, norm2, norm1)


@mistake(
    "You normalise what the branches give. In pre-norm they get normalised tokens, and give theirs as they "
    "are."
)
def _branch_normed_after(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    x = x + layer_norm(attention(x), *norm1)
    return x + layer_norm(mlp(x), *norm2)


@mistake("Scale and shift are exchanged: the first of a norm's two is multiplied, the second added.")
def _shift_multiplied(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return encoder_layer(x, attention, mlp, norm1[::-1], norm2[::-1])


@mistake(
    "You normalise all tokens of a picture together. Each token has its own mean and deviation, over its "
    "own D numbers."
)
def _over_the_picture(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    def norm(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        mean, var = z.mean((1, 2), keepdim=True), z.var((1, 2), unbiased=False, keepdim=True)
        return scale * (z - mean) / torch.sqrt(var + 1e-6) + shift

    x = x + attention(norm(x, *norm1))
    return x + mlp(norm(x, *norm2))


@mistake("You divide by the variance. Layer norm divides by the deviation, its root.")
def _by_the_variance(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    def norm(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        var = z.var(-1, unbiased=False, keepdim=True)
        return scale * (z - z.mean(-1, keepdim=True)) / (var + 1e-6) + shift

    x = x + attention(norm(x, *norm1))
    return x + mlp(norm(x, *norm2))


@mistake("The mean is not taken away in your norm: first subtract it, then divide.")
def _not_centred(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    def norm(z: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return scale * z / torch.sqrt(z.var(-1, unbiased=False, keepdim=True) + 1e-6) + shift

    x = x + attention(norm(x, *norm1))
    return x + mlp(norm(x, *norm2))


@mistake(
    "The MLP gets what the attention gives, without the tokens that came in. First add, and only then "
    "normalise for the MLP."
)
def _first_sum_left_out(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return x + mlp(layer_norm(attention(layer_norm(x, *norm1)), *norm2))


@mistake("Your second norm has no scale and no shift: it has two of its own, in norm2.")
def _second_norm_bare(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    return encoder_layer(x, attention, mlp, norm1, (torch.ones(x.shape[-1]), torch.zeros(x.shape[-1])))


@mistake(
    "What the attention gives is added twice. It comes in once, and the MLP's result is added to that sum."
)
def _attention_twice(x: Tensor, attention: Step, mlp: Step, norm1: Norm, norm2: Norm) -> Tensor:
    given = attention(layer_norm(x, *norm1))
    return x + 2 * given + mlp(layer_norm(x + given, *norm2))


class Layer(nn.Module):
    """An encoder layer with its weights: query, key and value are one matrix of 3 D rows."""

    def __init__(self, dim: int, heads: int, attention: Attention) -> None:
        super().__init__()
        self.heads, self.attention = heads, attention
        self.qkv = nn.Parameter(torch.randn(3 * dim, dim) / dim**0.5)
        self.output = nn.Parameter(torch.randn(dim, dim) / dim**0.5)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.scales, self.shifts = nn.Parameter(torch.ones(2, dim)), nn.Parameter(torch.zeros(2, dim))

    def forward(self, x: Tensor) -> Tensor:  # (B, N, D)
        norm1, norm2 = zip(self.scales, self.shifts, strict=True)
        mix = lambda z: self.attention(z, self.qkv, self.output, self.heads)  # noqa: E731
        return encoder_layer(x, mix, self.mlp, norm1, norm2)


class DigitViT(nn.Module):
    """A ViT of your parts: `vit_tokens`, layers of `encoder_layer`, the answer from the class token."""

    def __init__(self, attention: Attention, dim: int = 48, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Linear(4, dim)  # digits of 8 × 8 pixels, patches of 2 × 2
        self.class_token = nn.Parameter(torch.zeros(dim))
        self.position = nn.Parameter(0.02 * torch.randn(17, dim))
        self.layers = nn.Sequential(*(Layer(dim, heads, attention) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, 8, 8)
        x = vit_tokens(x, 2, self.embed.weight, self.embed.bias, self.class_token, self.position)
        return self.head(self.norm(self.layers(x))[:, 0])  # (B, 10)


def in_parts(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    """Self-attention by `multi_head`: its three matrices are cut out of one."""
    to_query, to_key, to_value = qkv.chunk(3)
    return multi_head(x, to_query, to_key, to_value, output, heads)


# --- step 2: all three projections at once, with a fault -------------------------------------------
def fused_attention_faulty(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    """Self-attention of x (B, N, D) with one product for all projections: qkv (3 D, D), output (D, D)."""
    b, n, d = x.shape
    cut = (x @ qkv.T).reshape(b, heads, n, 3, d // heads)
    query, key, value = cut.unbind(dim=3)  # (B, heads, N, D / heads) each
    y, _ = attend(query, key, value)
    return y.reshape(b, n, d) @ output.T


def fused_attention(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    """Self-attention of x (B, N, D) with one product for all projections: qkv (3 D, D), output (D, D)."""
    b, n, d = x.shape
    cut = (x @ qkv.T).reshape(b, n, 3, heads, d // heads)  # as the 3 D numbers of a token lie
    query, key, value = cut.permute(2, 0, 3, 1, 4)  # (B, heads, N, D / heads) each
    y, _ = attend(query, key, value)
    return y.transpose(1, 2).reshape(b, n, d) @ output.T


def answered_by(model: nn.Module, pictures: Tensor, patch: int) -> Tensor:
    """How much each patch moves the scores: norms of their gradients, (rows, columns), with sum 1.

    Mean over the pictures (B, C, H, W).
    """
    x = pictures.clone().requires_grad_()
    slope = torch.autograd.grad(model(x).square().sum(), x)[0].square().sum(1, keepdim=True)  # (B, 1, H, W)
    each = F.avg_pool2d(slope, patch).sqrt()[:, 0]
    return (each / each.sum(dim=(1, 2), keepdim=True)).mean(0)


def _fused_cases(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    one = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    two_tokens = torch.tensor([[[1.0, 10.0], [3.0, 30.0]]])
    yield two_tokens[:, :1], one, torch.eye(2), 1
    yield two_tokens, one, torch.eye(2), 1  # no query, no key: equal weights; values as they are
    yield two_tokens, one, torch.eye(2), 2
    for b, n, d, heads in ((1, 3, 4, 2), (2, 5, 6, 3), (2, 4, 8, 4)):
        yield _tensor(rng, b, n, d), _tensor(rng, 3 * d, d), _tensor(rng, d, d), heads


def _fused(x: Tensor, qkv: Tensor, output: Tensor, heads: int, order: tuple[int, int, int]) -> Tensor:
    """The right answer, but for the order in which query, key and value are taken."""
    query, key, value = (qkv.chunk(3)[k] for k in order)
    return multi_head(x, query, key, value, output, heads)


@mistake(
    "Your class token still sees the upper part of the picture only. Follow token 0: its 3 D numbers come "
    "first in memory; into which head do they all go, and which tokens share it?"
)
def _still_faulty(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return fused_attention_faulty(x, qkv, output, heads)


@mistake(
    "The way in is right now. On the way out the heads of a token still have to be brought side by side "
    "before you flatten them."
)
def _way_out_faulty(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    b, n, d = x.shape
    query, key, value = (x @ qkv.T).reshape(b, n, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
    return attend(query, key, value)[0].reshape(b, n, d) @ output.T


@mistake(
    "The way out is right, the way in is not: of the numbers of one token a reshape straight to (B, heads, "
    "N, …) makes several tokens."
)
def _way_in_faulty(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    b, n, d = x.shape
    query, key, value = (x @ qkv.T).reshape(b, heads, n, 3, d // heads).unbind(3)
    return attend(query, key, value)[0].transpose(1, 2).reshape(b, n, d) @ output.T


@mistake(
    "You cut the 3 D numbers of a token into heads first, and each head's into query, key and value. In qkv "
    "all D rows of the query come first, then those of the key."
)
def _heads_before_three(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    b, n, d = x.shape
    query, key, value = (x @ qkv.T).reshape(b, n, heads, 3, d // heads).permute(3, 0, 2, 1, 4)
    return attend(query, key, value)[0].transpose(1, 2).reshape(b, n, d) @ output.T


@mistake("Query, key and value are mixed up: the first D rows of qkv make queries, the last D values.")
def _values_first(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _fused(x, qkv, output, heads, (2, 1, 0))


@mistake("The last matrix is missing: what the heads have found goes through `output`.")
def _no_output(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return fused_attention(x, qkv, torch.eye(x.shape[2]), heads)


@mistake("You multiplied by `output` as it is. A layer y = x Wᵀ has an output for each row of W.")
def _output_not_transposed(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return fused_attention(x, qkv, output.T, heads)


@mistake(
    "All D channels go into one softmax with you. Each head has its own scores, from its own D / heads "
    "channels."
)
def _one_head(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return fused_attention(x, qkv, output, 1)


@mistake(
    "Key and value are exchanged: after the D rows of the query come those of the key, then those of the "
    "value."
)
def _key_last(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _fused(x, qkv, output, heads, (0, 2, 1))


@mistake("Query and key are exchanged: the first D rows of qkv make the queries.")
def _key_first(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _fused(x, qkv, output, heads, (1, 0, 2))


def _cut_as(x: Tensor, qkv: Tensor, output: Tensor, heads: int, cut: str, join: str) -> Tensor:
    """Attention whose numbers are cut and joined by the patterns given."""
    query, key, value = rearrange(x @ qkv.T, cut, t=3, h=heads)
    return rearrange(attend(query, key, value)[0], join, h=heads) @ output.T


@mistake(
    "Query, key and value are told apart now. But you deal a token's D numbers out to the heads in turn: "
    "each head gets a stretch of neighbouring ones, so `heads` stands before D / heads."
)
def _in_turn(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _cut_as(x, qkv, output, heads, "b n (t d h) -> t b h n d", "b h n d -> b n (d h)")


@mistake(
    "The way out is right. On the way in you deal the numbers out to the heads in turn; each gets a stretch "
    "of neighbouring ones."
)
def _in_turn_on_the_way_in(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _cut_as(x, qkv, output, heads, "b n (t d h) -> t b h n d", "b h n d -> b n (h d)")


@mistake(
    "You take every third number for the query, the next for the key. In qkv *all* rows of the query come "
    "first: the axis of 3 stands before the others."
)
def _three_innermost(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _cut_as(x, qkv, output, heads, "b n (h d t) -> t b h n d", "b h n d -> b n (h d)")


@mistake(
    "The cut is right, but your heads now attend to one another inside each token: bring heads before "
    "tokens, so that the last two axes are tokens and width."
)
def _heads_among_themselves(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    return _cut_as(x, qkv, output, heads, "b n (t h d) -> t b n h d", "b n h d -> b n (h d)")


@mistake(
    "You reshaped to put the 3 in front of batch and tokens. A reshape moves no number: the 3 stays behind "
    "the token at first, and is brought forward afterwards."
)
def _three_reshaped_to_front(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    b, n, d = x.shape
    query, key, value = (x @ qkv.T).reshape(3, b, n, heads, d // heads).transpose(2, 3)
    return attend(query, key, value)[0].transpose(1, 2).reshape(b, n, d) @ output.T


@mistake(
    "The 3 is cut rightly, but heads and tokens are exchanged by a reshape. It moves no number: let tokens "
    "stay in front, and change axes afterwards."
)
def _heads_reshaped_forward(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    b, n, d = x.shape
    query, key, value = (part.reshape(b, heads, n, d // heads) for part in (x @ qkv.T).chunk(3, dim=-1))
    return attend(query, key, value)[0].transpose(1, 2).reshape(b, n, d) @ output.T


@mistake(
    "The 3 is cut rightly, but into the heads and out of them you go by a reshape alone. It moves no number: "
    "axes have to change places, both times."
)
def _reshaped_in_and_out(x: Tensor, qkv: Tensor, output: Tensor, heads: int) -> Tensor:
    b, n, d = x.shape
    query, key, value = (part.reshape(b, heads, n, d // heads) for part in (x @ qkv.T).chunk(3, dim=-1))
    return attend(query, key, value)[0].reshape(b, n, d) @ output.T


# --- step 3: does attention say what the answer rests on? ------------------------------------------
def without_patches(pictures: Tensor, score: Tensor, patch: int, number: int) -> Tensor:
    """Pictures (B, C, H, W) whose `number` patches of the highest score (B, N) show the mean colour."""
    rows, columns = pictures.shape[2] // patch, pictures.shape[3] // patch
    gone = torch.zeros_like(score).scatter_(1, score.topk(number, dim=1).indices, 1.0)
    gone = gone.view(-1, 1, rows, columns).repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    return torch.where(gone > 0, pictures.mean(dim=(0, 2, 3))[:, None, None], pictures)


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "02.L1",
    "An encoder layer",
    encoder_layer,
    _layers,
    difficulty=2,
    minutes=14,
    hints=(
        "First a function for the layer norm. Mean and variance run over the last axis of (B, N, D): keep it,"
        " keepdim=True, so that they can be subtracted.",
        "Layer norm of one token: (x - mean) / sqrt(var + 1e-6), the variance divided by D; then times the "
        "scale, plus the shift.",
        "Twice the same pattern: x plus what the branch makes of the normalised x. The second begins where "
        "the first has ended.",
    ),
    mistakes=(
        _post_norm,
        _normed_shortcut,
        _no_shortcuts,
        _second_shortcut_missing,
        _first_norm_twice,
        _side_by_side,
        _second_norm_missing,
        _unbiased,
        _over_the_tokens,
        _no_scale,
        _first_sum_lost,
        _first_norm_missing,
        _first_shortcut_missing,
        _mlp_first,
        _norms_exchanged,
        _branch_normed_after,
        _shift_multiplied,
        _over_the_picture,
        _by_the_variance,
        _not_centred,
        _first_sum_left_out,
        _second_norm_bare,
        _attention_twice,
    ),
)
STEP_2 = Exercise(
    "02.L2",
    "A ViT that never sees the lower half",
    fused_attention,
    _fused_cases,
    difficulty=3,
    minutes=14,
    hints=(
        "Your slow version is right: compare the two on a single picture with heads=1, then with heads=2. "
        "Which of the two agrees?",
        "A reshape never moves a number. In x @ qkv.T, (B, N, 3 D), the 3 D numbers of token 0 come first: "
        "its query, then its key, then its value, each head by head.",
        "So first .reshape(b, n, 3, heads, d // heads), which moves nothing, then .permute(2, 0, 3, 1, 4). On"
        " the way out the heads go back behind the tokens before the last reshape.",
    ),
    mistakes=(
        _still_faulty,
        _way_out_faulty,
        _way_in_faulty,
        _heads_before_three,
        _values_first,
        _no_output,
        _output_not_transposed,
        _one_head,
        _key_last,
        _key_first,
        _in_turn,
        _in_turn_on_the_way_in,
        _three_innermost,
        _heads_among_themselves,
        _three_reshaped_to_front,
        _heads_reshaped_forward,
        _reshaped_in_and_out,
    ),
)
STEP_3 = Exercise(
    "02.L3",
    "What does its attention say?",
    ("C", "2"),
    None,
    difficulty=2,
    minutes=8,
    hints=(
        "Which row of the table would look different if its attention did no more than find the object?",
        "Deleting patches of an object hurts, whichever they are. The question is whether its favourites hurt"
        " more than others of the same object.",
    ),
    mistakes=(
        Mistake(
            ("A", "1"),
            "Your reason says the opposite: where it looks does matter. Or do random patches of the picture "
            "cost as much?",
        ),
        Mistake(
            ("A", "2"),
            "If its attention said nothing, its favourites could not cost more than others. Your reason "
            "speaks for another reading.",
        ),
        Mistake(
            ("A", "3"),
            "That what it neglects can go without loss is true, and it is no sign that its attention says "
            "nothing.",
        ),
        Mistake(
            ("B", "1"),
            "That random patches cost little is true: most of them show the ground. But is finding the object"
            " all? Compare with patches of the object.",
        ),
        Mistake(
            ("B", "2"),
            "Your reason says more than your reading: on the same object, its favourites cost more than "
            "others.",
        ),
        Mistake(
            ("B", "3"),
            "What it neglects is mostly ground, and costs nothing. Whether it singles out parts of the "
            "object, this row cannot tell.",
        ),
        Mistake(
            ("C", "1"),
            "The reading is right, but this would hold just as well if it found the object and no more. Which"
            " row is the control?",
        ),
        Mistake(
            ("C", "3"),
            "The reading is right, but that its least heeded patches can go would hold as well if it found "
            "the object and no more.",
        ),
    ),
    choices=(("A", "B", "C"), ("1", "2", "3")),
)
LAB = Lab("02.L", "Assemble a vision transformer, and find what blinds one", (STEP_1, STEP_2, STEP_3))
