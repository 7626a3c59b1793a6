"""The eye: a small residual network that turns a picture into a grid of tokens, of chapter 14's systems.

K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with four blocks for 48 × 48 pixels.
It stands where Show, Attend and Tell has a VGG, and Flamingo, LLaVA and BLIP-2 have CLIP's encoder: it is
trained once, on pictures alone (recipe `scenes_eye`), then frozen, and knows no words.

A token says what its cell of 8 × 8 pixels shows. Where on the picture the cell lies is not written into it by
hand: that is its place in the grid, 0 to 35 row by row, and whoever reads the tokens adds an embedding of
that place ("left of" cannot be told without). A token does say how far from its cell its object's centre is.

Shapes: B pictures, P = 36 cells of the 6 × 6 grid, row by row, D width of a token.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.resnet import BasicBlock
from lecture_utils.nn.init import he_init_
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_sizes, check_tensor

SIZE, CELLS, STRIDE = 48, 6, 8  # pixels a side, cells a side, pixels a cell


class SceneEye(nn.Module):
    """Pictures (B, 3, 48, 48) in [0, 1] → tokens (B, 36, D), layer-normed.

    Parameters
    ----------
    dim : int
        D, a multiple of 8; the earlier stages have an eighth, a quarter and half as many channels.
    kinds, colours : int
        K kinds of stuff or thing, and C colours, that its three linear heads tell of a cell: they taught it
        to see (`read`), and whoever uses its tokens does without them.

    Raises
    ------
    ValueError
        For other pictures, or a width that no stage can have.
    """

    def __init__(self, dim: int = 128, *, kinds: int = 12, colours: int = 8) -> None:
        super().__init__()
        check_sizes("scene eye", dim=dim, kinds=kinds, colours=colours)
        if dim % 8:
            raise ValueError(f"dim: got {dim}, want a multiple of 8")
        self.dim = dim
        self.stem = nn.Conv2d(3, dim // 8, 3, padding=1, bias=False)
        self.norm1 = FusedBatchNorm2d(dim // 8)
        self.blocks = nn.Sequential(
            BasicBlock(dim // 8, dim // 4, stride=2),
            BasicBlock(dim // 4, dim // 2, stride=2),
            BasicBlock(dim // 2, dim // 2),  # objects are two to five values wide here
            BasicBlock(dim // 2, dim, stride=2),
        )
        self.norm = nn.LayerNorm(dim)
        self.kind = nn.Linear(dim, kinds)
        self.colour = nn.Linear(dim, colours)
        self.where = nn.Linear(dim, 3)
        he_init_(self)

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, 48, 48)
        check_images(images, 3, unit_range=True)
        check_tensor(images, "images", "B", 3, SIZE, SIZE)
        x = F.relu(self.norm1(self.stem(images)))  # (B, D/8, 48, 48)
        x = self.blocks(x)  # (B, D, 6, 6)
        return self.norm(x.flatten(2).transpose(1, 2))  # (B, 36, D)

    def read(self, grid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the tokens (B, P, D) say of each cell.

        Returns
        -------
        kind, colour : Tensor
            (B, P, K) and (B, P, C) scores: the stuff, or the object, and that object's colour.
        where : Tensor
            (B, P, 3): from the cell's centre to the object's, to the right and down, in cells, and the
            logarithm of the object's distance in metres.
        """
        check_tensor(grid, "grid", "B", "P", self.dim, some=True)
        return self.kind(grid), self.colour(grid), self.where(grid)
