"""Chapter 20: what pose correctives do for the volume of a twisted and of a bent limb, measured.

The claim is one function of a seed. Its rule is fixed here, before any run; `ledger.run` applies it.

Shapes: N persons, V vertices, K shape components, P pieces of a figure.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from lecture_utils import zoo
from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20.stage import turned
from lecture_utils.data.toyworld.people.figure import Figure, figure, piece_distances, signed_distance
from lecture_utils.data.toyworld.people.figure_measures import sample_measures
from lecture_utils.experiments.rules import Rule, claim
from lecture_utils.recipes._people_measured import template_of
from lecture_utils.recipes._people_registration import registrations
from lecture_utils.training.kit import Figures, size


# --- C20.1 -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Movement:
    """A joint that turns about one of the body's axes, and the ball around it in which volume is measured.

    What turns about the ball's middle as a whole stays in the ball as a whole: only flesh that is squeezed,
    lost or doubled changes the volume there.

    Attributes
    ----------
    joint : str
    about : tuple of float
        What 1° of it is about x, y and z.
    radius_m : float
        Of the ball.
    degrees : tuple of int
    """

    joint: str
    about: tuple[float, float, float]
    radius_m: float
    degrees: tuple[int, ...]

    def pose(self, degrees: float) -> Tensor:
        """Return the pose (1, 24, 3) of a body at rest but for this joint."""
        x, y, z = self.about
        return turned(joint_index(self.joint), (x * degrees, y * degrees, z * degrees))


MOVEMENTS = {
    "wrist twisted": Movement("left_wrist", (1, 0, 0), 0.10, (30, 60, 90, 120, 150)),
    "elbow bent": Movement("left_elbow", (0, -1, 0), 0.12, (30, 60, 90, 120, 140)),
    "knee bent": Movement("left_knee", (1, 0, 0), 0.13, (30, 60, 90, 120, 140)),
}


def columns(radius_m: float, spacing_m: float) -> tuple[Tensor, Tensor]:
    """Return the columns (C, 2) that cut up a ball about the origin, and half of each one's height (C,)."""
    line = torch.arange(-radius_m, radius_m, spacing_m, dtype=torch.float64) + 0.5012 * spacing_m
    places = torch.cartesian_prod(line, line)  # just off the middle: no column runs along an edge
    half = (radius_m**2 - places.square().sum(1)).clamp_min(0).sqrt()
    return places[half > 0], half[half > 0]


def mesh_volume_ml(
    vertices: Tensor, faces: Tensor, middle: Tensor, radius_m: float, spacing_m: float
) -> float:
    """Volume inside a closed mesh (V, 3), (F, 3) and a ball, in millilitres; overlaps count once.

    Column by column: the surface is crossed inwards and outwards; between crossings the number of times that
    the mesh winds around is the same, and inside is where it is above 0.
    """
    corners = (vertices.double() - middle.double())[faces]  # (F, 3, 3)
    flat = corners[..., :2]
    near = (flat.amin(1) < radius_m).all(1) & (flat.amax(1) > -radius_m).all(1)
    a, b, c = corners[near].unbind(1)
    area = _cross(b - a, c - a)  # (F,), twice that of the shadow; above 0 where the face looks up
    total = 0.0
    for places, half in zip(*(x.split(256) for x in columns(radius_m, spacing_m)), strict=True):
        p = places[:, None]  # (C, 1, 2)
        u, v, w = (
            _cross((second - first)[:, :2], p - first[:, :2]) / area
            for first, second in ((b, c), (c, a), (a, b))
        )
        column, face = ((u > 0) & (v > 0) & (w > 0)).nonzero().T
        at = (column, face)
        height = u[at] * a[face, 2] + v[at] * b[face, 2] + w[at] * c[face, 2]
        order = height.argsort()
        order = order[column[order].argsort(stable=True)]
        column, height = column[order], height[order].clamp(-half[column[order]], half[column[order]])
        winding = torch.where(area[face[order]] > 0, -1, 1).cumsum(0)  # 0 again at each column's end
        total += float((height[1:] - height[:-1])[winding[:-1] > 0].sum())
    return 1e6 * spacing_m**2 * total


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def true_volume_ml(person: Figure, movement: Movement, degrees: float, spacing_m: float) -> float:
    """Volume of a posed figure in the ball about the joint, in millilitres, from its signed distances.

    On a grid, of which each cube counts by the share of it that lies inside.
    """
    middle = person.joints[joint_index(movement.joint)]  # its own turn does not move it
    places, half = columns(movement.radius_m, spacing_m)
    line = torch.arange(-movement.radius_m, movement.radius_m, spacing_m, dtype=torch.float64) + spacing_m / 2
    column, level = torch.cartesian_prod(torch.arange(len(places)), torch.arange(len(line))).unbind(1)
    within = (0.5 + (half[column] - line[level].abs()) / spacing_m).clamp(0, 1)
    points = torch.cat([places[column], line[level, None]], dim=1)[within > 0].float() + middle
    near, pose = near_pieces(person, middle, movement.radius_m), movement.pose(degrees)[0]
    inside = [
        (0.5 - signed_distance(some, near, pose) / spacing_m).clamp(0, 1) for some in points.split(20000)
    ]
    return 1e6 * spacing_m**3 * float((torch.cat(inside) * within[within > 0]).sum())


def near_pieces(person: Figure, middle: Tensor, radius_m: float) -> Figure:
    """The pieces that come within twice the ball's radius at rest; no other is in it in these poses."""
    near = piece_distances(middle[None], person)[0][:, 0] < 2 * radius_m
    own = {f.name: getattr(person, f.name)[near] for f in fields(Figure) if f.name != "joints"}
    return replace(person, **own)


def fitted_shapes(model: SMPL, measures: Tensor) -> Tensor:
    """Return the shapes (N, K) whose skins are nearest to persons of these measures (N, 12)."""
    skin, mean = template_of(model)
    truth = torch.tensor(registrations(skin, model.faces.numpy(), mean, measures)[0], dtype=torch.float32)
    directions = model.shape_directions.flatten(0, 1)  # (3 V, K)
    return torch.linalg.lstsq(directions, (truth - model.template).flatten(1).T).solution.T


def missing_share(
    model: SMPL, shape: Tensor, person: Figure, movement: Movement, spacing_m: float
) -> dict[str, list[float]]:
    """By angle, the volume that a body lacks at a joint beside the figure, over the volume there at rest.

    The model's loss from rest to pose minus the figure's own: in a bent limb some flesh meets other flesh.
    """
    middle = model.shaped(shape[None])[1][0, joint_index(movement.joint)]

    def own(degrees: float, correctives: bool) -> float:
        posed = model(shape[None], movement.pose(degrees), correctives=correctives)
        return mesh_volume_ml(posed.vertices[0], model.faces, middle, movement.radius_m, spacing_m)

    rest, true_rest = own(0.0, False), true_volume_ml(person, movement, 0.0, spacing_m)
    shares: dict[str, list[float]] = {"skinning": [], "correctives": [], "figure": []}
    for degrees in movement.degrees:
        true_loss = true_rest - true_volume_ml(person, movement, degrees, spacing_m)
        shares["figure"].append(true_loss / rest)
        for name, on in (("skinning", False), ("correctives", True)):
            shares[name].append((rest - own(degrees, on) - true_loss) / rest)
    return shares


@claim(
    "C20.1",
    statement="Pose correctives give back more than half of the volume that linear blend skinning lacks at a "
    "twisted wrist, at a bent elbow and at a bent knee.",
    paper="M. Loper, N. Mahmood, J. Romero, G. Pons-Moll, M. Black, SMPL: A skinned multi-person linear "
    "model, ACM Transactions on Graphics 2015, sections 1 and 3 (shown there, not measured); J. P. Lewis, "
    "M. Cordner, N. Fong, Pose Space Deformation, SIGGRAPH 2000",
    rule=(
        Rule("wrist_lacks", above=0.0),
        Rule("elbow_lacks", above=0.0),
        Rule("knee_lacks", above=0.0),
        Rule("wrist_removed", above=0.5),
        Rule("elbow_removed", above=0.5),
        Rule("knee_removed", above=0.5),
    ),
    seeds=5,
    note="Four persons a seed from the test split, whose shape is fitted to the figure; wrist twisted by 30 "
    "to 150° (the correctives were learned up to 126°), elbow and knee bent by 30 to 140°. Volume is what "
    "lies in a ball of 10 to 13 cm about the joint, inside the skin (once or more often) or the figure, in "
    "columns of 3 mm. What is lacking is the model's loss from rest to pose minus the figure's own: where "
    "two parts of a bent limb meet, the figure loses some too. What is removed is 1 minus the mean size of "
    "what is lacking (too much counts like too little) with correctives over that without. Volume alone: a "
    "fold may be wrong and its volume right.",
    names={
        "wrist_lacks": "share of the volume at rest that the twisted wrist lacks without correctives",
        "elbow_lacks": "share of the volume at rest that the bent elbow lacks without correctives",
        "knee_lacks": "share of the volume at rest that the bent knee lacks without correctives",
        "wrist_removed": "share of what the wrist lacks that correctives remove",
        "elbow_removed": "share of what the elbow lacks that correctives remove",
        "knee_removed": "share of what the knee lacks that correctives remove",
    },
)
def c20_1_correctives(seed: int, budget: str) -> Figures:
    """What limbs lack with and without correctives, on persons that were not learned from."""
    count, spacing_m = size(budget, quick=(1, 0.01), full=(4, 0.003))
    model = zoo.load("people_body")
    assert isinstance(model, SMPL)
    measures = sample_measures(count, 1000 + seed, "test")
    figures: Figures = {"shares": {}}
    with torch.no_grad():
        shapes = fitted_shapes(model, measures)
        for name, movement in MOVEMENTS.items():
            each = [
                missing_share(model, shape, figure(own), movement, spacing_m)
                for shape, own in zip(shapes, measures, strict=True)
            ]
            lacking = {kind: torch.tensor([own[kind] for own in each]) for kind in each[0]}  # (N, A)
            without, with_them = lacking["skinning"], lacking["correctives"]
            part = name.split()[0]
            figures[f"{part}_lacks"] = float(without.mean())
            figures[f"{part}_removed"] = 1 - float(with_them.abs().mean() / without.abs().mean())
            figures["shares"][name] = {
                kind: dict(zip(map(str, movement.degrees), own.mean(0).tolist(), strict=True))
                for kind, own in lacking.items()
            }
    return figures
