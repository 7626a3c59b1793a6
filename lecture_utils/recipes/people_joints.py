"""Weights `people_joints`: finds 24 joints in a 64 × 64 crop of a person, from 2-D joints alone.

The encoder of `people_spin` and `people_hmr2d`, in the place of a ResNet-50 that has seen ImageNet. Crops are
turned, scaled, shifted, tinted and mirrored while it learns.
"""

import time
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.body.spin.encoder import JointEncoder, mean_places, place_loss
from lecture_utils.ops.camera import cam_to_pixel
from lecture_utils.recipes._people_crops import SIZE, People, batches, people, views
from lecture_utils.training.one_cycle import one_cycle

PICTURES, BATCH, STEPS, PEAK_RATE = 2000, 32, 1600, 3e-3
TURN_DEG, STRETCH, SHIFT, TINT = 10.0, 0.08, 0.06, 0.12  # standard deviations; the shift of half a crop


def build() -> JointEncoder:
    """The network, untrained: (B, 3, 64, 64) → features (B, 264)."""
    return JointEncoder()


def varied(its: People, seed: int, batch: int) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Batches without end: pictures, and the joints with their confidence, 0 where one has left the crop."""
    draw = torch.Generator().manual_seed(seed)
    for crops, _ in batches(its, seed, batch):
        angle = torch.deg2rad(TURN_DEG * torch.randn(batch, generator=draw))
        scale = (STRETCH * torch.randn(batch, generator=draw)).exp()
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).unflatten(1, (2, 2))
        shift = SHIFT * torch.randn(batch, 2, 1, generator=draw)
        new_to_old = torch.cat([scale[:, None, None] * turn, shift], dim=2)  # (B, 2, 3), from -1 to 1
        grid = F.affine_grid(new_to_old, list(crops.images.shape), align_corners=False)
        images = F.grid_sample(crops.images, grid, padding_mode="border", align_corners=False)
        tint = (TINT * torch.randn(batch, 3, 1, 1, generator=draw)).exp()
        half = SIZE / 2
        old = (crops.joints2d / half - 1).mT - shift  # (B, 2, J)
        joints2d = half * (torch.linalg.solve(new_to_old[..., :2], old).mT + 1)
        inside = ((joints2d > 0) & (joints2d < SIZE)).all(-1)
        yield (images * tint).clamp(0, 1), (joints2d, crops.confidence * inside)


def maps_loss(model: nn.Module, images: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy of the maps with the joints' places."""
    assert isinstance(model, JointEncoder)
    return place_loss(model.maps(images)[0], *seen)


def train(seed: int = 0, *, steps: int = STEPS, count: int = PICTURES) -> tuple[nn.Module, dict[str, float]]:
    """Train on 2,000 people, 32 a step; return the model and steps, seconds, last loss."""
    torch.manual_seed(seed)
    model, its = build(), people(count, "train", seed)
    return one_cycle(
        model, varied(its, seed, BATCH), loss=maps_loss, warm_up=0.2, label="joints", clock=time.thread_time,
        optimizer=torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2), steps=steps,
    )  # fmt: skip


@torch.no_grad()
def found_joints(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Joints (N, J, 2) in pixels of crops (N, 3, 64, 64), bytes, and how sure their maps are (N, J)."""
    assert isinstance(model, JointEncoder)
    model.eval()
    scores = torch.cat([model.maps(part.float() / 255)[0] for part in images.split(256)])
    return SIZE / 2 * (mean_places(scores) + 1), scores.flatten(2).softmax(-1).amax(-1)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Mean distance from the true joints of 300 test people, in hundredths of a crop's side."""
    its = people(300, "test")
    own = views(len(its))
    true, _ = cam_to_pixel(
        its.joints_m, type(own)(own.rotation, own.translation, its.cameras.intrinsics, own.size)
    )
    off = (found_joints(model, its.images)[0] - true).norm(dim=-1)
    return {"error_percent": float(100 * off.mean() / SIZE)}
