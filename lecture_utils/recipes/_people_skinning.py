"""Skinning weights and the joint regressor of the body model."""

import numpy as np
from scipy.optimize import nnls
from scipy.sparse import diags, identity
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree
from torch import Tensor

from lecture_utils.body.skeleton import JOINTS, MIRROR
from lecture_utils.data.toyworld.people.figure import Figure
from lecture_utils.recipes._people_mesh import Array, edges_of

# How wide, in metres, a joint's motion is spread over the skin.
SPREAD_M = {
    "pelvis": 0.055, "hip": 0.050, "spine1": 0.055, "spine2": 0.055, "spine3": 0.05, "knee": 0.030,
    "ankle": 0.018, "foot": 0.014, "neck": 0.03, "head": 0.022, "collar": 0.04, "shoulder": 0.034,
    "elbow": 0.024,
    "wrist": 0.015, "hand": 0.006,
}  # fmt: skip


def skinning_weights(vertices: Array, faces: Array, other: Array, share: Tensor, person: Figure) -> Array:
    """Return W (V, 24): what the pieces of each bone have of a vertex, spread over the skin like heat.

    At most four joints a vertex; as in I. Baran and J. Popović, "Automatic rigging and animation of 3D
    characters", SIGGRAPH 2007, the heat's equilibrium, here after a time that grows with the thickness of the
    limb.
    """
    start = np.zeros((len(vertices), len(JOINTS)))
    np.add.at(start.T, person.bone.numpy(), share.double().numpy())
    width = np.array([SPREAD_M[n.removeprefix("left_").removeprefix("right_")] for n in JOINTS])
    time = (start @ width) ** 2 / 2
    net = edges_of(faces, len(vertices))
    pairs = net.tocoo()
    length = np.linalg.norm(vertices[pairs.row] - vertices[pairs.col], axis=1)
    degree = np.asarray(net.sum(1)).ravel()
    mean_square = np.bincount(pairs.row, length**2, len(vertices)) / degree
    laplacian = diags(4 / mean_square) @ (diags(1 / degree) @ net - identity(len(vertices)))
    heat = splu((identity(len(vertices)) - diags(time) @ laplacian).tocsc()).solve(start).clip(0)
    heat = (heat + heat[other][:, list(MIRROR)]) / 2
    heat[heat <= np.sort(heat, axis=1)[:, [-5]] * (1 + 1e-9)] = (
        0  # of left and right alike in the middle, both go
    )
    heat[heat < 0.01] = 0
    return heat / heat.sum(1, keepdims=True)


def joint_regressor(persons: Array, joints: Array, weights: Array, other: Array, nearest: int = 200) -> Array:
    """Learn J (24, V) from persons (N, V, 3) and their joints (N, 24, 3): sparse, ≥ 0, rows sum to 1."""
    mean, centre = persons.mean(0), joints.mean(0)
    tree = cKDTree(mean)
    regressor = np.zeros((len(JOINTS), len(mean)))
    for j in range(len(JOINTS)):
        if MIRROR[j] < j:  # the right joints mirror the left ones
            regressor[j] = regressor[MIRROR[j]][other]
            continue
        # a ring: the joint's nearest vertices, among those that follow it or its neighbours
        near = tree.query(centre[j], k=4 * nearest)[1]
        near = near[weights[near, j] > 0.02][:nearest]
        # Seen from the joint's mean place, so that a sum of 0.99 does not cost a hundredth of the way there.
        matrix = (persons[:, near] - centre[j]).transpose(0, 2, 1).reshape(-1, len(near))  # (3 N, n)
        aim, heavy = (joints[:, j] - centre[j]).ravel(), 100.0
        found, _ = nnls(np.vstack([matrix, np.full((1, len(near)), heavy)]), np.append(aim, heavy))
        regressor[j, near] = found / found.sum()
        if MIRROR[j] == j:
            regressor[j] = (regressor[j] + regressor[j][other]) / 2
    return regressor
