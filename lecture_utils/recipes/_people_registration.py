"""Persons in the template's topology: carried from the mean figure piece by piece, then laid on the new
surface.

Simplified: the pieces of two figures correspond, which those of two scans do not; scans are registered by
landmarks and a prior (Loper et al. 2015, section 4).
"""

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from torch import Tensor

from lecture_utils.data.toyworld.people.figure import Figure, blended, figure, piece_distances
from lecture_utils.recipes._people_mesh import Array, edges_of, projected
from lecture_utils.recipes._people_nearby import Nearby, nearby


def neighbour_mean(faces: Array, count: int) -> csr_matrix:
    """Return the matrix (V, V) that gives each vertex the mean of its neighbours."""
    net = edges_of(faces, count)
    return (diags(1 / np.asarray(net.sum(1)).ravel()) @ net).tocsr()


def carried(vertices: Array, mean: Figure, share: Tensor, person: Figure) -> Array:
    """Take vertices from the mean figure to a person: each by the affine motion of the pieces it lies on."""
    x = torch.as_tensor(vertices, dtype=torch.float32)
    # In a piece's own frame a place is scaled with the piece: along by its length, across by its radius.
    along = torch.where(mean.length > 0, person.length / mean.length.clamp(min=1e-6), 1.0)
    across = person.radii[:, 1] / mean.radii[:, 1]
    own = torch.stack([torch.where(mean.length > 0, along, across), across, across], dim=-1)  # (P, 3)
    motion = torch.linalg.inv(person.frame) @ (own[:, :, None] * mean.frame)  # (P, 3, 3)
    shift = person.centre - (motion @ mean.centre[..., None])[..., 0]
    blend = torch.einsum("pn,pij->nij", share, motion)
    return (torch.einsum("nij,nj->ni", blend, x) + share.T @ shift).numpy().astype(float)


def registered(start: Array, smooth: csr_matrix, person: Figure, near: Nearby, rounds: int = 4) -> Array:
    """Lay vertices that are near a person's surface on it; how far they go changes smoothly over the skin."""
    x = start
    for _ in range(rounds - 1):
        moved = projected(x, person, near, rounds=1) - start
        x = start + 0.4 * moved + 0.6 * (smooth @ moved)
    return projected(x, person, near, rounds=2)


def shares(vertices: Array, person: Figure, softer: float = 2.0) -> Tensor:
    """Return how much each piece has of a vertex, (P, V)."""
    distances, _ = piece_distances(torch.as_tensor(vertices, dtype=torch.float32), person)
    return blended(distances / softer, person)[1]


def registrations(vertices: Array, faces: Array, mean: Figure, measures: Tensor) -> tuple[Array, Array]:
    """Return persons (N, V, 3) in the template's topology, and their true joints (N, 24, 3)."""
    share, smooth = shares(vertices, mean), neighbour_mean(faces, len(vertices))
    persons = [figure(row) for row in measures]
    near = nearby(torch.as_tensor(vertices, dtype=torch.float32), mean)
    skins = [registered(carried(vertices, mean, share, p), smooth, p, near) for p in persons]
    return np.stack(skins), np.stack([p.joints.numpy() for p in persons])
