"""X-InstructBLIP's ear (S14.6): a spectrogram becomes one token for each stretch of time.

A. Panagopoulou et al., "X-InstructBLIP: A Framework for Aligning Image, 3D, Audio, Video to LLMs and its
Emergent Cross-modal Reasoning", ECCV 2024, section 3, take BEATs, a transformer that was trained on two
million sounds. Ours is a small convolutional net. As there, it is trained to name sounds and then frozen.

Shapes: B batch, M mel bands, T frames, C channels, P tokens, D their width.
"""

from collections.abc import Sequence

from einops import rearrange
from torch import Tensor, nn

from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_sizes, check_tensor, check_wholes


class SoundTokens(nn.Module):
    """Normalised log-mel spectrograms (B, 1, M, T) → tokens (B, P, D), P = T / 2^(layers - 1).

    Parameters
    ----------
    bands, frames : int
        M, a multiple of 2 for each layer; T, a multiple of 2 for each layer but the first.
    dim : int
        D.
    widths : sequence of int
        C of each convolution: all halve the bands, all but the first the frames.

    Raises
    ------
    ValueError
        For sizes below 1 or that do not fit; when called, for anything but finite (B, 1, M, T).
    """

    def __init__(
        self, bands: int = 64, frames: int = 32, dim: int = 96, *, widths: Sequence[int] = (24, 48, 64)
    ) -> None:
        super().__init__()
        check_sizes("sound tokens", bands=bands, frames=frames, dim=dim)
        check_wholes(widths, "widths")
        if bands % 2 ** len(widths) or frames % 2 ** (len(widths) - 1):
            raise ValueError(f"sound tokens: got {bands} × {frames}, want multiples for {len(widths)} layers")
        self.size, self.dim = (bands, frames), dim
        self.trunk = nn.Sequential()
        for i, (before, after) in enumerate(zip((1, *widths[:-1]), widths, strict=True)):
            conv = nn.Conv2d(before, after, 3, stride=(2, 1 if i == 0 else 2), padding=1, bias=False)
            self.trunk.extend([conv, FusedBatchNorm2d(after), nn.ReLU()])
        self.head = nn.Linear(widths[-1] * (bands >> len(widths)), dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, mel: Tensor) -> Tensor:  # (B, 1, M, T)
        check_tensor(mel, "mel", "B", 1, *self.size, some=True, finite=True)
        x = self.trunk(mel)  # (B, C, M/8, T/4)
        x = rearrange(x, "b c m t -> b t (c m)")  # a pitch means something by where it lies: bands are kept
        return self.norm(self.head(x))  # (B, P, D)
