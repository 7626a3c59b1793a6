"""Chapter 02: the six functions that the exercises ask for, as short as they can be said.

The package's own versions check their input, have more settings and are quick: `nn.attention`,
`backbones.vit`, `backbones.swin`. The tests hold these equal to them.

Shapes: B batch, N queries or tokens, M keys, D model width, d head width, C channels, H × W a picture, p the
side of a patch, m the side of a window.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: the mixtures (…, N, any width), and the weights (…, N, M).

    query (…, N, d), key (…, M, d), value (…, M, any width). mask (N, M) is True where a query may look; one
    that may look nowhere gets zeros.
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (…, N, M)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1).nan_to_num(0.0)  # a row of -inf alone would give 0 / 0
    return weights @ value, weights


def multi_head(
    x: Tensor, to_query: Tensor, to_key: Tensor, to_value: Tensor, to_output: Tensor, heads: int
) -> Tensor:
    """Self-attention of tokens x (B, N, D) in several heads; each matrix is (D, D), as in nn.Linear."""
    b, n, d = x.shape

    def split(z: Tensor) -> Tensor:  # (B, N, D) -> (B, heads, N, D / heads)
        return z.reshape(b, n, heads, d // heads).transpose(1, 2)

    query, key, value = (split(x @ matrix.T) for matrix in (to_query, to_key, to_value))
    y = attend(query, key, value)[0]  # (B, heads, N, D / heads)
    return y.transpose(1, 2).reshape(b, n, d) @ to_output.T


def vit_tokens(
    pictures: Tensor, patch: int, matrix: Tensor, bias: Tensor, class_token: Tensor, position: Tensor
) -> Tensor:
    """Pictures (B, C, H, W) as tokens (B, 1 + N, D): the class token, then N patches in reading order.

    A patch is flattened channel by channel, each along its rows, and multiplied by matrix (D, C·patch²);
    bias and class_token are (D,), position (1 + N, D) is added to all.
    """
    b, c, h, w = pictures.shape
    grid = pictures.reshape(b, c, h // patch, patch, w // patch, patch)
    flat = grid.permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * patch * patch)  # (B, N, C·patch²)
    words = flat @ matrix.T + bias  # (B, N, D)
    return torch.cat([class_token.expand(b, 1, -1), words], dim=1) + position


def multiply_adds(tokens: int, dim: int, heads: int, window: int = 0) -> int:
    """Multiply-adds of a layer of attention: over all tokens, or in windows of window × window of them."""
    seen = window * window if window else tokens  # keys that each query looks at
    projections = 4 * tokens * dim * dim  # query, key, value, output
    width = dim // heads
    each_head = 2 * tokens * seen * width  # scores, and the mixture of the values
    return projections + heads * each_head


def window_mask(side: int, window: int, shift: int) -> Tensor:
    """Who may look at whom in the windows of a side × side map that was rolled up and left by `shift`.

    (windows, m², m²), windows and their tokens in reading order.
    """
    came_round = (torch.arange(side) >= side - shift).long()
    label = 2 * came_round[:, None] + came_round[None, :]  # (side, side): four kinds of tokens
    grid = label.reshape(side // window, window, side // window, window)
    label = grid.transpose(1, 2).reshape(-1, window * window)  # (windows, m²)
    return label[:, :, None] == label[:, None, :]


def window_mask_faulty(side: int, window: int, shift: int) -> Tensor:
    """Who may look at whom in the windows of a side × side map that was rolled up and left by `shift`.

    (windows, m², m²), windows and their tokens in reading order.
    """
    came_round = torch.arange(side) >= side - shift
    label = came_round[:, None] | came_round[None, :]  # (side, side): whatever the roll brought round
    grid = label.reshape(side // window, window, side // window, window)
    label = grid.transpose(1, 2).reshape(-1, window * window)  # (windows, m²)
    return label[:, :, None] == label[:, None, :]


def times_chance(weights: Tensor, inside: Tensor, patch: int) -> Tensor:
    """How many times more attention the object gets than if all pixels got the same: (B,).

    weights (B, N) are what the patches get, in reading order; they need not sum to 1, since the class token
    looks at itself as well. inside (B, H, W) is True on the object, which has one pixel at least.
    """
    share = F.avg_pool2d(inside.float()[:, None], patch).flatten(1)  # (B, N): of each patch's pixels
    on_object = (weights * share).sum(dim=1) / weights.sum(dim=1)
    return on_object / inside.float().mean(dim=(1, 2))
