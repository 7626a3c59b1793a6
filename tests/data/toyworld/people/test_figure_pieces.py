"""Pieces of a figure against geometry: capsules, ellipsoids, how they melt, how a bone carries them."""

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.data.toyworld.people import figure, figure_pieces
from lecture_utils.data.toyworld.people.figure_anatomy import PARTS
from lecture_utils.data.toyworld.people.figure_measures import mean_measures
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.3")
START, END = torch.tensor([0.1, -0.2, 0.05]), torch.tensor([0.4, 0.2, 0.17])
ALONG = (END - START) / (END - START).norm()
TORSO, HEAD, THIGH = (PARTS.index(name) for name in ("torso", "head", "left_thigh"))


def gathered(own: Any, module: ModuleType) -> Any:
    """A figure of these pieces, with the mean person's joints."""
    return module.Figure(
        module.figure(mean_measures()).joints, torch.stack(own.centre), torch.stack(own.frame),
        torch.tensor(own.length), torch.tensor(own.radii), torch.tensor(own.bone), torch.tensor(own.part),
    )  # fmt: skip


def somewhere(count: int = 200) -> Tensor:
    """Points around the segment."""
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) - 0.3


def across() -> tuple[Tensor, Tensor]:
    """Two directions at right angles to the segment: the second as near to z as can be."""
    thin = torch.tensor([0.0, 0.0, 1.0])
    thin = thin - ALONG * (thin @ ALONG)
    thin = thin / thin.norm()
    return torch.linalg.cross(thin, ALONG), thin


def capsules(module: ModuleType, pieces: ModuleType) -> None:
    """An even capsule is as far as its segment, less the radius; a tapered one has its three radii."""
    one = pieces.Pieces()
    one.limb(0, TORSO, START.tolist(), END.tolist(), (0.05, 0.05, 0.05))
    points = somewhere()
    t = ((points - START) @ ALONG / (END - START).norm()).clamp(0, 1)
    off = points - START - t[:, None] * (END - START)
    distance, slope = module.piece_distances(points, gathered(one, module))
    torch.testing.assert_close(distance[0], off.norm(dim=1) - 0.05, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(slope[0], off / off.norm(dim=1, keepdim=True), atol=1e-4, rtol=1e-4)
    flat = pieces.Pieces()
    flat.limb(0, TORSO, START.tolist(), END.tolist(), (0.08, 0.05, 0.03), 0.5)
    side, thin = across()
    for share, radius in ((0.0, 0.08), (0.5, 0.05), (1.0, 0.03)):
        middle = START + share * (END - START)
        surface = torch.stack([middle + radius * side, middle - 0.5 * radius * thin])
        distance, slope = module.piece_distances(surface, gathered(flat, module))
        assert distance.abs().max() < 1e-5
        torch.testing.assert_close(slope[0], torch.stack([side, -thin]), atol=1e-4, rtol=1e-4)


def ellipsoids(module: ModuleType, pieces: ModuleType) -> None:
    """The surface meets each axis at its half-length, also when turned; just outside it counts metres."""
    centre, axes = torch.tensor([0.2, -0.1, 0.3]), torch.tensor([0.04, 0.09, 0.06])
    for turn in (None, (0, 0.4), (2, -0.7)):
        one = pieces.Pieces()
        one.ball(0, TORSO, centre.tolist(), axes.tolist(), turn)
        about = torch.zeros(3) if turn is None else turn[1] * torch.eye(3)[turn[0]]
        directions = axis_angle_to_matrix(about).T  # (3, 3), its own axes as rows
        for outside in (0.0, 0.001, -0.001):
            points = centre + (axes[:, None] + outside) * directions
            distance, slope = module.piece_distances(points, gathered(one, module))
            torch.testing.assert_close(distance[0], torch.full((3,), outside), atol=2e-5, rtol=0.0)
            torch.testing.assert_close(slope[0], directions, atol=1e-4, rtol=1e-4)


def melting(module: ModuleType, pieces: ModuleType) -> None:
    """Within a part, and between neighbours, -k log Σ exp(-d / k); of other parts the nearer one."""
    d = torch.tensor([[0.01, 0.5], [0.03, 0.02], [0.4, 0.012], [0.3, 0.03]])
    own = pieces.Pieces()
    for part in (TORSO, TORSO, HEAD, THIGH):
        own.ball(0, part, (0.0, 0.0, 0.0), (0.1, 0.1, 0.1))

    def melted(k: float, *distances: Tensor) -> Tensor:
        return -k * torch.stack([(-x / k).exp() for x in distances]).sum(0).log()

    torso = melted(0.016, d[0], d[1])
    want = torch.minimum(melted(0.006, torso, d[2]), melted(0.014, torso, d[3]))
    value, share = module.blended(d, gathered(own, module))
    torch.testing.assert_close(value, want, atol=1e-6, rtol=1e-4)
    step = 1e-3
    for piece in range(4):  # a piece's share is the value's derivative by its distance
        moved = (d + step * torch.eye(4)[piece, :, None], d - step * torch.eye(4)[piece, :, None])
        up, down = (module.blended(x, gathered(own, module))[0] for x in moved)
        torch.testing.assert_close(share[piece], (up - down) / (2 * step), atol=5e-3, rtol=0.0)


def carried(module: ModuleType, pieces: ModuleType) -> None:
    """What hangs on a bone turns about its joint, and what hangs on the next one with it."""
    for bone in ("left_elbow", "left_wrist"):
        own = pieces.Pieces()
        own.limb(joint_index(bone), TORSO, START.tolist(), END.tolist(), (0.08, 0.05, 0.03), 0.5)
        person = gathered(own, module)
        elbow = person.joints[joint_index("left_elbow")]
        pose = torch.zeros(24, 3)
        pose[joint_index("left_elbow")] = torch.tensor([0.4, -1.1, 0.3])
        points = somewhere()
        moved = elbow + (points - elbow) @ axis_angle_to_matrix(pose[joint_index("left_elbow")]).T
        before = module.piece_distances(points, person)
        after = module.piece_distances(moved, module.posed(person, pose))
        torch.testing.assert_close(after[0], before[0], atol=1e-5, rtol=1e-4)


LAWS = {"capsules": capsules, "ellipsoids": ellipsoids, "melting": melting, "carried": carried}


@pytest.mark.parametrize("law", LAWS)
def test_pieces_are_what_geometry_says(law: str) -> None:
    LAWS[law](figure, figure_pieces)


FIGURE, PIECES = figure.__name__, figure_pieces.__name__
FAULTS = [
    ("capsules", FIGURE, "clamp(min=1e-6)).clamp(0, 1)", "clamp(min=1e-6))"),
    ("capsules", FIGURE, "4 * middle", "2 * middle"),
    ("capsules", FIGURE, "start, middle, end = person", "end, middle, start = person"),
    ("capsules", FIGURE, "points @ person.frame.mT", "points @ person.frame"),
    ("capsules", PIECES, "normal / flat]", "normal * flat]"),
    ("capsules", PIECES, "self._add(bone, part, a, axes", "self._add(bone, part, b, axes"),
    ("ellipsoids", FIGURE, "(far - radius) / steep", "(far - radius)"),
    ("ellipsoids", FIGURE, "normal / steep[..., None]", "normal"),
    ("ellipsoids", PIECES, "scale[:, None] * frame.T", "frame.T * scale"),
    ("ellipsoids", PIECES, "cosine, -sine, sine, cosine", "cosine, sine, -sine, cosine"),
    ("ellipsoids", PIECES, "size / max(axis", "size * max(axis"),
    ("melting", FIGURE, "parts[i] = -k * torch.logsumexp", "parts[i] = k * torch.logsumexp"),
    ("melting", FIGURE, "k, mine = MELT[_kind(PARTS[i])]", "k, mine = 2 * MELT[_kind(PARTS[i])]"),
    ("melting", FIGURE, "-k * torch.logsumexp(-both / k, dim=0)", "both.amin(dim=0)"),
    ("melting", FIGURE, "inner * share[person.part]", "share[person.part]"),
    ("melting", FIGURE, "softmax(-distances[mine] / k, dim=0)", "softmax(distances[mine] / k, dim=0)"),
    ("carried", FIGURE, "person.frame @ turn.mT", "person.frame"),
    ("carried", FIGURE, "centre=placed[0, person.bone] + offset", "centre=person.centre"),
    ("carried", FIGURE, "centre - person.joints[person.bone]", "centre - placed[0, person.bone]"),
    ("carried", FIGURE, "offset = (turn @ ", "offset = (turn.mT @ "),
]  # fmt: skip


@pytest.mark.parametrize(("law", "module", "right", "wrong"), FAULTS, ids=lambda part: part[:24])
def test_a_planted_fault_shows(law: str, module: str, right: str, wrong: str) -> None:
    faulty = planted(module, (right, wrong))
    given = (faulty, figure_pieces) if module == FIGURE else (figure, faulty)
    with pytest.raises(AssertionError):
        LAWS[law](*given)


def test_a_round_limb_may_point_anywhere() -> None:
    """Also along the axis that "thin" means."""
    for end in torch.eye(3):
        one = figure_pieces.Pieces()
        one.limb(0, TORSO, (0.0, 0.0, 0.0), end.tolist(), (0.05, 0.05, 0.05))
        distance, _ = figure.piece_distances(somewhere(), gathered(one, figure))
        assert bool(distance.isfinite().all())
        assert math.isclose(float(one.frame[0].det()), 1.0, abs_tol=1e-5)
