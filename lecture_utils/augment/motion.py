"""Motion synthesis (S05.6): sprites moved on a background by parts of a pixel, and the motion magnified.

T.-H. Oh, R. Jaroensri, C. Kim, M. Elgharib, F. Durand, W. T. Freeman, W. Matusik, Learning-based Video Motion
Magnification, ECCV 2018 (section 3): no camera records a magnified truth, so the pairs are made. Segmented
objects are pasted on photographs; frame A has them in place, frame B moved by a small displacement d, and the
magnified frame moved by α d.

Here α is the factor on the displacement itself, so that α = 1 gives frame B. The paper's definition of the
task counts what is added, (1 + α) d; its network's manipulator, M_a + α (M_b - M_a), is as here.

Exact up to the interpolation: the magnified frame is rendered from the same sprites as the others, never from
frame B. Moving by whole pixels is exact; by parts of a pixel a sprite is read bilinearly, so that its finest
detail is a little blurred. (Scenes of the toy world can be rendered at any place and have no such blur.)

Simplified: each sprite moves stiffly; light, noise and the paper's perturbations of colour are left out.

Shapes: B samples, K sprites, the last in front, C channels, H and W height and width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lecture_utils.augment.warp import translation, warp_image
from lecture_utils.ops.checks import check_finite, check_images, check_number, check_tensor, check_whole


@dataclass(frozen=True, eq=False)
class MotionPair:
    """Two frames, what a magnifier should make of them, and the motion.

    Attributes
    ----------
    frame_a, frame_b, magnified : (B, C, H, W).
    flow : (B, 2, H, W) pixels right and down from frame A to frame B, of what is seen in frame A.
    """

    frame_a: Tensor
    frame_b: Tensor
    magnified: Tensor
    flow: Tensor


def shift_layer(layer: Tensor, offset: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Move (B, C, H, W) by (B, 2) pixels right and down, also by parts of a pixel; 0 comes in."""
    check_images(layer)
    check_tensor(offset, "offset", len(layer), 2, finite=True)
    return warp_image(layer, translation(offset[:, 0], offset[:, 1]).to(layer), size)


def _check(background: Tensor, sprites: Tensor, alphas: Tensor, offsets: Tensor) -> None:
    """Raise ValueError unless the parts of a scene fit each other."""
    check_images(background)
    check_finite(background, "background")
    check_tensor(sprites, "sprites", "B", "K", background.shape[1], "H", "W")
    b, k = sprites.shape[:2]
    check_alphas(alphas, b, k, *sprites.shape[-2:])
    check_tensor(offsets, "offsets", b, k, 2, finite=True)
    room = [have - need for have, need in zip(background.shape[-2:], sprites.shape[-2:], strict=True)]
    if len(background) != b or min(room) < 0:
        raise ValueError(
            f"background: got shape {tuple(background.shape)} for sprites {tuple(sprites.shape)}, want as "
            "many pictures, at least as large"
        )


def check_alphas(alphas: Tensor, *shape: int | str) -> None:
    """Raise ValueError unless alphas are (B, K, 1, H, W) in [0, 1], without NaN."""
    b, k, height, width = shape
    check_tensor(alphas, "alphas", b, k, 1, height, width)
    if alphas.numel() and not bool(((alphas >= 0) & (alphas <= 1)).all()):
        raise ValueError(
            f"alphas: got {alphas.min():.3g} to {alphas.max():.3g}, want shares in [0, 1] and no NaN"
        )


def composite(
    background: Tensor,
    sprites: Tensor,
    alphas: Tensor,
    offsets: Tensor,
    background_offset: Tensor | None = None,
) -> Tensor:
    """Render sprites at their places over a background, the last in front.

    Colours are multiplied by alpha before they are moved: else the sprite's outside, which nobody sees, would
    be mixed into its rim.

    Parameters
    ----------
    background : Tensor
        (B, C, H + 2 m, W + 2 n): with a margin if it is to move; the frame is its middle.
    sprites, alphas : Tensor
        (B, K, C, H, W) and (B, K, 1, H, W), where they stand with no offset.
    offsets : Tensor
        (B, K, 2) pixels right and down.
    background_offset : Tensor, optional
        (B, 2), default none.

    Returns
    -------
    Tensor
        (B, C, H, W).

    Raises
    ------
    ValueError
        For parts that do not fit, or a background that moves by more than its margin.
    """
    _check(background, sprites, alphas, offsets)
    size = (sprites.shape[-2], sprites.shape[-1])
    room = (torch.tensor(background.shape[-2:]) - torch.tensor(size)).flip(0) / 2  # (2,) n, m
    moved = torch.zeros(len(background), 2) if background_offset is None else background_offset
    check_tensor(moved, "background_offset", len(background), 2, finite=True)
    if bool((moved.abs() > room.to(moved) + 1e-4).any()):
        raise ValueError(
            f"background_offset: got up to {moved.abs().amax(0).tolist()} pixels, want at most the margin "
            f"{room.tolist()}"
        )
    frame = shift_layer(background, moved - room.to(moved), size)  # (B, C, H, W)
    for k in range(sprites.shape[1]):
        alpha = shift_layer(alphas[:, k], offsets[:, k])  # (B, 1, H, W)
        colour = shift_layer(sprites[:, k] * alphas[:, k], offsets[:, k])
        frame = colour + (1 - alpha) * frame
    return frame


def motion_flow(alphas: Tensor, displacement: Tensor, background_displacement: Tensor) -> Tensor:
    """Motion (B, 2, H, W) of what is seen in frame A: the foremost sprite with alpha of 1/2 or more."""
    check_alphas(alphas, "B", "K", "H", "W")
    check_tensor(displacement, "displacement", *alphas.shape[:2], 2, finite=True)
    check_tensor(background_displacement, "background_displacement", len(alphas), 2, finite=True)
    b, k, _, height, width = alphas.shape
    flow = background_displacement[:, :, None, None].expand(b, 2, height, width)
    for i in range(k):
        flow = torch.where(alphas[:, i] >= 0.5, displacement[:, i, :, None, None], flow)
    return flow.contiguous()


def motion_pair(
    background: Tensor,
    sprites: Tensor,
    alphas: Tensor,
    displacement: Tensor,
    *,
    factor: float | Tensor,
    background_displacement: Tensor | None = None,
) -> MotionPair:
    """Render frame A, frame B and the magnified frame of the same scene.

    Parameters
    ----------
    background, sprites, alphas : Tensor
        As in `composite`.
    displacement : Tensor
        (B, K, 2) how far each sprite moves from frame A to frame B, in pixels.
    factor : float or Tensor (B,)
        α: how many times as far it moves in the magnified frame.
    background_displacement : Tensor, optional
        (B, 2), magnified likewise.

    Returns
    -------
    MotionPair

    Raises
    ------
    ValueError
        As `composite`.
    """
    check_tensor(displacement, "displacement", "B", "K", 2, finite=True)
    check_factor(factor, len(displacement))
    still = displacement.new_zeros(len(displacement), 2)
    behind = still if background_displacement is None else background_displacement
    alpha = torch.as_tensor(factor, dtype=displacement.dtype, device=displacement.device).reshape(-1, 1)

    def at(times: Tensor) -> Tensor:
        return composite(background, sprites, alphas, displacement * times[..., None], behind * times)

    flow = motion_flow(alphas, displacement, behind)
    return MotionPair(at(0 * alpha), at(torch.ones_like(alpha)), at(alpha), flow)


def random_displacements(
    n: int,
    k: int,
    generator: torch.Generator,
    *,
    factor: float,
    most: float = 10.0,
    most_magnified: float = 30.0,
) -> Tensor:
    """Draw motions (n, k, 2) in any direction, as long as neither they nor α times them become too large.

    The paper's limits are 10 pixels for the input motion and 30 for the magnified one; the length is drawn
    evenly from 0 to the stricter one, so that a large α trains on motions below a pixel.

    Raises
    ------
    ValueError
        For a factor or a limit that is not positive, or negative counts.
    """
    for name, count in (("n", n), ("k", k)):
        check_whole(count, name, 0)
    for name, value in (("factor", factor), ("most", most), ("most_magnified", most_magnified)):
        check_number(value, name, 0, above=True)
    u = torch.rand(n, k, 2, generator=generator)
    length, angle = min(most, most_magnified / factor) * u[..., 0], 2 * math.pi * u[..., 1]
    return torch.stack([length * angle.cos(), length * angle.sin()], dim=-1)


def check_factor(factor: float | Tensor, batch: int) -> None:
    """Raise ValueError unless `factor` is one finite number, or (B,) of them."""
    if isinstance(factor, Tensor) and factor.ndim:
        check_tensor(factor, "factor", 1 if factor.shape == (1,) else batch, kind="any", finite=True)
    else:
        check_number(factor, "factor")
