"""What the body model is held to: held-out persons and poses, and the volume of bent and twisted limbs."""

import math

import numpy as np
import torch
from torch import Tensor

from lecture_utils.body.skeleton import joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.figure import Figure, figure, signed_distance
from lecture_utils.data.toyworld.people.figure_measures import mean_measures, sample_measures
from lecture_utils.data.toyworld.people.poses import sample_poses
from lecture_utils.geometry.meshes import Mesh, mesh_volume
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.recipes._people_correctives import Correction, corrections, random_poses
from lecture_utils.recipes._people_mesh import Array, projected
from lecture_utils.recipes._people_nearby import nearby
from lecture_utils.recipes._people_registration import registrations

PERSONS, POSES = 24, 20


def template_of(model: SMPL) -> tuple[Array, Figure]:
    """Return the model's template laid on the mean figure, and that figure."""
    mean = figure(mean_measures())
    return projected(model.template.numpy(), mean), mean


def measured_persons(model: SMPL) -> dict[str, float]:
    """Vertex error of held-out persons by the number of shape components, and of the joints, in mm."""
    measures = sample_measures(PERSONS, 0, "test")
    skin, mean = template_of(model)
    truth, joints = registrations(skin, model.faces.numpy(), mean, measures)
    flat = model.shape_directions.flatten(0, 1)  # (3 V, K)
    target = torch.tensor(truth, dtype=torch.float32).flatten(1) - model.template.flatten()  # (N, 3 V)
    found, beta = {}, torch.zeros(0, len(measures))
    for k in (0, 1, 2, 3, 5, 10):
        if k:
            beta = torch.linalg.lstsq(flat[:, :k], target.T).solution  # (k, N)
        off = (target - (flat[:, :k] @ beta).T).unflatten(1, (-1, 3)).norm(dim=-1)
        found[f"vertex_error_mm_{k}_components"] = 1000 * float(off.mean())
    placed = model.shaped(beta.T)[1]
    found["joint_error_mm"] = 1000 * float((placed - torch.tensor(joints)).norm(dim=-1).mean())
    return found


def corrected(model: SMPL, data: Correction) -> Tensor:
    """Return the posed skins (N, V, 3) with what the correctives add."""
    added = model.correctives(axis_angle_to_matrix(data.pose))
    return data.skinned + (data.turned @ added[..., None])[..., 0]


def measured_poses(model: SMPL) -> dict[str, float]:
    """Vertex error of held-out persons in held-out poses, in millimetres."""
    skin, mean = template_of(model)
    measures = sample_measures(4, 1, "test")
    rests, _ = registrations(skin, model.faces.numpy(), mean, measures)
    persons, near = (
        [figure(row) for row in measures],
        nearby(torch.as_tensor(skin, dtype=torch.float32), mean),
    )
    kinds = {"extreme": random_poses(POSES, 1_000_000), "everyday": sample_poses(POSES, 0, "test")}
    found = {}
    for kind, poses in kinds.items():
        data = corrections(
            persons, torch.tensor(rests, dtype=torch.float32), poses, model.weights, model.faces, near
        )
        for name, skins in (("skinning", data.skinned), ("correctives", corrected(model, data))):
            off = (skins - data.target).norm(dim=-1)
            found[f"{kind}_error_mm_{name}"] = 1000 * float(off.mean())
            found[f"{kind}_error_p99_mm_{name}"] = 1000 * float(np.quantile(off.numpy(), 0.99))
    return found


def measured_volumes(model: SMPL) -> dict[str, float]:
    """What a wrist twisted by 120° and an elbow bent by 130° take from the body's volume, in millilitres."""
    skin, mean = template_of(model)
    rest, near = (
        torch.tensor(skin, dtype=torch.float32),
        nearby(torch.as_tensor(skin, dtype=torch.float32), mean),
    )
    poses = torch.zeros(3, 24, 3)  # the first: at rest, what the others are compared with
    poses[1, joint_index("left_wrist"), 0] = math.radians(120)
    poses[2, joint_index("left_elbow"), 1] = -math.radians(130)
    data = corrections([mean], rest[None], poses, model.weights, model.faces, near)
    found = {}
    skins = {"skinning": data.skinned, "correctives": corrected(model, data), "truth": data.target}
    for name, vertices in skins.items():
        litres = [1000 * mesh_volume(Mesh(skin, model.faces)) for skin in vertices]
        found[f"twist_lost_ml_{name}"] = 1000 * (litres[0] - litres[1])
        found[f"bend_lost_ml_{name}"] = 1000 * (litres[0] - litres[2])
    found["rest_volume_l"] = litres[0]
    found["rest_off_surface_mm"] = 1000 * float(signed_distance(model.template, mean).abs().mean())
    return found
