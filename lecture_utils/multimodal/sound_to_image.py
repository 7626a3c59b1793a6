"""Sound to image (S13.7): a sound is mapped to where its picture lies in CLIP's space, and drawn from there.

K. Sung-Bin, A. Senocak, H. Ha, A. Owens, T.-H. Oh, "Sound to Visual Scene Generation by Audio-to-Visual
Latent Alignment" (Sound2Scene), CVPR 2023. An image encoder and a generator that draws from its embeddings
are trained first and then fixed; a sound encoder learns by InfoNCE to put each sound where its picture lies.
Nothing else binds the two: the generator never hears a sound.

InfoNCE asks that a sound be nearer to its picture than to others, and no more: all sounds may lie in a region
of their own (the "modality gap": W. Liang et al., NeurIPS 2022). That serves to find a picture, not to draw
one, since the decoder has learned nothing of that region. So `alignment_loss` adds the distance itself.

Simplified: CLIP's image encoder (S13.4) where the paper has a ResNet-50 that taught itself (SwAV); a small
decoder, told where the object stands, where the paper has a GAN whose noise decides that; no choice of the
frames that fit their sound best.

Shapes: B batch, D width of the joint space, M mel bands, T frames, C channels, S the picture's side.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.multimodal.sound_encoder import UnitSoundEncoder
from lecture_utils.ops.checks import check_number, check_tensor, check_whole

LAYOUT = ("centre x", "centre y", "radius", "turn", "horizon")
WAVES = 3


class ImageDecoder(nn.Module):
    """Draws a picture from an embedding of the joint space, with an object where the layout says.

    Each pixel knows where it is, seen from the object (its middle, its size, its turn) and from the horizon;
    a few layers make a colour of that, and the embedding scales and shifts what they find (E. Perez et al.,
    "FiLM", AAAI 2018). So a shape has to be learned once, and not once for each place.

    Parameters
    ----------
    dim, width, layers : int
        D, channels, and how many layers the embedding speaks in.
    size : int
        S.

    Raises
    ------
    ValueError
        For sizes below 1, or another number of rows in the two inputs.
    """

    def __init__(self, *, dim: int = 64, width: int = 64, layers: int = 3, size: int = 32) -> None:
        super().__init__()
        self.dim, self.size = check_whole(dim, "dim"), check_whole(size, "size")
        check_whole(width, "width")
        check_whole(layers, "layers")
        self.first = nn.Conv2d(WAVES * 4 + 5, width, 1)
        self.mix = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(layers))
        self.speak = nn.ModuleList(nn.Linear(dim, 2 * width) for _ in range(layers))
        self.last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, embedding: Tensor, layout: Tensor) -> Tensor:  # (B, D), (B, 5)
        check_tensor(embedding, "embedding", "B", self.dim, some=True, finite=True)
        check_tensor(layout, "layout", len(embedding), len(LAYOUT))
        x = F.relu(self.first(seen_from(layout, self.size)))  # (B, C, S, S)
        told = self.dim**0.5 * embedding  # a unit vector's entries are small
        for mix, speak in zip(self.mix, self.speak, strict=True):
            scale, shift = speak(told)[..., None, None].chunk(2, dim=1)  # (B, C, 1, 1) each
            x = F.relu(mix(x) * (1 + scale) + shift)
        return self.last(x).sigmoid()  # (B, 3, S, S)


def seen_from(layout: Tensor, size: int) -> Tensor:
    """Where each pixel is, seen from the object and from the horizon.

    Parameters
    ----------
    layout : Tensor
        (B, 5): the object's middle x, y and radius in shares of the picture's side, its turn clockwise in
        radians, and the horizon's y.
    size : int
        S.

    Returns
    -------
    Tensor
        (B, 4·WAVES + 5, S, S): the place (p, q) in radii, unturned, and its waves sin and cos(2ᵏ p), then how
        far out it is, how far below the horizon, and x.

    Raises
    ------
    ValueError
        For another shape, or a radius of 0 or less.
    """
    check_tensor(layout, "layout", "B", len(LAYOUT), some=True, finite=True)
    check_whole(size, "size")
    if bool((layout[:, 2] <= 0).any()):
        raise ValueError(f"radius: got {layout[:, 2].min().item():.4g}, want above 0")
    middle = (torch.arange(size, device=layout.device, dtype=layout.dtype) + 0.5) / size
    y, x = torch.meshgrid(middle, middle, indexing="ij")  # (S, S)
    left, top, radius, turn, horizon = (n[:, None, None] for n in layout.unbind(1))  # (B, 1, 1)
    p, q = (x - left) / radius, (y - top) / radius
    p, q = turn.cos() * p + turn.sin() * q, turn.cos() * q - turn.sin() * p  # (B, S, S)
    waves = [f(2**k * n) for k in range(WAVES) for n in (p, q) for f in (torch.sin, torch.cos)]
    out = (p * p + q * q).sqrt().clamp(max=3)
    return torch.stack(
        [p.clamp(-3, 3), q.clamp(-3, 3), out, 4 * (y - horizon), x.expand_as(p), *waves], dim=1
    )


class SoundToImage(nn.Module):
    """`sound_encoder`, spectrograms (B, M, T) → (B, D) of unit length, and the `decoder` that draws it."""

    def __init__(self, sound_encoder: UnitSoundEncoder, decoder: ImageDecoder) -> None:
        super().__init__()
        self.sound_encoder, self.decoder = sound_encoder, decoder

    def forward(self, mel: Tensor, layout: Tensor) -> Tensor:
        """Sounds (B, M, T) and layouts (B, 5) → pictures (B, 3, S, S)."""
        return self.decoder(self.sound_encoder(mel), layout)


def info_nce(ours: Tensor, theirs: Tensor, temperature: float = 0.02) -> Tensor:
    """Each row must be nearest to its partner: -log (exp(-d(aᵢ, bᵢ)/τ) / Σⱼ exp(-d(aᵢ, bⱼ)/τ)), both ways.

    d is the squared distance (Sung-Bin et al. 2023, section 3.2). For vectors of unit length this is CLIP's
    loss at a scale of 2 / τ.

    Parameters
    ----------
    ours, theirs : Tensor
        (B, D), partners in the same row.
    temperature : float
        τ, above 0.

    Returns
    -------
    Tensor
        A scalar: the mean of both ways.

    Raises
    ------
    ValueError
        For shapes that differ, or a temperature of 0 or less.
    """
    check_tensor(ours, "embeddings", "B", "D", some=True, finite=True)
    check_tensor(theirs, "embeddings", *ours.shape, finite=True)
    check_number(temperature, "temperature", 0, above=True)
    distance = (ours[:, None] - theirs[None]).square().sum(-1)  # (B, B)
    scores, partner = -distance / temperature, torch.arange(len(ours), device=ours.device)
    return 0.5 * (F.cross_entropy(scores, partner) + F.cross_entropy(scores.T, partner))


def alignment_loss(ours: Tensor, theirs: Tensor, temperature: float = 0.02, pull: float = 20.0) -> Tensor:
    """`info_nce`, and `pull` times the mean squared distance of partners, which closes the gap.

    Parameters
    ----------
    ours, theirs, temperature
        As for `info_nce`.
    pull : float
        0 or more; with 0 it is InfoNCE alone.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        As `info_nce`, and for a negative pull.
    """
    check_number(pull, "pull", 0)
    return info_nce(ours, theirs, temperature) + pull * (ours - theirs).square().sum(1).mean()
