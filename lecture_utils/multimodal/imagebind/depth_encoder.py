"""ImageBind's encoder of depth: a map of disparity is a picture with one channel.

R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023, section 3.3: depth enters as
disparity, its inverse, after R. Girdhar et al., "Omnivore: A Single Model for Many Visual Modalities", CVPR
2022. What is near, and matters, then has large numbers; a sky at any distance has about 0.

Simplified: a narrower and shallower trunk.

Shapes: B batch, S side in pixels, N patches, D the trunk's width, J the joint space's.
"""

from torch import Tensor, nn

from lecture_utils.backbones.vit import PatchEmbedding
from lecture_utils.multimodal.imagebind.trunk import Trunk
from lecture_utils.ops.checks import check_finite, check_sizes, check_tensor, check_type


def disparity(depth_m: Tensor) -> Tensor:
    """Turn depth into disparity, relative to the nearest pixel of each map.

    Only ratios of distances are left, which is all that one camera could tell: a world twice as large looks
    the same, and gives the same map.

    Parameters
    ----------
    depth_m : Tensor
        (B, H, W) above 0, in metres or any other unit.

    Returns
    -------
    Tensor
        (B, 1, H, W) in (0, 1]: 1 at the nearest pixel.

    Raises
    ------
    ValueError
        For another shape, or depths that are not finite and above 0.
    """
    check_tensor(depth_m, "depth", "B", "H", "W", some=True)
    check_finite(depth_m, "depth")
    if bool((depth_m <= 0).any()):
        raise ValueError(f"depth: got {float(depth_m.min()):.4g} m, want all above 0")
    nearest = depth_m.amin(dim=(1, 2), keepdim=True)  # (B, 1, 1)
    return (nearest / depth_m)[:, None]


class DepthEncoder(nn.Module):
    """Disparity (B, 1, S, S) → patches → transformer → (B, J), of unit length.

    Parameters
    ----------
    size : int
        S, a multiple of `patch`.
    joint : int
        J.
    patch : int
        Side of a patch.
    dim, heads, hidden, layers : int
        Of the trunk.

    Raises
    ------
    ValueError
        For sizes below 1, a side that is no multiple of the patch, or another input than (B, 1, S, S).
    """

    def __init__(
        self,
        size: int,
        joint: int,
        *,
        patch: int = 8,
        dim: int = 64,
        heads: int = 4,
        hidden: int = 128,
        layers: int = 2,
    ) -> None:
        super().__init__()
        check_sizes("depth encoder", size=size, patch=patch)
        if size % patch:
            raise ValueError(f"depth encoder: got side {size} and patch {patch}, want a multiple")
        self.size = size
        self.patches = PatchEmbedding(patch, dim, in_channels=1)
        self.norm = nn.LayerNorm(dim)
        self.trunk = Trunk((size // patch) ** 2, joint, dim=dim, heads=heads, hidden=hidden, layers=layers)

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, S, S)
        check_tensor(x, "disparity", "B", 1, self.size, self.size, some=True)
        check_type(x, self.patches.projection.weight, name="disparity")
        return self.trunk(self.norm(self.patches(x)))  # (B, N, D) → (B, J)
