"""What `people_spin` and `people_hmr2d` share: the network, where it starts, the fits, how it is judged.

Both read the features of one encoder, `people_joints`, which does not learn any more: so what differs is the
regressor's teacher alone, and each crop's features are computed once.

Shapes: N people, J = 24 joints.
"""

import functools
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from lecture_utils import zoo
from lecture_utils.body.smplify.fit import smplify
from lecture_utils.body.smplify.objective import Stage
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.spin.crop import weak_to_translation
from lecture_utils.body.spin.encoder import JointEncoder
from lecture_utils.body.spin.fits import BestFits, Fit
from lecture_utils.body.spin.fitting import AdamFit
from lecture_utils.body.spin.loop import Crops
from lecture_utils.body.spin.losses import BodyJoints, reprojection_error_px
from lecture_utils.body.spin.regressor import FACING, Estimate, Regressor
from lecture_utils.metrics.pose_3d import mpjpe_mm, pa_mpjpe_mm
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.rotation import axis_angle_to_matrix, matrix_to_rotation_6d
from lecture_utils.recipes._people_crops import People, batches, body, detected, kept, views
from lecture_utils.training.one_cycle import one_cycle

HIDDEN, BATCH, PEAK_RATE, DECAY = 512, 64, 3e-3, 1e-4
FIT_STEPS = 10  # of Adam, in the loop
SCALE = 0.9  # of the camera at the start
Loss = Callable[[nn.Module, tuple[Crops, Tensor], None], Tensor]
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
    """The network, untrained: (B, 3, 64, 64) → `Estimate`."""
    encoder = JointEncoder()
    return Regressor(encoder, encoder.features, hidden=HIDDEN, dropout=0.0)


def fresh(seed: int) -> Regressor:
    """An encoder that finds joints, and a new regressor at the prior's mean pose, in the crop's middle."""
    torch.manual_seed(seed)
    model = build()
    model.encoder.load_state_dict(zoo.load("people_joints").state_dict())
    pose = axis_angle_to_matrix(prior().mean_pose().unflatten(0, (23, 3)))
    model.start_pose.copy_(matrix_to_rotation_6d(torch.cat([torch.tensor([FACING]), pose])).flatten())
    middle = joints().rest.mean[0]  # the pelvis, which the model has not at its origin
    model.start_camera.copy_(torch.stack([torch.tensor(SCALE), -middle[0], -middle[1]]))
    return model


@torch.no_grad()
def features(its: People) -> tuple[Tensor, Tensor]:
    """What the encoder says of each crop and of its mirror image, (N, D) each."""
    encoder = zoo.load("people_joints")
    ways = (its.images, its.images.flip(-1))
    plain, turned = (torch.cat([encoder(x.float() / 255) for x in way.split(256)]) for way in ways)
    return plain, turned


def feature_batches(its: People, seed: int) -> Iterator[tuple[tuple[Crops, Tensor], None]]:
    """Batches without end: crops, mirrored or not, and their features (B, D)."""
    plain, turned = features(its)
    for crops, _ in batches(its, seed, BATCH):
        yield (crops, torch.where(crops.mirrored[:, None], turned[crops.rows], plain[crops.rows])), None


def loop_fit() -> AdamFit:
    """The fit in the loop."""
    return AdamFit(body(), prior(), stage=STAGE, steps=FIT_STEPS)


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
    rows = kept(
        f"fits-{its.name}", lambda: torch.cat([x.flatten(1) for x in from_the_mean(its)], dim=1),
        from_the_mean, detected, count=len(its),
    )  # fmt: skip
    pose, shape, translation = rows.split([72, rows.shape[1] - 75, 3], dim=1)
    found, fits = (pose.unflatten(1, (24, 3)), shape, translation), BestFits(len(its), most_px=most_px)
    pixels, _ = project(placed_joints(found), views(len(its)))
    fits.keep(
        torch.arange(len(its)), Fit(*found, reprojection_error_px(pixels, its.joints2d, its.confidence))
    )
    return fits


def trained(its: People, seed: int, steps: int, loss: Loss, label: str) -> tuple[nn.Module, dict[str, float]]:
    """One cycle from a fresh regressor; the encoder stays as it is."""
    model = fresh(seed)
    own = [weight for name, weight in model.named_parameters() if not name.startswith("encoder.")]
    return one_cycle(
        model, feature_batches(its, seed), loss=loss, steps=steps, warm_up=0.15, label=label,
        optimizer=torch.optim.AdamW(own, PEAK_RATE, weight_decay=DECAY), clock=time.thread_time,
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
