"""SMPLify (S20.4): a body's pose and shape from the joints that a detector found in one picture.

Bogo et al. 2016, sections 3.2 and 3.3. First the camera's translation and the heading (`start`); then
equation 1 in stages, in which the priors weigh much at first and then less, until the joints decide. Both
headings are followed to the end, and the one with less energy is kept.

Ours: the paper begins at the mean pose. There one Gaussian of the prior is nearest, and the fit hardly ever
gets to another; so each heading begins at the mean of every Gaussian, and the best of them goes on after the
first stage. Levenberg-Marquardt stands for Powell's dogleg, pictures are fitted side by side, and the joints
are the body model's own 24, where the paper's detector has 14.

Shapes: B pictures, J joints, K shape components, M start poses, S states (before the first step and after
each).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.capsules import Capsules
from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.objective import Problem, Stage, Unknowns, unpacked
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.smplify.solver import levenberg_marquardt
from lecture_utils.body.smplify.start import TORSO, starts
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_number, check_tensor
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_axis_angle

STAGES = (
    Stage(pose=30.0, shape=30.0, limits=10.0, steps=8),
    Stage(pose=20.0, shape=20.0, limits=10.0, overlap=30.0, steps=6),
    Stage(pose=12.0, shape=12.0, limits=10.0, overlap=30.0, steps=8),
)


@dataclass(frozen=True)
class SMPLifyFit:
    """Bodies fitted to B pictures.

    Attributes
    ----------
    pose : Tensor
        θ (B, J, 3), axis-angles; the root's is about the world's axes.
    shape : Tensor
        β (B, K).
    translation : Tensor
        (B, 3) in the world, in metres: `model(shape, pose, translation)` is where it was seen.
    energies : Tensor
        (S, B), equation 1 with each stage's weights, so that it may jump where a stage begins.
    poses, shapes, translations : Tensor
        (S, B, J, 3), (S, B, K), (S, B, 3): how the fit went.
    start : Tensor
        (B,) int64, which of the two headings was kept: 0 or 1.
    start_energies : Tensor
        (1 or 2, B), the last energy from each heading.
    """

    pose: Tensor
    shape: Tensor
    translation: Tensor
    energies: Tensor
    poses: Tensor
    shapes: Tensor
    translations: Tensor
    start: Tensor
    start_energies: Tensor


def smplify(
    model: SMPL, joints_pixel: Tensor, confidence: Tensor, cameras: Cameras, *,
    prior: GaussianMixturePrior | None, capsules: Capsules | None = None,
    initial: tuple[Tensor, Tensor, Tensor] | None = None, start_poses: Tensor | None = None,
    stages: Sequence[Stage] = STAGES, two_starts: bool = True, sigma_m: float = 0.3,
) -> SMPLifyFit:  # fmt: skip
    """Fit a body to each picture.

    Parameters
    ----------
    model : SMPL
        The body, with the 24 joints of `body.skeleton`.
    joints_pixel, confidence : Tensor
        (B, 24, 2) u, v and (B, 24) in [0, 1]. A joint of confidence 0 is left out, whatever its pixels are;
        of hips and shoulders at least three must have more.
    cameras : Cameras
        B of them, or one for all. Of its place and turn only the result is told, in the world's axes.
    prior : GaussianMixturePrior, optional
        Of poses. None leaves the term out.
    capsules : Capsules, optional
        From `fit_capsules(model)`; None leaves the term out.
    initial : tuple of Tensor, optional
        Pose (B, 24, 3), shape (B, K) and translation (B, 3) in the world, to begin at: then there is one
        start.
    stages : sequence of Stage
        Weights and steps.
    two_starts : bool
        Whether both headings are tried.
    sigma_m : float
        σ of the robust error, in metres.

    Raises
    ------
    ValueError
        For shapes that do not fit, confidences out of range, NaN in a joint that counts, too few of the
        torso's joints, no stages.
    """
    seen, confidence, cameras = _checked(model, joints_pixel, confidence, cameras)
    check_number(sigma_m, "sigma_m", 0, above=True)
    if not stages:
        raise ValueError("stages: got none, want one or more")
    rest = RestJoints.of(model)
    if initial is None:
        poses = _start_poses(start_poses, prior)  # (M, 23, 3)
        begun, depth = starts(rest, seen, confidence, cameras.intrinsics, poses)  # M for each heading
    else:
        begun = [[_to_cam(rest, *_checked_initial(rest, initial, len(seen)), cameras)]]
        depth = begun[0][0].pelvis[:, 2]
    problem = Problem(rest, seen, confidence, cameras.intrinsics, depth, prior, capsules, sigma_m)
    runs = [_staged(problem, of_heading, stages) for of_heading in (begun if two_starts else begun[:1])]
    return _to_world(rest, *_best(runs), cameras)


def _best(runs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Energies (S, B) and states (S, B, P) from the better heading, which that is, and all last energies."""
    last = torch.stack([energies[-1] for energies, _ in runs])  # (headings, B)
    kept, rows = last.argmin(0), torch.arange(last.shape[1])
    energies, path = (torch.stack(part)[kept, :, rows].transpose(0, 1) for part in zip(*runs, strict=True))
    return energies, path, kept, last


def _staged(problem: Problem, begun: Sequence[Unknowns], stages: Sequence[Stage]) -> tuple[Tensor, Tensor]:
    """Go through the stages, after the first with the best start alone; energies (S, B), states (S, B, P)."""
    x = torch.cat([start.packed() for start in begun])  # (starts · B, P)
    energies, path = _stage(problem.repeated(len(begun)), x, stages[0])
    energies, path = (part.unflatten(1, (len(begun), -1)) for part in (energies, path))  # (S, starts, B, …)
    best, rows = energies[-1].argmin(0), torch.arange(path.shape[2])
    histories, paths = [energies[:, best, rows]], [path[:, best, rows]]
    for stage in stages[1:]:
        energy, path = _stage(problem, paths[-1][-1], stage)
        histories.append(energy)
        paths.append(path)
    return torch.cat(histories), torch.cat(paths)


def _stage(problem: Problem, x: Tensor, stage: Stage) -> tuple[Tensor, Tensor]:
    terms = partial(problem.residuals, stage=stage), partial(problem.linearised, stage=stage)
    return levenberg_marquardt(*terms, x, steps=stage.steps)[1:]


def _checked(
    model: SMPL, joints_pixel: Tensor, confidence: Tensor, cameras: Cameras
) -> tuple[Tensor, Tensor, Cameras]:
    """Check what was seen; what does not count becomes 0, and one camera one for each picture."""
    if len(model.parents) != 24:
        raise ValueError(f"model: got {len(model.parents)} joints, want the 24 of SMPL")
    check_tensor(joints_pixel, "joints_pixel", "B", 24, 2, some=True)
    check_tensor(confidence, "confidence", len(joints_pixel), 24, finite=True)
    if bool((confidence < 0).any()) or bool((confidence > 1).any()):
        low, high = float(confidence.min()), float(confidence.max())
        raise ValueError(f"confidence: got {low:.3g} to {high:.3g}, want 0 to 1")
    counts = confidence > 0
    seen = torch.where(counts[..., None], joints_pixel, 0.0)
    check_tensor(seen, "joints_pixel", "B", 24, 2, finite=True)
    fewest = int(counts[:, TORSO].sum(1).min())
    if fewest < 3:
        raise ValueError(f"confidence: got {fewest} of hips and shoulders above 0, want three or four")
    if len(cameras) not in (1, len(seen)):
        raise ValueError(f"cameras: got {len(cameras)}, want 1 or {len(seen)}, one a picture")
    return (
        seen,
        confidence,
        cameras[torch.zeros(len(seen), dtype=torch.long)] if len(cameras) == 1 else cameras,
    )


def _start_poses(start_poses: Tensor | None, prior: GaussianMixturePrior | None) -> Tensor:
    if start_poses is not None:
        check_tensor(start_poses, "start_poses", "M", 23, 3, finite=True, some=True)
        return start_poses
    return torch.zeros(1, 23, 3) if prior is None else prior.means.unflatten(1, (23, 3))


def _checked_initial(
    rest: RestJoints, initial: tuple[Tensor, Tensor, Tensor], count: int
) -> tuple[Tensor, Tensor, Tensor]:
    pose, shape, translation = initial
    check_tensor(pose, "initial pose", count, len(rest.parents), 3, finite=True)
    check_tensor(shape, "initial shape", count, rest.directions.shape[-1], finite=True)
    check_tensor(translation, "initial translation", count, 3, finite=True)
    return pose, shape, translation


def _to_cam(rest: RestJoints, pose: Tensor, shape: Tensor, translation: Tensor, cameras: Cameras) -> Unknowns:
    """Take a body from the world's axes to each camera's: the root is turned, and its joint goes along."""
    root = cameras.rotation @ axis_angle_to_matrix(pose[:, 0])
    pelvis = rest.at(shape)[:, 0] + translation
    pelvis = (cameras.rotation @ pelvis[..., None])[..., 0] + cameras.translation
    return Unknowns(pelvis, torch.cat([matrix_to_axis_angle(root)[:, None], pose[:, 1:]], dim=1), shape)


def _to_world(
    rest: RestJoints, energies: Tensor, path: Tensor, kept: Tensor, last: Tensor, cameras: Cameras
) -> SMPLifyFit:
    """Take each state (S, B, P) to the world's axes."""
    found = unpacked(path.flatten(0, 1), len(rest.parents))
    steps = len(path)
    back = cameras.rotation.mT.repeat(steps, 1, 1)  # (S B, 3, 3)
    root = matrix_to_axis_angle(back @ axis_angle_to_matrix(found.pose[:, 0]))
    pelvis = (back @ (found.pelvis - cameras.translation.repeat(steps, 1))[..., None])[..., 0]
    own = (
        torch.cat([root[:, None], found.pose[:, 1:]], dim=1),
        found.shape,
        pelvis - rest.at(found.shape)[:, 0],
    )
    poses, shapes, translations = (part.unflatten(0, (steps, -1)) for part in own)
    return SMPLifyFit(
        poses[-1], shapes[-1], translations[-1], energies, poses, shapes, translations, kept, last
    )
