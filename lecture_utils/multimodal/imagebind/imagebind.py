"""ImageBind (S13.6): every sense learns from its pairs with pictures, and so finds all the others.

R. Girdhar, A. El-Nouby, Z. Liu, M. Singh, K. V. Alwala, A. Joulin, I. Misra, "ImageBind: One Embedding Space
To Bind Them All", CVPR 2023: InfoNCE between pictures and one other sense (equation 1); image and text
encoders of a CLIP, frozen (section 3.3); a fixed temperature for each sense (section 5; the values, 0.05 for
sound and 0.2 for depth and motion, are those of the authors' code).

Simplified: still pictures for videos, three senses (no thermal camera), small encoders.

Shapes: B batch, D the joint space.
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.imagebind.audio_encoder import AudioEncoder
from lecture_utils.multimodal.imagebind.depth_encoder import DepthEncoder
from lecture_utils.multimodal.imagebind.imu_encoder import IMUEncoder
from lecture_utils.ops.checks import check_choice, check_images, check_number, check_tensor

MODALITIES = ("image", "text", "audio", "depth", "imu")
TEMPERATURE = {"audio": 0.05, "depth": 0.2, "imu": 0.2}


def info_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """How badly each query finds its own key among all keys of the batch (equation 1).

    Parameters
    ----------
    query, key : Tensor
        (B, D), of unit length; row i of the one belongs to row i of the other.
    temperature : float
        Above 0: the smaller, the more the nearest wrong keys count.

    Returns
    -------
    Tensor
        Scalar, in nats; log B where nothing is known.

    Raises
    ------
    ValueError
        For other shapes, two that differ, rows that are not of unit length, or a temperature not above 0.
    """
    check_unit(query, "queries", "B", "D")
    check_unit(key, "keys", *query.shape)
    check_number(temperature, "temperature", 0, above=True)
    logits = query @ key.T / temperature  # (B, B)
    return F.cross_entropy(logits, torch.arange(len(query), device=query.device))


def binding_loss(image: Tensor, other: Tensor, temperature: float) -> Tensor:
    """From picture to the other sense and back: L_I,M + L_M,I (section 3.2).

    Parameters, errors and unit are those of `info_nce`.
    """
    return info_nce(image, other, temperature) + info_nce(other, image, temperature)


def check_unit(x: Tensor, name: str, *shape: int | str) -> None:
    """Raise ValueError unless `x` has this shape, is not empty, and its rows are of unit length."""
    check_tensor(x, name, *shape, some=True)
    length = x.detach().norm(dim=-1)
    if bool(((length - 1).abs() > 1e-2).any()):  # NaN passes: the loss is NaN then
        low, high = float(length.min()), float(length.max())
        raise ValueError(f"{name}: got lengths from {low:.3g} to {high:.3g}, want 1: F.normalize(x, dim=1)")


class ImageBind(nn.Module):
    """One space for five senses: a frozen CLIP, and an encoder for each further sense.

    Parameters
    ----------
    clip : CLIP
        Its parameters are frozen. It is no part of this module's parameters or state: neither trained nor
        stored with it.
    audio : AudioEncoder
    depth : DepthEncoder
    imu : IMUEncoder
        Into CLIP's space.

    Raises
    ------
    ValueError
        If an encoder leads into a space of another size; when called, for a sense that is not known or an
        input that does not fit it.
    """

    def __init__(self, clip: CLIP, audio: AudioEncoder, depth: DepthEncoder, imu: IMUEncoder) -> None:
        super().__init__()
        for name, encoder in (("audio", audio), ("depth", depth), ("imu", imu)):
            if (joint := encoder.trunk.head.out_features) != clip.dim:
                raise ValueError(f"{name}: got embeddings of {joint}, want {clip.dim}, as CLIP's")
        self.frozen = (clip.requires_grad_(False).eval(),)  # in a tuple: no part of this module's state
        self.audio, self.depth, self.imu = audio, depth, imu

    @property
    def clip(self) -> CLIP:
        """The frozen CLIP."""
        return self.frozen[0]

    def encode(self, modality: str, x: Tensor | Sequence[str]) -> Tensor:
        """Return (B, D), of unit length, of pictures, sentences, spectrograms, disparity or readings."""
        check_choice(modality, "modality", *MODALITIES)
        if modality == "text":
            return self.clip.encode_text(x) if isinstance(x, Tensor) else self.clip.texts(x)
        if not isinstance(x, Tensor):
            raise ValueError(f"{modality}: got {type(x).__name__}, want a torch.Tensor")
        if modality == "image":
            check_images(x, 3, unit_range=True)
            return self.clip.encode_image(x)
        return self.get_submodule(modality)(x)

    def forward(self, images: Tensor, modality: str, x: Tensor) -> Tensor:
        """Return the loss of pictures (B, 3, H, W) and what another sense perceives of the same scenes."""
        check_choice(modality, "modality", *TEMPERATURE)
        return binding_loss(self.encode("image", images), self.encode(modality, x), TEMPERATURE[modality])

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> Self:  # not shown
        """Take CLIP along to another device or type."""
        self.clip._apply(fn, recurse)
        return super()._apply(fn, recurse)
