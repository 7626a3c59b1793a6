"""Weights `people_body`: the course's own SMPL, learned from generated people.

M. Loper et al., "SMPL: A skinned multi-person linear model", ACM Transactions on Graphics 2015, section 4,
with the figures of `data.toyworld.people` in place of the CAESAR scans: a template is registered to persons,
and their mean and principal components are T̄ and S; J is a sparse non-negative regression to the true
joints; W follows the bones.
"""

import time

import numpy as np
import torch
from torch import nn

from lecture_utils.body.skeleton import PARENTS
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.figure import Figure, figure
from lecture_utils.data.toyworld.people.figure_measures import mean_measures, sample_measures
from lecture_utils.recipes._people_correctives import corrections, evened, fitted, random_poses
from lecture_utils.recipes._people_measured import measured_persons, measured_poses, measured_volumes
from lecture_utils.recipes._people_mesh import Array, even_mesh, half_surface, is_closed, mirrored, relaxed
from lecture_utils.recipes._people_nearby import nearby
from lecture_utils.recipes._people_packed import PackedSMPL, empty
from lecture_utils.recipes._people_registration import registrations, shares
from lecture_utils.recipes._people_skinning import joint_regressor, skinning_weights

PERSONS, COMPONENTS, POSES, POSED = 200, 10, 360, 12


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
        ear = (
            up
            * np.clip((np.abs(p[:, 0]) - 0.06) / 0.01, 0, 1)
            * np.exp(-(((p[:, 1] - head[1] - 0.05) / 0.04) ** 4))
        )
        hand = np.clip((p[:, 0] - wrist[0] + 0.02) / 0.04, 0, 1)
        finger = np.clip((p[:, 0] - wrist[0] - 0.05) / 0.04, 0, 1)
        foot = np.clip((ankle[1] + 0.04 - p[:, 1]) / 0.06, 0, 1)
        toe = foot * np.clip((p[:, 2] - 0.05) / 0.03, 0, 1)
        return (
            0.0215 - 0.0060 * up - 0.0075 * face - 0.006 * ear * (1 - face) - 0.0120 * hand - 0.0040 * finger
            - 0.0075 * foot - 0.0055 * toe
        )  # fmt: skip

    fine = half_surface(mean)
    for attempt in range(20):  # a cluster may touch itself
        vertices, faces, other = mirrored(*even_mesh(*fine, edge, 100 * seed + attempt))
        if is_closed(faces, len(vertices)):
            return relaxed(vertices, faces, other, mean), faces, other
    raise RuntimeError("no closed mesh in 20 attempts")


def components(skins: Array, count: int = COMPONENTS) -> tuple[Array, Array, Array]:
    """Return the mean (V, 3), directions (V, 3, K) in standard deviations, shares of the variance (K,)."""
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
    measures = sample_measures(PERSONS, seed)
    skins, joints = registrations(vertices, faces, mean, measures)
    skins = (skins + skins[:, other] * [-1, 1, 1]) / 2  # the persons are the same on both sides
    centre, directions, _ = components(skins)
    weights = skinning_weights(vertices, faces, other, shares(vertices, mean, 1.0), mean)
    regressor = joint_regressor(skins, joints, weights, other)
    five = [torch.tensor(m, dtype=torch.float32) for m in (centre, directions, regressor, weights)]
    triangles = torch.tensor(faces.astype(int))
    some = [mean, *(figure(row) for row in measures[: POSED - 1])]
    rests = torch.tensor(np.concatenate([vertices[None], skins[: POSED - 1]]), dtype=torch.float32)
    lacking = corrections(some, rests, random_poses(POSES, seed), five[3], triangles, nearby(rests[0], mean))
    poses = evened(fitted(lacking, five[3]), triangles)
    model = PackedSMPL(five[0], five[1], poses, five[2], five[3], triangles, PARENTS)
    return model, {"steps": PERSONS + POSES, "seconds": time.perf_counter() - start}


def evaluate(model: SMPL) -> dict[str, float]:
    """Measure held-out persons and poses (`_people_measured`)."""
    with torch.no_grad():
        return {**measured_persons(model), **measured_poses(model), **measured_volumes(model)}
