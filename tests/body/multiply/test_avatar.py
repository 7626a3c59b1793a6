"""An avatar goes where the body model's skin goes."""

import pytest
import torch

from lecture_utils.body.multiply import avatar as right
from tests.body.stick import stick_body
from tests.mutants import planted

pytestmark = pytest.mark.system("S20.6")
BODY = stick_body()


def gap_to_skin(module, monkeypatch: pytest.MonkeyPatch) -> float:
    """Greatest distance, in metres, of an avatar with one Gaussian a vertex from the skin of SMPL."""
    one_each = torch.eye(len(BODY.template)), torch.zeros_like(BODY.template)
    monkeypatch.setattr(module, "surface_points", lambda *_: one_each)
    person = module.Avatar(BODY, len(BODY.template))
    made = torch.Generator().manual_seed(1)
    person.shape.data = 2 * torch.randn(10, generator=made)
    pose, place = 0.5 * torch.randn(3, 24, 3, generator=made), torch.randn(3, 3, generator=made)
    with torch.no_grad():
        got = person(pose, place)
        want = BODY(person.shape.expand(3, 10), pose, place)
    gaps = [(got.points - want.vertices).abs().max(), (got.joints - want.joints).abs().max()]
    return float(torch.stack(gaps).max())


def test_gaussians_on_vertices_move_as_vertices_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gap_to_skin(right, monkeypatch) < 1e-5


@pytest.mark.parametrize(
    "fault",
    [
        ("(feature @ self.pose_directions", "(0 * feature @ self.pose_directions"),
        ("self.joint_directions @ self.shape", "0 * self.joint_directions @ self.shape"),
        ("points = skin(rest, joints, posed, world, self.weights) + translation[:, None]",
         "points = skin(rest, joints, posed, world, self.weights)"),
        ("self.shape_directions @ self.shape", "0 * self.shape_directions @ self.shape"),
    ],
)  # fmt: skip
def test_a_fault_moves_them_away(fault: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert gap_to_skin(planted(right.__name__, fault), monkeypatch) > 1e-3


def test_points_are_on_the_surface_and_even() -> None:
    mixture, normals = right.surface_points(BODY, 1000)
    assert torch.allclose(mixture.sum(1), torch.ones(1000), atol=1e-5) and (mixture >= 0).all()
    assert (mixture > 0).sum(1).max() <= 3
    assert torch.allclose(normals.norm(dim=1), torch.ones(1000), atol=1e-5)
    corners = BODY.template[BODY.faces]
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=1)
    middle = corners.mean(1)
    for part in (middle[:, 1] < 0.5, middle[:, 0] > 0.2, middle[:, 1] > 1.45):
        want = float(area[part].sum() / area.sum())
        y_or_x = mixture @ BODY.template
        mine = [y_or_x[:, 1] < 0.5, y_or_x[:, 0] > 0.2, y_or_x[:, 1] > 1.45]
        counts = [float(m.float().mean()) for m in mine]
        assert min(abs(count - want) for count in counts) < 0.01


def test_offsets_and_shape_are_kept_near() -> None:
    person = right.Avatar(BODY, 50)
    assert person.strayed().item() == pytest.approx(0, abs=1e-9)
    person.shape.data[0] = 2.0
    assert person.strayed().item() == pytest.approx(4 / 10)


def test_a_bone_is_as_thick_as_its_tube() -> None:
    joints = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 2, 0]])
    angle = torch.arange(8) * torch.pi / 4
    ring = torch.stack([angle.cos(), 0 * angle, angle.sin()], 1)
    points = torch.cat([0.1 * ring + torch.tensor([0, 0.5, 0]), 0.05 * ring + torch.tensor([0, 1.5, 0])])
    assert torch.allclose(right.bone_radii(points, joints, (-1, 0, 1)), torch.tensor([0.1, 0.05]))


def test_only_a_body_model_has_avatars() -> None:
    with pytest.raises(ValueError, match="got NoneType, want an SMPL"):
        right.Avatar(None)  # type: ignore[arg-type]
