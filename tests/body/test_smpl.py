"""SMPL: whole forward against smplx on the same file, its parts, and what must hold for any body."""

import math
from types import SimpleNamespace

import pytest
import smplx
import torch
from torch import Tensor

from lecture_utils.body import smpl
from lecture_utils.body.skeleton import JOINTS, MIRROR, PARENTS, UPRIGHT, joint_index
from lecture_utils.body.smpl import SMPL
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from tests.body.models import published, random_inputs, random_tensors
from tests.body.stick import mirror_of, stick_body
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.3")
TOLERANCE_M = 1e-5  # smplx's Rodrigues adds 1e-8 to each component of a joint's vector
FLIP = torch.tensor([-1.0, 1, 1], dtype=torch.float64)


def _smplx(tensors: dict, inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    shape, pose, translation = inputs
    file = SimpleNamespace(**published(tensors))
    nobodys = dict.fromkeys(smplx.vertex_ids.vertex_ids["smplh"], 0)  # this mesh has no nose
    model = smplx.SMPL("", data_struct=file, vertex_ids=nobodys, dtype=torch.float64, batch_size=len(shape))
    out = model(betas=shape, global_orient=pose[:, 0], body_pose=pose[:, 1:].flatten(1), transl=translation)
    return out.vertices.detach(), out.joints[:, :24].detach()


def _gap(module: object, seed: int = 0) -> float:
    tensors, inputs = random_tensors(seed=seed), random_inputs(seed=seed)
    want = _smplx(tensors, inputs)
    for i in range(3):  # every input must matter
        other = list(inputs)
        other[i] = other[i].roll(1, 0) if i != 1 else other[i] + 0.1
        assert float((_smplx(tensors, tuple(other))[0] - want[0]).abs().max()) > 1e3 * TOLERANCE_M  # type: ignore[arg-type]
    got = module.SMPL(**tensors)(*inputs)  # type: ignore[attr-defined]
    return max(float((got.vertices - want[0]).abs().max()), float((got.joints - want[1]).abs().max()))


@pytest.mark.parametrize("seed", range(3))
def test_random_models_are_posed_as_smplx_does(seed: int) -> None:
    assert _gap(smpl, seed) < TOLERANCE_M


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("rest = rest + self.correctives(rotations)", "pass"),
        (" - torch.eye(3).to(rotations)", ""),
        ("rotations[:, 1:] - ", "rotations[:, 1:].mT - "),
        ("rotations[:, 1:] - ", "rotations[:, :-1] - "),
        ("self.joint_regressor, rest)", "self.joint_regressor, self.template.expand_as(rest))"),
        ("posed + translation[:, None]", "posed"),
        ("permute(1, 2, 0)", "permute(1, 2, 0).flip(2)"),
    ],
)
def test_a_fault_shows(right: str, wrong: str) -> None:
    assert not _gap(planted("lecture_utils.body.smpl", (right, wrong))) < TOLERANCE_M


def test_single_precision_is_smplxs_too() -> None:
    tensors, inputs = random_tensors(), random_inputs()
    want = _smplx(tensors, inputs)
    single = {name: x.float() if isinstance(x, Tensor) and x.is_floating_point() else x
              for name, x in tensors.items()}  # fmt: skip
    got = SMPL(**single)(*(x.float() for x in inputs))
    assert got.vertices.dtype == torch.float32
    assert (got.vertices - want[0]).abs().max() < 1e-5
    assert (got.joints - want[1]).abs().max() < 1e-5


def test_axis_angle_and_matrices_are_one_pose_and_missing_numbers_are_nought() -> None:
    tensors, (shape, pose, _) = random_tensors(), random_inputs()
    model = SMPL(**tensors)
    first, second = model(shape, pose), model(shape, axis_angle_to_matrix(pose))
    assert torch.equal(first.vertices, second.vertices)
    shape[:, 4:] = 0
    assert (model(shape[:, :4], pose).vertices - model(shape, pose).vertices).abs().max() < 1e-12


def test_at_rest_a_body_is_its_shape_and_correctives_are_nought() -> None:
    model = stick_body(dtype=torch.float64)
    shape, nothing = random_inputs(batch=2)[0], torch.zeros(2, 24, 3, dtype=torch.float64)
    rest, joints = model.shaped(shape)
    posed = model(shape, nothing)
    assert (posed.vertices - rest).abs().max() < 1e-12
    assert (posed.joints - joints).abs().max() < 1e-12
    assert float(model.correctives(axis_angle_to_matrix(nothing)).abs().max()) == 0
    root = nothing.clone()
    root[:, 0] = 1.0  # the root's turn changes no shape
    assert float(model.correctives(axis_angle_to_matrix(root)).abs().max()) == 0


def test_joints_are_linear_in_the_shape() -> None:
    model = SMPL(**random_tensors())
    a, b = random_inputs(batch=1)[0], random_inputs(batch=1, seed=2)[0]
    joints = [model.shaped(x)[1] for x in (a, b, 0 * a, 2 * a - 3 * b)]
    assert (joints[3] - (2 * joints[0] - 3 * joints[1] + 2 * joints[2])).abs().max() < 1e-12


def test_the_root_turns_the_body_about_the_pelvis_and_upright_stands_it_up() -> None:
    model = stick_body(dtype=torch.float64)
    shape, pose, _ = random_inputs(batch=1)
    turned = pose.clone()
    by = axis_angle_to_matrix(torch.tensor([0.4, 1.9, -0.6], dtype=torch.float64))
    turned[:, 0] = matrix_to_axis_angle(by @ axis_angle_to_matrix(pose[:, 0]))
    before, after = model(shape, pose), model(shape, turned)
    pelvis = before.joints[:, :1]
    assert (after.vertices - ((before.vertices - pelvis) @ by.T + pelvis)).abs().max() < 1e-9
    pose = torch.zeros(1, 24, 3, dtype=torch.float64)
    pose[:, 0] = torch.tensor(UPRIGHT, dtype=torch.float64)
    standing = model(shape, pose)
    up = standing.joints[0, joint_index("head")] - standing.joints[0, joint_index("left_ankle")]
    front = standing.joints[0, joint_index("left_foot")] - standing.joints[0, joint_index("left_ankle")]
    assert int(up.argmax()) == 2 and up[2] > 1
    assert front[1] < -0.05  # the toes point to -y
    assert standing.joints[0, joint_index("left_hip"), 0] > 0


def test_a_mirrored_pose_gives_a_mirrored_body() -> None:
    model = stick_body(dtype=torch.float64)
    shape, pose, translation = random_inputs(batch=2)
    # A mirror turns an axis-angle vector over but for its component along the mirror's normal.
    other = pose[:, list(MIRROR)] * -FLIP
    first, second = model(shape, pose, translation), model(shape, other, translation * FLIP)
    moved = float((first.vertices - model(shape, 0 * pose, translation).vertices).abs().max())
    assert moved > 0.3
    assert (second.vertices - (first.vertices * FLIP)[:, mirror_of(model)]).abs().max() < 1e-9
    assert (second.joints - (first.joints * FLIP)[:, list(MIRROR)]).abs().max() < 1e-9


@pytest.mark.parametrize("joint", ["left_elbow", "right_knee", "neck"])
def test_a_joint_moves_only_what_lies_behind_it(joint: str) -> None:
    model = stick_body(dtype=torch.float64)
    shape, pose = torch.zeros(1, 10, dtype=torch.float64), torch.zeros(1, 24, 3, dtype=torch.float64)
    rest = model(shape, pose)
    pose[0, joint_index(joint)] = torch.tensor([0.3, 0.9, -0.4])
    moved = (model(shape, pose).joints - rest.joints).norm(dim=-1)[0] > 1e-9
    behind = {joint_index(joint)}
    for j, parent in enumerate(PARENTS):
        behind |= {j} if parent in behind else set()
    assert {JOINTS[j] for j in moved.nonzero()[:, 0].tolist()} == {JOINTS[j] for j in behind} - {joint}


def test_correctives_can_be_left_out_and_are_added_before_the_turn() -> None:
    tensors = random_tensors()
    tensors["weights"] = torch.nn.functional.one_hot(torch.arange(120) % 24, 24).double()
    model = SMPL(**tensors)
    shape, pose, _ = random_inputs(batch=2)
    plain, whole = model(shape, pose, correctives=False), model(shape, pose)
    assert torch.equal(plain.joints, whole.joints)
    # Each vertex has one joint here, whose turn keeps lengths.
    before = model.correctives(axis_angle_to_matrix(pose))
    after = whole.vertices - plain.vertices
    assert float((after - before).abs().max()) > 0.01
    assert (after.norm(dim=-1) - before.norm(dim=-1)).abs().max() < 1e-12


def test_the_gradients_are_right_and_finite_at_rest() -> None:
    model = SMPL(**random_tensors(vertices=20, shapes=3))
    inputs = tuple(x.requires_grad_() for x in random_inputs(batch=1, shapes=3))
    assert torch.autograd.gradcheck(lambda *x: model(*x).vertices, inputs, fast_mode=True)
    rest = torch.zeros(1, 24, 3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(inputs[0], rest).vertices.square().sum(), rest)
    assert torch.isfinite(slope).all()
    assert float(slope.abs().max()) > 0


def test_the_stick_body_is_closed_and_its_template_faces_outwards() -> None:
    model = stick_body()
    corners = model.template[model.faces]  # (F, 3, 3)
    assert 0.03 < float(torch.linalg.det(corners).sum()) / 6 < 0.08  # m³
    edges = {(a, b) for f in model.faces.tolist() for a, b in zip(f, f[1:] + f[:1], strict=True)}
    assert all((b, a) in edges for a, b in edges)
    assert len(edges) == 3 * len(model.faces)


def test_names_and_mirror_fit_the_tree() -> None:
    assert len(JOINTS) == len(PARENTS) == len(MIRROR) == 24
    for joint, other in enumerate(MIRROR):
        swapped = JOINTS[joint].replace("left", "?").replace("right", "left").replace("?", "right")
        assert JOINTS[other] == swapped
        assert joint == 0 or MIRROR[PARENTS[joint]] == PARENTS[other]
    with pytest.raises(ValueError, match="name: got 'left_toe', want one of pelvis, left_hip"):
        joint_index("left_toe")


def test_models_and_inputs_that_do_not_fit_are_refused() -> None:
    tensors = random_tensors(vertices=40)
    for name, wrong, said in (
        ("weights", 2 * tensors["weights"], "weights: got a row that does not add up to 1"),
        ("weights", -tensors["weights"], "weights: got -"),
        ("joint_regressor", 0.9 * tensors["joint_regressor"], "joint_regressor: got a row"),
        ("faces", tensors["faces"] + 1, "faces: got vertices . to 40, want 0 to 39"),
        ("pose_directions", tensors["pose_directions"][..., :72], "pose_directions: got"),
        ("template", tensors["template"] * math.nan, "template: got NaN"),
        ("parents", (-1, *range(1, 24)), "parents: got 1 for joint 1"),
    ):
        with pytest.raises(ValueError, match=said):
            SMPL(**{**tensors, name: wrong})
    model = SMPL(**tensors)
    shape, pose, translation = random_inputs()
    for args, said in (
        ((shape, pose.flatten(1)), r"pose: got .*\(3, 72\), want floating point \(3, 24, 3\)"),
        ((shape, pose[:1]), "pose: got"),
        ((shape, 2 * axis_angle_to_matrix(pose)), "pose: got a matrix that is no rotation"),
        ((shape, pose.float()), "pose: got dtype torch.float32, want torch.float64"),
        ((shape.float(), pose), "shape: got dtype"),
        ((shape.repeat(1, 2), pose), "shape: got 20 numbers, want at most 10"),
        ((shape, pose, translation[:2]), "translation: got"),
        ((shape, pose, translation.float()), "translation: got dtype"),
        ((shape, pose, translation * math.nan), "translation: got NaN"),
        ((shape, pose * math.nan), "pose: got NaN"),
    ):
        with pytest.raises(ValueError, match=said):
            model(*args)
    with pytest.raises(ValueError, match="rotations: got"):
        model.correctives(axis_angle_to_matrix(pose)[:, 1:])
    with pytest.raises(ValueError, match="rotations: got dtype"):
        model.correctives(axis_angle_to_matrix(pose).float())
