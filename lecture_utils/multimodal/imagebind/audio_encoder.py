"""ImageBind's encoder of sounds: a spectrogram is a picture, so a vision transformer reads it.

R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023, section 3.3; patches that
overlap in time and frequency: Y. Gong, Y.-A. Chung, J. Glass, "AST: Audio Spectrogram Transformer",
Interspeech 2021, section 2.1 (patches of 16 at a stride of 10).

Simplified: half a second of sound instead of two, fewer mel bands, a narrower and shallower trunk.

Shapes: B batch, F mel bands, T frames, N patches, D the trunk's width, J the joint space's.
"""

from einops import rearrange
from torch import Tensor, nn

from lecture_utils.multimodal.imagebind.trunk import Trunk
from lecture_utils.ops.checks import check_sizes, check_tensor, check_type


class AudioEncoder(nn.Module):
    """Log-mel spectrogram (B, 1, F, T) → overlapping patches → transformer → (B, J), of unit length.

    Parameters
    ----------
    mels, frames : int
        F and T.
    joint : int
        J.
    patch, stride : int
        Side of a patch, and how far the next one is. A row or column that no patch reaches is not read.
    dim, heads, hidden, layers : int
        Of the trunk.

    Raises
    ------
    ValueError
        For sizes below 1, a patch larger than the spectrogram, or another input than (B, 1, F, T).
    """

    def __init__(
        self,
        mels: int,
        frames: int,
        joint: int,
        *,
        patch: int = 16,
        stride: int = 10,
        dim: int = 64,
        heads: int = 4,
        hidden: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("audio encoder", mels=mels, frames=frames, patch=patch, stride=stride, dim=dim)
        if patch > min(mels, frames):
            got = f"patches of {patch} in a spectrogram of {mels} × {frames}"
            raise ValueError(f"audio encoder: got {got}, want a patch no larger than it")
        self.size = (mels, frames)
        rows, columns = ((side - patch) // stride + 1 for side in self.size)
        self.patches = nn.Conv2d(1, dim, kernel_size=patch, stride=stride)
        self.norm = nn.LayerNorm(dim)
        self.trunk = Trunk(rows * columns, joint, dim=dim, heads=heads, hidden=hidden, layers=layers)

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, F, T)
        check_tensor(x, "spectrogram", "B", 1, *self.size, some=True)
        check_type(x, self.patches.weight, name="spectrogram")
        tokens = rearrange(self.patches(x), "b d h w -> b (h w) d")  # (B, N, D)
        return self.trunk(self.norm(tokens))  # (B, J)
