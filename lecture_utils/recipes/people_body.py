"""Weights `people_body`: the course's own SMPL, learned from generated people.

M. Loper et al., "SMPL: A skinned multi-person linear model", ACM Transactions on Graphics 2015, section 4, with the
figures of `data.toyworld.people` in place of the CAESAR scans: a template is registered to persons, and their mean and
principal components are T̄ and S; J is a sparse non-negative regression to the true joints; W follows the bones.
"""

import time

import numpy as np
import torch
from torch import nn

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.figure import Figure, figure
from lecture_utils.data.toyworld.people.figure_measures import mean_measures, sample_measures
from lecture_utils.recipes._people_mesh import Array, even_mesh, half_surface, mirrored, projected, relaxed
from lecture_utils.recipes._people_packed import PackedSMPL, empty
from lecture_utils.recipes._people_registration import carried, neighbour_mean, registered, shares
from lecture_utils.recipes._people_skinning import joint_regressor, skinning_weights

PERSONS, COMPONENTS = 80, 10


def build() -> PackedSMPL:
    """The body model, untrained."""
    return empty()


def template(mean: Figure, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return the mean figure's mesh: vertices (V, 3), faces (F, 3), and each vertex's mirror image (V,)."""
    joints = mean.joints.numpy()
    head, wrist, ankle = joints[15], joints[20], joints[7]

    def edge(p: Array) -> Array:
        """How long the triangles' sides are to be, in metres."""
        up = np.clip((p[:, 1] - head[1] + 0.035) / 0.05, 0, 1)
        face = up * np.clip((p[:, 2] - 0.01) / 0.04, 0, 1)
        ear = up * np.clip((np.abs(p[:, 0]) - 0.06) / 0.01, 0, 1) * np.exp(-(((p[:, 1] - head[1] - 0.05) / 0.04) ** 4))
        hand = np.clip((p[:, 0] - wrist[0] + 0.02) / 0.04, 0, 1)
        finger = np.clip((p[:, 0] - wrist[0] - 0.05) / 0.04, 0, 1)
        foot = np.clip((ankle[1] + 0.04 - p[:, 1]) / 0.06, 0, 1)
        toe = foot * np.clip((p[:, 2] - 0.05) / 0.03, 0, 1)
        return (
            0.0215 - 0.0060 * up - 0.0075 * face - 0.006 * ear * (1 - face) - 0.0120 * hand - 0.0040 * finger
            - 0.0075 * foot - 0.0055 * toe
        )  # fmt: skip

    vertices, faces = half_surface(mean)
    vertices, faces, other = mirrored(*even_mesh(vertices, faces, edge, seed))
    return relaxed(vertices, faces, other, mean), faces, other


def registrations(vertices: Array, faces: Array, mean: Figure, measures: torch.Tensor) -> tuple[Array, Array]:
    """Return persons (N, V, 3) in the template's topology, and their true joints (N, 24, 3)."""
    share, smooth = shares(vertices, mean), neighbour_mean(faces, len(vertices))
    persons = [figure(row) for row in measures]
    skins = [registered(carried(vertices, mean, share, p), smooth, p) for p in persons]
    return np.stack(skins), np.stack([p.joints.numpy() for p in persons])


def components(skins: Array, count: int = COMPONENTS) -> tuple[Array, Array, Array]:
    """Return the mean (V, 3), the directions (V, 3, K) in standard deviations, and the variance explained (K,)."""
    mean = skins.mean(0)
    centred = (skins - mean).reshape(len(skins), -1)
    value, vector = np.linalg.eigh(centred @ centred.T)
    value, vector = value[::-1][:count], vector[:, ::-1][:, :count]
    directions = (centred.T @ vector / np.sqrt(len(skins) - 1)).reshape(*mean.shape, count)
    sign = np.sign((directions * mean[..., None]).sum((0, 1)))
    return mean, directions * sign, value / np.square(centred).sum()


def train(seed: int = 0) -> tuple[nn.Module, dict[str, float]]:
    """Learn the five matrices."""
    start = time.perf_counter()
    mean = figure(mean_measures())
    vertices, faces, other = template(mean, seed)
    skins, joints = registrations(vertices, faces, mean, sample_measures(PERSONS, seed))
    centre, directions, _ = components(skins)
    weights = skinning_weights(vertices, faces, other, shares(vertices, mean, 1.0), mean)
    regressor = joint_regressor(skins, joints, weights, other)
    model = PackedSMPL(
        *(torch.tensor(m, dtype=torch.float32) for m in (centre, directions)),
        torch.zeros(len(centre), 3, 9 * (len(PARENTS) - 1)),
        *(torch.tensor(m, dtype=torch.float32) for m in (regressor, weights)), torch.tensor(faces.astype(int)), PARENTS,
    )  # fmt: skip
    return model, {"steps": PERSONS, "seconds": time.perf_counter() - start}


def evaluate(model: SMPL) -> dict[str, float]:
    """Vertex error in millimetres on held-out persons, by the number of components."""
    people = [figure(row) for row in sample_measures(20, 0, "test")]
    with torch.no_grad():
        flat = model.shape_directions.flatten(0, 1)
        faces = model.faces.numpy()
        mean = figure(mean_measures())
        skin = projected(model.template.numpy(), mean)
        share, smooth = shares(skin, mean), neighbour_mean(faces, len(skin))
        truth = np.stack([registered(carried(skin, mean, share, p), smooth, p) for p in people])
        target = torch.tensor(truth, dtype=torch.float32).flatten(1) - model.template.flatten()
        found = {}
        for k in (0, 1, 2, 5, 10):
            beta = torch.linalg.lstsq(flat[:, :k], target.T).solution if k else torch.zeros(0, len(people))
            off = (target - (flat[:, :k] @ beta).T).unflatten(1, (-1, 3)).norm(dim=-1)
            found[f"vertex_error_mm_{k}"] = float(off.mean()) * 1000
        _, joints = model.shaped(beta.T)
        true = torch.stack([p.joints for p in people])
        found["joint_error_mm"] = float((joints - true).norm(dim=-1).mean()) * 1000
    return found
