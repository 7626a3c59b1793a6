"""What `people_spin` and `people_hmr2d` share: the network, where it starts, the fits, how it is judged.

Shapes: N people, J = 24 joints.
"""

import functools
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.backbones.resnet import BasicBlock, ResNet
from lecture_utils.body.smplify.fit import smplify
from lecture_utils.body.smplify.objective import Stage
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.spin.crop import weak_to_translation
from lecture_utils.body.spin.fits import BestFits, Fit
from lecture_utils.body.spin.fitting import AdamFit
from lecture_utils.body.spin.loop import Crops
from lecture_utils.body.spin.losses import BodyJoints, reprojection_error_px
from lecture_utils.body.spin.regressor import FACING, Estimate, Regressor
from lecture_utils.metrics.pose_3d import mpjpe_mm, pa_mpjpe_mm
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_rotation_6d
from lecture_utils.recipes._people_crops import People, batches, body, views
from lecture_utils.training.one_cycle import one_cycle

WIDTH, FEATURES, HIDDEN, DROPOUT = 24, 256, 256, 0.1
BATCH, PEAK_RATE, DECAY = 64, 1e-3, 1e-4
SCALE = 0.9  # of the camera at the start
STAGE = Stage(pose=20.0, shape=20.0, limits=10.0)  # the priors' weights, in the loop and for `people_hmr2d`


@functools.lru_cache
def prior() -> GaussianMixturePrior:
    """SMPLify's pose prior."""
    model = zoo.load("people_pose_prior")
    assert isinstance(model, GaussianMixturePrior)
    return model


@functools.lru_cache
def joints() -> BodyJoints:
    """The body's joints without its skin."""
    return BodyJoints(body())


def build() -> Regressor:
    """The network, untrained: (B, 3, 64, 64) → `Estimate`; a third as wide as ResNet-18, and half as deep."""
    encoder = ResNet(BasicBlock, (1, 1, 1, 1), classes=FEATURES, width=WIDTH)
    return Regressor(encoder, FEATURES, hidden=HIDDEN, dropout=DROPOUT)


def fresh(seed: int) -> Regressor:
    """An untrained network that starts at the mean pose of the prior, before the middle of the crop."""
    torch.manual_seed(seed)
    model = build()
    pose = axis_angle_to_matrix(prior().mean_pose().unflatten(0, (23, 3)))
    model.start_pose.copy_(matrix_to_rotation_6d(torch.cat([torch.tensor([FACING]), pose])).flatten())
    middle = joints().rest.mean[0]  # the pelvis, which the model has not at its origin
    model.start_camera.copy_(torch.stack([torch.tensor(SCALE), -middle[0], -middle[1]]))
    return model


def loop_fit() -> AdamFit:
    """The fit in the loop."""
    return AdamFit(body(), prior(), stage=STAGE)


def from_the_mean(its: People, cameras: Cameras | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """SMPLify from the mean pose: pose (N, J, 3), shape (N, 10), translation (N, 3); 256 at a time."""
    cameras, found = cameras or views(len(its)), []
    for rows in torch.arange(len(its)).split(256):
        fit = smplify(body(), its.joints2d[rows], its.confidence[rows], cameras[rows], prior=prior())
        found.append((fit.pose, fit.shape, fit.translation))
    pose, shape, translation = (torch.cat(part) for part in zip(*found, strict=True))
    return pose, shape, translation


def placed_joints(fit: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The joints (N, J, 3) of fitted bodies."""
    pose, shape, translation = fit
    return joints()(shape, axis_angle_to_matrix(pose), translation)


def first_fits(its: People, most_px: float) -> BestFits:
    """The dictionary as SPIN begins with it: what SMPLify finds from the mean pose."""
    fits = BestFits(len(its), most_px=most_px)
    found = from_the_mean(its)
    pixels, _ = project(placed_joints(found), views(len(its)))
    fits.keep(
        torch.arange(len(its)), Fit(*found, reprojection_error_px(pixels, its.joints2d, its.confidence))
    )
    return fits


def trained(
    its: People, seed: int, steps: int, loss: Callable[[nn.Module, Crops, None], Tensor], label: str
) -> tuple[nn.Module, dict[str, float]]:
    """One cycle from a fresh network."""
    model = fresh(seed)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=DECAY)
    return one_cycle(
        model, batches(its, seed, BATCH), loss=loss, optimizer=optimizer, steps=steps, warm_up=0.15,
        label=label, clock=time.thread_time,
    )  # fmt: skip


@torch.no_grad()
def estimates(model: nn.Module, its: People) -> Estimate:
    """What a network says of all crops."""
    model.eval()
    parts = [model(images.float() / 255) for images in its.images.split(256)]
    return Estimate(
        *(torch.cat([getattr(p, name) for p in parts]) for name in ("rotations", "shape", "camera"))
    )


def errors(found: Tensor, its: People) -> dict[str, float]:
    """MPJPE and PA-MPJPE in millimetres of joints (N, J, 3) in the camera's axes."""
    return {
        "mpjpe_mm": float(mpjpe_mm(found, its.joints_m).mean()),
        "pa_mpjpe_mm": float(pa_mpjpe_mm(found, its.joints_m).mean()),
    }


def score(model: nn.Module, its: People) -> dict[str, float]:
    """Both errors of a network."""
    said, cameras = estimates(model, its), views(len(its))
    return errors(joints()(said.shape, said.rotations, weak_to_translation(said.camera, cameras)), its)
