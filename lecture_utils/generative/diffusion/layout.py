"""Boxes as context tokens: what should stand where, told beside the sentence, S16.3.

Y. Li et al., "GLIGEN: Open-Set Grounded Text-to-Image Generation", CVPR 2023, section 3.2, equations 5 and 6:
Fourier features of a box's corners and what it holds, through an MLP; learned features stand for a place
without a box. R. Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022,
section 4.3.2, hand boxes and classes over as discrete tokens of a transformer instead.

Simplified: what a box holds is a class of a learned table, where GLIGEN embeds a phrase. The tokens join
those of the sentence; GLIGEN has gated attention of its own for them, as it adds to a trained network.

Shapes: B batch, K places for boxes, D width, F frequencies.
"""

import torch
from torch import Tensor, nn

from lecture_utils.ops.checks import check_boxes, check_number, check_sizes, check_tensor

ABSENT = -1  # the class of a place without a box


def fourier_features(boxes: Tensor, frequencies: int = 8, *, base: float = 100.0) -> Tensor:
    """Return sines and cosines of a box's numbers at growing frequencies: (B, K, 4) → (B, K, 8 F).

    A number as it is tells a linear layer little; its sines at many frequencies tell near places apart and
    still let far ones be compared.

    Parameters
    ----------
    boxes : Tensor, (B, K, 4)
        x1, y1, x2, y2 as shares of the picture's sides.
    frequencies : int
        F: base^(0/F) … base^((F - 1)/F) radians a side.
    base : float
        Above 1.

    Raises
    ------
    ValueError
        For what are no boxes, no frequency, or a base that is none.
    """
    check_sizes("Fourier features", frequencies=frequencies)
    check_boxes(boxes, "B", "K")
    check_tensor(boxes, "boxes", "B", "K", 4, some=True)
    check_number(base, "base", 1, above=True)
    frequency = base ** (torch.arange(frequencies, device=boxes.device) / frequencies).to(boxes)  # (F,)
    angle = frequency * boxes[..., None]  # (B, K, 4, F)
    both = torch.stack([angle.sin(), angle.cos()], dim=-1)  # (B, K, 4, F, 2)
    return both.permute(0, 1, 3, 4, 2).flatten(2)  # (B, K, F · 2 · 4), as in GLIGEN's code


class BoxTokens(nn.Module):
    """A box and its class become one token: (B, K, 4), (B, K) → (B, K, D).

    Parameters
    ----------
    classes : int
        How many there are.
    dim : int
        D.
    hidden : int
        Width of the MLP and of a class's code.
    frequencies : int
        F.

    Raises
    ------
    ValueError
        For sizes below 1; when called, for boxes that are none or other classes.
    """

    def __init__(self, classes: int, dim: int, *, hidden: int = 64, frequencies: int = 8) -> None:
        super().__init__()
        check_sizes("box tokens", classes=classes, dim=dim, hidden=hidden, frequencies=frequencies)
        self.classes, self.frequencies = classes, frequencies
        self.table = nn.Embedding(classes, hidden)
        self.null_class = nn.Parameter(torch.zeros(hidden))
        self.null_place = nn.Parameter(torch.zeros(8 * frequencies))
        self.mlp = nn.Sequential(
            nn.Linear(hidden + 8 * frequencies, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.SiLU(),
            nn.Linear(hidden, dim),
        )  # fmt: skip

    def forward(self, boxes: Tensor, class_id: Tensor) -> Tensor:
        """Return the tokens (B, K, D) of boxes (B, K, 4), shares of the sides, and classes (B, K).

        Where the class is -1 there is no box, whatever its corners; what stands there is learnt.
        """
        self.check(boxes, class_id)
        there = (class_id != ABSENT)[..., None]  # (B, K, 1)
        place = torch.where(there, fourier_features(boxes, self.frequencies), self.null_place)
        what = torch.where(there, self.table(class_id.clamp(min=0)), self.null_class)
        return self.mlp(torch.cat([what, place], dim=-1))

    def check(self, boxes: Tensor, class_id: Tensor) -> None:
        """Raise ValueError unless boxes and classes fit."""
        check_tensor(class_id, "class_id", "B", "K", kind="int", some=True)
        check_boxes(boxes, *class_id.shape)
        check_tensor(boxes, "boxes", *class_id.shape, 4)
        low, high = int(class_id.min()), int(class_id.max())
        if low < ABSENT or high >= self.classes:
            raise ValueError(f"class_id: got {low} to {high}, want 0 to {self.classes - 1}, or -1 for no box")
