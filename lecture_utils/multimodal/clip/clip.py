"""CLIP (S13.4): pictures and texts in one space, in which what belongs together lies together.

A. Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
2 and figure 3. Both encoders start from nothing and are trained together (`loss`).

Shapes: B batch, N ≤ L tokens, D width of the joint space.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from lecture_utils.ops.checks import check_images, check_numbers

START_LOG_SCALE = math.log(1 / 0.07)  # section 2.5: the temperature starts at 0.07
MOST_LOG_SCALE = math.log(100)  # … and logits are never scaled by more than 100


class CLIP(nn.Module):
    """An image encoder and a text encoder, each ending in the joint space, and a learned temperature.

    Parameters
    ----------
    image_encoder : nn.Module
        Pictures (B, 3, H, W) → (B, D): `ViTEncoder` or `ResNetEncoder`.
    text_encoder : TextEncoder
        Token ids (B, N) → (B, D).
    tokenizer : Tokenizer, optional
        What makes ids of texts. Its merges are stored with the weights. Without one, only ids are understood.
    mean, std : sequence of 3 float
        By which pictures in [0, 1] are normalised.

    Attributes
    ----------
    log_scale : nn.Parameter
        t of figure 3: similarities are multiplied by exp(t).
    dim, length : int
        D and L.
    """

    mean: Tensor
    std: Tensor
    merges: Tensor

    def __init__(
        self,
        image_encoder: nn.Module,
        text_encoder: TextEncoder,
        tokenizer: Tokenizer | None = None,
        *,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.25, 0.25, 0.25),
    ) -> None:
        super().__init__()
        check_numbers(mean, "CLIP, mean", 3)
        check_numbers(std, "CLIP, std", 3)
        if min(std) <= 0:
            raise ValueError(f"CLIP, std: got {tuple(std)}, want numbers above 0")
        self.image_encoder, self.text_encoder = image_encoder, text_encoder
        self.log_scale = nn.Parameter(torch.tensor(START_LOG_SCALE))
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)
        none = torch.empty(0, 2, dtype=torch.int64)
        self.register_buffer("merges", none if tokenizer is None else tokenizer.merges.clone())
        self._tokenizer = tokenizer

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """Return the scaled similarities (B images, B' texts) of pictures (B, 3, H, W) and ids (B', N)."""
        return self.log_scale.exp() * self.encode_image(images) @ self.encode_text(ids).T

    def encode_image(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] → (B, D) of unit length."""
        check_images(images, 3, like=self.log_scale)
        return F.normalize(self.image_encoder((images - self.mean) / self.std), dim=1)

    def encode_text(self, ids: Tensor) -> Tensor:
        """Token ids (B, N) → (B, D) of unit length."""
        return F.normalize(self.text_encoder(ids), dim=1)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """Texts → (B, D) of unit length. Raises ValueError for one of more than L tokens, or none at all."""
        return self.encode_text(self.ids(texts))

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Texts → token ids (B, N), N that of the longest text with its start and end."""
        check_texts(texts)
        tokenizer = self.tokenizer
        longest = max(len(tokenizer.encode(text)) for text in texts) + 2
        if longest > self.length:
            raise ValueError(f"texts: got one of {longest} tokens, want {self.length} or fewer")
        return tokenizer.batch(list(texts), longest).to(self.merges.device)

    @torch.no_grad()
    def clip_scale_(self) -> None:
        """Hold the scale to at most 100, in place, after a step of training (section 2.5)."""
        self.log_scale.clamp_(max=MOST_LOG_SCALE)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer that the stored merges make."""
        if self._tokenizer is None or not torch.equal(self._tokenizer.merges, self.merges.cpu()):
            self._tokenizer = Tokenizer(self.merges.cpu())
        return self._tokenizer

    @property
    def dim(self) -> int:
        """D."""
        return self.text_encoder.projection.out_features

    @property
    def length(self) -> int:
        """L, the most tokens of a text, with its start and end."""
        return self.text_encoder.length


def check_texts(texts: Sequence[str]) -> None:
    """Raise ValueError unless these are texts, one or more."""
    if isinstance(texts, str) or not isinstance(texts, Sequence) or not texts:
        got = repr(texts) if isinstance(texts, str) else f"{type(texts).__name__} of none"
        raise ValueError(f"texts: got {got}, want a list of one str or more")
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(f"texts: got {type(wrong[0]).__name__} among them, want str")
