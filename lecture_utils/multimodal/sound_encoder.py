"""An encoder of sounds for S13.7: a small convolutional net on a log-mel spectrogram.

T.-H. Oh et al., "Speech2Face: Learning the Face Behind a Voice", CVPR 2019, section 3: convolutions over
time and frequency, pooled over time alone at the end, since a pitch or a formant means something by where
it lies. Ours has four strided convolutions where the paper has more, with pooling between them; K. Sung-Bin
et al. 2023 take a ResNet-18.

Shapes: B batch, M mel bands, T frames, C channels, D width of the embedding.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_tensor, check_whole, check_wholes


class SoundEncoder(nn.Module):
    """Log-mel spectrograms → embeddings.

    Parameters
    ----------
    bands : int
        M, a multiple of 2 for each convolution.
    dim : int
        D.
    widths : sequence of int
        C of each convolution; each halves the bands and the frames.
    mean, spread : float
        By which log₁₀ powers are brought to about 0 and 1.

    Raises
    ------
    ValueError
        For sizes below 1 or that do not fit; when called, for anything but (B, M, T) floating point.
    """

    def __init__(
        self,
        bands: int,
        dim: int,
        *,
        widths: Sequence[int] = (16, 32, 64, 96),
        mean: float = -4.0,
        spread: float = 2.5,
    ) -> None:
        super().__init__()
        check_whole(bands, "bands")
        check_whole(dim, "dim")
        check_wholes(widths, "widths")
        if bands % 2 ** len(widths):
            raise ValueError(
                f"bands: got {bands}, want a multiple of {2 ** len(widths)} for {len(widths)} layers"
            )
        self.bands, self.mean, self.spread = bands, mean, spread
        self.trunk = nn.Sequential()
        for before, after in zip((1, *widths[:-1]), widths, strict=True):
            conv = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            self.trunk.extend([conv, FusedBatchNorm2d(after), nn.ReLU()])
        self.head = nn.Linear(widths[-1] * (bands >> len(widths)), dim)

    def forward(self, mel: Tensor) -> Tensor:  # (B, M, T)
        check_tensor(mel, "mel", "B", self.bands, "T", some=True, finite=True)
        x = (mel[:, None] - self.mean) / self.spread  # (B, 1, M, T)
        x = self.trunk(x)  # (B, C, M/16, T/16)
        x = x.mean(dim=3).flatten(1)  # (B, C · M/16): over time alone
        return self.head(x)  # (B, D)


class UnitSoundEncoder(SoundEncoder):
    """The same with embeddings of unit length, to be compared with pictures'."""

    def forward(self, mel: Tensor) -> Tensor:  # (B, M, T)
        return F.normalize(super().forward(mel), dim=1)  # (B, D)
