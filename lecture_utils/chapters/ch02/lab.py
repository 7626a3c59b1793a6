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
