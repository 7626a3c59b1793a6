"""A small body for unit tests: five closed tubes around the bones of a person of 1.7 m in T-pose.

It has the tree of SMPL, 800 vertices, smooth weights, ten directions of shape that can be named, and is its
own mirror image to the last bit: vertex `mirror_of(model)[v]` is vertex v on the other side.
"""

import torch
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR, PARENTS, joint_index
from lecture_utils.body.smpl import SMPL

AROUND = 10  # vertices a ring
STEP_M = 0.07  # between two rings, at most
# Chains of (joint, place, radius) in metres; None is a tip without a joint. Left half and middle.
TRUNK = (
    ("pelvis", (0, 0.95, 0), 0.13), ("spine1", (0, 1.05, 0), 0.12), ("spine2", (0, 1.17, 0), 0.12),
    ("spine3", (0, 1.27, 0), 0.13), ("neck", (0, 1.44, 0), 0.06), ("head", (0, 1.52, 0.01), 0.08),
    (None, (0, 1.68, 0.02), 0.07),
)  # fmt: skip
LEG = (
    ("left_hip", (0.09, 0.88, 0), 0.08), ("left_knee", (0.1, 0.5, 0), 0.055),
    ("left_ankle", (0.1, 0.09, -0.02), 0.04), ("left_foot", (0.1, 0.04, 0.1), 0.035),
    (None, (0.1, 0.03, 0.18), 0.025),
)  # fmt: skip
ARM = (
    ("left_collar", (0.07, 1.38, 0), 0.05), ("left_shoulder", (0.18, 1.4, 0), 0.05),
    ("left_elbow", (0.44, 1.4, 0), 0.04), ("left_wrist", (0.69, 1.4, 0), 0.03),
    ("left_hand", (0.77, 1.4, 0), 0.035), (None, (0.86, 1.4, 0), 0.02),
)  # fmt: skip
CHAINS = ((TRUNK, ()), (LEG, ("pelvis",)), (ARM, ("spine3",)))


def stick_body(seed: int = 0, dtype: torch.dtype = torch.float32) -> SMPL:
    """Return the body; the seed draws its pose directions (about 3 mm a unit, near the joint that moves)."""
    parts = [_tube(chain, before) for chain, before in CHAINS]
    parts += [_mirrored(part) for part in parts[1:]]
    offsets = [sum(len(part[0]) for part in parts[:i]) for i in range(len(parts))]
    template, radial, weights, regressors = (torch.cat([part[i] for part in parts]) for i in range(4))
    faces = torch.cat([part[4] + offset for part, offset in zip(parts, offsets, strict=True)])
    weights, regressor = weights / weights.sum(1, keepdim=True), regressors.T / regressors.sum(0)[:, None]
    poses = _pose_directions(template, weights, seed)
    tensors = (template, _shape_directions(template, radial), poses, regressor, weights)
    return SMPL(*(x.to(dtype) for x in tensors), faces, PARENTS)


def mirror_of(model: SMPL) -> Tensor:
    """Return for each vertex (V,) the number of the one on the other side, by the template."""
    return _mirror(model.template.double())


def _mirror(template: Tensor) -> Tensor:
    flipped = template * torch.tensor([-1.0, 1, 1], dtype=template.dtype)
    distance, other = torch.cdist(flipped, template, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    assert float(distance.max()) < 1e-6, "the template is no mirror image of itself"
    return other


def _tube(chain: tuple, before: tuple[str, ...]) -> tuple[Tensor, ...]:
    """Return vertices (v, 3), their directions outwards, weights and regressors (v, 24), and faces (f, 3)."""
    names = [name for name, _, _ in chain]
    places = torch.tensor([[float(x) for x in place] for _, place, _ in chain], dtype=torch.float64)
    radii = torch.tensor([radius for _, _, radius in chain], dtype=torch.float64)
    along = torch.nn.functional.normalize(places[1:] - places[:-1], dim=1)
    centres, sizes, ways, joints = [], [], [], []
    for i, name in enumerate(names):
        centres.append(places[i]), sizes.append(radii[i]), joints.append(name)
        ways.append(
            torch.nn.functional.normalize(along[max(i - 1, 0)] + along[min(i, len(along) - 1)], dim=0)
        )
        if i < len(names) - 1:
            count = int((places[i + 1] - places[i]).norm() / STEP_M)
            for t in torch.linspace(0, 1, count + 2, dtype=torch.float64)[1:-1]:
                centres.append(places[i].lerp(places[i + 1], t)), sizes.append(radii[i].lerp(radii[i + 1], t))
                ways.append(along[i]), joints.append(None)
    angle = 2 * torch.pi * torch.arange(AROUND, dtype=torch.float64) / AROUND
    rings, outwards, regress = [], [], []
    for centre, size, way, joint in zip(centres, sizes, ways, joints, strict=True):
        aside = torch.tensor([0.0, 1, 0] if abs(float(way[0])) > 0.7 else [1.0, 0, 0], dtype=torch.float64)
        front = torch.nn.functional.normalize(torch.linalg.cross(aside, way), dim=0)
        side = torch.linalg.cross(way, front)
        out = angle.cos()[:, None] * front + angle.sin()[:, None] * side
        rings.append(centre + size * out), outwards.append(out)
        one = torch.zeros(AROUND, len(JOINTS), dtype=torch.float64)
        if joint is not None:
            one[:, joint_index(joint)] = 1
        regress.append(one)
    ends = [(centres[0] - 0.5 * sizes[0] * ways[0])[None], (centres[-1] + 0.5 * sizes[-1] * ways[-1])[None]]
    vertices = torch.cat([*rings, *ends])
    directions = torch.cat([*outwards, -ways[0][None], ways[-1][None]])
    regressor = torch.cat([*regress, torch.zeros(2, len(JOINTS), dtype=torch.float64)])
    return vertices, directions, _weights(vertices, names, places, before), regressor, _tube_faces(len(rings))


def _weights(vertices: Tensor, names: list, places: Tensor, before: tuple[str, ...]) -> Tensor:
    """Weights (v, 24) that fall off with the distance from each joint's bone, over some 5 cm."""
    weights = torch.zeros(len(vertices), len(JOINTS), dtype=torch.float64)
    if before:  # the joint that the chain hangs on has what lies before its first
        names, places = (
            [before[0], *names],
            torch.cat([places[:1] - 0.1 * (places[1:2] - places[:1]), places]),
        )
    for i in range(len(names) - 1):
        bone = places[i + 1] - places[i]
        t = ((vertices - places[i]) @ bone / (bone @ bone)).clamp(0, 1)
        distance = (vertices - places[i] - t[:, None] * bone).square().sum(1)
        weights[:, joint_index(names[i])] += (-distance / (2 * 0.03**2)).exp() + 1e-30
    return weights


def _tube_faces(rings: int) -> Tensor:
    """Return triangles (f, 3) of rings with a vertex at either end, counter-clockwise from outside."""
    faces = []
    first, last = rings * AROUND, rings * AROUND + 1
    for k in range(AROUND):
        n = (k + 1) % AROUND
        for ring in range(rings - 1):
            a, b, c, d = (r * AROUND + i for r in (ring, ring + 1) for i in (k, n))
            # a diagonal that mirrors: the quads of one half are cut the other way
            faces += [(a, b, d), (a, d, c)] if k < AROUND / 2 else [(a, b, c), (b, d, c)]
        faces += [(first, n, k), (last, (rings - 1) * AROUND + k, (rings - 1) * AROUND + n)]
    return torch.tensor(faces)


def _mirrored(part: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    flip = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    vertices, directions, weights, regressor, faces = part
    other = list(MIRROR)
    return vertices * flip, directions * flip, weights[:, other], regressor[:, other], faces.flip(1)


def _shape_directions(template: Tensor, radial: Tensor) -> Tensor:
    """Ten ways (V, 3, 10) to differ, in metres.

    Height, girth, length of the legs and of the arms, belly, shoulders, head, girth of legs and arms, feet.
    """
    x, y, z = template.unbind(1)
    zero, arm, leg = torch.zeros_like(x), x.abs() > 0.16, (y < 0.93) & (x != 0)
    trunk = ~arm & ~leg
    ways = [
        0.04 * template,
        0.008 * radial,
        torch.stack([zero, 0.05 * (y / 0.9).clamp(max=1), zero], 1),
        torch.stack([0.05 * x.sign() * (x.abs() - 0.16).clamp_min(0), zero, zero], 1),
        0.02 * radial * (trunk & (y < 1.2))[:, None],
        torch.stack([0.02 * x.sign() * (y > 1.3) * (x.abs() / 0.16).clamp(max=1), zero, zero], 1),
        0.008 * radial * (trunk & (y > 1.47))[:, None],
        0.01 * radial * leg[:, None],
        0.01 * radial * arm[:, None],
        torch.stack([zero, zero, 0.2 * z.clamp_min(0) * (y < 0.2)], 1),
    ]
    return torch.stack(ways, -1)


def _pose_directions(template: Tensor, weights: Tensor, seed: int) -> Tensor:
    """Random pose directions (V, 3, 207), the same on both sides, where joints share a vertex."""
    draw = torch.Generator().manual_seed(seed)
    way = torch.randn(len(template), 3, len(JOINTS), 3, 3, generator=draw, dtype=torch.float64)
    way = 0.003 * way * (4 * weights * (1 - weights))[:, None, :, None, None]
    sign = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    mirrored = way[_mirror(template)][:, :, list(MIRROR)]
    mirrored = mirrored * sign[:, None, None, None] * sign[:, None] * sign  # coordinate, row, column
    return ((way + mirrored) / 2)[:, :, 1:].flatten(2)
