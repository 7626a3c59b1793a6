"""Views of a solid scene, split for learning: what the recipes and claims of NeRF and of splatting share.

All cameras stand 3 m from the origin and look at it; a scene lies within 1 m of it, before white. Training
views go around at 15° and at 45° above the ground, alternately; validation and test views at 30°, between
them, so that no view of one split is a view of another.

Shapes: N views of H × W pixels, R rays.
"""

import functools
from collections.abc import Iterator

import torch
from torch import Tensor

from lecture_utils.data.toyworld import solids
from lecture_utils.ops.camera import Cameras, orbit, rays
from lecture_utils.ops.checks import check_choice, check_size, check_whole
from lecture_utils.rendering.ray_sampling import ball_interval

SIZE, RADIUS_M, BALL_M = (64, 64), 3.0, 1.0  # picture, the cameras' distance, the ball that holds the scene
TRAIN_VIEWS, TEST_VIEWS, SAMPLES = 40, 8, 2


def cameras(split: str, *, count: int | None = None, size: tuple[int, int] = SIZE) -> Cameras:
    """Return the cameras of "train" (40 unless `count` says otherwise), "val" or "test" (8 each)."""
    check_choice(split, "split", "train", "val", "test")
    check_size(size)
    n = check_whole(count or (TRAIN_VIEWS if split == "train" else TEST_VIEWS), "count")
    if split != "train":  # the two splits take turns around one circle
        start = 180 / n if split == "test" else 0.0
        return orbit(n, size, radius_m=RADIUS_M, elevation_deg=30.0, start_deg=start + 4.5)
    low, high = (orbit(n, size, radius_m=RADIUS_M, elevation_deg=e) for e in (15.0, 45.0))
    odd = (torch.arange(n) % 2 == 1)[:, None, None]
    return Cameras(
        torch.where(odd, high.rotation, low.rotation),
        torch.where(odd[:, :, 0], high.translation, low.translation),
        low.intrinsics,
        size,
    )


@functools.lru_cache(maxsize=16)
def pictures(
    scene: solids.SolidScene, split: str, *, count: int | None = None, size: tuple[int, int] = SIZE
) -> tuple[Cameras, solids.SolidViews]:
    """Return the cameras of a split and all that they see of a scene, each pixel the mean of 2 × 2 rays."""
    own = cameras(split, count=count, size=size)
    return own, solids.render_solids(scene, own, samples=SAMPLES)


def training_rays(
    scene: solids.SolidScene, *, count: int | None = None, size: tuple[int, int] = SIZE
) -> tuple[Tensor, Tensor, Tensor]:
    """Return origins, directions and colours (R, 3) of all training pixels whose rays meet the ball."""
    own, seen = pictures(scene, "train", count=count, size=size)
    origins, directions = (x.flatten(0, 2) for x in rays(own))
    hit = ball_interval(origins, directions, BALL_M)[2]
    colours = seen.image.permute(0, 2, 3, 1).flatten(0, 2)
    return origins[hit], directions[hit], colours[hit]


def ray_batches(
    origins: Tensor, directions: Tensor, colours: Tensor, *, batch: int, seed: int
) -> Iterator[tuple[tuple[Tensor, Tensor], Tensor]]:
    """Draw rays for ever, with replacement: ((origins, directions), colours), each (batch, 3)."""
    check_whole(batch, "batch")
    draw = torch.Generator().manual_seed(check_whole(seed, "seed", 0))
    while True:
        chosen = torch.randint(len(origins), (batch,), generator=draw)
        yield (origins[chosen], directions[chosen]), colours[chosen]
