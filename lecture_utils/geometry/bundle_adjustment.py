"""Bundle adjustment (S18.2): all cameras and points moved until points project where they are seen.

B. Triggs, P. McLauchlan, R. Hartley, A. Fitzgibbon, "Bundle Adjustment - A Modern Synthesis", 2000:
Levenberg-Marquardt (section 6.2), the Schur complement over the points (section 6.1), gauge (section 9),
robust costs (section 3.3).

A camera is (R, c), X_cam = R (X - c), and moves by R ← exp([ω]×) R, c ← c + δ. Place, turn and scale of the
world are free, so the first camera is held, and the second's distance from it: its δ is kept at right angles
to the baseline, and the length is restored.

Simplified: K is known and held; damping is Marquardt's diagonal, halved and doubled by fixed factors.

Shapes: N cameras, P points, O observations (camera n sees point p at pixel x); 6 numbers a camera (ω, δ).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lecture_utils.geometry.triangulation import check_views
from lecture_utils.ops.camera import NEAREST, Cameras
from lecture_utils.ops.checks import check_number, check_tensor, check_whole
from lecture_utils.ops.rotation import axis_angle_to_matrix, cross_matrix


class Bundle(NamedTuple):
    """Cameras R (N, 3, 3), c (N, 3), points (P, 3), and what was seen: cameras and points by number (O,).

    intrinsics (N, 3, 3), pixels (O, 2); all in double precision.
    """

    rotation: Tensor
    centre: Tensor
    points: Tensor
    intrinsics: Tensor
    camera: Tensor
    point: Tensor
    pixels: Tensor


class Adjusted(NamedTuple):
    """What bundle adjustment gives: cameras, points (P, 3), and the cost at the start and after each step."""

    cameras: Cameras
    points: Tensor
    costs: list[float]


def residuals(bundle: Bundle) -> Tensor:
    """Where each point projects less where it was seen, (O, 2) in pixels; infinite behind a camera."""
    return _project(bundle)[0]


def _project(bundle: Bundle) -> tuple[Tensor, Tensor]:
    """Residuals (O, 2) and the points in their cameras' axes (O, 3)."""
    offset = bundle.points[bundle.point] - bundle.centre[bundle.camera]  # (O, 3)
    in_cam = torch.einsum("oij,oj->oi", bundle.rotation[bundle.camera], offset)
    front = in_cam[:, 2:] > NEAREST
    scaled = in_cam / torch.where(front, in_cam[:, 2:], 1.0)
    seen_at = torch.einsum("oij,oj->oi", bundle.intrinsics[bundle.camera], scaled)[:, :2]
    return torch.where(front, seen_at - bundle.pixels, torch.inf), in_cam


def jacobians(bundle: Bundle) -> tuple[Tensor, Tensor, Tensor]:
    """Residuals (O, 2) and their derivatives by the camera's ω and δ, (O, 2, 6), and by the point, (O, 2, 3).

    The chain: pixel by X_cam; X_cam by ω is -[X_cam]×, by the point R, by the centre -R.
    """
    r, x = _project(bundle)
    focal = bundle.intrinsics[bundle.camera][:, :2]  # (O, 2, 3): the rows that give u and v
    depth = x[:, 2, None, None]
    by_cam = (
        focal - (focal @ x[:, :, None] / depth) * torch.tensor([0.0, 0.0, 1.0]).to(x)
    ) / depth  # (O, 2, 3)
    by_point = by_cam @ bundle.rotation[bundle.camera]
    by_turn = by_cam @ -cross_matrix(x)
    return r, torch.cat([by_turn, -by_point], dim=2), by_point


def huber_weights(r: Tensor, huber_px: float | None) -> Tensor:
    """Weight (O,) of each residual (O, 2): 1 up to `huber_px` pixels, then falling as 1 / |r|."""
    check_tensor(r, "r", "O", 2)
    if huber_px is None:
        return torch.ones_like(r[:, 0])
    check_number(huber_px, "huber_px", 0, above=True)
    return (huber_px / r.norm(dim=1).clamp_min(1e-12)).clamp_max(1)


def cost(r: Tensor, huber_px: float | None = None) -> float:
    """Half the sum of squares of residuals (O, 2), which grows only linearly beyond `huber_px` pixels."""
    check_tensor(r, "r", "O", 2)
    length = r.norm(dim=1)
    if huber_px is None:
        return float((length**2).sum() / 2)
    check_number(huber_px, "huber_px", 0, above=True)
    linear = huber_px * (length - huber_px / 2)
    return float(torch.where(length <= huber_px, length**2 / 2, linear).sum())


def free_directions(bundle: Bundle) -> Tensor:
    """The (6N, 6N - 7) directions in which cameras may move: not the first, and not along the baseline."""
    n = len(bundle.rotation)
    free = torch.eye(6 * n).to(bundle.centre)[:, 6:]
    baseline = bundle.centre[1] - bundle.centre[0]
    across = torch.linalg.svd(baseline[None])[2][1:].mT  # (3, 2), at right angles to it
    moves = torch.zeros(6 * n, 2).to(free)
    moves[9:12] = across
    return torch.cat([free[:, :3], moves, free[:, 6:]], dim=1)


def normal_equations(bundle: Bundle, huber_px: float | None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """JᵀJ and Jᵀr by blocks: cameras U (6N, 6N), points V (P, 3, 3), both W (P, 6N, 3), and the gradients.

    J is sparse: an observation meets one camera and one point. So U is made of 6 × 6 blocks on its diagonal,
    and V of 3 × 3 blocks.
    """
    n, p = len(bundle.rotation), len(bundle.points)
    r, a, b = jacobians(bundle)  # (O, 2), (O, 2, 6), (O, 2, 3)
    weight = huber_weights(r, huber_px).sqrt()[:, None]
    r, a, b = weight * r, weight[..., None] * a, weight[..., None] * b
    blocks = torch.zeros(n, 6, 6).to(r).index_add_(0, bundle.camera, a.mT @ a)
    u = torch.block_diag(*blocks)  # (6N, 6N)
    v = torch.zeros(p, 3, 3).to(r).index_add_(0, bundle.point, b.mT @ b)
    w = torch.zeros(p * n, 6, 3).to(r).index_add_(0, bundle.point * n + bundle.camera, a.mT @ b)
    by_camera = torch.zeros(n, 6).to(r).index_add_(0, bundle.camera, (a.mT @ r[..., None])[..., 0])
    by_point = torch.zeros(p, 3).to(r).index_add_(0, bundle.point, (b.mT @ r[..., None])[..., 0])
    return u, v, w.reshape(p, 6 * n, 3), by_camera.flatten(), by_point


def solve_step(
    equations: tuple[Tensor, Tensor, Tensor, Tensor, Tensor], free: Tensor, damping: float
) -> tuple[Tensor, Tensor]:
    """One damped step of cameras (6N,) and points (P, 3), by the Schur complement over the points.

    [U W; Wᵀ V] [δ_c; δ_p] = -[g_c; g_p]. V is easy to invert, block by block, so δ_p is eliminated:
    (U - W V⁻¹ Wᵀ) δ_c = -(g_c - W V⁻¹ g_p), and then V δ_p = -g_p - Wᵀ δ_c.
    """
    u, v, w, by_camera, by_point = equations
    u = free.mT @ u @ free  # the cameras' gauge
    w, by_camera = free.mT @ w, free.mT @ by_camera
    u = u + damping * torch.diag(u.diagonal().clamp_min(1e-9))
    v = v + damping * torch.diag_embed(v.diagonal(dim1=1, dim2=2).clamp_min(1e-9))
    inverse = torch.linalg.inv(v)  # (P, 3, 3)
    wv = w @ inverse  # (P, F, 3)
    schur = u - torch.einsum("pfi,pgi->fg", wv, w)
    right = by_camera - torch.einsum("pfi,pi->f", wv, by_point)
    step = -torch.linalg.solve(schur, right)  # (F,)
    points = -torch.einsum("pij,pj->pi", inverse, by_point + torch.einsum("pfi,f->pi", w, step))
    return free @ step, points


def moved(bundle: Bundle, cameras: Tensor, points: Tensor) -> Bundle:
    """Apply a step of cameras (6N,) and points (P, 3), and restore the baseline's length."""
    turn, shift = cameras.reshape(-1, 6).split(3, dim=1)
    centre = bundle.centre + shift
    before, after = bundle.centre[1] - bundle.centre[0], centre[1] - centre[0]
    centre[1] = centre[0] + after * (before.norm() / after.norm())
    rotation = axis_angle_to_matrix(turn) @ bundle.rotation
    return bundle._replace(rotation=rotation, centre=centre, points=bundle.points + points)


def levenberg_marquardt(
    bundle: Bundle, *, huber_px: float | None = None, steps: int = 50, tolerance: float = 1e-9
) -> tuple[Bundle, list[float]]:
    """Step downhill: nearly Gauss-Newton where that works, shorter and along the gradient where not."""
    free = free_directions(bundle)
    costs, damping = [cost(residuals(bundle), huber_px)], 1e-4
    equations = normal_equations(bundle, huber_px)
    for _ in range(steps):
        new = moved(bundle, *solve_step(equations, free, damping))
        value = cost(residuals(new), huber_px)
        if not value < costs[-1]:  # worse, or a point behind a camera
            damping *= 10
            if damping > 1e8:
                break
            continue
        gain = (costs[-1] - value) / max(costs[-1], 1e-30)
        bundle, damping = new, max(damping / 10, 1e-10)
        costs.append(value)
        if gain < tolerance:
            break
        free, equations = free_directions(bundle), normal_equations(bundle, huber_px)
    return bundle, costs


def bundle_adjust(
    cameras: Cameras, points: Tensor, pixels: Tensor, seen: Tensor | None = None, *,
    huber_px: float | None = None, steps: int = 50,
) -> Adjusted:  # fmt: skip
    """Make the reprojection error small, over all cameras but the first and all points.

    Parameters
    ----------
    cameras : Cameras
        N ≥ 2, roughly right. The first stays, and so does the second's distance from it.
    points : Tensor
        (P, 3), roughly right.
    pixels : Tensor
        (N, P, 2): where each is seen; any value where it is not.
    seen : Tensor, optional
        (N, P) bool. All, when omitted.
    huber_px : float, optional
        Errors beyond this count linearly, so that wrong matches pull less. None: all count squared.
    steps : int
        At most.

    Raises
    ------
    ValueError
        For other shapes or types, NaN, a point that fewer than two see, or that lies behind one of these.
    """
    n = len(cameras)
    if n < 2:
        raise ValueError(f"cameras: got {n}, want two or more")
    check_whole(steps, "steps", 0)
    check_tensor(points, "points", "P", 3, finite=True, some=True)
    check_tensor(pixels, "pixels", n, len(points), 2)
    if seen is None:
        seen = torch.ones(pixels.shape[:2], dtype=torch.bool, device=pixels.device)
    check_views(pixels, seen, n)
    if int(seen.sum(0).min()) < 2:
        raise ValueError("seen: got a point in fewer than two views, want two or more of each")
    camera, point = torch.nonzero(seen, as_tuple=True)
    exact = cameras.to(torch.float64)
    bundle = Bundle(
        exact.rotation, exact.centre, points.double(), exact.intrinsics, camera, point, pixels[seen].double()
    )
    if not bool(torch.isfinite(residuals(bundle)).all()):
        raise ValueError("points: got one behind a camera that sees it, want all in front")
    if not bool((exact.centre[1] - exact.centre[0]).norm() > 1e-9):
        raise ValueError("cameras: got the first two at one place, want a distance, which sets the scale")
    bundle, costs = levenberg_marquardt(bundle, huber_px=huber_px, steps=steps)
    translation = -(bundle.rotation @ bundle.centre[:, :, None])[:, :, 0]
    adjusted = Cameras(bundle.rotation, translation, exact.intrinsics, cameras.size).to(points.dtype)
    return Adjusted(adjusted, bundle.points.to(points), costs)
