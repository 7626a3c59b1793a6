"""The course's body model as shipped, and the steps that it was learned by."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from lecture_utils import runtime, zoo
from lecture_utils.body.skeleton import JOINTS, MIRROR, PARENTS, joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.figure import figure, signed_distance
from lecture_utils.data.toyworld.people.figure_measures import mean_measures
from lecture_utils.geometry.meshes import Mesh, mesh_volume
from lecture_utils.ops.rotation import axis_angle_to_matrix
from lecture_utils.recipes import people_body
from lecture_utils.recipes._people_correctives import Correction, fitted, moved_by, random_poses
from lecture_utils.recipes._people_mesh import edges_of, is_closed, mirrored, vertex_normals
from lecture_utils.recipes._people_packed import PackedSMPL

pytestmark = pytest.mark.system("S20.3")


@pytest.fixture(scope="module")
def body() -> SMPL:
    model = zoo.load("people_body")
    assert isinstance(model, SMPL)
    return model


@pytest.fixture(scope="module")
def card() -> dict[str, float]:
    return json.loads((runtime.ASSETS / "weights" / "people_body.json").read_text())["metrics"]


def test_it_has_the_layout_of_smpl(body: SMPL) -> None:
    count = len(body.template)
    assert 6000 <= count <= 8000
    assert body.parents == PARENTS
    assert body.shape_directions.shape == (count, 3, 10)
    assert body.pose_directions.shape == (count, 3, 207)
    assert all(b.dtype == torch.float32 for n, b in body.named_buffers() if n != "faces")


def test_its_mesh_is_closed_without_handles_and_faces_out(body: SMPL) -> None:
    faces = body.faces.numpy()
    assert is_closed(faces, len(body.template))
    assert 0.060 < mesh_volume(Mesh(body.template, body.faces)) < 0.080
    outward = torch.tensor(vertex_normals(body.template.numpy(), faces), dtype=torch.float32)
    person = figure(mean_measures())
    out = signed_distance(body.template + 0.004 * outward, person)
    assert float((out > signed_distance(body.template - 0.004 * outward, person)).float().mean()) > 0.99


def test_its_triangles_are_even(body: SMPL) -> None:
    corners = body.template[body.faces]  # (F, 3, 3)
    sides = (corners - corners.roll(1, dims=1)).norm(dim=-1)
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1) / 2
    quality = 4 * math.sqrt(3) * area / sides.square().sum(1)  # 1 for equal sides
    assert float(quality.mean()) > 0.9
    assert float(quality.quantile(0.01)) > 0.5


def test_it_is_the_same_on_both_sides(body: SMPL) -> None:
    flip = torch.tensor([-1.0, 1.0, 1.0])
    far, nearest = cKDTree(body.template.numpy()).query((body.template * flip).numpy())
    assert far.max() < 1e-5
    other = torch.tensor(nearest)
    assert torch.equal(other[other], torch.arange(len(other)))
    assert torch.allclose(body.weights[other][:, list(MIRROR)], body.weights, atol=1e-4)
    assert torch.allclose(body.shape_directions[other], body.shape_directions * flip[:, None], atol=2e-4)
    joints = body.joint_regressor @ body.template
    assert torch.allclose(joints[list(MIRROR)], joints * flip, atol=1e-3)


def test_weights_are_few_and_smooth(body: SMPL) -> None:
    assert int((body.weights > 0).sum(1).max()) <= 4
    assert torch.allclose(body.weights.sum(1), torch.ones(len(body.weights)), atol=1e-5)
    net = edges_of(body.faces.numpy(), len(body.template)).tocoo()
    jump = (body.weights[net.row] - body.weights[net.col]).abs().sum(1)
    assert float(jump.max()) < 1.2
    assert float(jump.quantile(0.99)) < 0.6


def test_joints_are_means_of_vertices_and_lie_inside(body: SMPL) -> None:
    assert (body.joint_regressor >= 0).all()
    assert int((body.joint_regressor > 0).sum(1).max()) <= 160
    joints = body.joint_regressor @ body.template
    assert (signed_distance(joints, figure(mean_measures())) < 0).all()
    assert joints[joint_index("head"), 1] > joints[joint_index("neck"), 1] > joints[0, 1]


def test_what_is_stored_is_what_is_loaded(body: SMPL) -> None:
    again = people_body.build()
    again.load_state_dict(body.state_dict())
    for name, value in body.named_buffers():
        assert torch.equal(getattr(again, name), value), name
    damaged = dict(body.state_dict())
    del damaged["pose_values"]
    with pytest.raises(RuntimeError, match="pose_values"):
        people_body.build().load_state_dict(damaged)


def test_it_can_be_a_part_of_another_network(body: SMPL) -> None:
    assert isinstance(body, PackedSMPL)
    outer = torch.nn.ModuleDict({"body": body})
    twin = torch.nn.ModuleDict({"body": people_body.build()})
    twin.load_state_dict(outer.state_dict())
    assert torch.equal(twin["body"].weights, body.weights)


def test_correctives_stay_near_their_joint(body: SMPL) -> None:
    bent = torch.zeros(1, 24, 3)
    bent[0, joint_index("left_elbow"), 1] = -2.0
    added = body.correctives(axis_angle_to_matrix(bent))[0].norm(dim=-1)
    joints = body.joint_regressor @ body.template
    far = (body.template - joints[joint_index("left_elbow")]).norm(dim=-1) > 0.25
    assert float(added[far].max()) == 0
    assert float(added.max()) > 0.003


def test_the_card_says_that_components_and_correctives_help(card: dict[str, float]) -> None:
    errors = [card[f"vertex_error_mm_{k}_components"] for k in (0, 1, 2, 3, 5, 10)]
    assert errors == sorted(errors, reverse=True)
    for kind in ("extreme", "everyday"):
        assert card[f"{kind}_error_mm_correctives"] < card[f"{kind}_error_mm_skinning"]
    for pose in ("twist", "bend"):
        off = {
            n: abs(card[f"{pose}_lost_ml_{n}"] - card[f"{pose}_lost_ml_truth"])
            for n in ("skinning", "correctives")
        }
        assert off["correctives"] < off["skinning"]


def test_correctives_are_fitted_back() -> None:
    """What a known P adds in 200 poses is found again, where skinning leaves it to be seen."""
    torch.manual_seed(0)
    weights = torch.zeros(3, len(JOINTS))
    weights[0, [16, 18]] = 0.5  # at the left elbow
    weights[1, [18, 20]] = torch.tensor([0.4, 0.6])
    weights[2, 18] = 1.0  # rigid: nothing to add
    assert moved_by(weights) == [(18,), (20,), ()]
    truth = torch.zeros(3, 3, 23, 9)
    truth[0, :, 17], truth[1, :, 19] = torch.randn(3, 9), torch.randn(3, 9)
    poses = random_poses(200, 0)
    turned = axis_angle_to_matrix(poses[:, [18, 20, 18]]) + 0.3 * torch.eye(3)
    feature = (axis_angle_to_matrix(poses)[:, 1:] - torch.eye(3)).flatten(1)
    added = torch.einsum("vck,nk->nvc", truth.flatten(2), feature)
    skinned = torch.randn(200, 3, 3)
    data = Correction(
        poses, turned, skinned, skinned + (turned @ added[..., None])[..., 0], torch.ones(200, 3)
    )
    found = torch.einsum("vck,nk->nvc", fitted(data, weights, ridge=1e-4), feature)
    assert torch.allclose(found, added, atol=1e-2)
    assert float(added.abs().max()) > 1


def test_a_half_mesh_and_its_image_close() -> None:
    vertices = np.array([[0.0, 0, 1], [0, -1, -1], [0, 1, -1], [1, 0, 0]])
    faces = np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    whole, both, other = mirrored(vertices, faces)
    assert len(whole) == 5 and other.tolist() == [0, 1, 2, 4, 3]
    assert is_closed(both, 5) and not is_closed(faces, 4)


def test_components_are_those_of_the_persons() -> None:
    rng = np.random.default_rng(0)
    basis, score = rng.normal(size=(6, 3, 2)), rng.normal(size=(50, 2)) * [3, 1]
    skins = 1 + np.einsum("vck,nk->nvc", basis, score)
    mean, directions, share = people_body.components(skins, 2)
    assert share.sum() == pytest.approx(1)
    flat, centred = directions.reshape(18, 2), (skins - mean).reshape(50, 18)
    scores = centred @ np.linalg.pinv(flat).T
    assert np.allclose(scores @ flat.T, centred)
    assert np.allclose(scores.std(0, ddof=1), 1)
