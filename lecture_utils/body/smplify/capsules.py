"""Capsules (S20.4): a body as a few round sticks, whose overlap a fit can push apart.

Bogo et al. 2016, section 3.2: each part is a capsule, whose radius is regressed from the shape; for the
energy it is filled with spheres, and two spheres of parts that ought not to meet cost as two Gaussians
overlap (equation 5),

    E_sp = Σ_i Σ_j exp(-|C_i - C_j|² / (σ_i² + σ_j²)),  σ = r / 3.

(The paper prints no minus sign; without it the energy would fall as parts meet.) Shapes are not changed to
avoid an overlap: radii are held while E_sp is minimised, or everybody would become thin.

Ours: a capsule's axis runs from a joint to its child, where the paper fits axes too.

Shapes: B bodies, J joints, C capsules, S spheres, Q pairs of capsules, K shape components.
"""

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.checks import check_number, check_tensor

# from joint to joint: the sticks of a body, by their parts; left and middle
TORSO_STICKS = (("pelvis", "spine2"), ("spine2", "neck"), ("neck", "head"))
SIDE_STICKS = (
    ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand"), ("hip", "knee"), ("knee", "ankle"),
    ("ankle", "foot"),
)  # fmt: skip
SPHERES = 4  # to a capsule
THIN_M = 0.03  # the radius of a stick that no vertex follows


@dataclass(frozen=True)
class Capsules:
    """The capsules of a body model.

    Attributes
    ----------
    ends : Tensor
        (C, 2) int64, the joints at both ends.
    radius : Tensor
        (C,), of the mean shape, in metres.
    radius_directions : Tensor
        (C, K), how it changes with the shape, in metres a standard deviation.
    pairs : Tensor
        (Q, 2) int64, the capsules that ought not to meet.
    """

    ends: Tensor
    radius: Tensor
    radius_directions: Tensor
    pairs: Tensor

    def radii(self, shape: Tensor) -> Tensor:
        """Return the radii (B, C) in metres of shapes (B, K), 5 mm or more."""
        check_tensor(shape, "shape", "B", self.radius_directions.shape[1])
        return (self.radius + shape @ self.radius_directions.mT).clamp_min(0.005)

    def spheres(self, joints: Tensor) -> Tensor:
        """Return the centres (B, C, S, 3) of the spheres in the capsules of bodies with joints (B, J, 3)."""
        check_tensor(joints, "joints", "B", "J", 3)
        along = (torch.arange(SPHERES) + 0.5).to(joints) / SPHERES
        start, end = joints[:, self.ends].unbind(2)  # (B, C, 3)
        return start[:, :, None] + along[:, None] * (end - start)[:, :, None]


def fit_capsules(model: SMPL) -> Capsules:
    """Fit capsules to a body model: a radius is the mean distance of a part's vertices from its axis.

    The regression from the shape is linear: radii of the mean and of a standard deviation along each
    component, to both sides.
    """
    names = list(TORSO_STICKS)
    names += [(f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in SIDE_STICKS]
    ends = torch.tensor([[joint_index(a), joint_index(b)] for a, b in names])
    count = model.shape_directions.shape[-1]
    step = torch.eye(count).to(model.template)
    rest, joints = model.shaped(torch.cat([0 * step[:1], step, -step]))
    mean, plus, minus = _radii(rest, joints, ends, model.weights).split([1, count, count])  # (…, C)
    kept = [pair for pair in combinations(range(len(names)), 2) if _apart(*(names[c] for c in pair))]
    return Capsules(ends, mean[0], ((plus - minus) / 2).mT, torch.tensor(kept))


def overlap_residuals(capsules: Capsules, joints: Tensor, shape: Tensor, *, floor: float = 1e-6) -> Tensor:
    """Return numbers (B, Q), one for each pair of capsules, whose squares add up to E_sp.

    Parameters
    ----------
    capsules : Capsules
        Of the body model.
    joints, shape : Tensor
        (B, J, 3) in metres, and (B, K); no gradient reaches the shape.
    floor : float
        Added to a pair's energy, so that the root of an energy of 0 has a gradient.
    """
    check_tensor(joints, "joints", len(shape), "J", 3)
    check_number(floor, "floor", 0)
    centres = capsules.spheres(joints)  # (B, C, S, 3)
    sigma = capsules.radii(shape.detach()) / 3  # (B, C)
    first, second = capsules.pairs.unbind(1)
    between = centres[:, first][:, :, :, None] - centres[:, second][:, :, None]  # (B, Q, S, S, 3)
    spread = (sigma[:, first].square() + sigma[:, second].square())[..., None, None]
    energy = (-between.square().sum(-1) / spread).exp().sum((2, 3))  # (B, Q)
    return (energy + floor).sqrt()


def _apart(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """Whether two sticks ought not to meet: of two limbs, or of the trunk and a limb's outer part."""
    sides = [next((s for s in ("left", "right") if stick[0].startswith(s)), "") for stick in (first, second)]
    halves = [
        "leg" if any(word in stick[0] for word in ("hip", "knee", "ankle")) else "arm"
        for stick in (first, second)
    ]
    if sides[0] == sides[1] and (not sides[0] or halves[0] == halves[1]):
        return False
    upper = [stick for stick, side in zip((first, second), sides, strict=True) if side]
    to_trunk = len(upper) == 1
    return not (to_trunk and any(word in upper[0][0] for word in ("hip", "shoulder")))


def _radii(rest: Tensor, joints: Tensor, ends: Tensor, weights: Tensor) -> Tensor:
    """Mean distance (B, C) of the vertices that follow a capsule's first joint from its axis.

    Those beyond an end in the first body are left out of all.
    """
    owner = weights.argmax(1)  # (V,)
    radii = []
    for first, last in ends.tolist():
        skin = rest[:, owner == first]  # (B, v, 3)
        start, axis = joints[:, None, first], joints[:, None, last] - joints[:, None, first]
        along = ((skin - start) * axis).sum(-1, keepdim=True) / axis.square().sum(-1, keepdim=True)
        away = (skin - start - along * axis).norm(dim=-1)  # (B, v)
        beside = ((along > 0) & (along < 1))[0, :, 0]
        radii.append(away[:, beside].mean(1) if bool(beside.any()) else away.new_full((len(away),), THIN_M))
    return torch.stack(radii, dim=1)
