"""The transformer behind each of ImageBind's encoders: from a sense's tokens to one point of the joint space.

R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023, section 3.3.

Simplified: no stochastic depth, no dropout before the head, and no learned extra key and value in the
attention, as the authors' code has them for sound, depth and motion.

Shapes: B batch, N tokens of a sense, D the trunk's width, J the joint space's.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.ops.checks import check_sizes, check_tensor, check_tokens


class Trunk(nn.Module):
    """A class token and positions, L encoder layers, and a linear map of that token into the joint space.

    Parameters
    ----------
    tokens : int
        N.
    joint : int
        J: what the other encoders' embeddings have.
    dim, heads, hidden, layers : int
        D, attention heads, width of the MLPs, L.

    Raises
    ------
    ValueError
        For a size below 1, a width that is no multiple of the heads, or tokens that are not (B, N, D).
    """

    def __init__(self, tokens: int, joint: int, *, dim: int, heads: int, hidden: int, layers: int) -> None:
        super().__init__()
        check_sizes("trunk", tokens=tokens, joint=joint, dim=dim, layers=layers)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(0.02 * torch.randn(1, 1 + tokens, dim))
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, hidden, eps=1e-6) for _ in range(layers))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, joint, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:  # (B, N, D)
        check_tokens(tokens, self.position.shape[2], like=self.position)
        check_tensor(tokens, "tokens", "B", self.position.shape[1] - 1, "D")
        first = self.class_token.expand(len(tokens), -1, -1)
        x = torch.cat([first, tokens], dim=1) + self.position  # (B, 1 + N, D)
        for layer in self.layers:
            x = layer(x)
        return F.normalize(self.head(self.norm(x[:, 0])), dim=-1)  # (B, J), of unit length
