"""An encoder that knows where joints are (S20.5): one map a joint, and what the maps point at.

SPIN's encoder is ResNet-50, which has seen a million pictures, and then many thousand people. A small one
that is to learn from a few thousand crops must be told what matters: first it learns to find joints in the
picture. Then a regressor reads from it, for each joint, its place (the mean over the map), how sure the map
is, and a few numbers about what is seen there.

X. Sun, B. Xiao, F. Wei, S. Liang and Y. Wei, "Integral Human Pose Regression", ECCV 2018, equation 2 (the
mean over a map). The net is a small ResNet with a path back up (T.-Y. Lin et al., "Feature Pyramid Networks",
CVPR 2017).

Ours, all of it: the paper has nothing of the kind.

Shapes: B crops, J joints, D local features, h × w cells of 4 × 4 pixels.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.backbones.resnet import BasicBlock, init_residual_
from lecture_utils.body.spin.crop import check_joints2d
from lecture_utils.nn.norm import FusedBatchNorm2d
from lecture_utils.ops.checks import check_images, check_sizes, check_tensor

STRIDE = 4  # pixels a cell


class JointEncoder(nn.Module):
    """Crops (B, 3, H, W), H and W multiples of 16 → features (B, J (3 + D)).

    Parameters
    ----------
    joints : int
        J.
    width : int
        Channels of the finest maps; twice and four times as many lower down.
    local : int
        D, numbers about what is seen at a joint.
    """

    def __init__(self, joints: int = 24, *, width: int = 24, local: int = 8) -> None:
        super().__init__()
        check_sizes("joint encoder", joints=joints, width=width, local=local)
        self.features = joints * (3 + local)
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), FusedBatchNorm2d(width), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )  # fmt: skip
        widths = [width, 2 * width, 4 * width]
        ways = zip([width, *widths[:2]], widths, (1, 2, 2), strict=True)
        self.down = nn.ModuleList([BasicBlock(a, b, stride=s) for a, b, s in ways])
        self.low = BasicBlock(widths[2], widths[2])
        self.narrow = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in pairwise(widths)])
        self.up = nn.ModuleList([BasicBlock(w, w) for w in widths[:2]])
        self.where, self.what = nn.Conv2d(width, joints, 1), nn.Conv2d(width, local, 1)
        init_residual_(self)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B, J, h, w) of where each joint is, and local features (B, D, h, w)."""
        check_images(images, 3, like=self.where.weight)
        if images.shape[2] % 16 or images.shape[3] % 16:
            raise ValueError(f"images: got {tuple(images.shape[2:])} pixels, want multiples of 16")
        x, levels = self.stem(images), []  # (B, C, h, w)
        for block in self.down:
            x = block(x)
            levels.append(x)  # (B, C, h, w), (B, 2 C, h/2, w/2), (B, 4 C, h/4, w/4)
        x = self.low(x)
        for k in (1, 0):  # back up
            x = F.interpolate(self.narrow[k](x), scale_factor=2.0) + levels[k]
            x = self.up[k](x)
        return self.where(x), self.what(x)

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        scores, local = self.maps(images)
        share = scores.flatten(2).softmax(-1)  # (B, J, h w)
        places = mean_places(scores)  # (B, J, 2)
        sure = share.amax(-1, keepdim=True)  # (B, J, 1)
        seen = share @ local.flatten(2).mT  # (B, J, D): the mean of what is seen there
        return torch.cat([places, sure, seen], dim=-1).flatten(1)


def mean_places(scores: Tensor) -> Tensor:
    """Return the mean place (B, J, 2) of maps (B, J, h, w): u, v from -1 to 1 across the crop."""
    check_tensor(scores, "scores", "B", "J", "h", "w", some=True)
    share = scores.flatten(2).softmax(-1).unflatten(-1, scores.shape[2:])  # (B, J, h, w)
    across, down = ((2 * torch.arange(n).to(share) + 1) / n - 1 for n in (share.shape[3], share.shape[2]))
    return torch.stack([share.sum(2) @ across, share.sum(3) @ down], dim=-1)


def place_loss(scores: Tensor, joints2d: Tensor, confidence: Tensor) -> Tensor:
    """Cross-entropy of maps (B, J, h, w) with the joints' places, weighted by confidence (B, J).

    A joint (B, J, 2), in pixels, lies between four cells; the target has their bilinear weights, so that its
    mean is the joint's place. Joints outside are taken to the border.
    """
    check_joints2d(joints2d, confidence)
    check_tensor(scores, "scores", *joints2d.shape[:2], "h", "w", finite=True, some=True)
    height, width = scores.shape[2:]
    weights = []
    for axis, count in ((0, width), (1, height)):
        at = (joints2d[..., axis] / STRIDE - 0.5).clamp(0, count - 1)  # (B, J), in cells
        cells = torch.arange(count).to(at)
        weights.append((1 - (at[..., None] - cells).abs()).clamp_min(0))  # (B, J, count)
    target = weights[1][..., :, None] * weights[0][..., None, :]  # (B, J, h, w)
    entropy = -(target.flatten(2) * scores.flatten(2).log_softmax(-1)).sum(-1)  # (B, J)
    return (confidence * entropy).sum() / confidence.sum().clamp_min(1e-6)
