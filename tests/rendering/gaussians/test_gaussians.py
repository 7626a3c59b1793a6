"""The model: covariances, what a camera sees, starting points, stored scenes of another size."""

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.ops.camera import orbit, project
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_quaternion
from lecture_utils.rendering.gaussians import gaussians
from tests.mutants import planted

pytestmark = pytest.mark.system("S18.5")


def scene(n: int = 12, *, degree: int = 3, seed: int = 0) -> gaussians.Gaussians:
    """Lively: every parameter is drawn."""
    made = torch.Generator().manual_seed(seed)
    own = gaussians.random_gaussians(n, radius_m=0.7, degree=degree, generator=made)
    with torch.no_grad():
        for parameter, size in ((own.log_scales, 0.4), (own.quaternions, 1.0), (own.sh, 0.3)):
            parameter += size * torch.randn(parameter.shape, generator=made)
        own.opacity_logits += 2 + torch.randn(n, generator=made)
    return own


@pytest.mark.parametrize("fault", [None, ("* log_scales.exp()[:, None]", "* log_scales.exp()[:, :, None]")])
def test_the_axes_are_the_columns_of_r_and_the_lengths_those_of_s(fault):
    torch.manual_seed(0)
    turn = axis_angle_to_matrix(torch.randn(9, 3, dtype=torch.float64))
    lengths = torch.rand(9, 3, dtype=torch.float64).sort(dim=1).values + 0.1
    module = planted("lecture_utils.rendering.gaussians.gaussians", fault) if fault else gaussians
    got = module.covariance(lengths.log(), 3.0 * matrix_to_quaternion(turn))
    along = torch.einsum("nij,nik,nkj->nj", turn, got, turn)  # variance along each axis
    right = torch.allclose(along, lengths**2, atol=1e-10) and torch.allclose(
        torch.linalg.eigvalsh(got), lengths**2, atol=1e-10
    )
    assert right == (fault is None)


def test_whatever_the_parameters_the_covariance_is_positive_semi_definite():
    torch.manual_seed(0)
    got = gaussians.covariance(
        10 * torch.randn(500, 3, dtype=torch.float64), torch.randn(500, 4, dtype=torch.float64)
    )
    least, most = torch.linalg.eigvalsh(got)[:, [0, -1]].unbind(dim=1)
    assert bool((least >= -1e-12 * most).all()) and torch.equal(got, got.mT)


def test_one_opaque_ball_is_seen_where_its_centre_falls_in_its_colour():
    mean, colour = torch.tensor([[0.3, -0.2, 0.1]]), torch.tensor([[0.9, 0.2, 0.4]])
    own = gaussians.Gaussians(mean, colour, torch.tensor([0.08]), opacity=0.999)
    cameras = orbit(3, (65, 81))
    for i, image in enumerate(own(cameras).detach()):
        u, v = project(mean, cameras)[0][i, 0].floor().long().tolist()
        torch.testing.assert_close(image[:, v, u], 0.99 * colour[0] + 0.01, rtol=0, atol=0.03)
        dark = (1 - image).sum(dim=0)
        rows, columns = (torch.arange(n) + 0.5 for n in dark.shape)
        middle = torch.stack([(dark.sum(0) * columns).sum(), (dark.sum(1) * rows).sum()]) / dark.sum()
        torch.testing.assert_close(middle, project(mean, cameras)[0][i, 0], rtol=0, atol=0.1)
        assert float(image[:, 0, 0].min()) == 1, "white where nothing is"


def test_colour_depends_on_the_view_through_the_higher_degrees_alone():
    own, cameras = scene(), orbit(2, (16, 16), turn_deg=90)
    chosen = torch.arange(len(own))
    a, b = (own.colours(chosen, eye) for eye in cameras.centre)
    assert (a - b).abs().max().item() > 0.05
    own.active_degree = 0
    a, b = (own.colours(chosen, eye) for eye in cameras.centre)
    torch.testing.assert_close(a, b)


def test_what_is_behind_the_camera_is_not_seen():
    own, camera = scene(), orbit(1, (16, 16))
    both = scene()
    with torch.no_grad():  # every second one goes behind the camera
        both.means[::2] = camera.centre[0] * 2 + 0.1 * both.means[::2]
    view = both.view(camera)
    assert view.chosen.tolist() == list(range(1, len(own), 2))


def test_a_stored_scene_of_another_size_is_taken_over():
    large, small = scene(20), scene(7, seed=1)
    small.load_state_dict(large.state_dict())
    assert len(small) == 20
    torch.testing.assert_close(small(orbit(2, (16, 16))), large(orbit(2, (16, 16))))
    with pytest.raises(RuntimeError, match="size mismatch"):
        scene(7, degree=1).load_state_dict(large.state_dict())


def test_a_start_from_points_is_as_dense_as_the_points():
    grid = torch.cartesian_prod(*[torch.arange(3) * 0.2] * 3)
    own = gaussians.gaussians_from_points(grid, torch.rand(27, 3))
    corner = own.log_scales.exp()[0]
    torch.testing.assert_close(corner, torch.full((3,), 0.2))  # three neighbours at 0.2
    torch.testing.assert_close(own.means.detach(), grid)


def test_a_random_start_fills_the_ball_evenly():
    own = gaussians.random_gaussians(4000, radius_m=2.0, generator=torch.Generator().manual_seed(0))
    radius = own.means.norm(dim=1)
    assert radius.max().item() <= 2
    assert float((radius < 1).float().mean()) == pytest.approx(1 / 8, abs=0.02)
    assert own.means.mean(dim=0).norm().item() < 0.1
    torch.testing.assert_close(own.opacities, torch.full((4000,), gaussians.START_OPACITY))


def test_every_parameter_gets_a_gradient():
    own = scene()
    own(orbit(2, (24, 24))).square().sum().backward()
    for name in gaussians.NAMES:
        assert float(getattr(own, name).grad.abs().max()) > 0, name


def test_gradients_of_the_whole_rendering():
    own, camera = scene(4, degree=1).double(), orbit(1, (6, 7)).to(torch.float64)

    def run(*values):
        return torch.func.functional_call(own, dict(zip(gaussians.NAMES, values, strict=True)), camera)

    values = [getattr(own, name).detach().requires_grad_() for name in gaussians.NAMES]
    assert torch.autograd.gradcheck(run, values, atol=1e-4)


def test_any_size_of_picture():
    own = scene()
    for size in ((1, 1), (17, 5), (16, 32), (33, 70)):
        assert own(orbit(2, size)).shape == (2, 3, *size)
    whole = own(orbit(1, (40, 40)))
    assert F.mse_loss(whole, torch.ones_like(whole)) > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: scene().view(orbit(2, (8, 8))), "cameras: got 2, want one"),
        (lambda: scene()(torch.zeros(3)), "want one or more Cameras"),
        (lambda: gaussians.random_gaussians(3), "count: got 3"),
        (lambda: gaussians.gaussians_from_points(torch.zeros(3, 3), torch.zeros(3, 3)), "want 4 or more"),
        (
            lambda: gaussians.Gaussians(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2)),
            "want all above 0",
        ),
        (lambda: gaussians.Gaussians(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0)), "means: got"),
        (lambda: gaussians.covariance(torch.zeros(2, 3), torch.zeros(2, 4)), "length 0"),
        (lambda: gaussians.covariance(torch.zeros(2, 3), torch.zeros(3, 4)), "quaternions: got"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
