"""Chapter 20: the volume of a piece of limb, cut out of the skin at rest and closed by flat lids.

Shapes: V vertices, F triangles.
"""

from dataclasses import dataclass

import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.chapters.ch20.stage import carried
from lecture_utils.geometry.meshes import Mesh, mesh_volume

HALF = 0.5  # of the weights: what has more of the limb's joints is of the limb


@dataclass(frozen=True)
class Piece:
    """A piece of the skin between two cuts.

    Attributes
    ----------
    faces : Tensor
        (F, 3), its triangles, as numbers of the body's vertices.
    rims : list of Tensor
        Of each cut (E, 2), the edges along it, in the direction of the triangle that has it.
    """

    faces: Tensor
    rims: list[Tensor]

    def closed(self, vertices: Tensor) -> Mesh:
        """Return the piece of a posed body (V, 3), each cut closed by a fan about the middle of its rim."""
        middles = torch.stack([vertices[rim.unique()].mean(0) for rim in self.rims])
        lids = [torch.cat([rim.flip(1), torch.full((len(rim), 1), len(vertices) + k)], dim=1)
                for k, rim in enumerate(self.rims)]  # fmt: skip
        return Mesh(torch.cat([vertices, middles]), torch.cat([self.faces, *lids]))


def limb_piece(model: SMPL, joint: int, axis: int, reach_m: float) -> Piece:
    """Cut out the skin around a joint: `reach_m` to both sides of it along an axis of the body at rest.

    Parameters
    ----------
    model : SMPL
    joint : int
    axis : int
        0 for arms in T-pose, 1 for legs.
    reach_m : float
    """
    _, joints = model.shaped(torch.zeros(1, 1))
    near = (model.template[:, axis] - joints[0, joint, axis]).abs() <= reach_m
    limb = model.weights[:, [model.parents[joint], *carried(model, joint)]].sum(1) > HALF
    faces = model.faces[(near & limb)[model.faces].all(1)]
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key, back = edges @ torch.tensor([len(near), 1]), edges.flip(1) @ torch.tensor([len(near), 1])
    rim = edges[~torch.isin(key, back)]  # no triangle has them the other way round
    graph = coo_array((torch.ones(len(rim)), rim.T.numpy()), shape=(len(near), len(near)))
    labels = torch.as_tensor(connected_components(graph, directed=False)[1])[rim[:, 0]]
    return Piece(faces, [rim[labels == own] for own in labels.unique()])


def volume_ml(piece: Piece, vertices: Tensor) -> float:
    """Return the volume of a piece of a posed body (V, 3) in millilitres."""
    return 1e6 * mesh_volume(piece.closed(vertices))
