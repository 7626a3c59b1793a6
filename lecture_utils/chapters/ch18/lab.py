"""The lab of chapter 18: from pictures of a scene to cameras, points, Gaussians and a new view.

Step 1 begins Gaussians on the points of structure from motion and trains them, as B. Kerbl et al., "3D
Gaussian Splatting for Real-Time Radiance Field Rendering", SIGGRAPH 2023, section 5. Step 2 reads cameras in
the axes of NeRF's program (B. Mildenhall et al., ECCV 2020), which are OpenGL's. Step 3 puts Gaussians on the
pixels of pictures with depth, as N. Keetha et al., "SplaTAM", CVPR 2024, section 3, and trains none.

Simplified: in steps 1 and 3 each Gaussian is a ball, of one colour from everywhere.

Shapes: P points or Gaussians, N pictures, H × W pixels.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lecture_utils.data.toyworld import solids
from lecture_utils.exercises.exercise import Exercise, Lab, Mistake, mistake
from lecture_utils.ops.camera import Cameras, orbit, project, rays
from lecture_utils.rendering.gaussians.blending import blend
from lecture_utils.rendering.gaussians.projection import project_gaussians

Render = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # means, scales, opacities, colours → picture


# --- what the lab begins with ----------------------------------------------------------------------
class Capture(NamedTuple):
    """Twelve pictures of a scene that nobody has measured.

    Attributes
    ----------
    images : Tensor
        (12, 3, 192, 192) in [0, 1].
    intrinsics : Tensor
        (3, 3), K of all.
    """

    images: Tensor
    intrinsics: Tensor


def capture() -> Capture:
    """Twelve pictures along an arc around solids on speckled ground; where they were taken is not said."""
    scene = solids.showpiece(speckle=0.8)
    cameras = orbit(12, (192, 192), turn_deg=66, elevation_deg=35, start_deg=20, field_of_view_deg=36)
    return Capture(solids.render_solids(scene, cameras).image, cameras.intrinsics[0])


def renderer(camera: Cameras) -> Render:
    """Return a function that renders balls with one camera: means (P, 3), scales (P,), opacities (P,) and
    colours (P, 3) become a picture (3, H, W) before white. Gradients go through it."""

    def render(means: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor) -> Tensor:
        covariances = scales[:, None, None] ** 2 * torch.eye(3)
        splats = project_gaussians(means, covariances, camera)
        seen = splats.visible.nonzero()[:, 0]
        shadows = splats.means[seen], splats.covariances[seen], splats.depth_m[seen]
        return blend(*shadows, colours[seen], opacities[seen], camera.size, torch.ones(3))[0]

    return render


# --- step 1: Gaussians on points -------------------------------------------------------------------
class Cloud:
    """Gaussians on the points of structure from motion, balls of one colour each, and how they are trained.

    Each begins at its point (P, 3) with its point's colour (P, 3) and an opacity of 0.1. Its standard
    deviation is the root of the mean square of the distances to its three nearest neighbours, at least
    0.0001. What is learned are the means, the logarithms of the standard deviations, the logits of the
    opacities, and the colours, by Adam with rates of 0.002, 0.01, 0.05 and 0.01.
    """

    optimizer: torch.optim.Optimizer  # not shown

    def __init__(self, points: Tensor, colours: Tensor) -> None:
        nearest = torch.cdist(points, points).topk(4, largest=False).values[:, 1:]  # (P, 3), not to itself
        scales = nearest.square().mean(dim=1).sqrt().clamp(min=1e-4)
        self.means = points.clone().requires_grad_()
        self.log_scales = scales.log().requires_grad_()
        self.logits = torch.full((len(points),), 0.1).logit().requires_grad_()
        self.colours = colours.clone().requires_grad_()
        learned = [self.means, self.log_scales, self.logits, self.colours]
        rates = [0.002, 0.01, 0.05, 0.01]
        groups = [{"params": [numbers], "lr": rate} for numbers, rate in zip(learned, rates, strict=True)]
        self.optimizer = torch.optim.Adam(groups)

    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What `render` wants: means (P, 3), standard deviations (P,), opacities (P,), colours (P, 3)."""
        return self.means, self.log_scales.exp(), self.logits.sigmoid(), self.colours

    def step(self, render: Render, picture: Tensor) -> float:
        """One step of training; return the loss before it: the mean |rendered - picture| over all numbers."""
        loss = (render(*self.values()) - picture).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


_PIXELS = torch.cartesian_prod(torch.linspace(-0.5, 0.5, 3), torch.linspace(-0.6, 0.6, 4))  # (12, 2)


def _easy_render(means: Tensor, scales: Tensor, opacities: Tensor, colours: Tensor, axis: int) -> Tensor:
    """A stand-in that is fast: balls seen along one axis of the world, none before the other, (3, 3, 4)."""
    seen = means[:, [k for k in range(3) if k != axis]]  # (P, 2)
    distance = (_PIXELS[:, None] - seen).square().sum(-1)
    alphas = opacities * torch.exp(-distance / (2 * scales**2 + 0.02))  # (12, P)
    return ((alphas @ colours + 0.1) / (alphas.sum(1, keepdim=True) + 0.2)).T.reshape(3, 3, 4)


def use_cloud(cloud: Any, points: Tensor, colours: Tensor, steps: int) -> list[Any]:
    """Build a cloud, and give what it is before and after so many steps, and the losses on the way."""
    made = cloud(points, colours)
    target = torch.linspace(0.15, 0.85, 36).view(3, 3, 4)
    seen, losses = [_detached(made.values())], []
    for step in range(steps):
        picture = target if step % 2 else target.flip(2)
        losses.append(float(made.step(partial(_easy_render, axis=step % 3), picture)))
        seen.append(_detached(made.values()))
    return [*seen, losses]


def _detached(values: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(part.detach().clone() for part in values)


def _points(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    four = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.6]])
    colours = torch.tensor([[0.9, 0.2, 0.1], [0.2, 0.8, 0.3], [0.1, 0.3, 0.9], [0.6, 0.6, 0.2]])
    yield four, colours, 0
    yield four[[0, 1, 2, 3, 0, 0, 0]], colours[[0, 1, 2, 3, 0, 1, 2]], 0  # four points in one place
    yield four, colours, 1
    yield four, colours, 3
    for number, steps in ((5, 0), (6, 2), (9, 3)):
        drawn = rng.uniform(-0.5, 0.5, (number, 3)), rng.uniform(0.1, 0.9, (number, 3))
        yield *(torch.tensor(numbers, dtype=torch.float32) for numbers in drawn), steps


class _Another(Cloud):
    """The cloud with one part exchanged."""

    rates: tuple[float, ...] = (0.002, 0.01, 0.05, 0.01)

    def __init__(self, points: Tensor, colours: Tensor) -> None:
        self.means, self.colours = points.clone().requires_grad_(), colours.clone().requires_grad_()
        self.log_scales = self.begin(torch.cdist(points, points)).clamp(min=1e-4).log().requires_grad_()
        self.logits = self.opacity(len(points)).requires_grad_()
        self.optimizer = self.adam()

    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].square().mean(1).sqrt()

    def opacity(self, number: int) -> Tensor:
        return torch.full((number,), 0.1).logit()

    def adam(self) -> torch.optim.Optimizer:
        learned = (self.means, self.log_scales, self.logits, self.colours)
        return torch.optim.Adam(
            [{"params": [numbers], "lr": rate} for numbers, rate in zip(learned, self.rates, strict=True)]
        )

    def loss(self, image: Tensor, picture: Tensor) -> Tensor:
        return (image - picture).abs().mean()

    def step(self, render: Render, picture: Tensor) -> float:
        loss = self.loss(render(*self.values()), picture)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


@mistake(
    "Each point counts itself among its nearest neighbours, at a distance of 0. How many of the smallest "
    "distances do you have to take, and which one leave out?"
)
class _ItselfCounted(_Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(3, largest=False).values.square().mean(1).sqrt()


@mistake(
    "You take the mean of the three distances. Asked for is the root of their mean square, in which the "
    "farthest counts most."
)
class _MeanDistance(_Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].mean(1)


@mistake(
    "Your standard deviations are the squares of what is wanted: the mean of the squared distances is a "
    "variance. What is missing?"
)
class _VarianceForScale(_Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].square().mean(1)


@mistake(
    "Several points in one place have no distance, and the logarithm of 0 is minus infinity. What is the "
    "least size that the docstring allows?"
)
class _NoLeastSize(_Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours)
        scales = self.begin(torch.cdist(points, points))
        self.log_scales = scales.log().requires_grad_()
        self.optimizer = self.adam()


@mistake(
    "You learn the standard deviations themselves. After some steps one may be below 0: keep their "
    "logarithms, and give back their exp."
)
class _ScalesThemselves(_Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours)
        self.log_scales = self.log_scales.detach().exp().requires_grad_()
        self.optimizer = self.adam()

    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.log_scales, self.logits.sigmoid(), self.colours


@mistake(
    "Your opacities begin at 0.52: you put 0.1 in as the logit. The sigmoid comes after it: of which number "
    "is 0.1 the sigmoid?"
)
class _OpacityAsLogit(_Another):
    def opacity(self, number: int) -> Tensor:
        return torch.full((number,), 0.1)


@mistake(
    "The first step is right, and from the second on the gradients of all earlier pictures are in it too. "
    "What has to happen before each backward?"
)
class _GradientsPileUp(_Another):
    def step(self, render: Render, picture: Tensor) -> float:
        loss = self.loss(render(*self.values()), picture)
        loss.backward()
        self.optimizer.step()
        return loss.item()


@mistake(
    "Nothing changes from step to step. Either nobody moves the numbers along their gradients, or these are "
    "wiped out before that: in which order stand zero_grad, backward and the optimiser's step?"
)
class _NeverMoved(_Another):
    def step(self, render: Render, picture: Tensor) -> float:
        loss = self.loss(render(*self.values()), picture)
        self.optimizer.zero_grad()
        loss.backward()
        return loss.item()


@mistake(
    "You make a new Adam in every step. It then forgets what it has gathered about the gradients: it has to "
    "live as long as the cloud."
)
class _NewAdam(_Another):
    def step(self, render: Render, picture: Tensor) -> float:
        self.optimizer = self.adam()
        return super().step(render, picture)


@mistake(
    "All numbers have one rate. A logit of 0.05 more is little, but a mean 0.05 away is elsewhere: how does "
    "one optimiser get a rate for each kind?"
)
class _OneRate(_Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.Adam([self.means, self.log_scales, self.logits, self.colours], lr=0.01)


@mistake(
    "Your rates go to the wrong kinds of numbers, the last to the means. In the docstring they stand in the "
    "order of what is learned."
)
class _RatesExchanged(_Another):
    def adam(self) -> torch.optim.Optimizer:
        self.rates = self.rates[::-1]
        return super().adam()


@mistake(
    "You walk along the gradients by plain gradient descent. They are tiny, and differ from kind to kind; "
    "Adam divides each by its usual size."
)
class _PlainDescent(_Another):
    def adam(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(super().adam().param_groups)


@mistake(
    "Your loss is the mean of squares. It is the absolute difference that is asked for, which forgives a "
    "few pixels that are far off."
)
class _SquaredLoss(_Another):
    def loss(self, image: Tensor, picture: Tensor) -> Tensor:
        return (image - picture).square().mean()


@mistake(
    "Your loss is a sum over all numbers of the picture. Then it grows with the picture's size: which mean "
    "is meant?"
)
class _SummedLoss(_Another):
    def loss(self, image: Tensor, picture: Tensor) -> Tensor:
        return (image - picture).abs().sum()


@mistake(
    "You take the nearest neighbour alone. It may be close by chance: three are asked for, and the root of "
    "the mean of their squares."
)
class _NearestAlone(_Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(2, largest=False).values[:, 1]


@mistake("You take the root of the sum of three squares. It is their mean that is asked for: √3 times less.")
class _SumOfSquares(_Another):
    def begin(self, distances: Tensor) -> Tensor:
        return distances.topk(4, largest=False).values[:, 1:].square().sum(1).sqrt()


@mistake(
    "The loss that you return belongs to the numbers after the step. Wanted is the one before it: you have "
    "computed it already."
)
class _LossAfterwards(_Another):
    def step(self, render: Render, picture: Tensor) -> float:
        super().step(render, picture)
        return self.loss(render(*self.values()), picture).item()


@mistake(
    "Your `values` hand out the numbers as they are learned: logarithms and logits. `render` wants standard "
    "deviations and opacities; what undoes a logarithm, and what a logit?"
)
class _RawValues(_Another):
    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.log_scales, self.logits, self.colours


@mistake(
    "You learn the colours through a sigmoid. That is not wrong in itself, but here they are learned as they "
    "are, so that a step of 0.01 is a step of 0.01."
)
class _ColoursAsLogits(_Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours.logit())

    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return *super().values()[:3], self.colours.sigmoid()


@mistake(
    "The colours never change. Does Adam hold the very tensors that `values` gives out? One that is made "
    "anew after Adam was made is unknown to it."
)
class _ColoursUnknownToAdam(_Another):
    def __init__(self, points: Tensor, colours: Tensor) -> None:
        super().__init__(points, colours)
        self.colours = colours.clone().requires_grad_()


@mistake(
    "Sizes and opacities never change, means and colours do. Where exp and sigmoid are taken, gradients must "
    "flow: no `no_grad`, `detach` or `data` in `values`."
)
class _NoGradientInValues(_Another):
    def values(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.log_scales.detach().exp(), self.logits.detach().sigmoid(), self.colours


WRONG_CLOUDS: Any = (
    _ItselfCounted,
    _MeanDistance,
    _VarianceForScale,
    _NoLeastSize,
    _ScalesThemselves,
    _OpacityAsLogit,
    _GradientsPileUp,
    _NeverMoved,
    _NewAdam,
    _OneRate,
    _RatesExchanged,
    _PlainDescent,
    _SquaredLoss,
    _SummedLoss,
    _NearestAlone,
    _SumOfSquares,
    _LossAfterwards,
    _RawValues,
    _ColoursAsLogits,
    _ColoursUnknownToAdam,
    _NoGradientInValues,
)


# --- step 2: a colleague's cameras, with a fault ---------------------------------------------------
def exported(cameras: Cameras) -> Tensor:
    """Return poses as NeRF's program stores them, (N, 4, 4): camera to world, in OpenGL's axes."""
    poses = torch.eye(4).repeat(len(cameras), 1, 1)
    poses[:, :3, :3] = cameras.rotation.mT * torch.tensor([1.0, -1.0, -1.0])
    poses[:, :3, 3] = cameras.centre
    return poses


def read_cameras_faulty(poses: Tensor) -> tuple[Tensor, Tensor]:
    """Return R (N, 3, 3) and t (N, 3) of cameras, X_cam = R X + t, from the poses in a NeRF program's file.

    Each of the poses (N, 4, 4) takes points from a camera's axes to the world's. That camera has x to the
    right, y up and z backward, ours x to the right, y down and z forward; the world is the same.
    """
    flip = torch.tensor([1.0, -1.0, -1.0])
    turn = flip[:, None] * poses[:, :3, :3]
    centre = poses[:, :3, 3]
    rotation = turn.mT
    translation = -(rotation @ centre[:, :, None])[:, :, 0]
    return rotation, translation


def read_cameras(poses: Tensor) -> tuple[Tensor, Tensor]:
    """Return R (N, 3, 3) and t (N, 3) of cameras, X_cam = R X + t, from the poses in a NeRF program's file.

    Each of the poses (N, 4, 4) takes points from a camera's axes to the world's. That camera has x to the
    right, y up and z backward, ours x to the right, y down and z forward; the world is the same.
    """
    flip = torch.tensor([1.0, -1.0, -1.0])
    turn = poses[:, :3, :3] * flip  # its columns are the camera's axes, in the world
    centre = poses[:, :3, 3]
    rotation = turn.mT
    translation = -(rotation @ centre[:, :, None])[:, :, 0]
    return rotation, translation


class Symptoms(NamedTuple):
    """How points of a reconstruction fall in one picture.

    Attributes
    ----------
    in_front : float
        The share of the points seen there that the camera has in front of it, in [0, 1].
    error_px : float
        The median distance from where they were seen to where they project; NaN if none is in front.
    centre_off : float
        How far the camera stands from where it should, in units of the reconstruction.
    """

    in_front: float
    error_px: float
    centre_off: float


def symptoms(
    read: Callable[[Tensor], tuple[Tensor, Tensor]],
    cameras: Cameras,
    points: Tensor,
    pixels: Tensor,
    seen: Tensor,
) -> list[Symptoms]:
    """What comes of cameras that are stored with `exported` and read again with `read`, picture by picture.

    Parameters
    ----------
    read : callable
        As `read_cameras`.
    cameras : Cameras
        N, as they should be.
    points, pixels, seen : Tensor
        (P, 3), (N, P, 2) and (N, P) bool, as `geometry.sfm.reconstruct` gives them.
    """
    rotation, translation = read(exported(cameras))
    got = Cameras(rotation, translation, cameras.intrinsics, cameras.size)
    found, depth = project(points, got)
    off = (got.centre - cameras.centre).norm(dim=1)
    each = []
    for i in range(len(cameras)):
        front = depth[i, seen[i]] > 0
        errors = (found[i, seen[i]] - pixels[i, seen[i]]).norm(dim=1)[front]
        median = float(errors.median()) if len(errors) else math.nan
        each.append(Symptoms(float(front.float().mean()), median, float(off[i])))
    return each


def _pose(turn: Sequence[Sequence[float]], centre: Sequence[float]) -> Tensor:
    pose = torch.eye(4)
    pose[:3, :3], pose[:3, 3] = torch.tensor(turn), torch.tensor(centre)
    return pose


def _files(rng: np.random.Generator) -> Iterable[tuple[Any, ...]]:
    eye = torch.eye(3).tolist()
    yield (_pose(eye, (0.0, 0.0, 0.0))[None],)  # looks along the world's -z, upright along its y
    yield (_pose(eye, (1.0, 2.0, 3.0))[None],)
    yield (_pose([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], (3.0, 0.0, 0.0))[None],)  # along -x
    yield (_pose([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], (0.5, 3.0, -1.0))[None],)  # along -y
    yield (torch.zeros(0, 4, 4),)
    for number in (1, 2, 3, 5):
        q, _ = torch.linalg.qr(torch.tensor(rng.normal(size=(number, 3, 3)), dtype=torch.float32))
        q = q * torch.linalg.det(q)[:, None, None]
        poses = torch.eye(4).repeat(number, 1, 1)
        poses[:, :3, :3] = q
        poses[:, :3, 3] = torch.tensor(rng.normal(size=(number, 3)), dtype=torch.float32)
        yield (poses,)


_FLIP = torch.tensor([1.0, -1.0, -1.0])


def _read(
    poses: Tensor,
    *,
    turn: Callable[[Tensor], Tensor] = lambda own: own * _FLIP,
    rotation: Callable[[Tensor], Tensor] = lambda turn: turn.mT,
    move: Callable[[Tensor, Tensor], Tensor] = lambda rotation, centre: (
        -(rotation @ centre[..., None])[..., 0]
    ),
) -> tuple[Tensor, Tensor]:
    """The cameras with one part exchanged."""
    made = rotation(turn(poses[:, :3, :3]))
    return made, move(made, poses[:, :3, 3])


@mistake(
    "The cameras stand where they should, and still look elsewhere. Rows of such a matrix belong to the "
    "world's axes, columns to the camera's: whose axes were to be turned round?"
)
def _fault_kept(poses: Tensor) -> tuple[Tensor, Tensor]:
    return read_cameras_faulty(poses)


@mistake(
    "Every camera now has all points behind it. Their z points backward: you have taken the flip out, but "
    "it was not wrong that there is one."
)
def _not_flipped(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own)


@mistake(
    "You turn only z round. Left and right then change places: the determinant is -1, a mirror, which no "
    "camera can be turned into. Which other axis differs?"
)
def _only_z(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own * torch.tensor([1.0, 1.0, -1.0]))


@mistake(
    "You turn only y round: the pictures are upright, but all points lie behind the cameras. The determinant "
    "is -1. Which other axis differs?"
)
def _only_y(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own * torch.tensor([1.0, -1.0, 1.0]))


@mistake("You turn all three axes round. x points to the right in both programs.")
def _all_three(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: -own)


@mistake(
    "You turn round rows and columns, the world's axes and the camera's. The world is the same in both "
    "programs."
)
def _both_sides(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: _FLIP[:, None] * own * _FLIP)


@mistake(
    "Your rotation goes from the camera to the world. Wanted is the way back: the colleague's `.mT` was "
    "right."
)
def _not_transposed(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, rotation=lambda turn: turn)


@mistake(
    "You give the place of the camera as translation. X_cam is 0 there: put the centre in for X, and see "
    "which t that takes."
)
def _centre_as_translation(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: centre)


@mistake(
    "Your translation is the centre with its signs changed, in the world's axes. But t is added after R: "
    "in whose axes is it?"
)
def _minus_the_centre(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: -centre)


@mistake("The sign of your translation is wrong: your cameras stand on the other side of the world's origin.")
def _plus(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: (rotation @ centre[..., None])[..., 0])


@mistake(
    "You flip the place of the camera too. It is given in the world's axes, which are the same in both "
    "programs."
)
def _centre_flipped(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: -(rotation @ (centre * _FLIP)[..., None])[..., 0])


@mistake(
    "Your rotation is right, your translation still is made with the colleague's. Which rotation belongs "
    "into -R c?"
)
def _old_translation(poses: Tensor) -> tuple[Tensor, Tensor]:
    return read_cameras(poses)[0], read_cameras_faulty(poses)[1]


@mistake(
    "You turn the world's axes round, the centre's too: by rows of the pose, or by columns after inverting "
    "it. In the pose, where do the camera's own axes stand?"
)
def _whole_world_turned(poses: Tensor) -> tuple[Tensor, Tensor]:
    inverse = torch.linalg.inv(poses)
    return inverse[:, :3, :3] * _FLIP, inverse[:, :3, 3]


@mistake(
    "Your rotation is right. You have turned the axes round after inverting, and t lies in the camera's axes "
    "as well: what of it has to change sign?"
)
def _t_not_flipped(poses: Tensor) -> tuple[Tensor, Tensor]:
    return read_cameras(poses)[0], torch.linalg.inv(poses)[:, :3, 3]


@mistake(
    "You exchange y and z. Neither becomes the other here: up becomes down, backward becomes forward. What "
    "does that do to a number?"
)
def _y_and_z_exchanged(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own[:, :, [0, 2, 1]])


@mistake(
    "Your rotation is right. In the translation you use it the other way round, from the camera to the "
    "world. Which of R and Rᵀ takes the centre to the camera's axes?"
)
def _t_by_the_way_back(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, move=lambda rotation, centre: -(rotation.mT @ centre[..., None])[..., 0])


@mistake("You turn x and z round. x points to the right in both programs; which axis turns instead?")
def _x_for_y(poses: Tensor) -> tuple[Tensor, Tensor]:
    return _read(poses, turn=lambda own: own * torch.tensor([-1.0, 1.0, -1.0]))


# --- step 3: three more pictures -------------------------------------------------------------------
SIZE = 48  # pixels: side of the pictures of step 3
GIVEN = (0, 1)  # the pictures that are there
MORE = 3  # how many may be added
BAR = 15.0  # decibels


class Places(NamedTuple):
    """Places to take pictures from, and other views that are held out.

    Attributes
    ----------
    cameras : Cameras
        24: 0 to 11 on a low circle, one every 30°, and 12 to 23 above them on a high one.
    images, depth_m : Tensor
        (24, 3, 48, 48) in [0, 1] and (24, 48, 48) in metres, 0 where nothing is: what is seen from there.
    held_out : Cameras
        8 others, by turns lower and higher.
    truth : Tensor
        (8, 3, 48, 48): what is seen from those.
    mask : Tensor
        (8, 48, 48) bool: where they see an object.
    """

    cameras: Cameras
    images: Tensor
    depth_m: Tensor
    held_out: Cameras
    truth: Tensor
    mask: Tensor


@lru_cache(maxsize=1)
def places() -> Places:
    """Return all that step 3 can see."""
    scene = solids.showpiece(ground=False)
    ring = {"size": (SIZE, SIZE), "field_of_view_deg": 34.0}
    cameras = _together([orbit(12, elevation_deg=e, **ring) for e in (5.0, 60.0)])  # type: ignore[arg-type]
    lower, higher = (
        orbit(4, elevation_deg=e, start_deg=s, **ring)  # type: ignore[arg-type]
        for e, s in ((18.0, 20.0), (45.0, 65.0))
    )
    held_out = _together([lower, higher])[[0, 4, 1, 5, 2, 6, 3, 7]]
    taken, true = solids.render_solids(scene, cameras), solids.render_solids(scene, held_out)
    depth = torch.where(taken.mask, taken.depth_m, 0.0)
    return Places(cameras, taken.image, depth, held_out, true.image, true.mask)


def _together(parts: Sequence[Cameras]) -> Cameras:
    rotation, translation, intrinsics = (
        torch.cat([getattr(part, name) for part in parts])
        for name in ("rotation", "translation", "intrinsics")
    )
    return Cameras(rotation, translation, intrinsics, parts[0].size)


def lifted(chosen: Iterable[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gaussians on every pixel of the given and the chosen pictures: means, scales, opacities and colours.

    Each pixel that sees something is lifted to its place in the world. Its ball has a quarter of the pixel's
    width there as standard deviation, and an opacity of 0.8.
    """
    found = places()
    which = sorted({*GIVEN, *chosen})
    cameras = found.cameras[which]
    origins, directions = rays(cameras)
    along = (directions * cameras.rotation[:, None, None, 2]).sum(-1)  # z of a ray's first metre
    depth = found.depth_m[which]
    some = depth > 0
    points = (origins + directions * (depth / along)[..., None])[some]
    scales = 0.25 * (depth / cameras.intrinsics[:, 0, 0, None, None])[some]
    colours = found.images[which].permute(0, 2, 3, 1)[some]
    return points, scales, torch.full_like(scales, 0.8), colours


def new_views(chosen: Iterable[int]) -> Tensor:
    """Return the 8 held-out views (8, 3, 48, 48) of Gaussians on the given and the chosen pictures."""
    found, cloud = places(), lifted(chosen)
    with torch.no_grad():
        return torch.stack([renderer(found.held_out[i])(*cloud) for i in range(8)]).clamp(0, 1)


def object_psnr(chosen: Iterable[int]) -> list[float]:
    """PSNR in decibels of each held-out view, over the pixels in which it sees an object."""
    found = places()
    errors = (new_views(chosen) - found.truth).square().mean(1)  # (8, H, W)
    return [-10 * math.log10(float(e[own].mean())) for e, own in zip(errors, found.mask, strict=True)]


def _valid(answer: Sequence[Any]) -> bool:
    return len(answer) == MORE and all(0 <= int(number) < 24 for number in answer)


def worst_view(answer: Any) -> float:
    """PSNR of the worst held-out view with three more pictures, from places 0 to 23."""
    chosen = [int(number) for number in answer]
    if not _valid(chosen):
        raise ValueError(f"more: got {answer!r}, want {MORE} numbers of places, 0 to 23")
    return _worst(tuple(sorted(chosen)))


@lru_cache(maxsize=64)
def _worst(chosen: tuple[int, ...]) -> float:
    return min(object_psnr(chosen))


def _azimuths(answer: Any) -> list[int]:
    """All pictures' places on their circle, 0 to 11, in order."""
    return sorted({int(number) % 12 for number in (*GIVEN, *answer)})


def _wasted(answer: Any) -> bool:
    return len({int(number) for number in (*GIVEN, *answer)}) < len(GIVEN) + MORE


def _high(answer: Any) -> int:
    return sum(int(number) >= 12 for number in answer)


def _gap(azimuths: Iterable[int]) -> int:
    """The largest step, in places of 30°, around the circle."""
    own = sorted(azimuths)
    return max((after - before) % 12 or 12 for before, after in zip(own, own[1:] + own[:1], strict=True))


def _beside(answer: Any) -> bool:
    return all(int(number) % 12 in (10, 11, 0, 1, 2, 3) for number in answer)


def _crowded(answer: Any) -> bool:
    return _gap({int(number) % 12 for number in answer}) >= 9


# --- the three steps -------------------------------------------------------------------------------
STEP_1 = Exercise(
    "18.L1",
    "Gaussians on the points",
    Cloud,
    _points,
    difficulty=3,
    minutes=15,
    hints=(
        "Four tensors are learned, and each needs requires_grad_(): copies of points and colours, the log "
        "of the sizes, for each Gaussian the logit of 0.1. `values` undoes log and logit: exp, sigmoid.",
        "torch.cdist(points, points) holds all distances, (P, P). Of each row topk(4, largest=False).values "
        "are the four smallest, the first of which is the point to itself.",
        'torch.optim.Adam takes a list of {"params": [tensor], "lr": rate}, and is made once, in '
        "__init__. A step renders *self.values(), and then: zero_grad, backward, the optimiser's step.",
    ),
    mistakes=WRONG_CLOUDS,
    use=use_cloud,
)
STEP_2 = Exercise(
    "18.L2",
    "The cameras look elsewhere",
    read_cameras,
    _files,
    difficulty=2,
    minutes=12,
    hints=(
        "Look at the symptoms one by one. If each camera stands where it should, the centre was read well, "
        "and so was the step from centre to translation. What is left?",
        "One picture fits: the one in whose axes the world is given. The farther a camera is turned from it, "
        "the worse. Had no axes been turned round at all, all points would lie behind it: so whose were?",
        "The columns of a camera-to-world matrix are the camera's x, y and z axes, written in the world. The "
        "camera's y and z change sign: which two columns, or rows, is that? Multiplying by a row (3,) scales "
        "columns.",
    ),
    mistakes=(
        _fault_kept,
        _not_flipped,
        _only_z,
        _only_y,
        _all_three,
        _both_sides,
        _not_transposed,
        _centre_as_translation,
        _minus_the_centre,
        _plus,
        _centre_flipped,
        _old_translation,
        _whole_world_turned,
        _t_not_flipped,
        _y_and_z_exchanged,
        _t_by_the_way_back,
        _x_for_y,
    ),
)
STEP_3 = Exercise(
    "18.L3",
    "Three more pictures",
    (4, 8, 20),
    None,
    difficulty=2,
    minutes=10,
    hints=(
        "Begin with no picture more, and look at the eight views beside their truths. White where an object "
        "should be is a surface that no picture has seen. Which ones are these: upright or level?",
        "An upright side is seen from low places on its own side, a top from any high one. Neighbours a "
        "third of the circle apart see all sides between them.",
    ),
    mistakes=(
        Mistake(
            (0, 4, 8),
            "One of your three pictures is there already. It shows nothing new: where has nobody stood yet?",
            when=lambda answer: _valid(answer) and _wasted(answer),
        ),
        Mistake(
            (14, 18, 22),
            "From high up you see all tops, and upright sides only at a grazing angle. Which of your "
            "pictures have to be low ones?",
            when=lambda answer: _valid(answer) and _high(answer) >= 2,
        ),
        Mistake(
            (2, 3, 11),
            "Your pictures stand beside those that are there already. What is white when seen from "
            "the other side?",
            when=lambda answer: _valid(answer) and _beside(answer),
        ),
        Mistake(
            (6, 7, 8),
            "Your three pictures stand side by side and see nearly the same. Which views are still poor, and "
            "from which side do they look?",
            when=lambda answer: _valid(answer) and _crowded(answer),
        ),
        Mistake(
            (2, 4, 18),
            "More than a third of the circle has no picture, and the solids' sides there are white. Which "
            "held-out view is the worst, and where does it look from?",
            when=lambda answer: _valid(answer) and _gap(_azimuths(answer)) > 4,
        ),
        Mistake(
            (3, 6, 9),
            "All sides are there now. Look at the worst view again: it looks down on the solids, and what is "
            "missing is level. From where would one see that?",
            when=lambda answer: _valid(answer) and not _high(answer),
        ),
        Mistake(
            (3, 9, 18),
            "Two low ones and a high one: that is the right mix, and little is missing. Places 0 and 1 see "
            "one side already. Where do the two low ones have to stand to share the rest of the circle?",
            when=lambda answer: _valid(answer) and _high(answer) == 1,
        ),
    ),
    measure=worst_view,
    bar=BAR,
)
LAB = Lab("18.L", "From pictures to cameras, points, Gaussians and a new view", (STEP_1, STEP_2, STEP_3))
