"""What the tests of SPIN share: crops of the stick body with its 2-D joints, and a plain fit to them."""

import torch
from torch import Tensor, nn

from lecture_utils.body.spin import crop, loop, losses, regressor
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.rotation import axis_angle_to_matrix
from tests.body.stick import stick_body

SIZE, FOCAL = 16, 80.0
BODY = stick_body()
JOINTS = losses.BodyJoints(BODY)


def people(count: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Pose (B, 24, 3) axis-angle, shape (B, 10), translation (B, 3), facing the camera or nearly so."""
    draw = torch.Generator().manual_seed(seed)
    pose = 0.25 * torch.randn(count, 24, 3, generator=draw)
    pose[:, 0] = torch.tensor([torch.pi, 0, 0]) + 0.2 * torch.randn(count, 3, generator=draw)
    shape = 0.5 * torch.randn(count, 10, generator=draw)
    place = 0.1 * torch.randn(count, 3, generator=draw)
    middle = JOINTS.rest.mean[0]
    place[:, 0] -= middle[0]
    place[:, 1] -= middle[1]  # the pelvis comes to the optical axis
    place[:, 2] += 2 * FOCAL / (SIZE * 0.8)
    return pose, shape, place


def crops(count: int, seed: int = 0) -> tuple[loop.Crops, Tensor]:
    """Crops with one blot a joint, and the joints (B, 24, 3) in the camera's axes."""
    pose, shape, place = people(count, seed)
    joints = JOINTS(shape, axis_angle_to_matrix(pose), place)
    pixels, _ = project(joints, cameras(count))  # (B, 24, 2)
    grid = torch.arange(SIZE) + 0.5
    blots = [(-((grid - pixels[..., i, None]) ** 2) / 2).exp() for i in (0, 1)]  # (B, 24, S) each
    maps = blots[1][..., :, None] * blots[0][..., None, :]  # (B, 24, S, S)
    images = torch.stack([maps[:, i::3].amax(1) for i in range(3)], dim=1)
    ones, rows = torch.ones(count, 24), torch.arange(count)
    return loop.Crops(images, pixels, ones, rows, torch.zeros(count, dtype=torch.bool)), joints


def cameras(count: int) -> Cameras:
    """The fixed cameras of these crops."""
    return crop.fixed_cameras(count, SIZE, FOCAL)


def network(seed: int = 0) -> regressor.Regressor:
    """A small one."""
    torch.manual_seed(seed)
    encoder = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(), nn.Flatten(), nn.Linear(16 * (SIZE // 4) ** 2, 32), nn.ReLU(),
    )  # fmt: skip
    middle = JOINTS.rest.mean[0]
    camera = (0.8, -float(middle[0]), -float(middle[1]))
    return regressor.Regressor(encoder, 32, hidden=64, dropout=0.0, start_camera=camera)


def plain_fit(
    pose: Tensor, shape: Tensor, translation: Tensor, joints2d: Tensor, confidence: Tensor, views: Cameras
) -> tuple[Tensor, Tensor, Tensor]:
    """Some steps of Adam on the distance in the picture, held to the start."""
    moved = [x.clone().requires_grad_() for x in (pose, shape, translation)]
    optimizer = torch.optim.Adam(moved, 0.05)
    with torch.enable_grad():
        for _ in range(6):
            pixels, _ = project(JOINTS(moved[1], axis_angle_to_matrix(moved[0]), moved[2]), views)
            held = (moved[0] - pose).square().sum() + moved[1].square().sum()
            loss = (confidence[..., None] * (pixels - joints2d).square()).sum() + 0.1 * held
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return moved[0].detach(), moved[1].detach(), moved[2].detach()
